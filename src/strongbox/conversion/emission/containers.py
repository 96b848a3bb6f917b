"""Containers, complex numbers and paths, as Python's own pickler writes them."""

from __future__ import annotations

from collections import OrderedDict, deque
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from ...pickles import Call, Global, Node
from .emitters import Emit, Emitters

__all__ = ["EMITTERS"]


def emit_items(emit: Emit, value: Any) -> Node:
    """A list, tuple, set or frozenset."""
    return type(value)([emit(item) for item in value])


def emit_dict(emit: Emit, value: dict[Any, Any]) -> Node:
    """A dictionary, in its order."""
    return {emit(key): emit(item) for key, item in value.items()}


def emit_ordered_dict(emit: Emit, value: OrderedDict[Any, Any]) -> Node:
    """An ordered dictionary: an empty one, on which the items are set."""
    call = Call(Global("collections", "OrderedDict"), ())
    call.items = [(emit(key), emit(item)) for key, item in value.items()]
    return call


def emit_deque(emit: Emit, value: deque[Any]) -> Node:
    """A deque: an empty one of its largest length, to which the items are appended."""
    call = Call(Global("collections", "deque"), ((), value.maxlen) if value.maxlen is not None else ())
    call.appended = [emit(item) for item in value]
    return call


def emit_complex(emit: Emit, value: complex) -> Node:
    """A complex number."""
    return Call(Global("builtins", "complex"), (value.real, value.imag))


def emit_path(emit: Emit, value: PurePosixPath | PureWindowsPath) -> Node:
    """A path that opens nothing, which every system has; one that opens files exists on its own system alone."""
    return Call(Global("pathlib", type(value).__name__), (str(value),))


EMITTERS: Emitters = {
    list: emit_items,
    tuple: emit_items,
    set: emit_items,
    frozenset: emit_items,
    dict: emit_dict,
    OrderedDict: emit_ordered_dict,
    deque: emit_deque,
    complex: emit_complex,
    PurePosixPath: emit_path,
    PureWindowsPath: emit_path,
}
