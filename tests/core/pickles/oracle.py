"""What CPython's own unpickler does with a pickle, told in nodes: names and calls are recorded by stand-ins.

The unpickler is CPython's ``pickle._Unpickler``, the one written in Python, whose memo is a dictionary. Its
``find_class`` gives out a Name; calling one gives a Result, which notes what is done to it.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

from strongbox.pickles import Call, Global, Node, PersistentId

__all__ = ["load_as_nodes"]


class Result:
    """What calling a Name, or another Result, gives."""

    def __init__(self, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any], kind: str) -> None:
        self.made = function, arguments, keywords, kind
        self.appended: list[Any] = []
        self.items: list[tuple[Any, Any]] = []
        self.state: Any = None
        self.has_state = False
        self.append = self.appended.append
        self.extend = self.appended.extend
        self.__new__ = _new  # type: ignore[method-assign, assignment]

    def __call__(self, *arguments: Any) -> Result:
        return Result(self, arguments, {}, "reduce")

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items.append((key, value))

    def __setstate__(self, state: Any) -> None:
        self.state, self.has_state = state, True


class Name:
    """A class or function by name."""

    def __init__(self, module: str, name: str) -> None:
        self.node = Global(module, name)
        self.__new__ = _new  # type: ignore[method-assign, assignment]

    def __call__(self, *arguments: Any) -> Result:
        return Result(self, arguments, {}, "reduce")


def _new(function: Any, *arguments: Any, **keywords: Any) -> Result:
    return Result(function, arguments, keywords, "new")


class Recorder(pickle._Unpickler):
    """An unpickler that imports and calls nothing but stand-ins."""

    names: dict[tuple[str, str], Name]

    def find_class(self, module: str, name: str) -> Name:
        return self.names.setdefault((module, name), Name(module, name))

    def persistent_load(self, value: Any) -> PersistentId:
        return PersistentId(value)


def load_as_nodes(content: bytes) -> Node:
    """Load a pickle with CPython's unpickler and turn what comes out into nodes."""
    recorder = Recorder(io.BytesIO(content), fix_imports=False)
    recorder.names = {}
    return _convert(recorder.load(), {})


def _convert(value: Any, known: dict[int, tuple[Node, Any]]) -> Node:
    """The node of a value; ``known`` keeps what was converted, with its original, by identity."""
    if id(value) in known:
        return known[id(value)][0]
    if isinstance(value, Result):
        return _convert_result(value, known)
    node = _convert_new(value, known)
    if node is not value or isinstance(value, list | dict | set | tuple):
        known[id(value)] = node, value
    return node


def _convert_result(value: Result, known: dict[int, tuple[Node, Any]]) -> Call:
    function, arguments, keywords, kind = value.made
    call = Call(_convert(function, known), tuple(_convert(item, known) for item in arguments), kind=kind)
    call.keywords = {name: _convert(item, known) for name, item in keywords.items()}
    known[id(value)] = call, value
    call.appended = [_convert(item, known) for item in value.appended]
    call.items = [(_convert(key, known), _convert(item, known)) for key, item in value.items]
    call.state, call.has_state = _convert(value.state, known), value.has_state
    return call


def _convert_new(value: Any, known: dict[int, tuple[Node, Any]]) -> Node:
    if isinstance(value, Name):
        return value.node
    if isinstance(value, PersistentId):
        return PersistentId(_convert(value.value, known))
    if isinstance(value, list):
        node: list[Node] = []
        known[id(value)] = node, value
        node.extend(_convert(item, known) for item in value)
        return node
    if isinstance(value, dict):
        pairs: dict[Node, Node] = {}
        known[id(value)] = pairs, value
        pairs.update((_convert(key, known), _convert(item, known)) for key, item in value.items())
        return pairs
    if isinstance(value, tuple | set | frozenset):
        return type(value)(_convert(item, known) for item in value)
    return value
