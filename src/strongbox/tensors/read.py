"""Files of tensors (``.pth``) become trees, without torch.

The layout is told by content. Whatever the layout, the pickle is decoded into inert nodes, and the
nodes become a tree by the recipes of ``rebuild``; the bytes of tensors stay where they are.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from ..container import identify
from ..errors import FormatError, LimitError, UnsupportedError, locate
from ..limits import DEFAULT_LIMITS, Limits
from ..pickles import Budget, Node
from ..records import record
from .layout import Layout
from .names import called, described
from .rebuild import Rebuilder, StorageSpan
from .row_layout import MAGIC, open_row_layout
from .scalars import arguments
from .tensor import Storage, Tensor
from .zip_layout import open_zip_layout

__all__ = ["PthFile", "open_pth", "read_parts", "read_pth", "read_tensor"]


@record(frozen=True, eq=False)
class PthFile:
    """One file of tensors, read: the ``tree``, its ``storages``, and remarks that a person should know of.

    ``layout`` is ``"zip"``, or ``"row"`` for the older row of pickles.
    """

    tree: Any = field(repr=False)
    layout: str
    storages: tuple[Storage, ...] = field(repr=False)
    remarks: tuple[str, ...] = ()


def read_pth(
    view: memoryview | bytes | bytearray, *, limits: Limits = DEFAULT_LIMITS, budget: Budget | None = None
) -> Any:
    """The tree of a file of tensors: dict, list, tuple and scalars, whose leaves are :class:`Tensor`.

    An ordered dict stays an OrderedDict, with torch's ``_metadata`` on it; a storage on its own is a
    tensor of one dimension. Reads the directory and the pickle only. Raises FormatError, LimitError,
    RefusedError naming what has no place in such a file, UnsupportedError naming what torch has and
    Strongbox does not keep.
    """
    return open_pth(view, limits=limits, budget=budget).tree


def open_pth(
    view: memoryview | bytes | bytearray, *, limits: Limits = DEFAULT_LIMITS, budget: Budget | None = None
) -> PthFile:
    """As :func:`read_pth`, with the layout, the storages and the remarks beside the tree."""
    view = memoryview(view).toreadonly()
    layout = _open(view, limits, budget or Budget(limits))
    with locate(member=layout.member):
        tree = _tree(layout, layout.root, limits=limits, file_size=len(view))
        remarks = layout.finish()
    return PthFile(tree, layout.name, tuple(layout.table), remarks)


def read_parts(
    view: memoryview | bytes | bytearray, *, kept: str, limits: Limits = DEFAULT_LIMITS, budget: Budget | None = None
) -> tuple[dict[Any, Any], Node]:
    """A file of tensors that is a dictionary with one item which is no tree of them: the rest, and that item as a node.

    Storages in the item are left where they are. Raises as :func:`read_pth`, and FormatError where there is no such
    dictionary.
    """
    view = memoryview(view).toreadonly()
    layout = _open(view, limits, budget or Budget(limits))
    with locate(member=layout.member):
        root = layout.root
        if type(root) is not dict or kept not in root:
            raise FormatError(f"expected a dictionary with {kept!r}, found {described(root)}.")
        rest = {key: item for key, item in root.items() if key != kept}
        return _tree(layout, rest, limits=limits, file_size=len(view)), root[kept]


def read_tensor(node: Node, *, limits: Limits = DEFAULT_LIMITS, budget: Budget | None = None) -> Tensor:
    """The tensor or parameter in an ordinary pickle, where its storage is a file of its own in bytes.

    ``node`` is a call of ``torch._utils._rebuild_*`` whose storage is a call of
    ``torch.storage._load_from_bytes``. Raises as :func:`read_pth`.
    """
    budget = budget or Budget(limits)
    rebuilder = Rebuilder(lambda storage: _storage_in_bytes(storage, limits, budget), limits=limits, file_size=0)
    return rebuilder.tensor(node)


def _storage_in_bytes(node: Node, limits: Limits, budget: Budget) -> StorageSpan:
    """The storage in a call of ``torch.storage._load_from_bytes``, read as a file of its own."""
    if called(node) != ("torch.storage", "_load_from_bytes"):
        raise FormatError(f"expected a storage below a tensor, found {described(node)}.")
    (content,) = arguments(node, 1)
    if type(content) is not bytes:
        raise FormatError(f"expected the bytes of a storage, found {described(content)}.")
    with budget.nested():
        layout = _open(memoryview(content), limits, budget)
    span = layout.table.resolve(layout.root)
    layout.finish()
    return span


def _tree(layout: Layout, root: Node, *, limits: Limits, file_size: int) -> Any:
    rebuilder = Rebuilder(layout.table.resolve, limits=limits, file_size=file_size)
    try:
        return rebuilder.tree(root)
    except RecursionError:
        raise LimitError("expected values nested less deeply than Python can follow, found deeper.") from None


def _open(view: memoryview, limits: Limits, budget: Budget) -> Layout:
    """Read a file up to its pickle, in the layout that its first bytes tell; raises on any other file."""
    if view[: len(MAGIC)] == MAGIC:
        return open_row_layout(view, limits=limits, budget=budget)
    known = identify(view)
    if known is not None and known.name == "a zip archive":
        return open_zip_layout(view, limits=limits, budget=budget)
    found = known.name if known is not None else "something else"
    if found == "a tar archive":
        found += ", as torch wrote before 0.1.10"
    error = UnsupportedError if known is not None else FormatError
    raise error(
        f"expected a file that torch.save wrote, found {found}.",
        hint="Load it with the torch that wrote it, and save it with a later one.",
    )
