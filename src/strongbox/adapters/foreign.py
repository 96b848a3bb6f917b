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
import ntpath
import posixpath
import re
from collections.abc import Callable
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import gymnasium
import numpy
import torch

from ..errors import LimitError, StrongboxError, UnsupportedError
from ..limits import DEFAULT_LIMITS
from ..pickles import Call, Decoded, Node, PersistentId, decode, decode_next, encode, walk

__all__ = [
    "LARGEST",
    "TOO_LARGE",
    "is_machine_path",
    "pickle_bounded",
    "read_nodes",
    "shorten_path",
    "unshare",
    "without_machine",
]

LARGEST = DEFAULT_LIMITS.pickle_bytes
TOO_LARGE = f"it is larger than {LARGEST >> 20} MiB, and so no setting of an agent"


class _TooLarge(Exception):
    """More bytes than one attribute may have."""


class _Bounded(io.BytesIO):
    """Memory that takes no more than one attribute may have."""

    def write(self, content: Any) -> int:
        if self.tell() + len(content) > LARGEST:
            raise _TooLarge
        return super().write(content)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle, giving up on large arrays before it copies them, and leaving out what is no part of an agent.

    That is how arrays lie in memory, the addresses that name torch's storages, and what a Box and a
    partial call keep once they were looked at.
    """

    def reducer_override(self, item: Any) -> Any:
        if isinstance(item, numpy.ndarray | torch.Tensor) and _bytes_of(item) > LARGEST:
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


def pickle_bounded(item: Any) -> bytes:
    """A live object, pickled; raises UnsupportedError, with the reason, where it cannot be kept."""
    memory = _Bounded()
    try:
        _Pickler(memory, protocol=4).dump(item)
        return memory.getvalue()
    except _TooLarge:
        raise UnsupportedError(TOO_LARGE) from None
    except Exception as error:
        # What hangs on an agent may raise anything when it is pickled.
        raise UnsupportedError(f"it cannot be pickled: {type(error).__name__}: {_first_line(error)}") from error


def read_nodes(content: bytes) -> tuple[Decoded, list[str]]:
    """The nodes of such a pickle without this machine's paths, and the paths that were more than debris.

    Raises UnsupportedError where an archive may not hold what it says.
    """
    try:
        decoded = decode(content, limits=DEFAULT_LIMITS)
    except LimitError as error:
        raise UnsupportedError(f"it is too large or too deep: {error.problem}") from error
    except StrongboxError as error:
        raise UnsupportedError(f"its pickle is nothing that an archive may hold: {error.problem}") from error
    return decoded, shorten_paths(decoded) if b"/" in content or b"\\" in content else []


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


# -- paths and addresses of this machine ----------------------------------------------------------

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_PATH = re.compile(r"(?<![\w./:~-])(?:/[\w.@+-]+){2,}/?|\b[A-Za-z]:\\[^\s'\"<>|]+")


def is_machine_path(text: str) -> bool:
    """Whether a text is the absolute path of a file or folder (``/home/me/tb``), and nothing else."""
    if "\n" in text or (text[:1] not in ("/", "\\") and text[1:2] != ":"):
        return False
    parts = [part for part in re.split(r"[/\\]", text) if part]
    return len(parts) >= 2 and (posixpath.isabs(text) or bool(ntpath.splitdrive(text)[0] and ntpath.isabs(text)))


def shorten_path(text: str) -> str:
    """The last part of a path."""
    return re.split(r"[/\\]", text.rstrip("/\\"))[-1]


def without_machine(text: str) -> str:
    """A text for people, without memory addresses, and with absolute paths cut down to their last part."""
    return _PATH.sub(lambda found: shorten_path(found[0]), _ADDRESS.sub("", text))


def shorten_paths(decoded: Decoded) -> list[str]:
    """Cut absolute paths in a graph of nodes down to their last part; gives those that were more than debris.

    The file name of a code object and a module's ``__file__`` say where a function came from, and
    nothing depends on them.
    """
    shortened: list[str] = []
    for node in walk(decoded):
        if isinstance(node, dict):
            for key, item in node.items():
                node[key] = _shorten(item, shortened, debris=key in ("__file__", "__path__"))
        elif isinstance(node, list):
            node[:] = [_shorten(item, shortened) for item in node]
        elif isinstance(node, Call):
            _shorten_call(node, shortened)
    return shortened


def _shorten_call(call: Call, shortened: list[str]) -> None:
    debris = _makes_code(call)
    call.arguments = tuple(_shorten(item, shortened, debris=debris) for item in call.arguments)
    call.appended = [_shorten(item, shortened) for item in call.appended]
    call.items = [(key, _shorten(item, shortened)) for key, item in call.items]
    if call.has_state:
        call.state = _shorten(call.state, shortened)


def _makes_code(call: Call) -> bool:
    """Whether a call makes a code object, by name or as cloudpickle does it: ``_builtin_type("CodeType")(...)``."""
    function = call.function
    name = function.arguments[-1:] if isinstance(function, Call) else (call.path.rpartition(".")[2],)
    return name in (("CodeType",), ("code",))


def _shorten(item: Node, shortened: list[str], *, debris: bool = False) -> Node:
    """A direct part of a node; tuples, which cannot be changed in place, are looked into."""
    if type(item) is str and is_machine_path(item):
        if not debris:
            shortened.append(item)
        return shorten_path(item)
    if type(item) is tuple:
        parts = tuple(_shorten(part, shortened, debris=debris) for part in item)
        return parts if any(new is not old for new, old in zip(parts, item, strict=True)) else item
    return item
