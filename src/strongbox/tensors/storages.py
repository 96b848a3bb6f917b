"""Persistent ids: what stands in a pickle where a storage belongs, and the storages they lead to.

torch writes ``("storage", class, key, location, numel)``, and in the older layout a sixth part: None,
or ``(key, offset, numel)`` for a view of the storage. A storage is declared once for each tensor that
looks into it; all declarations of one key have to say the same.

Source: ``torch/serialization.py``, ``persistent_id`` in ``_save`` and ``_legacy_save``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..errors import FormatError, UnsupportedError
from ..pickles import Node, PersistentId
from ..records import record
from .names import StorageType, described, storage_type
from .rebuild import StorageSpan
from .tensor import Storage

__all__ = ["StorageTable"]

_LARGEST = 1 << 62


@record(frozen=True)
class _Declaration:
    """One persistent id, checked; ``start`` and ``numel`` say which part of the storage is meant."""

    type: StorageType
    key: str
    device: str
    whole: int
    start: int
    numel: int

    @property
    def nbytes(self) -> int:
        return self.whole * self.type.dtype.itemsize


class StorageTable:
    """The storages of one file by key, made when a persistent id first names them.

    ``read`` gives the bytes of a storage, ``check`` raises where a file cannot hold a storage of that
    key and number of bytes.
    """

    def __init__(
        self, *, check: Callable[[str, int], None], read: Callable[[str], memoryview], with_views: bool
    ) -> None:
        self._check = check
        self._read = read
        self._parts = 6 if with_views else 5
        self._storages: dict[str, Storage] = {}

    def __iter__(self) -> Iterator[Storage]:
        return iter(self._storages.values())

    def __contains__(self, key: str) -> bool:
        return key in self._storages

    def __getitem__(self, key: str) -> Storage:
        return self._storages[key]

    def __len__(self) -> int:
        return len(self._storages)

    def resolve(self, node: Node) -> StorageSpan:
        """The storage that a persistent id declares; the same object for the same key."""
        declared = self._declaration(node)
        storage = self._storages.get(declared.key)
        if storage is None:
            storage = self._storages[declared.key] = self._make(declared)
        elif declared.nbytes == 0 == storage.nbytes:
            # torch gives storages of no bytes the same key whatever their type; there is nothing to share.
            storage = self._make(declared)
        elif (storage.dtype, storage.nbytes, storage.device) != (
            declared.type.dtype.name,
            declared.nbytes,
            declared.device,
        ):
            raise FormatError(f"expected one type, size and device for storage {declared.key!r}, found two.")
        return StorageSpan(storage, declared.type.is_typed, declared.start, declared.numel)

    def _make(self, declared: _Declaration) -> Storage:
        key = declared.key
        self._check(key, declared.nbytes)
        dtype = declared.type.dtype.name
        return Storage(key, dtype, declared.nbytes, lambda: self._read(key), device=declared.device)

    def _declaration(self, node: Node) -> _Declaration:
        if type(node) is not PersistentId:
            raise FormatError(f"expected a storage below a tensor, found {described(node)}.")
        parts = node.value
        if type(parts) is tuple and parts[:1] == ("module",):
            raise UnsupportedError(
                "expected tensors, found a whole module pickled with them.",
                hint="Save module.state_dict() instead of the module.",
            )
        if type(parts) is not tuple or len(parts) != self._parts or parts[0] != "storage":
            raise FormatError(f"expected a storage id of {self._parts} parts, found something else.")
        _, kind, key, device, numel = parts[:5]
        if not _is_name(key) or not _is_name(device):
            raise FormatError("expected the key and the device of a storage as short text, found something else.")
        start, size = (0, _number(numel)) if len(parts) == 5 else _view(parts[5], _number(numel))
        return _Declaration(storage_type(kind), key, device, numel, start, size)


def _view(metadata: Node, whole: int) -> tuple[int, int]:
    """Start and length of a view of a storage; of all of it where there is no metadata."""
    if metadata is None:
        return 0, whole
    if type(metadata) is not tuple or len(metadata) != 3 or not _is_name(metadata[0]):
        raise FormatError("expected a key, an offset and a size for the view of a storage, found something else.")
    start, size = _number(metadata[1]), _number(metadata[2])
    if start + size > whole:
        raise FormatError(
            f"expected a view inside its storage of {whole:,} elements, found one up to {start + size:,}."
        )
    return start, size


def _number(node: Node) -> int:
    if type(node) is not int or not 0 <= node <= _LARGEST:
        raise FormatError("expected a whole number, not negative, as the size of a storage, found something else.")
    return node


def _is_name(node: Node) -> bool:
    return type(node) is str and 0 < len(node) <= 100 and node.isascii() and node.isprintable()
