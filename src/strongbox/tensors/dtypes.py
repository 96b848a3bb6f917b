"""Types of tensor elements: torch's name, torch's storage class and numpy's type, side by side.

torch writes most types through a storage class of their own (``torch.FloatStorage``). The unsigned
integers of more than one byte came later; they lie in an untyped storage, and the type stands with
the tensor. numpy has no bfloat16: such elements are read as unsigned 16-bit numbers, the upper half of
a float32, and shown as that float32, every value exact.

Source: ``torch/storage.py``, ``_dtype_to_storage_type_map`` and ``_new_dtypes``.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy

from ..errors import UnsupportedError
from ..records import record

__all__ = ["DTYPES", "Array", "Dtype", "by_numpy", "by_storage_class", "widen_bfloat16"]

Array: TypeAlias = numpy.ndarray[Any, numpy.dtype[Any]]


@record(frozen=True)
class Dtype:
    """One type of elements.

    ``name`` is torch's; ``stored`` is the little-endian numpy type of the bytes as they lie in the
    file, ``shown`` the type of the arrays that a caller gets; ``storage_class`` is torch's typed
    storage, or None where it is untyped.
    """

    name: str
    stored: numpy.dtype[Any]
    shown: numpy.dtype[Any]
    storage_class: str | None

    @property
    def itemsize(self) -> int:
        """Bytes of one stored element."""
        return self.stored.itemsize


def _dtype(name: str, stored: str, storage_class: str | None, shown: str | None = None) -> Dtype:
    return Dtype(name, numpy.dtype(stored), numpy.dtype(shown or stored), storage_class)


DTYPES: dict[str, Dtype] = {
    dtype.name: dtype
    for dtype in (
        _dtype("bool", "?", "BoolStorage"),
        _dtype("uint8", "u1", "ByteStorage"),
        _dtype("int8", "i1", "CharStorage"),
        _dtype("int16", "<i2", "ShortStorage"),
        _dtype("int32", "<i4", "IntStorage"),
        _dtype("int64", "<i8", "LongStorage"),
        _dtype("uint16", "<u2", None),
        _dtype("uint32", "<u4", None),
        _dtype("uint64", "<u8", None),
        _dtype("float16", "<f2", "HalfStorage"),
        _dtype("bfloat16", "<u2", "BFloat16Storage", shown="<f4"),
        _dtype("float32", "<f4", "FloatStorage"),
        _dtype("float64", "<f8", "DoubleStorage"),
        _dtype("complex64", "<c8", "ComplexFloatStorage"),
        _dtype("complex128", "<c16", "ComplexDoubleStorage"),
    )
}
"""Every type that a tensor may have, by torch's name."""

_BY_STORAGE_CLASS = {dtype.storage_class: dtype for dtype in DTYPES.values() if dtype.storage_class}
_BY_NUMPY = {dtype.stored.str: dtype for dtype in DTYPES.values() if dtype.name != "bfloat16"}


def by_storage_class(name: str) -> Dtype | None:
    """The type that a typed storage class of torch holds, or None where there is no such class."""
    return _BY_STORAGE_CLASS.get(name)


def by_numpy(dtype: numpy.dtype[Any]) -> Dtype:
    """The type of a numpy array's elements, whatever their byte order; raises UnsupportedError."""
    found = _BY_NUMPY.get(dtype.newbyteorder("<").str)
    if found is None:
        raise UnsupportedError(
            f"expected elements that torch has a type for, found numpy's {dtype}.",
            hint=f"Types of tensors: {', '.join(DTYPES)}.",
        )
    return found


def widen_bfloat16(stored: Array) -> Array:
    """Float32 values of bfloat16 elements given as uint16: a new C-contiguous array, every value exact."""
    widened = stored.astype("<u4", order="C")
    numpy.left_shift(widened, numpy.uint32(16), out=widened)
    return widened.view("<f4")
