"""Buffers that tensors are copied into while training stands still, used again at every checkpoint.

What is captured of an agent refers to live memory. A copy of it refers to the buffers instead, which stay as
they are until the next copy; so a writer may take its time while the agent goes on learning. Memory
that tensors share is copied once; arrays of numpy are copied each.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

import numpy

from ...archive import Contents
from ...tensors import StorageData, TensorData

__all__ = ["Staging"]

ALIGNMENT = 64
"""Bytes between the beginnings of two copies, as a copy in memory likes it."""


class Staging:
    """One block of memory for the tensors of one agent; it grows, and never shrinks."""

    def __init__(self) -> None:
        self._memory = memoryview(bytearray())

    def copy(self, contents: Contents) -> Contents:
        """The same contents, with every tensor in the block; an earlier copy is overwritten."""
        storages: dict[Hashable, StorageData] = {}
        for tree in (*contents.parameters.values(), contents.variables):
            _collect(tree, storages)
        copied = self._copy_all(storages)
        parameters = {name: _replaced(tree, copied) for name, tree in contents.parameters.items()}
        return replace(contents, parameters=parameters, variables=_replaced(contents.variables, copied))

    def _copy_all(self, storages: Mapping[Hashable, StorageData]) -> dict[Hashable, StorageData]:
        needed = sum(_aligned(storage.nbytes) for storage in storages.values())
        if needed > len(self._memory):
            self._memory = numpy.empty(needed, numpy.uint8).data
        copied, start = {}, 0
        for key, storage in storages.items():
            place = self._memory[start : start + storage.nbytes]
            place[:] = storage.content(storage.nbytes)
            copied[key] = replace(storage, buffer=place)
            start += _aligned(storage.nbytes)
        return copied


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _key(storage: StorageData) -> Hashable:
    return id(storage) if storage.identity is None else storage.identity


def _collect(tree: Any, storages: dict[Hashable, StorageData]) -> None:
    if isinstance(tree, TensorData):
        storages.setdefault(_key(tree.storage), tree.storage)
    elif isinstance(tree, Mapping):
        for item in tree.values():
            _collect(item, storages)
    elif type(tree) in (list, tuple):
        for item in tree:
            _collect(item, storages)


def _replaced(tree: Any, copied: Mapping[Hashable, StorageData]) -> Any:
    if isinstance(tree, TensorData):
        return replace(tree, storage=copied[_key(tree.storage)])
    if isinstance(tree, Mapping):
        items = ((key, _replaced(item, copied)) for key, item in tree.items())
        if not isinstance(tree, OrderedDict):
            return dict(items)
        ordered = OrderedDict(items)
        if hasattr(tree, "_metadata"):
            ordered._metadata = tree._metadata  # type: ignore[attr-defined]
        return ordered
    if type(tree) in (list, tuple):
        return type(tree)([_replaced(item, copied) for item in tree])
    return tree.copy() if isinstance(tree, numpy.ndarray) else tree
