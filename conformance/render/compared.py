"""What ``compare`` found: as text, Markdown, a page of its own, and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from conformance.comparing import KINDS, WORSE, Change, Comparison, Ending
from conformance.domain.causes import CAUSES
from conformance.files import write_whole
from conformance.journal import Record, Run, words
from conformance.render.assets import asset, template
from conformance.render.detail import command
from conformance.render.markdown import code, escape, table
from conformance.render.plain import counted, one_line, printable

NAME = "compare.html"

ROWS = {"text": 12, "markdown": 30}
"""Changes of a kind that are shown; what is left is counted."""

LISTED = 500
"""Jobs of a change that the page names; the JSON has all."""

LACKING = {"case": "no such case", "variant": "the case not in this variant", "runner": "no such runner"}
"""What the other run lacks of a job that appeared, or is gone."""


def text(found: Comparison) -> str:
    """For a terminal."""
    lines = [f"{name}: {about(run)}" for name, run in named(found)]
    lines += [f"{runner}: {told}" for runner, told in versions(found)]
    lines += ["", *(f"  {name:24} {old:>8,} → {new:>8,}" for name, old, new, _ in counts(found))]
    for kind, changes in sections(found):
        lines += ["", f"{kind.capitalize()}: {counted(found.count(kind), 'job')}"]
        for change in changes[: ROWS["text"]]:
            told = [was(change), f"→ {now(change)}", f"{where(change)}; such as {first(change)}"]
            told += [f"what differs: {one_line(change.why)}"] if kind == "changed case" else []
            told += [again(found, change)] if kind in WORSE else []
            lines += [f"{len(change.jobs):>8,}  {told[0]}", *(f"{'':10}{line}" for line in told[1:])]
        lines += more(changes, "text")
    return "\n".join([*lines, "", sentence(found)])


def markdown(found: Comparison) -> str:
    """For a CI's job summary or a pull request; all text from outside is escaped."""
    lines = ["# Two runs compared", "", f"**{escape(sentence(found), 2000)}**", ""]
    lines += [f"- {name}: {escape(about(run), 1000)}" for name, run in named(found)]
    lines += [f"- {escape(runner)}: {escape(told, 2000)}" for runner, told in versions(found)]
    lines += [
        "",
        *table(["", "old", "new"], ([code(name), f"{old:,}", f"{new:,}"] for name, old, new, _ in counts(found))),
    ]
    for kind, changes in sections(found):
        lines += [f"## {kind.capitalize()}: {counted(found.count(kind), 'job')}", ""]
        rows = (
            [
                f"{len(each.jobs):,}",
                escape(was(each), 240),
                escape(now(each), 240),
                escape(where(each), 400),
                code(each.jobs[0][0]),
            ]
            for each in changes[: ROWS["markdown"]]
        )
        lines += table(["jobs", "was", "is now", "where", "such as"], rows)
        lines += [*more(changes, "markdown"), ""]
    return "\n".join(lines) + "\n"


def html(found: Comparison) -> str:
    """A page of its own: the versions, what became of every cause, and the changes with their jobs."""
    from markupsafe import Markup

    return template("compared.html.j2").render(
        sentence=sentence(found),
        good=found.status == 0,
        runs=[(name, about(run)) for name, run in named(found)],
        versions=versions(found),
        counts=counts(found),
        counted=counted,
        listed=LISTED,
        sections=[
            (kind, found.count(kind), [(change, row(found, change)) for change in changes])
            for kind, changes in sections(found)
        ],
        style=Markup(asset("report.css")),
    )


def row(found: Comparison, change: Change) -> Record:
    """A change as the page writes it out."""
    return {
        "was": was(change),
        "now": now(change),
        "where": where(change),
        "why": one_line(change.why),
        "first": first(change),
        "jobs": [f"{printable(variant)}  {printable(case)}" for case, _, variant in change.jobs[:LISTED]],
        "command": again(found, change),
    }


def as_json(found: Comparison) -> str:
    """All of it, every job by its name, as one JSON object."""
    return json.dumps(
        {
            "schema": 1,
            **{
                name: {"folder": str(run.folder), "complete": run.complete, "header": run.header}
                for name, run in (("old", found.old), ("new", found.new))
            },
            "status": found.status,
            "alike": found.alike,
            "counts": {kind: found.count(kind) for kind in KINDS},
            "verdicts": found.verdicts,
            "causes": found.causes,
            "changes": [
                {
                    "kind": change.kind,
                    "runner": change.runner,
                    "old": ending_record(change.old, change.example[0]),
                    "new": ending_record(change.new, change.example[1]),
                    "why": change.why,
                    "jobs": [{"case": case, "variant": variant} for case, _, variant in change.jobs],
                }
                for change in found.changes
            ],
        },
        indent=1,
        ensure_ascii=False,
    )


