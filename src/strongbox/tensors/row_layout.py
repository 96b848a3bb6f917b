"""torch's older layout: a row of pickles, then the bytes of the storages.

::

    pickle      the magic number 0x1950a86a20f9469cfc6c
    pickle      1001, the version of the layout
    pickle      a dict with little_endian and type_sizes of the machine
    pickle      the value; storages are persistent ids
    pickle      the keys of the storages, a list
    storages    for each key in order: int64 number of elements, then their bytes

``torch.save`` wrote it before 1.6, and still does for tensors in ordinary pickles (by way of
``torch.storage._load_from_bytes``). It has no checksums; the numbers have to agree, and the last
storage has to end where the file does.

Source: ``torch/serialization.py`` (``_legacy_save``, ``_legacy_load``).
"""

from __future__ import annotations

from ..errors import FormatError, UnsupportedError
from ..limits import Limits
from ..pickles import Budget, Node, decode_next
from .layout import Layout
from .storages import StorageTable

__all__ = ["MAGIC", "open_row_layout"]

MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
"""The first pickle, which is the same in every file."""
_VERSION = 1001
_LENGTH = 8
"""Bytes of the number in front of each storage."""


def open_row_layout(view: memoryview, *, limits: Limits, budget: Budget) -> Layout:
    """Read the pickles of a file in torch's older layout; the bytes of storages are only located."""
    position = len(MAGIC)
    version, position = decode_next(view, position, limits=limits, budget=budget)
    if type(version.root) is not int or version.root != _VERSION:
        raise FormatError(f"expected version {_VERSION} of torch's older layout, found another.", offset=len(MAGIC))
    system, position = decode_next(view, position, limits=limits, budget=budget)
    _check_system(system.root)
    value, position = decode_next(view, position, limits=limits, budget=budget, persistent=True)
    keys, position = decode_next(view, position, limits=limits, budget=budget)
    places: dict[str, memoryview] = {}
    table = StorageTable(check=lambda key, nbytes: None, read=places.__getitem__, with_views=True)

    def finish() -> tuple[str, ...]:
        places.update(_locate_storages(view, position, _keys(keys.root), table))
        return ()

    return Layout("row", value, table, None, finish)


def _check_system(node: Node) -> None:
    if type(node) is not dict or type(node.get("little_endian")) is not bool:
        raise FormatError("expected a dict that says little_endian, found something else.")
    if not node["little_endian"]:
        raise UnsupportedError(
            "expected numbers in little-endian byte order, found big-endian ones.",
            hint="Load it with torch and save it again on a little-endian machine.",
        )


def _keys(node: Node) -> list[str]:
    if type(node) is not list or not all(type(key) is str for key in node) or len(set(node)) != len(node):
        raise FormatError("expected a list of the keys of storages, each once, found something else.")
    return node


def _locate_storages(view: memoryview, position: int, keys: list[str], table: StorageTable) -> dict[str, memoryview]:
    """The bytes of each storage; raises FormatError unless they fill the rest of the file exactly."""
    if len(keys) != len(table) or not all(key in table for key in keys):
        raise FormatError(f"expected the {len(table)} storages that the tensors name, found {len(keys)} or others.")
    places = {}
    for key in keys:
        storage = table[key]
        start, end = position + _LENGTH, position + _LENGTH + storage.nbytes
        if end > len(view):
            raise FormatError(f"expected {storage.nbytes:,} bytes of storage {key!r}, found fewer.", offset=position)
        numel = int.from_bytes(view[position:start], "little", signed=True)
        if numel != storage.numel:
            raise FormatError(
                f"expected {storage.numel:,} elements of storage {key!r}, as the pickle declares, found {numel:,}.",
                offset=position,
            )
        places[key] = view[start:end]
        position = end
    if position != len(view):
        raise FormatError("expected the end of the file after the last storage, found more bytes.", offset=position)
    return places
