"""Absolute paths of a machine, cut out of inert nodes.

The file name of a code object and a module's ``__file__`` say where a function came from, and nothing
depends on them. Whatever else is cut down is told.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from ..pickles import Call, Decoded, Global, Node, walk
from .paths import shorten_keys, shorten_text

__all__ = ["may_hold_paths", "shorten_paths"]


def may_hold_paths(content: bytes) -> bool:
    """Whether a pickle may hold a path, told fast."""
    return b"/" in content or b"\\" in content or b"pathlib" in content


def shorten_paths(decoded: Decoded) -> tuple[Decoded, list[str]]:
    """Cut paths of a machine out of a graph of nodes; gives those that were more than debris."""
    found: list[str] = []
    decoded = replace(decoded, root=_shorten(decoded.root, found))
    for node in walk(decoded):
        if isinstance(node, dict):
            _shorten_dictionary(node, found)
        elif isinstance(node, list):
            node[:] = [_shorten(item, found) for item in node]
        elif isinstance(node, set):
            _shorten_set(node, found)
        elif isinstance(node, Call):
            _shorten_call(node, found)
    return decoded, found


def _shorten_dictionary(node: dict[Node, Node], found: list[str]) -> None:
    names = shorten_keys(node, functools.partial(_shorten, found=found))
    items = {
        names.get(key, key): _shorten(item, found, debris=key in ("__file__", "__path__")) for key, item in node.items()
    }
    node.clear()
    node.update(items)


def _shorten_set(node: set[Node], found: list[str]) -> None:
    names = shorten_keys(node, functools.partial(_shorten, found=found))
    if names:
        items = [names.get(item, item) for item in node]
        node.clear()
        node.update(items)


def _shorten_call(call: Call, found: list[str]) -> None:
    if _makes_path(call):
        _shorten_path_call(call, found)
    debris = _makes_code(call)
    # Bytes that a call takes may be code, or the elements of an array.
    call.arguments = tuple(_shorten(item, found, debris=debris, raw=True) for item in call.arguments)
    call.keywords = {name: _shorten(item, found, raw=True) for name, item in call.keywords.items()}
    call.appended = [_shorten(item, found) for item in call.appended]
    names = shorten_keys([key for key, _ in call.items], functools.partial(_shorten, found=found))
    call.items = [(names.get(key, key), _shorten(item, found)) for key, item in call.items]
    if call.has_state:
        call.state = _shorten(call.state, found, raw=True)


def _makes_path(call: Call) -> bool:
    return isinstance(call.function, Global) and call.path.startswith("pathlib.") and call.path.endswith("Path")


def _shorten_path_call(call: Call, found: list[str]) -> None:
    """A path is pickled as its parts, or as its text."""
    if not call.arguments or not all(type(part) is str for part in call.arguments):
        return
    kind = PureWindowsPath if "Windows" in call.path else PurePosixPath
    text = str(kind(*call.arguments))
    if (short := shorten_text(text)) != text:
        found.append(text)
        call.arguments = (short,)


def _makes_code(call: Call) -> bool:
    """Whether a call makes a code object, by name or as cloudpickle does it: ``_builtin_type("CodeType")(...)``."""
    function = call.function
    name = function.arguments[-1:] if isinstance(function, Call) else (call.path.rpartition(".")[2],)
    return name in (("CodeType",), ("code",))


def _shorten(item: Node, found: list[str], *, debris: bool = False, raw: bool = False) -> Node:
    """A direct part of a node; what cannot be changed in place is looked into. ``raw`` leaves bytes as they are."""
    kind = type(item)
    if kind is str:
        return _note(item, shorten_text(item), None if debris else found)
    if kind is bytes and not raw:
        return _note(item, _shorten_bytes(item), found)
    if kind is tuple:
        parts = tuple(_shorten(part, found, debris=debris, raw=raw) for part in item)
        return parts if any(new is not old for new, old in zip(parts, item, strict=True)) else item
    if kind is frozenset:
        names = shorten_keys(item, functools.partial(_shorten, found=found, raw=raw))
        return frozenset(names.get(part, part) for part in item) if names else item
    return item


def _note(item: Any, short: Any, found: list[str] | None) -> Any:
    if short is not item and found is not None:
        found.append(item if isinstance(item, str) else item.decode())
    return short


def _shorten_bytes(content: bytes) -> bytes:
    """Bytes that are readable text, treated as text."""
    if b"/" not in content and b"\\" not in content:
        return content
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return content
    short = shorten_text(text) if text.isprintable() else text
    return content if short is text else short.encode()