def ending_record(ending: Ending | None, example: Record | None) -> Record | None:
    """How the jobs of a change ended in one run; the words are those of the first of them."""
    if ending is None:
        return None
    return {"verdict": ending.verdict, "causes": ending.causes, "words": words((example or {}).get("failure") or {})}


FORMATS = {"text": text, "markdown": markdown, "html": html, "json": as_json}


def write(found: Comparison, folder: Path) -> Path:
    """Write the page and the Markdown into a folder; the page's path. Raises ``OSError``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in ((NAME, html(found)), ("compare.md", markdown(found))):
        write_whole(folder / name, content.encode("utf-8", errors="replace"))
    return folder / NAME


def sentence(found: Comparison) -> str:
    """The whole in one sentence."""
    parts = [f"INCOMPLETE: {printable(str(run.folder))}" for run in found.incomplete]
    parts += [
        f"{found.count(kind):,} {kind}" for kind in KINDS if found.count(kind) or kind in ("now wrong", "now right")
    ]
    both = sum(old for old, _ in found.verdicts.values())
    return f"{'; '.join(parts)}; {found.alike:,} of {counted(both, 'job')} in both end alike"


def named(found: Comparison) -> Sequence[tuple[str, Run]]:
    """The two runs by their names here."""
    return ("Old", found.old), ("New", found.new)


def about(run: Run) -> str:
    """A run in one line: where it is, how far it came, with which suite, where and when."""
    header, recorded = run.header, f"{len(run.results):,} of " * (not run.complete)
    suite = f"conformance {header.get('version', '?')}, cases {header.get('cases', '?')}"
    parts = [
        str(run.folder),
        f"{recorded}{counted(run.planned, 'job')}",
        suite,
        header.get("platform"),
        header.get("started"),
    ]
    return printable(", ".join(str(part) for part in parts if part))


def versions(found: Comparison) -> list[tuple[str, str]]:
    """The packages of every runner in both runs: first those that are not the same, with an arrow."""
    old, new = (run.header.get("runners", {}) for run in (found.old, found.new))
    told = []
    for runner in {**old, **new}:
        one, other = (about.get(runner, {}).get("packages", {}) for about in (old, new))
        moved = [
            f"{name} {one.get(name, 'none')} → {other.get(name, 'none')}"
            for name in {**one, **other}
            if one.get(name) != other.get(name)
        ]
        stayed = [f"{name} {version}" for name, version in one.items() if other.get(name) == version]
        told.append((printable(runner), printable("; ".join(filter(None, (", ".join(moved), ", ".join(stayed)))))))
    return told


def counts(found: Comparison) -> list[tuple[str, int, int, str]]:
    """Verdicts and causes with the number of their jobs in both runs, and what a cause means."""
    return [
        (printable(name), old, new, CAUSES.get(name, ""))
        for several in (found.verdicts, found.causes)
        for name, (old, new) in several.items()
        if old != new
    ]


def sections(found: Comparison) -> Iterator[tuple[str, list[Change]]]:
    """The changes of each kind that there is."""
    for kind in KINDS:
        if changes := [change for change in found.changes if change.kind == kind]:
            yield kind, changes


def was(change: Change) -> str:
    """How the jobs ended, or that there were none."""
    return ended(change.old, change.example[0]) or f"({LACKING[change.why]})"


def now(change: Change) -> str:
    """How the jobs end, or that there are none."""
    return ended(change.new, change.example[1]) or f"({LACKING[change.why]})"


def ended(ending: Ending | None, example: Record | None) -> str:
    """A verdict with its causes, or the words of the first job's failure."""
    if ending is None or example is None:
        return ""
    said = " + ".join(ending.causes) or words(example.get("failure") or {})
    return one_line(f"{ending.verdict}: {said}" if said else ending.verdict, 160)


def where(change: Change) -> str:
    """The variants that a change touches, the most frequent first."""
    ordered = sorted(change.variants.items(), key=lambda item: -item[1])
    return one_line(", ".join(f"{change.runner}/{variant} {count:,}" for variant, count in ordered), 400)


def first(change: Change) -> str:
    """The case of the first of the jobs."""
    return one_line(change.jobs[0][0])


def again(found: Comparison, change: Change) -> str:
    """What runs the first of the jobs again, as it is now."""
    case, runner, variant = change.jobs[0]
    return command((found.new if change.new else found.old).header, case, runner, variant)


def more(changes: Sequence[Change], form: str) -> list[str]:
    """How many changes are not shown."""
    left = changes[ROWS[form] :]
    if not left:
        return []
    jobs = counted(sum(len(change.jobs) for change in left), "job")
    return [f"And {jobs} in {counted(len(left), 'more change')}."]
