"""Inert nodes become tensors and containers, by the recipes of a closed table.

A recipe stands under the exact name of what torch would have called, checks the number, type and
range of the arguments, and builds from plain values: an ordinary dict, list or tuple, and tensors
whose geometry lies inside their storage.

Sources: ``torch/_utils.py`` (``_rebuild_*``), ``torch/_tensor.py`` (``_reduce_ex_internal``).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..errors import FormatError, LimitError, RefusedError, UnsupportedError
from ..limits import Limits
from ..pickles import Call, Global, Node, PersistentId
from ..records import record
from .dtypes import DTYPES
from .geometry import Geometry
from .names import called, described, dtype_named, refused
from .scalars import SCALAR_RECIPES, arguments, flag, size
from .tensor import Storage, Tensor, TorchName

__all__ = ["Rebuilder", "StorageSpan"]

_SMALL_FILE = 1 << 20
"""Bytes; the limit on tensors that expand counts no file as smaller than this."""


@record(frozen=True)
class StorageSpan:
    """The part of a storage that a node stands for: ``numel`` of its elements from ``start``.

    ``is_typed`` is False for an untyped storage, whose elements are bytes.
    """

    storage: Storage
    is_typed: bool
    start: int
    numel: int


class Rebuilder:
    """Builds the tree of one file: dict, list, tuple and scalars, with tensors as leaves.

    ``resolve`` finds the storage that a node stands for. What tensors come to when they are copied is
    bounded by their storages, plus what a file of ``file_size`` bytes may inflate to: a few numbers
    expanded over terabytes are refused.
    """

    def __init__(self, resolve: Callable[[Node], StorageSpan], *, limits: Limits, file_size: int) -> None:
        self._resolve = resolve
        self._limits = limits
        self._open: set[int] = set()
        self._tensors: dict[int, Tensor] = {}
        self._storages: set[int] = set()
        self._room = min(limits.inflated_bytes, limits.deflate_ratio * max(file_size, _SMALL_FILE))

    def tree(self, node: Node, depth: int = 0) -> Any:
        """The value of a node; raises StrongboxError on anything but a tree of tensors and scalars."""
        if depth > self._limits.depth:
            raise LimitError(f"expected values nested at most {self._limits.depth} deep, found deeper.")
        kind = type(node)
        if kind in _SCALARS:
            return node
        if kind is dict:
            return self._items(node.items(), {}, depth)
        if kind is list:
            return [self.tree(item, depth + 1) for item in node]
        if kind is tuple:
            return tuple([self.tree(item, depth + 1) for item in node])
        if kind is Call:
            return self._call(node, depth)
        if kind is Global:
            return TorchName("dtype", dtype_named(node).name)
        if kind is PersistentId:
            return self._bare_storage(node)
        raise RefusedError(f"expected containers, scalars and tensors, found a {kind.__name__}.")

    def tensor(self, node: Node) -> Tensor:
        """The tensor that a node stands for, the same object each time the node comes up."""
        recipe = _TENSORS.get(called(node))
        if recipe is None:
            raise FormatError(f"expected a tensor, found {described(node)}.")
        if id(node) not in self._tensors:
            self._tensors[id(node)] = recipe(self, node)
        return self._tensors[id(node)]

    def _call(self, call: Call, depth: int) -> Any:
        name = called(call)
        if name in _TENSORS:
            return self.tensor(call)
        if name in _CONTAINERS:
            return self._container(call, depth)
        if name in SCALAR_RECIPES:
            return SCALAR_RECIPES[name](call)
        raise refused(call)

    # -- recipes of tensors -------------------------------------------------------------------

    def _rebuild_tensor(self, call: Call) -> Tensor:
        storage, offset, sizes, strides = arguments(call, 4)
        return self._typed(storage, Geometry(size(sizes), size(strides), offset), requires_grad=False)

    def _rebuild_tensor_v2(self, call: Call) -> Tensor:
        storage, offset, sizes, strides, requires_grad, hooks, *metadata = arguments(call, 6, 7)
        _check_extras(hooks, *metadata)
        geometry = Geometry(size(sizes), size(strides), offset)
        return self._typed(storage, geometry, requires_grad=flag(requires_grad))

    def _rebuild_tensor_v3(self, call: Call) -> Tensor:
        storage, offset, sizes, strides, requires_grad, hooks, dtype, *metadata = arguments(call, 7, 8)
        _check_extras(hooks, *metadata)
        span = self._resolve(storage)
        if span.is_typed or span.numel != span.storage.numel:
            raise FormatError("expected a whole untyped storage below a tensor with a type of its own, found another.")
        geometry = Geometry(size(sizes), size(strides), offset)
        return self._placed(span, geometry, dtype_named(dtype).name, requires_grad=flag(requires_grad))

    def _rebuild_parameter(self, call: Call) -> Tensor:
        data, requires_grad, hooks = arguments(call, 3)
        _check_extras(hooks)
        if called(data) == called(call):
            raise FormatError("expected a tensor as the data of a parameter, found a parameter.")
        return replace(self.tensor(data), requires_grad=flag(requires_grad), parameter=True)

    def _typed(self, storage: Node, geometry: Geometry, *, requires_grad: bool) -> Tensor:
        span = self._resolve(storage)
        if not span.is_typed:
            raise FormatError("expected a storage of a type below a tensor without one, found an untyped storage.")
        return self._placed(span, geometry, span.storage.dtype, requires_grad=requires_grad)

    def _bare_storage(self, node: PersistentId) -> Tensor:
        """A storage on its own, as plain pickles of tensors hold one: a tensor of one dimension."""
        span = self._resolve(node)
        return self._placed(span, Geometry((span.numel,), (1,), 0), span.storage.dtype, requires_grad=False)

    def _placed(self, span: StorageSpan, geometry: Geometry, dtype: str, *, requires_grad: bool) -> Tensor:
        """A tensor that lies inside a span, told by its place in the storage as a whole."""
        if span.numel != span.storage.numel:
            geometry.check(numel=span.numel, itemsize=DTYPES[dtype].itemsize)
            if geometry.count:
                geometry = replace(geometry, offset=geometry.offset + span.start)
        tensor = Tensor(dtype, geometry, span.storage, requires_grad)
        self._spend_room(tensor)
        return tensor

    def _spend_room(self, tensor: Tensor) -> None:
        self._room -= tensor.nbytes
        if id(tensor.storage) not in self._storages:
            self._storages.add(id(tensor.storage))
            self._room += tensor.storage.nbytes
        if self._room < 0:
            raise LimitError(
                "expected tensors about as large as their storages, found tensors that expand far beyond them.",
                hint="Raise Limits.deflate_ratio and Limits.inflated_bytes where the file is to be trusted.",
            )

    # -- recipes of containers ----------------------------------------------------------------

    def _container(self, call: Call, depth: int) -> Any:
        """A container that is a call: the only place where a pickle can make a value contain itself."""
        if call.kind != "reduce" or call.keywords or call.appended:
            raise refused(call)
        if id(call) in self._open:
            raise FormatError("expected a tree, found a container that contains itself.")
        self._open.add(id(call))
        tree = _CONTAINERS[called(call)](self, call, depth)
        self._open.discard(id(call))
        return tree

    def _ordered_dict(self, call: Call, depth: int) -> Any:
        tree: OrderedDict[Any, Any] = OrderedDict()
        if call.arguments:
            self._items(_pairs(call), tree, depth)
        self._items(call.items, tree, depth)
        if call.has_state:
            _set_metadata(tree, self.tree(call.state, depth + 1))
        return tree

    def _default_dict(self, call: Call, depth: int) -> Any:
        """A plain dict: what the default would have been is a matter of the program, not of the file."""
        known = all(node is None or _is_builtin_type(node) for node in call.arguments)
        if len(call.arguments) > 1 or not known or call.has_state:
            raise refused(call)
        return self._items(call.items, {}, depth)

    def _items(self, items: Any, tree: dict[Any, Any], depth: int) -> dict[Any, Any]:
        for key, item in items:
            if type(key) not in _KEYS and not (type(key) is tuple and all(type(part) in _KEYS for part in key)):
                raise RefusedError(f"expected text or a number as the key of a dict, found {described(key)}.")
            tree[key] = self.tree(item, depth + 1)
        return tree


def _pairs(call: Call) -> list[Node]:
    """An ordered dict's items as one list of pairs, which Python 2 wrote."""
    pairs = call.arguments[0]
    listed = len(call.arguments) == 1 and type(pairs) is list
    if not listed or not all(type(pair) in (list, tuple) and len(pair) == 2 for pair in pairs):
        raise FormatError("expected a list of pairs in an ordered dict, found something else.")
    return list(pairs)


