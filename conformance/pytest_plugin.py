"""A pytest plugin: every job of a selection is a test item, run by the suite's own workers.

    pytest --conformance PATH --conformance-runner NAME

An item's node id is its case's identity and its variant: ``seeds/keras-same-stride/k4-s2-i64::torch/symmetric``.
It passes where the gate holds; a known deviation is an expected failure, with its reason; everything else fails
with the causes, the geometries and the command that reproduces it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conformance.domain.records import Job
    from conformance.journal import Record
    from conformance.tools import Attended

PACKAGED = "packaged"
"""The word for the cases that come with this package, in place of a path."""

KEY: pytest.StashKey[Attended] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options; without ``--conformance`` the plugin does nothing."""
    group = parser.getgroup("conformance", "padding conformance")
    group.addoption(
        "--conformance",
        action="append",
        default=[],
        metavar="PATH",
        help=f"Case files or folders to run, or '{PACKAGED}' for those that come with the suite (repeatable).",
    )
    for name, metavar, text in (
        ("runner", "NAME[/VARIANT]", "Only these runners (repeatable, globs, or module:Class)."),
        ("expectations", "DIR", "A folder of expectations (repeatable)."),
    ):
        group.addoption(f"--conformance-{name}", action="append", default=[], metavar=metavar, help=text)
    group.addoption("--conformance-timeout", type=float, metavar="S", help="Seconds a job may take in a stage.")


def pytest_configure(config: pytest.Config) -> None:
    """Read cases, runners and expectations; what is wrong with them ends pytest before anything runs."""
    option = config.option
    if not option.conformance:
        for name in ("runner", "expectations", "timeout"):
            if getattr(option, f"conformance_{name}"):
                raise pytest.UsageError(f"--conformance-{name} without --conformance PATH")
        return
    from conformance import pipeline, settings, tools
    from conformance.errors import ConformanceError

    limit = {} if option.conformance_timeout is None else {"timeout": option.conformance_timeout}
    try:
        options = pipeline.Options(
            paths=tuple(Path(path) for path in option.conformance if path != PACKAGED),
            runners=tuple(option.conformance_runner),
            expectations=settings.expectations([Path(folder) for folder in option.conformance_expectations]),
            jobs=1,  # items come one after the other, in the order of the plan; more side by side is xdist's
            **limit,
        )
        config.stash[KEY] = tools.Attended(options)
    except ConformanceError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add an item for each job, before ``-k`` and ``--lf`` choose among them."""
    if KEY not in config.stash:
        return
    cases: dict[str, CaseNode] = {}
    for job in config.stash[KEY].jobs:
        name = job.case.id
        if name not in cases:
            cases[name] = CaseNode.from_parent(session, name=name, nodeid=name)
        items.append(JobItem.from_parent(cases[name], job=job))


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is selected will be asked for in this order, unless another process hands it out."""
    config = session.config
    if KEY in config.stash and not hasattr(config, "workerinput") and not config.option.collectonly:
        config.stash[KEY].expect(item.job for item in session.items if isinstance(item, JobItem))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Under xdist only this item and the next are known: the next runs while this one is judged."""
    if hasattr(item.config, "workerinput"):
        for one in (item, nextitem):
            if isinstance(one, JobItem) and not one.expected:
                one.expected = True
                item.config.stash[KEY].expect([one.job])


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End the workers."""
    if KEY in config.stash:
        config.stash[KEY].close()


class CaseNode(pytest.Collector):
    """A case; its jobs are collected with it."""

    def collect(self) -> Iterator[pytest.Item]:
        """Nothing more."""
        return iter(())


class DeviationError(Exception):
    """A job for which the gate does not hold; its text says why."""


class JobItem(pytest.Item):
    """A job: a case in one variant of one runner."""

    expected = False

    def __init__(self, *, job: Job, **options: Any) -> None:
        self.job = job
        super().__init__(name=f"{job.runner}/{job.variant}", **options)

    def runtest(self) -> None:
        """Pass, fail, or fail as expected, as the gate has it."""
        from conformance.render.junit import PASSING, SKIPPED

        attended = self.config.stash[KEY]
        _, result = attended.result(self.job)
        gate = result["gate"]
        self.user_properties += [("gate", gate), ("verdict", result["verdict"])]
        self.user_properties += [("cause", cause) for cause in result["causes"]]
        if gate in SKIPPED:
            pytest.xfail(reason=f"{gate}: {result.get('expectation', {}).get('reason') or explain(result)}")
        if gate not in PASSING:
            raise DeviationError(text(attended.header, result))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *style: Any, **options: Any) -> Any:
        """The text alone of a deviation; a traceback of anything else."""
        if isinstance(excinfo.value, DeviationError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *style, **options)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the case stands, and the job's name."""
        path, _, place = self.job.case.where.partition(":")
        line = place.partition(":")[0]
        return Path(path), int(line) - 1 if line.isdecimal() else None, self.nodeid


def text(header: Mapping[str, Any], result: Record) -> str:
    """A failing job: what the gate says, causes and geometries, what to write instead, and what shows it again."""
    from conformance.render.junit import details

    return f"{result['gate']}: {explain(result)}\n{details(result, header)}"


def explain(result: Record) -> str:
    """How a job ended, in one line."""
    from conformance.render import digest

    return digest.explain(result)
