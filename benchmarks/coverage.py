"""``python -m benchmarks.coverage``: how many jobs each runner has for an operator and a feature, in how many variants.

Of the jobs only those count that declare what is asked for; those that declare other pads (habits) come after a +.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from conformance import cases, plan, runners
from conformance.domain.case import OPS, Case
from conformance.domain.geometry import same_elements
from conformance.domain.records import Job

FEATURES: dict[str, Callable[[Case], bool]] = {
    "rank 1": lambda case: case.rank == 1,
    "rank 2": lambda case: case.rank == 2,
    "rank 3": lambda case: case.rank == 3,
    "same": lambda case: case.padding == "same",
    "same_lower": lambda case: case.padding == "same_lower",
    "causal": lambda case: case.padding == "causal",
    "fixed": lambda case: case.padding == "fixed",
    "pads alike": lambda case: not isinstance(case.padding, str) and all(b == e for b, e in case.padding),
    "pads not alike": lambda case: not isinstance(case.padding, str) and any(b != e for b, e in case.padding),
    "stride": lambda case: max(case.stride) > 1,
    "dilation": lambda case: max(case.dilation) > 1,
    "groups": lambda case: case.groups > 1 and not case.depthwise,
    "depthwise": lambda case: case.depthwise,
    "multiplier": lambda case: case.depthwise and case.filters > case.channels,
    "output_padding": lambda case: any(case.output_padding),
    "output_shape": lambda case: bool(case.output_shape),
    "ceil_mode": lambda case: case.ceil_mode,
    "count_include_pad": lambda case: case.count_include_pad,
}


def main() -> None:
    """Print the table of every operator."""
    every = cases.load()
    selected = {name: plan.select_runners([name]) for name in runners.CORE}
    jobs = {name: list(plan.plan(every, selection)) for name, selection in selected.items()}
    for op in OPS:
        table = Table("", "cases", *jobs, title=op, title_justify="left")
        for feature, has in FEATURES.items():
            having = [case for case in every if case.op == op and has(case)]
            if having:
                table.add_row(feature, str(len(having)), *(cell(jobs[name], op, has) for name in jobs))
        Console(width=180).print(table)


def cell(jobs: list[Job], op: str, has: Callable[[Case], bool]) -> str:
    """``jobs/variants`` that declare what is asked for, and the number of those that do not."""
    faithful: Counter[bool] = Counter()
    variants: defaultdict[bool, set[str]] = defaultdict(set)
    for job in jobs:
        if job.case.op == op and has(job.case):
            right = same_elements(job.case.axes(job.spelling.pads), job.case.asked)
            faithful[right] += 1
            variants[right].add(job.variant)
    if not faithful:
        return "–"
    text = f"{faithful[True]}/{len(variants[True])}"
    return f"{text} +{faithful[False]}" if faithful[False] else text


if __name__ == "__main__":
    main()
