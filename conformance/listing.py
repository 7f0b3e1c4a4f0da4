"""What there is to run: cases, the jobs they give, and the runners that are installed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from conformance import cases
from conformance.selection import select_cases


def lines(
    paths: Sequence[Path], expression: str, tags: Sequence[str], wanted: Sequence[str], as_json: bool
) -> list[str]:
    """A line a case, or a line a job where runners are named."""
    selected = select_cases(cases.load(paths), expression, tags)
    if wanted:
        from conformance import plan

        jobs = plan.plan(selected, plan.select_runners(wanted))
        if as_json:
            return [
                json.dumps(
                    {"case": job.case.id, "runner": job.runner, "variant": job.variant, "declared": job.spelling.pads}
                )
                for job in jobs
            ]
        return [f"{job.case.id}  {job.runner}/{job.variant}" for job in jobs]
    if as_json:
        from conformance.journal import case_record

        return [json.dumps(case_record(case), ensure_ascii=False) for case in selected]
    return [f"{case.id}  {case.describe()}" for case in selected]


def runner_lines(wanted: Sequence[str] = ()) -> list[str]:
    """A few lines a runner, by default of every core runner: its packages, its variants, and how to install it."""
    from conformance import environments, plan, runners

    found = []
    for runner in (runner for pattern in wanted or runners.CORE for _, _, runner in plan.load(pattern)):
        installed = environments.installed(runner)
        missing = [package for package in environments.needs(runner) if package not in installed]
        packages = ", ".join(f"{package} {version}" for package, version in installed.items())
        state = f"ready: {packages}" if not missing else f"missing {', '.join(missing)}; {plan.install_command(runner)}"
        found.append(f"{runner.name}: {state}")
        if runner.python:
            found.append(f"    interpreter: {runner.python}")
        found.append(f"    variants: {', '.join(runner.variants)}")
        if runner.control:
            found.append(f"    a negative control: {runner.control}")
    return found
