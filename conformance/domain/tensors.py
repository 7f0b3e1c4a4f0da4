"""A case's data, made from the case alone: the same numbers on every machine, Python and numpy.

numpy's distributions may change between versions, so the numbers come from a counter-based
generator (SplitMix64 of a stream's name and a position), whose integers are exact everywhere.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from conformance.domain.case import EXACT, INTEGERS, Basis, Case, Written
from conformance.domain.geometry import Sizes

Array = NDArray[Any]

LATTICE_LIMIT = 8
"""Largest magnitude of a lattice value (exact in float32, and every wrong geometry shows)."""

DRAWS = 64
"""Draws of weights and bias at most; another one only where a kernel reads the same backwards, or the like."""

BFLOAT16 = np.dtype([("bfloat16", "<u2")])
"""The element type of a bfloat16 output, for which numpy has none: the upper half of a float32."""


class Data(NamedTuple):
    """The tensors of a case, C-contiguous, channels first, in the case's dtype (bfloat16 as float32)."""

    input: Array
    weights: Array
    bias: Optional[Array]

    def map(self, function: Callable[[Array], Array]) -> Data:
        """The tensors that a function makes of these."""
        return Data(function(self.input), function(self.weights), None if self.bias is None else function(self.bias))


def sent(output: Any) -> Tuple[str, Sizes, bytes]:
    """An output as it travels: the name of its element type, its shape, its bytes; ``TypeError`` for Python objects."""
    array = np.ascontiguousarray(output)
    return _sent_as(array.dtype), array.shape, array.tobytes()


@lru_cache(maxsize=64)
def _sent_as(dtype: np.dtype[Any]) -> str:
    if dtype.hasobject:
        raise TypeError(f"the output is an array of Python objects ({dtype})")
    narrow = dtype == BFLOAT16 or dtype.name == "bfloat16"  # the name of ml_dtypes' type
    return "bfloat16" if narrow else dtype.str


def received(dtype: Any, shape: Any, payload: bytes) -> Array:
    """The output that was ``sent``; ``ValueError`` or ``TypeError`` where its parts do not fit together."""
    return np.frombuffer(payload, _received_as(str(dtype))).reshape(shape)


@lru_cache(maxsize=64)
def _received_as(name: str) -> np.dtype[Any]:
    return BFLOAT16 if name == "bfloat16" else np.dtype(name)


def held(dtype: str) -> str:
    """The numpy type that holds a case's numbers: bfloat16 lies in float32."""
    return "float32" if dtype == "bfloat16" else dtype


def rounded(values: Array, dtype: str) -> Array:
    """Values rounded to an element type, to the nearest and ties to even; bfloat16 as float32."""
    kept = np.ascontiguousarray(values, held(dtype))
    if dtype != "bfloat16":
        return kept
    bits = kept.view(np.uint32)
    upper = (bits + (np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1)))) & np.uint32(0xFFFF0000)
    return upper.view(np.float32)


def typed(array: Array) -> Tuple[Array, str]:
    """An output as numbers, and the name of its element type."""
    if array.dtype == BFLOAT16:
        return (array["bfloat16"].astype(np.uint32) << np.uint32(16)).view(np.float32), "bfloat16"
    return array, _name(array.dtype)


@lru_cache(maxsize=64)
def _name(dtype: np.dtype[Any]) -> str:
    return dtype.name if dtype.isnative else str(dtype)


