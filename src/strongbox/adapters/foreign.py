"""Live objects as inert nodes: pickled into bounded memory, decoded, and rid of this machine's paths.

What hangs on an agent may be anything: a database connection, a language model, an open file. The
pickler here gives up as soon as that is clear; the caller leaves such an attribute out, by name. What
cloudpickle writes is read by the same machine that reads a stranger's file, and only the nodes that
come out of it go on: so nothing is written that could not be read, and the bytes that SB3's reader
gets are made from nodes, the same every time.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import gymnasium
import numpy
import torch

from ..conversion import may_hold_paths, shorten_paths, without_machine
from ..errors import LimitError, StrongboxError, UnsupportedError
from ..limits import DEFAULT_LIMITS, Limits
from ..pickles import Call, Decoded, Node, PersistentId, decode, decode_next, encode

__all__ = ["LARGEST", "TOO_LARGE", "pickle_bounded", "read_nodes", "unshare"]

LARGEST = DEFAULT_LIMITS.pickle_bytes
TOO_LARGE = f"it is larger than {LARGEST >> 20} MiB, and so no setting of an agent"

_ARRAYS = (numpy.ndarray, torch.Tensor)


class _TooLarge(Exception):
    """More bytes than one attribute may have."""


class _Bounded(io.BytesIO):
    """Memory that takes no more than one attribute may have."""

    def __init__(self, largest: int) -> None:
        super().__init__()
        self._largest = largest

    def write(self, content: Any) -> int:
        if self.tell() + len(content) > self._largest:
            raise _TooLarge
        return super().write(content)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle, giving up on large arrays before it copies them, and leaving out what is no part of an agent.

    That is how arrays lie in memory, the addresses that name torch's storages, and what a Box and a
    partial call keep once they were looked at.
    """

    def reducer_override(self, item: Any) -> Any:
        if isinstance(item, _ARRAYS) and _bytes_of(item) > LARGEST:
            raise _TooLarge
        if isinstance(item, io.IOBase) and not isinstance(item, io.BytesIO | io.StringIO):
            # cloudpickle would put the file's content in its place.
            raise TypeError("it is an open file")
        canonical = _CANONICAL.get(type(item))
        return super().reducer_override(item) if canonical is None else canonical(item)


def _bytes_of(item: Any) -> int:
    """The size of an array, or zero where its elements do not lie in a row, as in sparse tensors."""
    try:
        return int(item.nbytes)
    except (RuntimeError, TypeError, NotImplementedError):
        return 0


def _reduce_array(array: Any) -> Any:
    if array.flags.c_contiguous:
        return NotImplemented
    return numpy.ascontiguousarray(array).reshape(array.shape).__reduce_ex__(4)


def _reduce_tensor(tensor: Any) -> Any:
    if tensor.layout != torch.strided or tensor.untyped_storage().nbytes() == tensor.nbytes:
        return NotImplemented
    return tensor.detach().clone().requires_grad_(tensor.requires_grad).__reduce_ex__(4)


def _reduce_storage(storage: Any) -> Any:
    load, (content,) = storage.__reduce__()
    return load, (_without_addresses(content),)


def _reduce_box(box: Any) -> Any:
    make, arguments, state = box.__reduce_ex__(4)[:3]
    return make, arguments, {**state, **{name: None for name in ("low_repr", "high_repr") if name in state}}


def _reduce_partial(partial: Any) -> Any:
    make, arguments, (function, given, keywords, attributes) = partial.__reduce__()
    return make, arguments, (function, given, keywords, attributes or None)


_CANONICAL: dict[type, Callable[[Any], Any]] = {
    numpy.ndarray: _reduce_array,
    torch.Tensor: _reduce_tensor,
    torch.TypedStorage: _reduce_storage,
    gymnasium.spaces.Box: _reduce_box,
    functools.partial: _reduce_partial,
}


def _without_addresses(content: bytes) -> bytes:
    """The file of one storage, in torch's older layout, where it is named by its address in memory.

    Such a file is five pickles in a row, the fourth the storage's description, the fifth the list of
    names, and then the elements.
    """
    parts, position = [], 0
    for _ in range(5):
        decoded, position = decode_next(content, position, persistent=True)
        node = decoded.root
        if isinstance(node, PersistentId):
            kind, storage_class, _, *rest = node.value
            node = PersistentId((kind, storage_class, "0", *rest))
        elif isinstance(node, list):
            node = ["0"]
        parts.append(encode(node, protocol=2))
    return b"".join([*parts, content[position:]])


def pickle_bounded(item: Any, *, largest: int = LARGEST) -> bytes:
    """A live object, pickled in at most ``largest`` bytes; raises UnsupportedError where it cannot be kept."""
    memory = _Bounded(largest)
    try:
        _Pickler(memory, protocol=4).dump(item)
        return memory.getvalue()
    except _TooLarge:
        raise UnsupportedError(TOO_LARGE if largest == LARGEST else f"it is larger than {largest:,} bytes") from None
    except Exception as error:
        # What hangs on an agent may raise anything when it is pickled.
        raise UnsupportedError(f"it cannot be pickled: {type(error).__name__}: {_first_line(error)}") from error


def read_nodes(content: bytes, *, limits: Limits = DEFAULT_LIMITS) -> tuple[Decoded, list[str]]:
    """The nodes of such a pickle without this machine's paths, and the paths that were more than debris.

    Raises UnsupportedError where an archive may not hold what it says.
    """
    try:
        decoded = decode(content, limits=limits)
    except LimitError as error:
        raise UnsupportedError(f"it is too large or too deep: {error.problem}") from error
    except StrongboxError as error:
        raise UnsupportedError(f"its pickle is nothing that an archive may hold: {error.problem}") from error
    return shorten_paths(decoded) if may_hold_paths(content) else (decoded, [])


def unshare(node: Node) -> Node:
    """A copy of a graph without cycles in which no part stands twice.

    Which parts of a value happen to be one object, a dtype here, a list of layers there, is no part
    of the agent, and a loaded one has other objects.
    """
    if type(node) in (list, tuple, set, frozenset):
        return type(node)([unshare(item) for item in node])
    if type(node) is dict:
        return {unshare(key): unshare(item) for key, item in node.items()}
    if type(node) is not Call:
        return node
    keywords = {name: unshare(item) for name, item in node.keywords.items()}
    copy = Call(unshare(node.function), unshare(node.arguments), keywords=keywords, kind=node.kind)
    copy.appended = [unshare(item) for item in node.appended]
    copy.items = [(unshare(key), unshare(item)) for key, item in node.items]
    copy.state, copy.has_state = unshare(node.state), node.has_state
    return copy


def _first_line(error: BaseException) -> str:
    return without_machine(str(error).partition("\n")[0])[:200]
