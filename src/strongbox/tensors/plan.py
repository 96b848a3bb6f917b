"""Writing files of tensors (``.pth``), as torch 2 writes them, without torch.

A tree is planned first: its pickle is made, its storages are counted and named, and the size of the
file is known. Then it is written once, from the memory that holds the tensors. Every storage begins at
a multiple of 64 bytes in the outer file, so that what maps the file can use it as it is. The same tree
gives the same bytes. Tensors are written as tensors of the CPU, which every reader has.

Trees are dicts, ordered dicts (with torch's ``_metadata``), lists, tuples and scalars; leaves are
tensors of another file, descriptions of live tensors, and numpy arrays. A number of numpy's becomes
the Python number of the same value: ``torch.load(weights_only=True)`` reads no others.
"""

from __future__ import annotations

import io
from typing import Any

from ..container import Written, ZipPlan, ZipWriter
from ..pickles import encode
from .tree_nodes import PlannedStorage, TreeNodes

__all__ = ["ALIGNMENT", "PthPlan", "plan_pth"]

ALIGNMENT = 64
"""Bytes."""
_TOP = "archive"


class PthPlan:
    """A file of tensors, ready to be written; ``size`` is its length in bytes."""

    def __init__(self, plan: ZipPlan) -> None:
        self._plan = plan

    @property
    def size(self) -> int:
        """The length of the file in bytes."""
        return self._plan.size

    def write(self, writer: ZipWriter, name: str) -> Written:
        """Add the file as a member of an archive, its tensors aligned in the archive."""
        return writer.add(name, self._plan)

    def to_bytes(self) -> bytes:
        """The whole file in memory."""
        file = io.BytesIO()
        writer = ZipWriter(file)
        written = self.write(writer, "tensors.pth")
        writer.close()
        return file.getvalue()[written.start : written.start + written.size]

    def __repr__(self) -> str:
        return f"<PthPlan of {self.size:,} bytes>"


def plan_pth(tree: Any, *, align: int = ALIGNMENT) -> PthPlan:
    """Plan the file of a tree, whose leaves are tensors, arrays and scalars.

    Every storage begins at a multiple of ``align`` bytes, a power of two. The memory of arrays and
    live tensors must not change before it is written. Raises UnsupportedError, naming the path, where
    the tree holds anything else, and FormatError where a live tensor reaches out of its storage.
    """
    nodes = TreeNodes()
    root = nodes.node(tree)
    plan = ZipPlan(align=align)
    plan.add(f"{_TOP}/data.pkl", encode(root, protocol=2))
    plan.add(f"{_TOP}/byteorder", b"little")
    for storage in nodes.storages:
        _add_storage(plan, storage)
    plan.add(f"{_TOP}/version", b"3\n")
    return PthPlan(plan)


def _add_storage(plan: ZipPlan, storage: PlannedStorage) -> None:
    """Memory that is there is planned as such; what a function gives is asked for when its turn comes."""
    name = f"{_TOP}/data/{storage.key}"
    if callable(storage.data.buffer):
        plan.add(name, lambda: storage.data.content(storage.nbytes), size=storage.nbytes)
    else:
        plan.add(name, storage.data.content(storage.nbytes))
