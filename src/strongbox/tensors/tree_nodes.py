"""A tree of tensors becomes the nodes of the pickle that torch would write, and a list of its storages.

The pickle names nothing but what ``torch.load(weights_only=True)`` knows. A tensor object that stands
in several places is one node; a storage that several tensors look into is one storage.
"""

from __future__ import annotations

import functools
from collections import OrderedDict, defaultdict
from collections.abc import Hashable
from typing import Any

import numpy

from ..errors import LimitError, UnsupportedError
from ..limits import DEFAULT_LIMITS
from ..pickles import Call, Encoded, Global, Node, PersistentId, encode_part
from ..records import record
from .dtypes import DTYPES
from .live import StorageData, TensorData, describe
from .state_dict import StateDict
from .tensor import TorchName

__all__ = ["PlannedStorage", "TreeNodes"]

_LONGEST_INTEGER = 8 * DEFAULT_LIMITS.long_bytes - 1
"""Bits besides the sign: what the reader takes."""


@record(frozen=True)
class PlannedStorage:
    """A storage under the key that it gets in the file; ``storage_class`` is torch's name of its class."""

    key: str
    storage_class: tuple[str, str]
    numel: int
    nbytes: int
    data: StorageData


class TreeNodes:
    """Builds the nodes of one tree; ``storages`` are those that its tensors look into, in order."""

    def __init__(self) -> None:
        self.storages: list[PlannedStorage] = []
        self._by_identity: dict[Hashable, PlannedStorage] = {}
        self._names: dict[tuple[str, str], Global] = {}
        self._leaves: dict[int, tuple[object, Node]] = {}

    def node(self, item: Any, path: str = "", depth: int = 0) -> Node:
        """The node of a value; raises UnsupportedError, naming the path, for what a file cannot hold."""
        if depth > DEFAULT_LIMITS.depth:
            raise LimitError(f"expected values nested at most {DEFAULT_LIMITS.depth} deep, found deeper: {path}.")
        kind = type(item)
        if kind in _SCALARS:
            return _scalar(item, path)
        if kind in (dict, defaultdict):
            return dict(self._items(item, path, depth))
        if kind is OrderedDict:
            return self._ordered_dict(item, path, depth)
        if isinstance(item, StateDict):
            return self.node(item.raw, path, depth)
        if kind is list:
            return [self.node(part, f"{path}.{index}", depth + 1) for index, part in enumerate(item)]
        if isinstance(item, tuple) and not hasattr(item, "_fields"):
            return tuple([self.node(part, f"{path}.{index}", depth + 1) for index, part in enumerate(item)])
        if kind is TorchName:
            return self._torch_name(item)
        tensor = self._leaf(item)
        return tensor if tensor is not None else _scalar(item, path)

    def _items(self, mapping: dict[Any, Any], path: str, depth: int) -> list[tuple[Node, Node]]:
        return [
            (_key(key, path), self.node(item, f"{path}.{key}" if path else str(key), depth + 1))
            for key, item in mapping.items()
        ]

    def _ordered_dict(self, mapping: OrderedDict[Any, Any], path: str, depth: int) -> Call:
        call = self._call("collections", "OrderedDict")
        call.items = self._items(mapping, path, depth)
        metadata = mapping.__dict__.get("_metadata")
        if metadata is not None:
            call.has_state = True
            call.state = {"_metadata": self.node(metadata, f"{path}._metadata", depth + 1)}
        return call

    def _torch_name(self, item: TorchName) -> Node:
        if item.kind == "dtype":
            return self._name("torch", item.name)
        kind, _, index = item.name.partition(":")
        return self._call("torch", "device", kind, *([int(index)] if index else []))

    # -- tensors --------------------------------------------------------------------------------

    def _leaf(self, item: object) -> Node | None:
        """The node of a tensor or array, the same each time the object comes up; None for anything else."""
        known = self._leaves.get(id(item))
        if known is not None:
            return known[1]
        tensor = describe(item)
        if tensor is None:
            return None
        node = self._tensor(tensor)
        self._leaves[id(item)] = (item, node)
        return node

    def _tensor(self, tensor: TensorData) -> Encoded:
        tensor.check()
        storage = self._storage(tensor)
        return _encode_tensor(
            tensor.dtype,
            (storage.storage_class, storage.key, storage.numel),
            (tensor.storage_offset, tensor.shape, tensor.strides),
            tensor.requires_grad,
            tensor.parameter,
        )

    def _storage(self, tensor: TensorData) -> PlannedStorage:
        """The storage that a tensor looks into, planned when it first comes up."""
        dtype = DTYPES[tensor.dtype]
        storage_class = ("torch", dtype.storage_class) if dtype.storage_class else ("torch.storage", "UntypedStorage")
        data = tensor.storage
        identity = data.identity if data.identity is not None and data.nbytes else id(data)
        planned = self._by_identity.get(identity)
        if planned is None:
            unit = dtype.itemsize if dtype.storage_class else 1
            numel = data.nbytes // unit
            planned = PlannedStorage(str(len(self.storages)), storage_class, numel, numel * unit, data)
            self._by_identity[identity] = planned
            self.storages.append(planned)
        elif (planned.storage_class, planned.data.nbytes) != (storage_class, data.nbytes):
            raise UnsupportedError(
                "expected tensors that share memory to have one type, found two.",
                hint="Clone one of them: torch.save cannot write this either.",
            )
        return planned

    def _call(self, module: str, name: str, *arguments: Node) -> Call:
        return Call(self._name(module, name), arguments)

    def _name(self, module: str, name: str) -> Global:
        return self._names.setdefault((module, name), Global(module, name))


