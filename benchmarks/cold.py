"""Where the time of a run goes, as tables: ``python -m benchmarks.cold [PATH…] [--out FILE]``.

The run is what ``conformance run`` does with the packaged cases and the runners that are installed, in this process,
with a clock at each step of the pipeline that stands while a step inside it is at work. Workers work beside it; what
they do is told apart.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.measure import put
from conformance import cases, expectations, pipeline, plan, render
from conformance.execute.local import LocalEngine


class Clock:
    """Wall seconds by step, each without those of the steps inside it."""

    def __init__(self, first: str) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._steps, self._last = [first], time.perf_counter()

    def tick(self) -> None:
        """Give the time that has passed to the step at work."""
        now = time.perf_counter()
        self.seconds[self._steps[-1]] += now - self._last
        self._last = now

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A step inside the one at work."""
        self.tick()
        self._steps.append(name)
        try:
            yield
        finally:
            self.tick()
            self._steps.pop()

    def time(self, owner: Any, function: str, name: str) -> None:
        """Time a function, and the iterator that it may return, under a name."""
        plain: Callable[..., Any] = getattr(owner, function)

        def timed(*arguments: Any, **options: Any) -> Any:
            with self.step(name):
                result = plain(*arguments, **options)
            return self.items(result, name) if isinstance(result, Iterator) else result

        setattr(owner, function, timed)

    def items(self, items: Iterator[Any], name: str) -> Iterator[Any]:
        """What an iterator gives, each item under a name."""
        while True:
            with self.step(name):
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item


class Watched(LocalEngine):
    """The engine, which remembers what its workers did."""

    engines: list[LocalEngine] = []

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.engines.append(self)


STEPS = (
    (cases, "load", "read and check the cases"),
    (plan, "select_runners", "look for the runners"),
    (expectations, "load", "read the expectations"),
    (plan, "spelled", "plan the jobs"),
    (pipeline, "execute", "hand out jobs and take answers"),
    (Watched, "_wait", "wait for the workers"),
    (pipeline, "judge", "judge, and name causes"),
    (pipeline, "attribute", "fixes and probes"),
    (pipeline, "decide", "gate"),
    (pipeline, "record", "write the journal"),
    (render, "write", "write the reports"),
)


def main(paths: Sequence[Path]) -> str:
    """Run; the tables as Markdown."""
    clock = Clock("everything else")
    for owner, function, name in STEPS:
        clock.time(owner, function, name)
    setattr(pipeline, "LocalEngine", Watched)  # noqa: B010
    with tempfile.TemporaryDirectory() as out:
        finished = pipeline.run(pipeline.Options(paths=tuple(paths), out=Path(out)))
    clock.tick()
    whole = sum(clock.seconds.values())
    rows = [
        f"{len(finished.run.results):,} jobs in {whole:.1f} s:",
        "",
        "| step | seconds | share |",
        "| --- | ---: | ---: |",
    ]
    for _, _, name in (*STEPS, (None, "", "everything else")):
        rows.append(f"| {name} | {clock.seconds[name]:.2f} | {clock.seconds[name] / whole:.1%} |")
    rows += ["", "| worker of | jobs | seconds to open | seconds at jobs |", "| --- | ---: | ---: | ---: |"]
    for name, lane in Watched.engines[0].lanes.items():
        rows.append(f"| {name} | {lane.finished:,} | {lane.opening:.1f} | {lane.seconds:.1f} |")
    return "\n".join(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold")
    parser.add_argument("paths", nargs="*", metavar="PATH", type=Path)
    parser.add_argument("--out", type=Path, help="a page whose tables are put in their place")
    options = parser.parse_args()
    tables = main(options.paths)
    print(tables)
    if options.out:
        put(options.out, "cold", tables)
