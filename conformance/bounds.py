"""Every numeric criterion in one place: how far a right output may lie from the reference.

A bound is elementwise and rigorous: no order of summation, fused or not, goes beyond it. What lies
outside the bound of a direct sum and inside that of a fast algorithm which could have been used is
recognised and named. In the formulas S is the same operator on magnitudes, Σ|x·w| + |b|, m the
number of products and biases in a sum, u the unit roundoff, γ_m = m·u / (1 - m·u) [Higham, Accuracy
and Stability of Numerical Algorithms, 2002, 3.1]; shapes are ``N O spatial…``, all of it in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import ceil, log2, prod, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from conformance.domain.case import Case
from conformance.domain.tensors import Data, rounded
from conformance.oracle import Reading, Reference, compute, pad

UNIT = {"float64": 2.0**-53, "float32": 2.0**-24, "tf32": 2.0**-11, "float16": 2.0**-11, "bfloat16": 2.0**-8}
"""Unit roundoff of an element type, or of what a product is rounded to before."""

TINY = {"float64": 2.0**-1022, "float32": 2.0**-126, "float16": 2.0**-25, "bfloat16": 2.0**-126}
"""What a result may lose by underflow: all of a subnormal that is flushed, half of one in float16, which is not."""

LATTICE = 0.5
"""Integers whose sums are exact: a wrong one is off by 1 or more. ``domain.case.EXACT`` keeps the sums of a lattice
case within what its dtype represents, so that the reference needs no rounding to it."""

COPIED = np.nextafter(0.0, 1.0)
"""What is only copied is right to the bit."""

NARROW_LIMIT = 1 / 16
"""Largest m·u for which sums in a narrow type are recognised: a wider bound would excuse a lost product."""


def gamma(terms: int, unit: float) -> float:
    """γ_m, the relative error of m roundings."""
    return terms * unit / (1 - terms * unit)


@dataclass(frozen=True)
class Sums:
    """A reading's exact output, and what its bounds are made of."""

    case: Case
    data: Data
    how: Reading
    reference: Reference

    @property
    def working(self) -> str:
        """What sums are held in."""
        return arithmetic(self.case, self.data).working

    @cached_property
    def magnitude(self) -> Reference:
        """S, the sums of magnitudes."""
        return compute(self.case, self.data.map(np.abs), self.how)

    @cached_property
    def root(self) -> Reference:
        """The root of the sum of squares, Σ(x·w)² + b²: what errors that are independent grow with."""
        return np.sqrt(compute(self.case, self.data.map(np.square), self.how))

    @cached_property
    def bias(self) -> Reference | float:
        """|b|, to be added to an output."""
        bias = self.data.bias
        return 0.0 if bias is None else np.abs(bias.astype(np.float64)).reshape(-1, *[1] * self.case.rank)

    def summed(self, working: str, unit: float = 0.0) -> Reference:
        """E of sums held in ``working`` (``error``)."""
        if self.case.op == "max_pool":
            return np.full_like(self.reference, TINY["float64"])
        relative, absolute = error(self.case, working, unit)
        return relative * self.magnitude + absolute

    def stored(self, error: Reference, kind: str) -> Reference:
        """An error E with the rounding to the type that the output is stored in: E + u·(|y| + E) + tiny.

        With a bias twice, as it may be added to what has been stored already (``tf.nn.bias_add``): there |y| is
        at most |reference| + |b|.
        """
        if kind in ("float32", "float64"):
            return error
        unit, tiny = UNIT[kind], TINY[kind]
        magnitude = np.abs(self.reference)
        if self.case.bias:
            error = error + unit * (magnitude + self.bias + error) + tiny
        return error + unit * (magnitude + error) + tiny