def _check_extras(hooks: Node, metadata: Node = None) -> None:
    """Hooks are always empty in a file; metadata tells views that are conjugated or negated when read."""
    empty = called(hooks) == ("collections", "OrderedDict") and not arguments(hooks, 0)
    if hooks is not None and not empty:
        raise RefusedError("expected a tensor without hooks, found hooks.")
    if metadata is not None and type(metadata) is not dict:
        raise FormatError(f"expected the metadata of a tensor in a dict, found {described(metadata)}.")
    if metadata:
        raise UnsupportedError(
            "expected a tensor as it lies in memory, found one that is conjugated or negated when read.",
            hint="Save it with .resolve_conj() or .resolve_neg().",
        )


def _set_metadata(tree: OrderedDict[Any, Any], state: Any) -> None:
    """Keep ``_metadata``, the versions of modules that torch sets on a state dict as an attribute."""
    if type(state) is not dict or set(state) != {"_metadata"} or not isinstance(state["_metadata"], dict):
        raise RefusedError("expected an ordered dict with _metadata alone set on it, found something else.")
    tree.__dict__["_metadata"] = state["_metadata"]


def _is_builtin_type(node: Node) -> bool:
    return type(node) is Global and node.module in ("builtins", "__builtin__") and node.name in _FACTORIES


_KEYS = frozenset((type(None), bool, int, float, str, bytes))
_SCALARS = _KEYS | {bytearray}
_FACTORIES = frozenset(("bool", "dict", "float", "int", "list", "set", "str", "tuple"))

_TENSORS: dict[tuple[str, str], Callable[[Rebuilder, Call], Tensor]] = {
    ("torch._utils", "_rebuild_tensor"): Rebuilder._rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): Rebuilder._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_tensor_v3"): Rebuilder._rebuild_tensor_v3,
    ("torch._utils", "_rebuild_parameter"): Rebuilder._rebuild_parameter,
}
_CONTAINERS: dict[tuple[str, str], Callable[[Rebuilder, Call, int], Any]] = {
    ("collections", "OrderedDict"): Rebuilder._ordered_dict,
    ("collections", "defaultdict"): Rebuilder._default_dict,
}
