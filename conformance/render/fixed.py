"""What ``fix`` did, as text: a line for each rewritten node, what proves it, and what the whole comes to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from conformance.domain.case import by
from conformance.fixing import Plan, Proof
from conformance.render.plain import counted, one_line, printable


def text(plan: Plan, proofs: Sequence[Proof], out: Path) -> str:
    """The changes and their proofs."""
    lines = [line for proof in proofs for line in described(proof)]
    lines += [f"left as it is: {one_line(name)}" for name in plan.unread]
    failed = sum(not proof.holds for proof in proofs)
    given = "; ".join(f"{name} as {by(shape)}" for name, shape in plan.shapes.items())
    if given and proofs:
        lines.append(f"with {given}: for other sizes these pads may be wrong")
    nodes = f"{counted(len(proofs), 'node')} of {counted(plan.layers, 'padded operator')} rewritten"
    if failed:
        return "\n".join([*lines, f"{nodes}; {failed} not proved: nothing is written"])
    proved = " and proved" if proofs else ""
    return "\n".join([*lines, f"{nodes}{proved}; wrote {printable(str(out))}"])


def described(proof: Proof) -> list[str]:
    """One rewritten node."""
    lines = [f"{one_line(proof.change.layer.name)}: {proof.change.how}"]
    if not proof.holds:
        lines += [f"    NOT PROVED: after, {proof.after.kind}: {one_line(proof.after.message or proof.after.evidence)}"]
        lines += [f"    {line}" for line in printable(proof.probed).splitlines()]
    elif proof.equal:
        lines.append("    proved: the same geometry by the probe, and the same output to the bit")
    else:
        lines.append(
            "    proved against the reference: the file now says what ONNX's text says; "
            f"ONNX Runtime {'computed it otherwise' if proof.before.kind == 'mismatch' else 'refused it'} before "
            f"({one_line(proof.otherwise)})"
        )
    return lines
