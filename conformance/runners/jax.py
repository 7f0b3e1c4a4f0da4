"""JAX: ``jax.lax``'s convolutions and windows, channels first; joins with ``conformance.runners.jax:Jax``."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Optional

from conformance.domain.case import OPS, Case
from conformance.domain.records import Spelling
from conformance.runners.contract import Runner, Weights, call, counted_share, padded_reach

if TYPE_CHECKING:
    from conformance.runners.contract import Array, Layer

NAMES = {"same": "SAME", "same_lower": "SAME_LOWER", "valid": "VALID"}
"""The paddings that ``lax`` has a name for (``padtype_to_pads``)."""


def convolution(case: Case, padding: object) -> str:
    """``lax.conv_general_dilated`` of ``x``, whose default layout is ``N C spatial…`` and ``O I spatial…``."""
    return call(
        "lax.conv_general_dilated",
        "x",
        "weight",
        window_strides=case.stride,
        padding=padding,
        rhs_dilation=case.dilation,
        feature_group_count=case.groups,
    )


def transposed(case: Case) -> str:
    """The convolution of the spread input with the reversed kernel, padded by the extent less what is cropped."""
    spatial = "DHW"[-case.rank :]
    weight = "weight"
    if case.groups > 1:
        weight = f"jnp.concatenate(jnp.split(weight, {case.groups}), 1)"
    return call(
        "lax.conv_general_dilated",
        "x",
        f"jnp.flip({weight}, {tuple(range(2, case.rank + 2))})",
        window_strides=(1,) * case.rank,
        padding=tuple((a.extent - 1 - begin, a.extent - 1 - end) for a, (begin, end) in zip(case.asked, case.pads)),
        lhs_dilation=case.stride,
        rhs_dilation=case.dilation,
        dimension_numbers=(f"NC{spatial}", f"IO{spatial}", f"NC{spatial}"),
        feature_group_count=case.groups,
    )


def with_bias(case: Case, text: str) -> str:
    """The bias added, where there is one."""
    return f"{text} + bias.reshape({', '.join(['-1', *'1' * case.rank])})" if case.bias else text


def window(case: Case, x: str, start: str, reduce: str, padding: object) -> str:
    """``lax.reduce_window`` over the spatial axes."""
    if not isinstance(padding, str):
        padding = ((0, 0), (0, 0), *padding)  # type: ignore[misc]
    return call(
        "lax.reduce_window",
        x,
        start,
        reduce,
        window_dimensions=(1, 1, *case.kernel),
        window_strides=(1, 1, *case.stride),
        padding=padding,
        window_dilation=(1, 1, *case.dilation) if max(case.dilation) > 1 else None,
    )


def pool(case: Case, padding: object) -> str:
    """The largest of each window, or its mean over what counts."""
    if case.op == "max_pool":
        return window(case, "x", "-jnp.inf", "lax.max", padding)
    total = window(case, "x", "0.0", "lax.add", padding)
    over = case.axes(case.pads)
    if all(axis.distinct_divisors() == {axis.kernel} for axis in over):  # type: ignore[union-attr]
        return f"{total} / {prod(case.kernel)}"
    ones, rest = "jnp.ones_like(x)", padding
    if case.count_include_pad:
        inner, rest = counted_share(case, padded_reach(case))
        ones = f"jnp.pad({ones}, {((0, 0), (0, 0), *inner)}, constant_values=1.0)"
    return f"{total} / {window(case, ones, '0.0', 'lax.add', rest)}"


def named(case: Case) -> Optional[Spelling]:
    """The rule's name, where it is asked for."""
    if case.transposed or case.padding not in NAMES or case.ceil_mode or case.count_include_pad:
        return None
    name = NAMES[str(case.padding)]
    text = pool(case, name) if case.pool else with_bias(case, convolution(case, name))
    return Spelling(case.pads, text, by_rule=True)


def explicit(case: Case) -> Optional[Spelling]:
    """The pads of the case as numbers: right for every case."""
    if case.transposed:
        return Spelling(case.pads, with_bias(case, transposed(case)))
    if case.pool:
        return Spelling(case.pads, pool(case, padded_reach(case)))
    return Spelling(case.pads, with_bias(case, convolution(case, case.pads)))


class Jax(Runner):
    """The convolutions and pools of ``jax.lax`` on the CPU."""

    name = "jax"
    ops = OPS
    distributions = ("jax", "jaxlib")
    environ = {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"}
    preamble = "import jax.numpy as jnp\nfrom jax import lax"
    variants = {"named": named, "explicit": explicit}

    def build(self, case: Case, variant: str, weights: Weights) -> Layer:
        """The function of ``x`` that the spelling writes."""
        import numpy as np

        function = self.evaluate(self.spell(case, variant).code, "x, weight, bias")
        asarray = self.namespace["jnp"].asarray
        weight = asarray(weights.kernel, case.dtype)
        bias = None if weights.bias is None else asarray(weights.bias, case.dtype)

        def layer(x: Array) -> Array:
            return np.asarray(function(asarray(x, case.dtype), weight, bias))

        return layer