def error(case: Case, working: str, unit: float = 0.0) -> tuple[float, float]:
    """The factor of S, and the rest, in E = (2v + v²)·S + (1 + v)²·γ_m·S + m·tiny of factors rounded to v (0 for none).

    In float64 twice that, as the reference errs as much. An average is rounded twice more, where it is
    corrected for another divisor. [Higham 3.1; Blanchard, Higham, Lopez, Mary and Pranesh, Mixed Precision
    Block FMA, 2020, 3.2]
    """
    relative = (2 * unit + unit**2) + (1 + unit) ** 2 * gamma(case.products + 2 * case.pool, UNIT[working])
    twice = 2 if working == "float64" else 1
    return twice * relative, twice * case.products * TINY[working]


class Arithmetic(NamedTuple):
    """What sums are held in, the unit that factors are rounded to before (0 for none), and what is stored."""

    working: str
    unit: float
    kind: str


def arithmetic(case: Case, data: Data, precision: str = "") -> Arithmetic:
    """How a direct sum is computed in the case's dtype, or in a lower precision.

    Narrow types are summed in float32 and then stored; ``tf32`` rounds the factors alone; any other declared
    precision rounds the factors and what is stored.
    """
    kind = case.dtype
    if precision and UNIT[precision] > UNIT[kind]:
        unit = 0.0 if representable(data, precision) else UNIT[precision]
        return Arithmetic("float32", unit, "float32" if precision == "tf32" else precision)
    return Arithmetic("float64" if kind == "float64" else "float32", 0.0, kind)


def direct(sums: Sums, precision: str = "") -> Reference:
    """The bound of direct summation in any order, fused or not."""
    how = arithmetic(sums.case, sums.data, precision)
    return sums.stored(sums.summed(how.working, how.unit), how.kind)


def representable(data: Data, precision: str) -> bool:
    """Whether input and weights are in a precision already, so that rounding them to it changes nothing."""
    if precision == "tf32":  # float32 with the 13 last bits of its significand left out
        singles = [np.ascontiguousarray(part, np.float32) for part in (data.input, data.weights)]
        return representable(data, "float32") and not any(np.any(part.view(np.uint32) & 0x1FFF) for part in singles)
    return all(np.array_equal(part, rounded(part, precision)) for part in (data.input, data.weights))


# Fast algorithms: each is named where its bound explains an output that a direct sum does not.


@dataclass(frozen=True)
class Winograd:
    """F(m×m, 3×3) by its transforms: an m×m tile of outputs is Aᵀ[Σ_c (G·g·Gᵀ) ⊙ (Bᵀ·d·B)]A."""

    a: tuple[tuple[float, ...], ...]
    b: tuple[tuple[float, ...], ...]
    g: tuple[tuple[float, ...], ...]
    roundings: int
    dyadic: bool

    def applies(self, sums: Sums, exact: bool) -> bool:
        """Two axes, kernel 3×3, stride 1, undilated; on a lattice dyadic transforms are exact."""
        case, how = sums.case, sums.how
        plain = case.kernel == (3, 3) and set(how.stride) == set(how.dilation) == {1} and case.dtype != "float64"
        return plain and not (exact and self.dyadic) and not (how.swap or how.phased or how.bias_last)

    def bound(self, sums: Sums) -> Reference:
        """E = γ_N·(|Aᵀ|[Σ_c (|G||g_c||Gᵀ|) ⊙ (|Bᵀ||d_c||B|)]|A| + |b|), N = C + 10 for F(2,3), C + 26 for F(4,3).

        N counts the roundings along one path: the transforms' additions and inexact factors on both axes, the
        product, the sum over C channels and a bias. Tiles begin at the first output. [The method of
        Barabasz, Anderson, Soodhalter and Gregg, Error Analysis and Improving the Accuracy of Winograd
        Convolution, 2020]
        """
        case = sums.case
        inner = case.channels // case.groups
        tiles = self.tiles(sums, np.abs)
        error = gamma(inner + self.roundings + case.bias, UNIT["float32"]) * (tiles + sums.bias)
        return sums.stored(error + case.products * TINY["float32"], case.dtype)

    def typical(self, sums: Sums) -> Reference:
        """u·√(N/12) times the root of the tiles of squares."""
        roundings = sums.case.channels // sums.case.groups + self.roundings
        return UNIT["float32"] * sqrt(roundings / 12) * np.sqrt(self.tiles(sums, np.square))

    def tiles(self, sums: Sums, of: Callable[[Any], Any]) -> Reference:
        """Aᵀ[Σ_c (G·g_c·Gᵀ) ⊙ (Bᵀ·d_c·B)]A with a function of every number in the data and in A, B and G."""
        data = sums.data.map(lambda part: of(part.astype(np.float64)))
        matrices = (of(np.array(part, np.float64)) for part in (self.a, self.b, self.g))
        whole: Reference = tiled(sums.case, data, sums.how, *matrices)
        return whole


