"""Plain data of a live agent as values, which have a portable form.

What a value stands for is told by the exact type of an object. An object that is none of these raises
:class:`NotKept` with the reason, and is left out.
"""

from __future__ import annotations

import enum
import pickle
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

import numpy

from ... import values
from ...archive import Entry, Exact, Typed, entry_text
from ...conversion import machine_folders
from ...errors import UnsupportedError
from ...pickles import decode
from ..generators import is_generator, read_generator
from ..torch_values import read_tensor, read_torch_state
from .kinds import is_environment, is_space, is_tensor, is_torch_generator, why_no_part

__all__ = ["NotKept", "data_entry", "to_data"]

DEEPEST = 48
"""Containers inside each other."""

THEMSELVES = frozenset((type(None), bool, int, float, complex, str, bytes))
MAPPINGS: dict[type, type] = {dict: dict, OrderedDict: OrderedDict, defaultdict: dict, Counter: dict}
"""Dictionaries, each with the one that it is kept as: what a missing item becomes is the live one's own matter."""


class NotKept(UnsupportedError):
    """An object that has no value; ``is_state`` says whether it may well be a part of the agent's state."""

    def __init__(self, reason: str, *, is_state: bool = True) -> None:
        super().__init__(reason)
        self.is_state = is_state


def data_entry(live: Any) -> Entry:
    """The entry of data for a live object; raises NotKept, or what its portable form raises.

    Nothing in the entry is the live object's: its text is made here, and is what will be written.
    """
    entry: Entry
    value = to_data(live)
    entry = Exact(value) if values.is_exact_json(value, depth=DEEPEST) else Typed(type=str(type(live)), value=value)
    entry_text(entry, pickles=False)
    return entry


def to_data(live: Any, depth: int = 0) -> Any:
    """The value of a live object, which holds nothing of it."""
    kind = type(live)
    if depth > DEEPEST:
        raise NotKept("it is nested deeper than what is kept of an agent")
    if kind in THEMSELVES:
        return _without_paths(live) if kind is str else live
    if isinstance(live, dict | list) and kind not in MAPPINGS and kind is not list and _is_bare(live):
        kind = dict if isinstance(live, dict) else list
    if kind in MAPPINGS:
        return MAPPINGS[kind]((_key(key), to_data(item, depth + 1)) for key, item in live.items())
    if kind in (list, tuple):
        return kind(to_data(item, depth + 1) for item in live)
    if kind is deque:
        return deque((to_data(item, depth + 1) for item in live), live.maxlen)
    if kind in (set, frozenset):
        return kind(map(_key, live))
    for recognised, read in READERS:
        if recognised(live):
            return read(live, depth)
    if is_environment(live):
        raise NotKept("it is an environment", is_state=False)
    reason, is_state = why_no_part(live)
    raise NotKept(reason, is_state=is_state)


def _is_bare(live: Any) -> bool:
    """Whether an object of a class derived from a container is no more than its items."""
    attributes = getattr(live, "__dict__", None)
    return not attributes or attributes is live


def _without_paths(text: str) -> str:
    """The text itself; raises NotKept where it leads into a folder of this machine."""
    if ("/" in text or "\\" in text) and any(folder in text for folder in machine_folders()):
        raise NotKept("it holds a path of this machine", is_state=False)
    return text


def _key(key: Any) -> Any:
    return to_data(key) if isinstance(key, enum.Enum | type) else key


def _read_array(live: Any, depth: int) -> Any:
    if live.dtype.kind not in "biufcUS" or live.dtype.char in "gG":
        raise NotKept(f"it is an array of {live.dtype}, which has no form for every machine")
    return numpy.array(live, dtype=live.dtype.newbyteorder("="), order="C")


def _read_enum(live: Any, depth: int) -> Any:
    if type(live.value) not in (int, str):
        raise NotKept(f"it is a member of {type(live).__qualname__}, whose value is no number or text")
    return values.EnumMember(enum=_reference(type(live)), value=live.value)


def _reference(kind: type) -> values.ClassReference:
    if "<locals>" in kind.__qualname__:
        raise NotKept(f"it is of the class {kind.__qualname__}, which no other program finds by its name")
    return values.ClassReference(kind.__module__, kind.__qualname__)


def _read_named_tuple(live: Any, depth: int) -> Any:
    return values.NamedTuple(_reference(type(live)), tuple(to_data(item, depth + 1) for item in live))


def _read_path(live: PurePath, depth: int) -> Any:
    _without_paths(str(live))
    return live


def _read_space(live: Any, depth: int) -> Any:
    """A space by way of its pickle, which is read as a stranger's is, so that every space has one reader."""
    value = values.to_value(decode(pickle.dumps(live, 4)))
    opaque = values.find_opaque(value)
    if opaque:
        raise NotKept(f"it is a space that is not understood: {opaque[0][1].reason}")
    return value


def _of_torch(name: str) -> Callable[[Any], bool]:
    return lambda live: type(live).__module__ == "torch" and type(live).__name__ == name


READERS: tuple[tuple[Callable[[Any], bool], Callable[[Any, int], Any]], ...] = (
    (lambda live: type(live).__module__.startswith(values.__name__), lambda live, depth: live),
    (lambda live: isinstance(live, enum.Enum), _read_enum),
    (lambda live: isinstance(live, numpy.generic | numpy.dtype), lambda live, depth: live),
    (lambda live: type(live) is numpy.ndarray, _read_array),
    (lambda live: isinstance(live, type), lambda live, depth: _reference(live)),
    (lambda live: isinstance(live, tuple) and hasattr(live, "_fields"), _read_named_tuple),
    (is_generator, lambda live, depth: read_generator(live)),
    (is_torch_generator, lambda live, depth: read_torch_state(live)),
    (is_space, _read_space),
    (lambda live: isinstance(live, PurePath), _read_path),
    (lambda live: type(live) is bytearray, lambda live, depth: bytearray(live)),
    (is_tensor, lambda live, depth: read_tensor(live)),
    (_of_torch("device"), lambda live, depth: values.Device(str(live))),
    (_of_torch("dtype"), lambda live, depth: values.TorchDtype(str(live).partition(".")[2])),
    (_of_torch("Size"), lambda live, depth: values.TorchSize(tuple(live))),
)
"""How an object is told, and what its value is; the first that fits."""
