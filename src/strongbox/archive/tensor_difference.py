"""How far two tensors lie apart, reckoned a block at a time.

Every sum is taken in float64 over blocks of at most :data:`BLOCK` elements, whatever the size and strides of
the tensors, so that memory does not grow with them. Complex numbers count by their absolute value; a tensor of
whole numbers or booleans is compared as numbers, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy

from ..tensors import Tensor
from .held_tensors import HeldTensor

__all__ = ["TensorDifference", "TensorForm", "compare_tensors"]

BLOCK = 1 << 18
"""Elements that are compared at a time."""

Array = numpy.ndarray[Any, numpy.dtype[Any]]


@dataclass(frozen=True)
class TensorForm:
    """What a tensor is like without its elements: torch's name of its type, and its shape."""

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype} {'×'.join(map(str, self.shape)) or 'scalar'}"


@dataclass(frozen=True, kw_only=True)
class TensorDifference:
    """One tensor that two archives do not have alike.

    ``state_dict`` and ``name`` say which. ``first`` and ``second`` are its forms, None where an archive has no
    such tensor. Of tensors of one shape: ``norms`` are their Euclidean norms, ``change`` that of their
    difference, ``relative`` the change over the first norm (infinite where that is 0), ``cosine`` that of the
    angle between them (NaN where one is 0), ``differing`` how many elements are not the same to the bit.
    """

    state_dict: str
    name: str
    first: TensorForm | None
    second: TensorForm | None
    norms: tuple[float, float] | None = None
    change: float | None = None
    relative: float | None = None
    cosine: float | None = None
    differing: int | None = None

    @property
    def is_comparable(self) -> bool:
        """Whether both archives have the tensor, in one shape."""
        return self.change is not None


def compare_tensors(
    state_dict: str,
    name: str,
    first: Tensor | HeldTensor | None,
    second: Tensor | HeldTensor | None,
    *,
    release: Callable[[], None],
) -> TensorDifference | None:
    """What is different between two tensors of a name, or None where they are the same to the bit.

    ``release`` is called from time to time to give back memory that the files' pages take. Raises
    FormatError where a checksum or the content of a tensor is wrong.
    """
    forms = [None if tensor is None else TensorForm(tensor.dtype, tensor.shape) for tensor in (first, second)]
    if first is None or second is None or first.shape != second.shape:
        return TensorDifference(state_dict=state_dict, name=name, first=forms[0], second=forms[1])
    sums = _Sums()
    for left, right in _blocks(first.stored(), second.stored()):
        sums.add(_numbers(first, left), _numbers(second, right), _count_differing(left, right))
        if left.size >= BLOCK // 2:
            release()
    if not sums.differing and first.dtype == second.dtype:
        return None
    return TensorDifference(state_dict=state_dict, name=name, first=forms[0], second=forms[1], **sums.results())


class _Sums:
    """What the blocks of two tensors add up to."""

    def __init__(self) -> None:
        self.differing = 0
        self._first = self._second = self._both = self._change = 0.0

    def add(self, first: Array, second: Array, differing: int) -> None:
        self.differing += differing
        with numpy.errstate(all="ignore"):  # infinities and NaN in a tensor are shown as such
            self._first += _square(first)
            self._second += _square(second)
            if differing:
                self._change += _square(second - first)
            self._both += float(numpy.vdot(first, second).real)

    def results(self) -> dict[str, Any]:
        first, second, change = (math.sqrt(total) for total in (self._first, self._second, self._change))
        scale = first * second
        return {
            "norms": (first, second),
            "change": change,
            "relative": change / first if first else math.inf if change else 0.0,
            "cosine": max(-1.0, min(1.0, self._both / scale)) if math.isfinite(scale) and scale else math.nan,
            "differing": self.differing,
        }


def _square(array: Array) -> float:
    return float(numpy.vdot(array, array).real)


def _numbers(tensor: Tensor | HeldTensor, block: Array) -> Array:
    """A block of stored elements as float64 or complex128, flat."""
    if tensor.dtype == "bfloat16":
        block = (block.astype("<u4") << numpy.uint32(16)).view("<f4")
    with numpy.errstate(invalid="ignore"):  # a signalling NaN becomes a quiet one, which is no matter here
        return block.astype(numpy.complex128 if block.dtype.kind == "c" else numpy.float64).reshape(-1)


def _count_differing(left: Array, right: Array) -> int:
    """Elements that are not the same to the bit; all of them where the types differ."""
    if left.dtype != right.dtype:
        return left.size
    size = left.dtype.itemsize
    if size > 8:  # complex128 has no unsigned integer of its size
        pairs = [numpy.ascontiguousarray(block).reshape(-1).view("u8").reshape(-1, 2) for block in (left, right)]
        return int((pairs[0] != pairs[1]).any(axis=1).sum())
    kind = f"u{size}"
    bits = [numpy.ascontiguousarray(block).reshape(-1).view(kind) for block in (left, right)]
    return int(numpy.count_nonzero(bits[0] != bits[1]))


def _blocks(left: Array, right: Array) -> Iterator[tuple[Array, Array]]:
    """The same parts of two arrays of one shape, each of at most BLOCK elements, without a copy."""
    if left.size <= BLOCK:
        yield left, right
        return
    if left.flags.c_contiguous and right.flags.c_contiguous:
        left, right = left.reshape(-1), right.reshape(-1)
    rows = max(1, BLOCK // (left.size // left.shape[0]))
    for start in range(0, left.shape[0], rows):
        if rows > 1 or left.ndim == 1:
            yield left[start : start + rows], right[start : start + rows]
        else:
            yield from _blocks(left[start], right[start])