@functools.lru_cache(maxsize=4096)
def _encode_tensor(
    dtype: str,
    storage: tuple[tuple[str, str], str, int],
    place: tuple[int, tuple[int, ...], tuple[int, ...]],
    requires_grad: bool,
    parameter: bool,
) -> Encoded:
    """The call that makes one tensor: the same each time an agent is saved, so encoded once.

    Every tensor gets an empty ordered dict of its own, in which it keeps its hooks once it is loaded.
    """
    storage_class, key, numel = storage
    identifier = PersistentId(("storage", Global(*storage_class), key, "cpu", numel))
    arguments = (identifier, *place, requires_grad and not parameter, _no_hooks())
    if DTYPES[dtype].storage_class is not None:
        call = Call(Global("torch._utils", "_rebuild_tensor_v2"), arguments)
    else:
        call = Call(Global("torch._utils", "_rebuild_tensor_v3"), (*arguments, Global("torch", dtype)))
    if parameter:
        call = Call(Global("torch._utils", "_rebuild_parameter"), (call, requires_grad, _no_hooks()))
    return encode_part(call, protocol=2)


def _no_hooks() -> Call:
    return Call(Global("collections", "OrderedDict"), ())


def _key(key: Any, path: str) -> Node:
    if type(key) is tuple:
        return tuple([_scalar(part, path) for part in key])
    return _scalar(key, path)


def _scalar(item: Any, path: str) -> Node:
    """A scalar as it is, a number of numpy's as Python's; raises for anything else."""
    if type(item) not in _SCALARS and isinstance(item, numpy.number | numpy.bool_) and item.dtype.itemsize <= 8:
        item = item.item()
    if type(item) is int and item.bit_length() > _LONGEST_INTEGER:
        raise LimitError(f"expected integers of at most {_LONGEST_INTEGER} bits, found a longer one at {path}.")
    if type(item) not in _SCALARS:
        place = path or "the top"
        raise UnsupportedError(
            f"expected tensors, arrays, containers and scalars, found {type(item).__qualname__} at {place}.",
            hint="A file of tensors holds nothing else; keep it in data.",
        )
    return item


_SCALARS = frozenset((type(None), bool, int, float, str))
