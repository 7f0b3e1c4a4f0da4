"""Imports point one way, ``cli → pipeline → steps → domain``, and what a child loads runs on Python 3.9."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import conformance

PACKAGE = Path(conformance.__file__).parent
SOURCES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
MODULES = {
    ("conformance/" + name).removesuffix(".py").removesuffix("/__init__").replace("/", "."): name for name in SOURCES
}
"""Every module of this package, with its source."""

CHILD = [name for name in SOURCES if name.startswith(("domain/", "runners/"))]

FRAMEWORKS = {
    "torch",
    "tensorflow",
    "keras",
    "tf_keras",
    "onnx",
    "onnxruntime",
    "onnx2keras",
    "onnxscript",
    "jax",
    "ml_dtypes",
}

STEPS = {"cases", "plan", "execute", "judge", "gate", "render"}
"""The pipeline's verbs; none imports another."""

RECORDS = {"domain", "errors", "packaged", "strict_yaml", "journal", "expectations"}
"""What moves between steps, and how it is read and written: any step may import it, and it imports no step."""


def imports(name: str, everywhere: bool = True) -> set[str]:
    """The modules that a source imports, as full names; at its top level only unless ``everywhere``."""
    tree = ast.parse(SOURCES[name].read_text("utf-8"))
    nodes = list(ast.walk(tree)) if everywhere else [*_top(tree.body)]
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: a relative import"
            module = node.module or ""
            inner = {f"{module}.{alias.name}" for alias in node.names}
            found |= {name for name in inner if name in MODULES} or {module}
    return found


def _top(body: list[ast.stmt]) -> list[ast.stmt]:
    """Statements that run on import; what stands under ``TYPE_CHECKING`` does not."""
    found: list[ast.stmt] = []
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            found += _top([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            found += _top(node.body)
        elif not isinstance(node, ast.If):
            found.append(node)
    return found


def own(name: str) -> set[str]:
    """The parts of this package that a source imports: ``domain``, ``gate``, ``render`` and so on."""
    return {module.split(".")[1] for module in imports(name) if module.startswith("conformance.")}


def others(names: set[str]) -> set[str]:
    """Top-level packages that are neither ours nor the standard library's."""
    roots = {module.partition(".")[0] for module in names}
    return roots - {"conformance"} - set(sys.stdlib_module_names)


@pytest.mark.parametrize("name", [name for name in SOURCES if name.startswith("domain/")])
def test_domain_imports_only_domain_and_numpy(name: str) -> None:
    assert own(name) <= {"domain"}
    assert others(imports(name)) <= {"numpy"}


@pytest.mark.parametrize("name", [name for name in SOURCES if name.startswith("runners/")])
def test_runners_import_only_domain_runners_numpy_and_their_framework(name: str) -> None:
    assert own(name) <= {"domain", "runners"}
    assert others(imports(name)) <= {"numpy", *FRAMEWORKS}


@pytest.mark.parametrize("name", CHILD)
def test_a_framework_is_not_imported_with_its_runners_file(name: str) -> None:
    assert others(imports(name, everywhere=False)) <= ({"numpy"} if name == "domain/tensors.py" else set())


@pytest.mark.parametrize("name", CHILD)
def test_what_a_child_loads_parses_as_python_3_9(name: str) -> None:
    ast.parse(SOURCES[name].read_text("utf-8"), feature_version=(3, 9))
    assert "from __future__ import annotations" in SOURCES[name].read_text("utf-8") or name == "domain/__init__.py"


@pytest.mark.parametrize("name", SOURCES)
def test_only_the_entrances_import_the_pipeline_and_only_main_the_command_line(name: str) -> None:
    if name not in ("__init__.py", "cli.py", "pytest_plugin.py", "tools.py"):
        assert own(name) & {"pipeline", "tools"} == set()
    if name != "__main__.py":
        assert "cli" not in own(name)


@pytest.mark.parametrize("name", [name for name in SOURCES if name.partition("/")[0].removesuffix(".py") in STEPS])
def test_steps_do_not_import_each_other(name: str) -> None:
    step = name.partition("/")[0].removesuffix(".py")
    assert own(name) & STEPS <= {step}


@pytest.mark.parametrize("name", [name for name in SOURCES if name.partition("/")[0].removesuffix(".py") in RECORDS])
def test_what_moves_between_steps_imports_no_step(name: str) -> None:
    assert own(name) & STEPS == set()
    assert own(name) & {"runners"} == set()


READERS = [name for name in SOURCES if name.startswith("models/")]


@pytest.mark.parametrize("name", [name for name in SOURCES if not name.startswith("runners/") and name not in READERS])
def test_the_parent_imports_no_framework_anywhere(name: str) -> None:
    assert others(imports(name)) & FRAMEWORKS == set()


@pytest.mark.parametrize("name", READERS)
def test_a_format_is_read_with_its_own_package_alone_and_not_before_a_file_comes(name: str) -> None:
    assert own(name) <= {"domain", "errors", "models", "runners", "strict_yaml"}
    assert others(imports(name)) & FRAMEWORKS <= {"onnx"}
    assert others(imports(name, everywhere=False)) == set()


def test_there_is_no_drawer_for_all_sorts() -> None:
    assert not {Path(name).stem for name in SOURCES} & {"utils", "helpers", "common", "util", "misc"}


def test_nothing_imports_in_a_circle() -> None:
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " → ".join((*above, module))
        if module in done:
            return
        for inner in imports(MODULES[module], everywhere=False) & set(MODULES) - {"conformance"}:
            visit(inner, (*above, module))
        done.add(module)

    for module in MODULES:
        visit(module, ())
    assert done == set(MODULES)
