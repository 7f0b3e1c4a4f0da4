"""The ``probe`` command: which case, and what was found as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from conformance import arguments, oracle
from conformance import cases as case_files
from conformance.domain.case import Case, spell_padding
from conformance.domain.geometry import same_elements
from conformance.domain.records import Job, Outcome
from conformance.errors import InputError
from conformance.probe import Found, Seen


def by_identity(name: str, paths: Sequence[Path], given: Mapping[str, Any]) -> Case:
    """The case of an identity; ``InputError`` where there is none, or where options say another one."""
    other = [option for option, value in given.items() if value is not None]
    if other:
        raise InputError(f"a case and --{other[0].replace('_', '-')}; allowed: one of them")
    found = {case.id: case for case in case_files.load(paths)}
    if name not in found:
        raise InputError(f"no case {name!r}; allowed: what 'conformance list' prints")
    return found[name]


def by_options(given: Mapping[str, Any]) -> Case:
    """The case that the command's options describe; ``InputError`` where they describe none."""
    fields = {name: value for name, value in given.items() if value is not None}
    for name, option in (("sizes", "input"), ("kernel", "kernel"), ("padding", "padding")):
        if name not in fields:
            raise InputError(f"--{option} is missing; allowed: a case's identity, or --input, --kernel and --padding")
    fields["input"] = arguments.sizes("input", fields.pop("sizes"))
    for name in ("kernel", "stride", "dilation", "output_padding"):
        if name in fields:
            sizes = arguments.sizes(name, fields[name], least=0 if name == "output_padding" else 1)
            fields[name] = sizes[0] if len(sizes) == 1 else sizes
    if "groups" in fields:
        fields["groups"] = int(fields["groups"]) if fields["groups"].isdecimal() else fields["groups"]
    fields["padding"] = arguments.padding(fields["padding"])
    return case_files.from_fields(fields)


def describe(job: Job, found: Found | Outcome) -> tuple[str, bool]:
    """What was found as text, and whether it is what the case asks for."""
    case, title = job.case, f"{job.runner}/{job.variant} · {job.case.describe()}"
    if isinstance(found, Outcome):
        message = found.failure.message if found.failure else ""
        return f"{title}\n  {found.kind}: {message}", False
    count = "1 execution" if found.executions == 1 else f"{found.executions} executions"
    small = "" if found.case.input == case.input else f", at input {'x'.join(map(str, found.case.input))}"
    every = "" if found.whole else ", impulses in some of the channels"
    lines = [title, f"  {job.spelling.code}", f"  {count} of {found.case.batch} samples{small}{every}"]
    if found.problem:
        return "\n".join([*lines, f"  no such geometry: {found.problem}"]), False
    alike = found.reading is not None and same_elements(found.reading.axes(found.case), found.case.asked)
    for number, (axis, asked) in enumerate(zip(found.axes, found.case.asked, strict=True)):
        seen, due = (axis.begin, axis.end), asked.canonical()
        remark = "" if seen == due else f", asked {spell_pads(case, due)}"
        lines.append(f"  axis {number}: {spell_pads(case, seen)}{remark}; {spell(axis, case, number)}")
    facts = {
        "channels": found.channels,
        "bias": found.bias,
        "mode": found.mode,
        "divisor": found.divisor,
        "windows": found.windows,
    }
    if found.fill is not None:
        facts["padding's value"] = f"{found.fill:g}"
    lines += [f"  {name}: {value}" for name, value in facts.items() if value]
    reading = found.reading
    if reading is None:
        return "\n".join(lines), False
    alike = alike and reading.bias == case.bias and not (reading.flip or reading.swap or reading.interleave)
    padding = oracle.reading(found.case, found.case.pads).fill
    alike = alike and not reading.bias_last and reading.fill == padding and not reading.overhang
    return "\n".join([*lines, "  as asked" if alike else "  NOT as asked"]), alike


def spell_pads(case: Case, pads: tuple[int, int]) -> str:
    """The pads of an axis; of a transposed convolution what is cropped of the full output, and what is added."""
    begin, end = pads
    if not case.transposed:
        return f"pads {spell_padding((pads,))}"
    return f"crop {begin}.{max(end, 0)}" + (f", output padding {-end}" if end < 0 else "")


def spell(axis: Seen, case: Case, number: int) -> str:
    """Stride, dilation and direction of an axis."""
    parts = []
    for name, seen, asked in (
        ("stride", axis.stride, case.stride[number]),
        ("dilation", axis.dilation, case.dilation[number]),
    ):
        if seen is None:
            parts.append(f"{name} not to be seen")
        else:
            parts.append(f"{name} {seen}" + ("" if seen == asked else f", asked {asked}"))
    if axis.flipped:
        parts.append("reversed")
    if axis.kernel_axis not in (None, number):
        parts.append(f"the kernel's axis {axis.kernel_axis}")
    return "; ".join(parts)
