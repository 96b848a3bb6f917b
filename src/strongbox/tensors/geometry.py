"""Which elements of a storage a tensor looks at, checked before anything is looked at.

A tensor's element at index ``i`` lies at ``offset + sum(i[k] * strides[k])``, counted in elements from
the start of its storage. The rules, all of them in Python's unbounded integers:

- at most 8 dimensions; as many strides as sizes; sizes, strides and offset are whole and not negative;
- a tensor that has elements ends inside its storage: ``offset + sum((size - 1) * stride) < numel``;
- no number is beyond what an array on a 64-bit machine can have, elements or none.

The second rule is the one that GHSA-jg6j-8w4h-2pg2 is about: strides that reach past the end.
"""

from __future__ import annotations

from math import prod
from typing import Any

from ..errors import FormatError, LimitError
from ..records import record

__all__ = ["MAXIMUM_DIMENSIONS", "WHOLE", "Geometry", "contiguous_strides"]

MAXIMUM_DIMENSIONS = 8
_LARGEST = 1 << 62
WHOLE = frozenset({int})


@record(frozen=True)
class Geometry:
    """Sizes and strides of a tensor, and where in its storage it starts; all counted in elements."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int

    @property
    def count(self) -> int:
        """Elements of the tensor; a storage may have fewer, where strides are zero, or more."""
        return prod(self.shape)

    @property
    def is_contiguous(self) -> bool:
        """Whether the elements lie one after another in the order of their indices."""
        expected = contiguous_strides(self.shape)
        steps = zip(self.shape, self.strides, expected, strict=True)
        return self.count == 0 or all(size == 1 or stride == step for size, stride, step in steps)

    def check(self, *, numel: int, itemsize: int) -> None:
        """Raise FormatError or LimitError unless the tensor lies inside a storage of ``numel`` elements."""
        _check_sequence("sizes", self.shape)
        _check_sequence("strides", self.strides)
        if len(self.shape) > MAXIMUM_DIMENSIONS:
            raise LimitError(f"expected at most {MAXIMUM_DIMENSIONS} dimensions, found {len(self.shape)}.")
        if len(self.shape) != len(self.strides):
            raise FormatError(f"expected a stride for each size, found {self.shape} and {self.strides}.")
        _check_number("storage offset", self.offset)
        reach = max((self.offset, prod([size or 1 for size in self.shape]), *self.strides)) * itemsize
        if reach > _LARGEST:
            raise FormatError("expected a tensor that fits into 64-bit memory, found sizes or strides beyond it.")
        last = self.offset + sum([(size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True)])
        if self.count and last >= numel:
            raise FormatError(
                f"expected a tensor that ends inside its storage of {numel:,} elements, "
                f"found one that reaches element {last:,}.",
                hint="The file is damaged, or was made to read outside of its own memory.",
            )


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, in elements, that torch gives to a new tensor of this shape."""
    strides = [1] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * max(shape[axis + 1], 1)
    return tuple(strides)


def _check_sequence(what: str, numbers: Any) -> None:
    if type(numbers) is not tuple:
        raise FormatError(f"expected a tuple of {what}, found {type(numbers).__name__}.")
    if len(numbers) > 2 * MAXIMUM_DIMENSIONS:
        raise LimitError(f"expected at most {MAXIMUM_DIMENSIONS} dimensions, found {len(numbers)}.")
    if WHOLE.issuperset(map(type, numbers)) and 0 <= min(numbers, default=0) <= max(numbers, default=0) <= _LARGEST:
        return
    for number in numbers:
        _check_number(f"one of the {what}", number)


def _check_number(what: str, number: Any) -> None:
    if type(number) is not int:
        raise FormatError(f"expected a whole number as {what}, found {type(number).__name__}.")
    if not 0 <= number <= _LARGEST:
        raise FormatError(
            f"expected {what} between 0 and 2**62, found {'a negative' if number < 0 else 'a larger'} one."
        )