def lattice_limits(terms: int, dtype: str) -> Optional[Tuple[int, int]]:
    """Largest magnitudes ``(X, W)`` of inputs and weights with n·X·W exact; None where even ±1 is not."""
    budget = EXACT[dtype] // terms
    if budget < 1:
        return None
    weights = min(LATTICE_LIMIT, max(int(budget**0.5), 1))
    return min(LATTICE_LIMIT, budget // weights), weights


class Streams:
    """Lattice data kept from case to case: a shorter tensor is the beginning of a longer one.

    What they give is read-only, as several cases share it.
    """

    KEPT = 64
    LONGEST = 2**20
    SMALL = 2**16

    def __init__(self) -> None:
        self._kept: Dict[Tuple[str, int, int, str], Array] = {}
        self._data: Dict[Tuple[Any, ...], Data] = {}

    def data(self, case: Case) -> Data:
        """A convolution's lattice data; drawn once for cases that differ in nothing that the numbers depend on."""
        key = (
            case.seed,
            case.dtype,
            case.input_shape,
            case.weight_shape,
            case.products,
            case.filters if case.bias else 0,
        )
        data = self._data.get(key)
        if data is None:
            data = _weighted(case, self.lattice)
            if data.input.size + data.weights.size <= self.SMALL:
                if len(self._data) >= self.KEPT:
                    self._data.clear()
                self._data[key] = data
        return data

    def lattice(self, role: str, seed: int, shape: Sizes, limit: int, dtype: str) -> Array:
        """What ``lattice`` draws, of an element type."""
        count = prod(shape)
        if count > self.LONGEST:
            return lattice(role, seed, shape, limit, dtype)
        key = (role, seed, limit, dtype)
        stream = self._kept.get(key)
        if stream is None or len(stream) < count:
            if len(self._kept) >= self.KEPT:
                self._kept.clear()
            stream = self._kept[key] = lattice(role, seed, (count,), limit, dtype)
            stream.flags.writeable = False
        return stream[:count].reshape(shape)


def tensors(case: Case, streams: Optional[Streams] = None) -> Data:
    """The input, the weights and the bias of a case; out of ``streams``, where they are given.

    ``lattice``: integers, none of them zero, so that padding never looks like an element; for a max
    pool or a pad distinct ones within a channel, negative but for a pad with a negative value; for an
    average pool multiples of every divisor.
    ``normal``: a sum of twelve uniforms, mean 0 and variance 1, rounded to the dtype.
    """
    bias_shape = (case.filters,) if case.bias else None
    if isinstance(case.data, Written):
        bias = np.arange(1, case.filters + 1) if case.bias else None
        weights = np.array(case.data.weights) if case.weighted else np.zeros(case.weight_shape)
        made = Data(np.array(case.data.input), weights, bias)
    elif isinstance(case.data, Basis):
        made = _basis(case, case.data)
    elif not case.weighted:
        made = Data(_unweighted(case), np.zeros(case.weight_shape), None)
    elif case.data == "lattice":
        return streams.data(case) if streams else _weighted(case, lattice)
    else:
        made = Data(
            normal("input", case.seed, case.input_shape),
            normal("weights", case.seed, case.weight_shape),
            normal("bias", case.seed, bias_shape) if bias_shape else None,
        )
    return made.map(lambda part: rounded(part, case.dtype))


def _weighted(case: Case, draw: Callable[[str, int, Sizes, int, str], Array]) -> Data:
    """The lattice data of a convolution; every sum is exact, and no kernel or bias reads the same in another order."""
    limits = lattice_limits(case.products, case.dtype)
    if limits is None:
        raise ValueError(f"{case.id}: {case.products} products are not exact in {case.dtype}")
    dtype = held(case.dtype)

    def telling(role: str, shape: Sizes, hides: Callable[[Array], bool]) -> Array:
        for number in range(DRAWS):
            drawn = draw(f"{role}{number or ''}", case.seed, shape, limits[1], dtype)
            if not hides(drawn):
                break
        return drawn

    return Data(
        draw("input", case.seed, case.input_shape, limits[0], dtype),
        telling("weights", case.weight_shape, _reads_the_same),
        telling("bias", (case.filters,), _all_alike) if case.bias else None,
    ).map(lambda part: rounded(part, case.dtype))


def hashes(stream: str, seed: int, count: int) -> NDArray[np.uint64]:
    """``count`` hashes of 64 bits: SplitMix64 (Steele, Lea and Flood 2014) of a counter."""
    origin = ((crc32(stream.encode()) << 32) + seed) * 0xD1342543DE82EF95 % 2**64
    z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(origin)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def lattice(role: str, seed: int, shape: Sizes, limit: int, dtype: str) -> Array:
    """Integers of ``[-limit, limit]`` without zero; the first ones are the same for every shape."""
    draws = (hashes(role, seed, prod(shape)) >> np.uint64(33)).astype(np.int64) % (2 * limit) - limit
    draws += draws >= 0
    return draws.astype(dtype).reshape(shape)


def _basis(case: Case, basis: Basis) -> Data:
    """Impulses and distinct weights (``case.Basis``).

    An average pool's impulse is so large that another divisor makes a difference of 1 or more; a max
    pool's and a pad's elements are -2 and its impulses 3, so that zeros in the padding show as well.
    """
    low, high = (-2, 3) if case.op in ("max_pool", "pad") else (0, 1)
    if case.op == "avg_pool":
        high = (basis.factor or case.average_factor) * case.products**2
    x = np.full((case.batch, prod(case.input_shape[1:])), low)
    x[np.arange(1, case.batch), list(basis.columns)] = high
    base = INTEGERS[case.dtype] // 2
    weights = np.arange(prod(case.weight_shape)) // base**basis.digit % base + 1
    bias = -1 - np.arange(case.filters) % base if case.bias else None
    return Data(x.reshape(case.input_shape), weights.reshape(case.weight_shape), bias)


def _unweighted(case: Case) -> Array:
    """The input of a pool or a pad."""
    if case.data == "normal":
        return normal("input", case.seed, case.input_shape)
    if case.op == "avg_pool":
        limit = min(LATTICE_LIMIT, case.average_limit)
        return case.average_factor * lattice("input", case.seed, case.input_shape, limit, "int64")
    sign = 1 if case.op == "pad" and case.value < 0 else -1
    return distinct(case.seed, case.input_shape, sign * INTEGERS[case.dtype])


def distinct(seed: int, shape: Sizes, limit: int) -> Array:
    """The integers from 1 to the size of each channel in some order, again from 1 above ``limit``; with its sign."""
    planes = hashes("input", seed, prod(shape)).reshape(shape[0] * shape[1], -1)
    ranks = planes.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    numbers: Array = (1 + ranks % abs(limit)).reshape(shape)
    return numbers if limit > 0 else -numbers


def _reads_the_same(weights: Array) -> bool:
    """Whether reversing every kernel, or the order of its axes, or both, goes unseen."""
    if weights[0, 0].size == 1:
        return False
    flipped = weights[(slice(None), slice(None), *[slice(None, None, -1)] * (weights.ndim - 2))]
    swapped, both = (part.transpose(0, 1, *range(part.ndim - 1, 1, -1)) for part in (weights, flipped))
    return any(np.array_equal(weights, other) for other in (flipped, both, *[swapped][: weights.ndim - 3]))


def _all_alike(bias: Array) -> bool:
    """Whether a bias that goes to other channels goes unseen."""
    return bool(bias.size > 1 and (bias == bias[0]).all())


def normal(role: str, seed: int, shape: Sizes) -> Array:
    """Sums of twelve 16-bit uniforms (Irwin-Hall): bell-shaped, and exact until the one division."""
    drawn = hashes(role, seed, 3 * prod(shape)).reshape(3, -1)
    sums = sum(((drawn >> np.uint64(shift)) & np.uint64(0xFFFF)).sum(axis=0) for shift in (0, 16, 32, 48))
    values: Array = (sums.astype(np.float64) - 12 * 32767.5) / 65536.0
    return values.reshape(shape)
