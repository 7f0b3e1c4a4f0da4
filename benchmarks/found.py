"""``python -m benchmarks.found``: every defect of docs/found/about.yaml again, its script executed, the pages written.

Writes docs/found.md and a report for each defect beside it, ready to file. Each script runs in an interpreter of its
own that has nothing of this project. Exit status 1 where one does not end with 1: the defect is gone, or shows
otherwise.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from conformance import cases, packaged, pipeline, reproduction, tools
from conformance.reproduction import Reproduction

FOLDER = packaged.ROOT / "docs" / "found"
CASES = FOLDER / "found.yaml"

PROJECTS = {"o2k": "onnx2keras", "ort": "ONNX Runtime", "tf": "TensorFlow", "keras": "Keras", "torch": "PyTorch"}
"""The beginnings of the cases' names, and whose defect it is."""


def main() -> int:
    about = yaml.safe_load((FOLDER / "about.yaml").read_text("utf-8"))
    known = {case.id.partition("/")[2]: case for case in cases.load([CASES])}
    assert [entry["case"] for entry in about] == list(known), (
        "about.yaml and found.yaml have other cases, or another order"
    )
    found: list[tuple[dict[str, Any], Reproduction]] = []
    gone = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runners = tuple(dict.fromkeys(entry["runner"] for entry in about))
        pipeline.run(pipeline.Options((CASES,), runners, out=folder / "run", jobs=1))
        for entry in about:
            one = tools.reproduce(known[entry["case"]], entry["runner"], folder / "run")
            status, printed = executed(reproduction.script(one), folder)
            print(
                f"{status} {entry['case']:<28} {one.record['verdict']:<9} {', '.join(one.record['causes'])}", flush=True
            )
            if status != 1 or one.record["verdict"] not in ("mismatch", "error"):
                print(f"not shown by its script:\n{printed}")
                gone += 1
                continue
            (FOLDER / f"{entry['case']}.md").write_text(report(entry, one), "utf-8")
            found.append((entry, one))
    (FOLDER.parent / "found.md").write_text("\n".join(page(found)) + "\n", "utf-8")
    return int(gone > 0)


def executed(script: str, folder: Path) -> tuple[int, str]:
    """A script's exit status, and what it prints at last."""
    path = folder / "script.py"
    path.write_text(script, "utf-8")
    ended = subprocess.run([sys.executable, "-I", str(path)], cwd=folder, capture_output=True, text=True, timeout=300)
    return ended.returncode, (ended.stdout + ended.stderr)[-2000:]


def report(entry: dict[str, Any], one: Reproduction) -> str:
    """The report to file: what ``conformance reproduce --issue`` writes, with what was read in the source."""
    rest = reproduction.issue(one).partition("\n")[2]
    source = ["## In the source", "", " ".join(filter(None, (entry["where"], link(entry)))), ""]
    if mend := entry.get("mend"):
        source += [f"What would mend it: {mend}", ""]
    before, versions, after = rest.partition("## Versions\n")
    return f"# {entry['title']}\n{before}" + "\n".join(source) + f"\n{versions}{after}"


def link(entry: dict[str, Any]) -> str:
    """The source's address, and that of a thread that is there already."""
    source = f"[Source]({entry['link']})." if "link" in entry else ""
    return f"{source} Reported as {entry['thread']}." if "thread" in entry else source


def page(found: Sequence[tuple[dict[str, Any], Reproduction]]) -> Iterator[str]:
    """The lines of docs/found.md."""
    versions = {name: version for _, one in found for name, version in one.packages.items()}
    yield "# Found"
    yield ""
    yield f"{len(found)} defects in released software that this suite has found, or found again, one small case each"
    yield "([found.yaml](found/found.yaml)). This page and the reports that it names are what"
    yield "`python -m benchmarks.found` writes: it runs every case, executes every report's script in an interpreter of"
    yield "its own, and ends with 1 where one no longer shows its defect. To write a report again:"
    yield "`conformance reproduce found/NAME RUNNER/VARIANT --cases docs/found/found.yaml --issue`."
    yield ""
    yield f"Versions: {', '.join(f'{name} {version}' for name, version in sorted(versions.items()))}."
    yield ""
    yield "Not here is what is refused by name (a stride with a dilation in Keras, `padding='same'` with a stride in"
    yield "PyTorch, groups in transposed convolutions of onnx2keras), and element types without a kernel;"
    yield "`expectations/` has these."
    yield "Lines of [onnx2keras](https://github.com/gmalivenko/onnx2keras) are those of the release."
    for prefix, project in PROJECTS.items():
        own = [(entry, one) for entry, one in found if entry["case"].partition("-")[0] == prefix]
        yield from ("", f"## {project}", "")
        for entry, one in own:
            yield f"### {entry['title']}"
            yield ""
            yield f"`{one.where}`, {one.job.case.describe()}."
            yield f"Raised: `{one.raised.replace('`', chr(39))}`" if one.raised else sentence(one)
            yield ""
            causes = ", ".join(f"`{cause}`" for cause in one.record["causes"])
            yield " ".join(filter(None, (causes and f"Cause: {causes}.", entry["where"], link(entry))))
            yield f"[Report with script](found/{entry['case']}.md)."
            yield ""


def sentence(one: Reproduction) -> str:
    """How the output differs, as a sentence."""
    return one.differs[:1].upper() + one.differs[1:] + "."


if __name__ == "__main__":
    sys.exit(main())