def tiled(case: Case, data: Data, how: Reading, a: Any, b: Any, g: Any) -> Any:
    """A 3×3 convolution by tiles, without its bias, in the arithmetic of the arrays that it is given."""
    size, edge = len(a), len(b)
    over = how.axes(case)
    counts = [-(-axis.output // size) for axis in over]
    padded = np.zeros((case.batch, case.channels, *(count * size + 2 for count in counts)), data.input.dtype)
    inside = pad(data.input, over)
    padded[:, :, : inside.shape[2], : inside.shape[3]] = inside
    windows = np.lib.stride_tricks.sliding_window_view(padded, (edge, edge), (2, 3))[:, :, ::size, ::size]
    inputs = b @ windows @ b.T
    kernels = g @ data.weights @ g.T
    inputs = inputs.reshape(case.batch, case.groups, -1, *inputs.shape[2:])
    kernels = kernels.reshape(case.groups, -1, *kernels.shape[1:])
    # Element by element of the transformed tiles, a matrix product over the channels: e f n g o (tiles).
    left = kernels.transpose(3, 4, 0, 1, 2)[:, :, None]
    right = inputs.transpose(5, 6, 0, 1, 2, 3, 4).reshape(edge, edge, case.batch, case.groups, kernels.shape[2], -1)
    sums = (left @ right).reshape(edge, edge, case.batch, case.filters, *counts).transpose(2, 3, 4, 5, 0, 1)
    tiles = (a @ sums @ a.T).transpose(0, 1, 2, 4, 3, 5)
    whole = tiles.reshape(case.batch, case.filters, counts[0] * size, counts[1] * size)
    return whole[:, :, : over[0].output, : over[1].output]


WINOGRAD_2 = Winograd(
    a=((1, 1, 1, 0), (0, 1, -1, -1)),
    b=((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
    g=((1, 0, 0), (1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (0, 0, 1)),
    roundings=10,
    dyadic=True,
)
"""F(2×2, 3×3) [Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016, 4.1]."""

WINOGRAD_4 = Winograd(
    a=((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1)),
    b=(
        (4, 0, -5, 0, 1, 0),
        (0, -4, -4, 1, 1, 0),
        (0, 4, -4, -1, 1, 0),
        (0, -2, -1, 2, 1, 0),
        (0, 2, -1, -2, 1, 0),
        (0, 4, 0, -5, 0, 1),
    ),
    g=(
        (1 / 4, 0, 0),
        (-1 / 6, -1 / 6, -1 / 6),
        (-1 / 6, 1 / 6, -1 / 6),
        (1 / 24, 1 / 12, 1 / 6),
        (1 / 24, -1 / 12, 1 / 6),
        (0, 0, 1),
    ),
    roundings=26,
    dyadic=False,
)
"""F(4×4, 3×3) [Lavin and Gray 2016, 4.2]."""


def fft_applies(sums: Sums, exact: bool) -> bool:
    """Every stride and dilation 1, and more than one tap."""
    how = sums.how
    return set(how.stride) == set(how.dilation) == {1} and sums.case.products > sums.case.channels // sums.case.groups


def fft_stages(sums: Sums) -> int:
    """k, where 2^k elements are enough for a transform of the whole padded image."""
    reach = (max(axis.begin, 0) + axis.size + max(axis.end, 0) + axis.extent for axis in sums.how.axes(sums.case))
    return sum(ceil(log2(length)) for length in reach)


def fft_norms(sums: Sums) -> tuple[Reference, Reference]:
    """‖x_c‖₂·‖w_c‖₂ summed over the channels, and the root of the sum of their squares."""
    case = sums.case
    images = sums.data.input.astype(np.float64).reshape(case.batch, case.groups, 1, -1, prod(case.input))
    kernels = sums.data.weights.astype(np.float64).reshape(
        case.groups, case.filters // case.groups, -1, prod(case.kernel)
    )
    norms = np.linalg.norm(images, axis=-1) * np.linalg.norm(kernels, axis=-1)
    shape = (case.batch, case.filters, *[1] * case.rank)
    return norms.sum(-1).reshape(shape), np.linalg.norm(norms, axis=-1).reshape(shape)


def fft_typical(sums: Sums) -> Reference:
    """u·√(k/2)·√(Σ_c ‖x_c‖²·‖w_c‖² / 2^k): the error of transforms is spread evenly over all elements."""
    stages = fft_stages(sums)
    spread = UNIT[sums.working] * sqrt(stages / 2 / 2**stages) * fft_norms(sums)[1]
    return np.broadcast_to(spread, sums.reference.shape)


def fft_bound(sums: Sums) -> Reference:
    """E = Σ_c ‖x_c‖₂·‖w_c‖₂·((1 + u)^(3k + C)·(1 + √5·u)^(3k + 1)·(1 + β)^(3k) - 1), the same for every element.

    2^k elements in the transform of a whole padded image, u = β (twiddle factors rounded correctly). The C
    channels are summed in the frequency domain, one more relative rounding each; a bias one again. [Percival,
    Rapid multiplication modulo the sum and difference of highly composite numbers, 2003, theorem 5.1, with the
    √5 of Brent, Percival and Zimmermann, Error bounds on complex floating-point multiplication, 2007]
    """
    case, unit = sums.case, UNIT[sums.working]
    stages, inner = fft_stages(sums), case.channels // case.groups
    growth = (1 + unit) ** (6 * stages + inner) * (1 + sqrt(5) * unit) ** (3 * stages + 1) - 1
    norms, _ = fft_norms(sums)
    error = growth * norms + case.products * TINY[sums.working]
    if case.bias:
        error = error + unit * (np.abs(sums.reference) + error)
    return sums.stored(error * 2 if sums.working == "float64" else error, case.dtype)


def tf32_applies(sums: Sums, exact: bool) -> bool:
    """Products of float32 that TF32 does not hold exactly."""
    return sums.case.dtype == "float32" and not representable(sums.data, "tf32")


def tf32_bound(sums: Sums) -> Reference:
    """E of products rounded to 11 bits and summed in float32 (``Sums.summed``, v = 2^-11)."""
    return direct(sums, "tf32")


def tf32_typical(sums: Sums) -> Reference:
    """v·√(1/3) times the root of squares: two factors rounded."""
    return UNIT["tf32"] * sqrt(1 / 3) * sums.root


def narrow_applies(sums: Sums, exact: bool) -> bool:
    """float16 and bfloat16, while the sum is so short that its bound still sees a lost product."""
    kind = sums.case.dtype
    return kind in ("float16", "bfloat16") and not exact and sums.case.products * UNIT[kind] <= NARROW_LIMIT


def narrow_bound(sums: Sums) -> Reference:
    """E = m·u·S + m·tiny of sums that are held in the narrow type itself, as some of TensorFlow's kernels do.

    An average is rounded twice more (``summed``).
    [Jeannerod and Rump, Improved error bounds for inner products in floating-point arithmetic, 2013, in any order]
    """
    kind, terms = sums.case.dtype, sums.case.products + 2 * sums.case.pool
    return terms * UNIT[kind] * sums.magnitude + terms * TINY[kind]


def narrow_typical(sums: Sums) -> Reference:
    """u·√(m/12) times the root of squares."""
    return UNIT[sums.case.dtype] * sqrt(sums.case.products / 12) * sums.root


class Algorithm(NamedTuple):
    """Where it could have been used, how far it may go, and how far it goes as a rule: independent roundings, each
    uniform within the unit roundoff (u²/6 relative to what is rounded, half of it as partial sums are shorter).
    """

    applies: Callable[[Sums, bool], bool]
    bound: Callable[[Sums], Reference]
    typical: Callable[[Sums], Reference]
    ops: tuple[str, ...] = ("conv",)


ALGORITHMS = {
    "winograd-f2x3": Algorithm(WINOGRAD_2.applies, WINOGRAD_2.bound, WINOGRAD_2.typical),
    "winograd-f4x3": Algorithm(WINOGRAD_4.applies, WINOGRAD_4.bound, WINOGRAD_4.typical),
    "fft": Algorithm(fft_applies, fft_bound, fft_typical),
    "tf32": Algorithm(tf32_applies, tf32_bound, tf32_typical),
    "narrow-sums": Algorithm(narrow_applies, narrow_bound, narrow_typical, ("conv", "conv_transpose", "avg_pool")),
}


def algorithm(sums: Sums, output: NDArray[Any], exact: bool = False) -> str:
    """The fast algorithm that explains an output, of those that could have been used; empty for none.

    A bound decides whether one does; of several, the one whose typical error is the nearest to the error found.
    """
    if output.shape != sums.reference.shape or (not exact and stored_lower(sums, output)):
        return ""
    found = rms(output - sums.reference)
    distance = {
        name: abs(log2(found / max(rms(one.typical(sums)), 1e-300)))
        for name, one in ALGORITHMS.items()
        if sums.case.op in one.ops and one.applies(sums, exact) and within(output, sums.reference, one.bound(sums))
    }
    return min(distance, key=distance.__getitem__, default="")


def stored_lower(sums: Sums, output: NDArray[Any]) -> bool:
    """Whether every number is one of float16 or bfloat16, as TF32 and the like would not leave them in float32."""
    kinds = ("float16", "bfloat16") if sums.case.dtype in ("float32", "float64") else ()
    with np.errstate(over="ignore"):
        return any(np.array_equal(output, rounded(output, kind)) for kind in kinds)


def rms(values: NDArray[Any]) -> float:
    """The root of the mean of squares."""
    return float(np.sqrt(np.mean(np.square(values))))


def lower_precision(sums: Sums, output: NDArray[Any], exact: bool = False) -> str:
    """The precision below the case's own in which an output was computed, the highest that explains it; or empty.

    Of exact sums nothing is lost but what does not fit into the type that they are stored in.
    """
    kinds = ("float32", "float16", "bfloat16")
    lower = [kind for kind in kinds if UNIT[kind] > UNIT[sums.case.dtype]]
    if sums.case.op == "pad":
        return next((kind for kind in lower if np.array_equal(output, rounded(sums.reference, kind))), "")
    if exact:
        with np.errstate(over="ignore"):
            lower = [kind for kind in lower if np.array_equal(output, rounded(output, kind))]
    return next((kind for kind in lower if within(output, sums.reference, direct(sums, kind))), "")


def within(output: NDArray[Any], reference: Reference, bound: Reference | float) -> bool:
    """Whether every element lies strictly within the bound, or is the same infinity; NaN never does."""
    if output.shape != reference.shape:
        return False
    with np.errstate(invalid="ignore"):  # infinity less infinity
        near = np.abs(output - reference) < bound
    return bool(near.all() or (near | (output == reference)).all())
