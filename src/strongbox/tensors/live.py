"""Tensors on their way into a file: descriptions of memory that someone else holds.

An adapter describes each live tensor by where its elements lie, without copying them. Tensors that
share memory share a :class:`StorageData`, or have ones of equal ``identity``; the memory is written once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import field
from math import prod
from typing import TypeAlias

import numpy

from ..errors import FormatError, UnsupportedError
from ..records import record
from .dtypes import DTYPES, Array, by_numpy
from .geometry import MAXIMUM_DIMENSIONS, WHOLE, Geometry, contiguous_strides
from .tensor import Tensor

__all__ = ["Buffer", "StorageData", "TensorData", "describe"]

Buffer: TypeAlias = bytes | bytearray | memoryview
"""Bytes, or memory that can be seen as bytes."""


@record(frozen=True, eq=False, kw_only=True)
class StorageData:
    """A block of elements in memory, little-endian.

    ``buffer`` is the memory as single bytes, or a function that gives it when its turn to be written comes (for memory
    on another device); then ``nbytes`` says how much it will be. ``dtype`` is torch's name of the
    elements. Blocks of equal ``identity`` are the same memory; without one a block is only itself.
    """

    buffer: Buffer | Callable[[], Buffer] = field(repr=False)
    dtype: str
    identity: Hashable = None
    nbytes: int = -1

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise UnsupportedError(
                f"expected elements of a known type, found {self.dtype}.", hint=f"Known are {', '.join(DTYPES)}."
            )
        if not callable(self.buffer):
            object.__setattr__(self, "nbytes", memoryview(self.buffer).nbytes)
        elif self.nbytes < 0:
            raise UnsupportedError("expected nbytes beside a function that gives the memory, found none.")

    def content(self, nbytes: int) -> memoryview:
        """The first bytes of the memory, which is asked for now where a function gives it."""
        buffer = self.buffer() if callable(self.buffer) else self.buffer
        return memoryview(buffer)[:nbytes]


@record(frozen=True, eq=False, kw_only=True)
class TensorData:
    """A tensor in memory: type, sizes, strides and offset in elements, and the storage it looks into.

    ``requires_grad`` and ``parameter`` (a ``torch.nn.Parameter``) are written with it.
    """

    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    storage_offset: int
    storage: StorageData = field(repr=False)
    requires_grad: bool = False
    parameter: bool = False

    def check(self) -> None:
        """Raise FormatError where the description is no tensor inside its storage, of the storage's type."""
        if self.dtype != self.storage.dtype:
            raise FormatError(f"expected a tensor of its storage's {self.storage.dtype}, found {self.dtype}.")
        itemsize = DTYPES[self.dtype].itemsize
        if self._fills_its_storage(itemsize):
            return
        geometry = Geometry(self.shape, self.strides, self.storage_offset)
        geometry.check(numel=self.storage.nbytes // itemsize, itemsize=itemsize)

    def _fills_its_storage(self, itemsize: int) -> bool:
        """Whether it is plainly a tensor of all of its storage, one element after another, as most are."""
        shape = self.shape
        if self.storage_offset != 0 or type(shape) is not tuple or len(shape) > MAXIMUM_DIMENSIONS:
            return False
        whole = WHOLE.issuperset(map(type, (*shape, *self.strides))) and min(shape, default=1) > 0
        return whole and prod(shape) * itemsize == self.storage.nbytes and self.strides == contiguous_strides(shape)


def describe(leaf: object) -> TensorData | None:
    """The description of a tensor or array that may stand in a tree, or None for anything else.

    A numpy array is contiguous in the file, whatever its own strides are.
    """
    if isinstance(leaf, TensorData):
        return leaf
    if isinstance(leaf, Tensor):
        return _carried_over(leaf)
    if type(leaf) in (numpy.ndarray, numpy.memmap):
        return _array(numpy.asarray(leaf))
    return None


def _carried_over(tensor: Tensor) -> TensorData:
    """A tensor of another file, its storage as a whole."""
    storage = tensor.storage
    data = StorageData(
        buffer=storage.read,
        dtype=tensor.dtype,
        identity=(id(storage), "storage"),
        nbytes=storage.nbytes,
    )
    return TensorData(
        dtype=tensor.dtype,
        shape=tensor.shape,
        strides=tensor.strides,
        storage_offset=tensor.storage_offset,
        storage=data,
        requires_grad=tensor.requires_grad,
        parameter=tensor.parameter,
    )


def _array(array: Array) -> TensorData:
    dtype = by_numpy(array.dtype)

    def content() -> memoryview:
        packed = numpy.ascontiguousarray(array, dtype.stored)
        return packed.reshape(-1).view(numpy.uint8).data

    packed = array.flags.c_contiguous and array.dtype == dtype.stored
    storage = StorageData(buffer=content() if packed else content, dtype=dtype.name, nbytes=array.nbytes)
    strides = contiguous_strides(array.shape)
    return TensorData(dtype=dtype.name, shape=array.shape, strides=strides, storage_offset=0, storage=storage)
