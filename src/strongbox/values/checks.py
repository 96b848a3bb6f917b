"""Checks that values make of their own content: each returns what it was given, or raises FormatError.

A value checks itself when it is made, whoever makes it: a recipe, the portable reader, a caller. So
what holds for a value (a Box whose bounds have its shape, a generator's position inside its state)
is written once, and no part of Strongbox ever meets a value for which it does not hold.
"""

from __future__ import annotations

from math import prod
from typing import Any, TypeAlias, TypeVar

import numpy

from ..errors import FormatError

__all__ = [
    "NUMBER_TYPES",
    "Array",
    "array",
    "check",
    "element_type",
    "flag",
    "instance",
    "kind_of",
    "number",
    "read_elements",
    "shape",
    "shape_array",
    "text",
    "tuple_of",
    "whole",
]

Array: TypeAlias = numpy.ndarray[Any, numpy.dtype[Any]]
T = TypeVar("T")

LARGEST_SIZE = 1 << 48
"""Elements that an array may claim to have, so that products of sizes stay within 64 bits."""
MOST_DIMENSIONS = 32

NUMBER_TYPES = frozenset(
    numpy.dtype(name)
    for name in (
        *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    )
)


def kind_of(value: Any) -> str:
    """What to call a value in a message: ``a str``, ``None``; never its content."""
    return "None" if value is None else f"a {type(value).__name__}"


def check(condition: bool, problem: str) -> None:
    """Raise FormatError with this problem unless the condition holds."""
    if not condition:
        raise FormatError(problem)


def instance(value: Any, kinds: type[T] | tuple[type[T], ...], what: object) -> T:
    """A value of one of these exact types, or of a dataclass derived from one."""
    if not isinstance(value, kinds):
        raise FormatError(f"expected {what}, found {kind_of(value)}")
    return value


def flag(value: Any, what: object) -> bool:
    """True or False."""
    if type(value) is not bool:
        raise FormatError(f"expected {what} to be true or false, found {kind_of(value)}")
    return value


def whole(value: Any, what: object, low: int | None = None, high: int | None = None) -> int:
    """An int, no bool, from ``low`` to ``high`` inclusive."""
    if type(value) is not int:
        raise FormatError(f"expected {what} to be a whole number, found {kind_of(value)}")
    if (low is not None and value < low) or (high is not None and value > high):
        raise FormatError(f"expected {what} from {low} to {high}, found {describe_whole(value)}")
    return value


def describe_whole(value: int) -> str:
    """An int in digits, unless there are so many that Python itself refuses to print them."""
    return str(value) if value.bit_length() <= 256 else f"a number of {value.bit_length()} bits"


def number(value: Any, what: object) -> float:
    """A float, exactly."""
    if type(value) is not float:
        raise FormatError(f"expected {what} to be a number, found {kind_of(value)}")
    return value


def text(value: Any, what: object) -> str:
    """A str, exactly."""
    if type(value) is not str:
        raise FormatError(f"expected {what} to be text, found {kind_of(value)}")
    return value


def tuple_of(values: Any, kind: type, what: object) -> tuple[Any, ...]:
    """A tuple of items that are instances of ``kind``."""
    if type(values) is not tuple:
        raise FormatError(f"expected {what} to be a tuple, found {kind_of(values)}")
    for value in values:
        if not isinstance(value, kind):
            raise FormatError(f"expected {what} to hold only {kind.__name__}, found {kind_of(value)}")
    return values


def element_type(value: Any, what: object, *, texts: bool = False) -> numpy.dtype[Any]:
    """A numpy dtype of numbers, or of text or bytes of a fixed length where ``texts`` says so."""
    if not isinstance(value, numpy.dtype):
        raise FormatError(f"expected {what} to be a dtype, found {kind_of(value)}")
    if value.newbyteorder("=") in NUMBER_TYPES or (texts and value.kind in "US" and value.itemsize > 0):
        return value
    raise FormatError(f"expected {what} to be a dtype of numbers, found {describe_dtype(value)}")


def describe_dtype(value: numpy.dtype[Any]) -> str:
    """A dtype in a few words, also where a file made it long."""
    return "one with named fields" if value.names else value.str


def array(value: Any, what: object, *, shape: tuple[int, ...] | None = None, kinds: str = "biufc") -> Array:
    """An array whose dtype is of one of numpy's ``kinds``, of this shape where one is given."""
    if type(value) is not numpy.ndarray:
        raise FormatError(f"expected {what} to be an array, found {kind_of(value)}")
    if value.dtype.kind not in kinds:
        raise FormatError(f"expected {what} to be an array of other elements, found {describe_dtype(value.dtype)}")
    if shape is not None and value.shape != shape:
        raise FormatError(f"expected {what} to have the shape {shape}, found {value.shape}")
    return value


def shape(value: Any, what: object) -> tuple[int, ...]:
    """A tuple of sizes that an array can have."""
    sizes = tuple_of(value, int, what)
    if len(sizes) > MOST_DIMENSIONS:
        raise FormatError(f"expected {what} to have at most {MOST_DIMENSIONS} sizes, found {len(sizes)}")
    for size in sizes:
        whole(size, what, 0, LARGEST_SIZE)
    if prod(max(size, 1) for size in sizes) > LARGEST_SIZE:
        raise FormatError(f"expected {what} to fit into memory")
    return sizes


def read_elements(content: bytes | bytearray, dtype: numpy.dtype[Any]) -> Array:
    """A read-only row of all elements that the bytes hold, in the byte order of this machine.

    A view on ``bytes``; a copy of a bytearray, and where the byte order differs.
    """
    element_type(dtype, "the elements", texts=True)
    if len(content) % dtype.itemsize:
        raise FormatError(f"expected whole elements of {dtype.itemsize} bytes, found {len(content):,} bytes")
    row = numpy.frombuffer(bytes(content), dtype) if content else numpy.empty(0, dtype)
    native: Array = row.astype(dtype.newbyteorder("="), copy=False)
    if native.dtype.kind == "U":
        check_code_points(native)
    native.flags.writeable = False
    return native


def shape_array(row: Array, sizes: tuple[int, ...], order: str = "C") -> Array:
    """A read-only array of a shape over a row of elements.

    ``order`` is ``"C"`` (last index fastest) or ``"F"``. Raises FormatError unless the elements are as
    many as the shape says.
    """
    shape(sizes, "the shape")
    if row.size != prod(sizes):
        found, expected = (f"{count * row.dtype.itemsize:,}" for count in (row.size, prod(sizes)))
        raise FormatError(f"expected {expected} bytes for an array of shape {sizes}, found {found}")
    made: Array = row.reshape(sizes) if order == "C" else row.reshape(sizes[::-1]).T
    made.flags.writeable = False
    return made


def check_code_points(flat: Array) -> None:
    """Refuse text whose characters are beyond Unicode: reading one would raise ValueError in numpy."""
    codes = flat.view(numpy.uint32)
    check(not codes.size or int(codes.max()) <= 0x10FFFF, "expected text, found characters beyond Unicode")
