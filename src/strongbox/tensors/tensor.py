"""A tensor of a file: its type, sizes and place, with the elements left in the file until asked for.

A tensor looks into a storage, a block of elements that several tensors may share; the same storage in
the file is the same object here. Reading verifies the storage's checksum, once, and gives numpy arrays
that are views on the file's bytes: read-only, without a copy, alive as long as they are held.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

import numpy

from ..errors import FormatError, MismatchError
from ..records import record
from .dtypes import DTYPES, Array, Dtype, widen_bfloat16
from .geometry import Geometry, contiguous_strides

__all__ = ["Storage", "Tensor", "TorchName"]


@record(frozen=True)
class TorchName:
    """Something of torch that a file names: ``kind`` is ``"dtype"`` (``float32``) or ``"device"`` (``cuda:0``)."""

    kind: str
    name: str


class Storage:
    """A block of elements that tensors share, told apart by identity.

    ``key`` is its name in the file, ``dtype`` torch's name of its elements (``uint8`` where the storage
    has no type), ``device`` where it lived when it was saved (``cpu``, ``cuda:0``), ``numel`` and
    ``nbytes`` its size.
    """

    __slots__ = ("_content", "_read", "device", "dtype", "key", "nbytes")

    def __init__(
        self, key: str, dtype: str, nbytes: int, read: Callable[[], memoryview | bytes], *, device: str = "cpu"
    ) -> None:
        self.key = key
        self.dtype = dtype
        self.nbytes = nbytes
        self.device = device
        self._read = read
        self._content: memoryview | None = None

    @property
    def numel(self) -> int:
        """How many elements the storage has."""
        return self.nbytes // DTYPES[self.dtype].itemsize

    def read(self) -> memoryview:
        """The bytes, their checksum verified at the first call; raises FormatError where it differs."""
        if self._content is None:
            content = memoryview(self._read()).toreadonly()
            if content.nbytes != self.nbytes:
                raise FormatError(f"expected {self.nbytes:,} bytes of storage {self.key!r}, found {content.nbytes:,}.")
            self._content = content
        return self._content

    def __repr__(self) -> str:
        return f"<Storage {self.key}: {self.numel} {self.dtype}>"


@record(frozen=True, eq=False, repr=False)
class Tensor:
    """A tensor in a file, read when asked for.

    ``dtype`` is torch's name of the elements, ``geometry`` says which of the storage's elements they
    are. ``requires_grad`` and ``parameter`` (a ``torch.nn.Parameter``) are as in the file. Built by
    the readers, which check that the geometry lies inside the storage.
    """

    dtype: str
    geometry: Geometry
    storage: Storage
    requires_grad: bool = False
    parameter: bool = False
    _type: Dtype = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_type", DTYPES[self.dtype])
        self.geometry.check(numel=self.storage.nbytes // self._type.itemsize, itemsize=self._type.itemsize)

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each dimension."""
        return self.geometry.shape

    @property
    def strides(self) -> tuple[int, ...]:
        """The step of each dimension, in elements."""
        return self.geometry.strides

    @property
    def storage_offset(self) -> int:
        """The first element's place in the storage, in elements."""
        return self.geometry.offset

    @property
    def device(self) -> str:
        """Where the tensor lived when it was saved, such as ``cpu`` or ``cuda:0``."""
        return self.storage.device

    @property
    def count(self) -> int:
        """How many elements the tensor has."""
        return self.geometry.count

    @property
    def nbytes(self) -> int:
        """Bytes of the tensor's elements, in their own type."""
        return self.count * self._type.itemsize

    def stored(self) -> Array:
        """The elements as they lie in the file: as :meth:`numpy`, but bfloat16 as its bits in uint16.

        A read-only view; a copy only where the file has the elements at an odd address.
        """
        dtype, geometry = self._type.stored, self.geometry
        if self.count == 0:
            return _read_only(numpy.empty(geometry.shape, dtype))
        steps = tuple(stride * dtype.itemsize for stride in geometry.strides)
        # By way of frombuffer, whose result nobody can make writable again.
        content = numpy.frombuffer(self.storage.read(), numpy.uint8)
        array = numpy.ndarray(geometry.shape, dtype, content, geometry.offset * dtype.itemsize, steps)
        if self.dtype == "bool" and array.view("u1").max() > 1:
            raise FormatError(
                f"expected booleans of 0 and 1 in storage {self.storage.key!r}, found {array.view('u1').max()}."
            )
        return array if array.flags.aligned else _read_only(array.copy(order="C"))

    def content(self) -> memoryview | None:
        """The bytes of a tensor whose elements lie in order without gaps, or None for any other.

        A view on the file, wherever in it the elements begin: never a copy. Raises as :meth:`numpy`.
        """
        if self.geometry.strides != contiguous_strides(self.geometry.shape) or self.dtype == "bool":
            return None
        start = self.geometry.offset * self._type.itemsize
        return memoryview(self.storage.read()).cast("B")[start : start + self.nbytes]

    def numpy(self) -> Array:
        """The elements as a read-only numpy array of the tensor's shape.

        A view on the file's bytes, without a copy; bfloat16 is copied into float32, every value exact.
        Raises FormatError where the storage's checksum or content is wrong.
        """
        stored = self.stored()
        return _read_only(widen_bfloat16(stored)) if self.dtype == "bfloat16" else stored

    def copy(self) -> Array:
        """The elements as a fresh, writable, C-contiguous array."""
        stored = self.stored()
        return widen_bfloat16(stored) if self.dtype == "bfloat16" else stored.copy(order="C")

    def copy_into(self, array: Array) -> None:
        """Copy the elements into an array of the same shape and type.

        Of bfloat16 the array may be float32, or uint16 for the bits. Raises MismatchError.
        """
        if array.shape != self.shape or array.dtype not in (self._type.stored, self._type.shown):
            raise MismatchError(
                f"expected an array of {self._type.shown} {self.shape}, found {array.dtype} {array.shape}."
            )
        array[...] = self.stored() if array.dtype == self._type.stored else self.numpy()

    def verify(self) -> None:
        """Read all that can be wrong: the storage's checksum, the values of booleans; raises FormatError."""
        self.storage.read()
        if self.dtype == "bool":
            self.stored()

    def __repr__(self) -> str:
        device = "" if self.device == "cpu" else f" on {self.device}"
        return f"<Tensor {self.dtype} {self.shape}{device}>"


def _read_only(array: Array) -> Array:
    array.flags.writeable = False
    return array
