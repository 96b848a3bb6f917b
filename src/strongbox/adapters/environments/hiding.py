"""What an environment that is replayed may remember where no attribute shows it, to be named.

An iterator does not tell where it stands, bits of a random generator without the generator are not looked into, nor are
objects among other things in a list. What a reset makes anew a replay makes anew, too: only what lives on over a reset
may come out otherwise, and only in a later episode, which no comparison sees. Attributes of a class are not the
object's, and are named once they have changed.
"""

from __future__ import annotations

import enum
import functools
from collections import UserList, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy

from ...values import same
from ..loaded import loaded_classes
from ..slots import fields_of
from .notes import Notes
from .parts import is_library, is_own, layer_classes, own_class, package_of, parts_of
from .plain import NotPlain, copy_plain
from .torch_state import torch_items

__all__ = ["Hiding"]

SHOWN = frozenset((type(None), bool, int, float, complex, str, bytes, bytearray, numpy.ndarray))
"""Types that hide nothing."""
CONTAINERS = (list, tuple, set, frozenset, deque, UserList, Mapping, numpy.ndarray)
DEEPEST = 4
"""Levels of containers that are looked into."""
LARGEST = 1 << 14
"""Parts of a class's attribute, above which it counts as data that nothing changes."""

Parts = Iterable[tuple[str, Any]]


class Hiding:
    """What of one environment's attributes has lived on over its last reset, and of its class's has changed."""

    def __init__(self, env: Any) -> None:
        self._classes = _class_attributes(env)
        self._before: dict[str, list[Any]] = {}
        self._found: dict[str, str] = {}

    def begin(self, parts: Parts) -> None:
        """Look at an environment and its own objects, by label, before a reset."""
        self._before = {label: items for label, items, _ in _hidden(parts)}

    def end(self, parts: Parts) -> None:
        """Look again, after the reset."""
        self._found = {
            label: reason
            for label, items, reason in _hidden(parts)
            if any(item is before for item in items for before in self._before.get(label, ()))
        }
        self._before = {}

    def tell(self, env: Any, place: str, notes: Notes) -> None:
        """Name all of it."""
        for label, reason in self._found.items():
            notes.add(f"{place}.{label}", reason)
        now = _class_attributes(env)
        for name, value in self._classes.items():
            if name not in now or not same(now[name], value):
                notes.add(f"{place}, {name}", "an attribute of a class, which has changed, and begins anew")


def _hidden(parts: Parts) -> Iterator[tuple[str, list[Any], str]]:
    for label, part in parts:
        for name, value in list(fields_of(part).items()):
            if type(value) in SHOWN and not _holds_objects(value):
                continue
            items, reason = _look(name, value)
            if items:
                yield (f"{label}.{name}" if label else name), items, reason


def _look(name: str, value: Any) -> tuple[list[Any], str]:
    """What of an attribute is not looked into, and what it is."""
    if _is_iterator(own_class(value)):
        return [value], "an iterator, which does not tell where it stands"
    if isinstance(value, numpy.random.BitGenerator):
        return [value], "bits of a random generator, which are captured of a Generator alone"
    if not isinstance(value, CONTAINERS):
        return [], ""
    hidden = list(_hidden_in(value, 0))
    if not hidden or any(parts_of(name, value)) or any(torch_items(name, value)):
        return [], ""
    return hidden, "it holds what is not looked into: iterators, or objects and tensors among other things"


def _hidden_in(value: Any, depth: int) -> Iterator[Any]:
    """What may remember something in a container, and in those inside of it."""
    items = value.values() if isinstance(value, Mapping) else list(value.flat) if _holds_objects(value) else value
    kinds = set(map(type, items))
    telling = {kind for kind in kinds if _may_remember(kind)}
    inner = {kind for kind in kinds if issubclass(kind, CONTAINERS)} if depth < DEEPEST else set()
    for item in list(items) if telling or inner else ():
        if type(item) in telling:
            yield item
        elif type(item) in inner and (type(item) is not numpy.ndarray or _holds_objects(item)):
            yield from _hidden_in(item, depth + 1)


def _holds_objects(value: Any) -> bool:
    return isinstance(value, numpy.ndarray) and value.dtype.hasobject


@functools.lru_cache(maxsize=512)
def _is_iterator(kind: Any) -> bool:
    return hasattr(kind, "__next__") and not hasattr(kind, "fileno")


@functools.lru_cache(maxsize=512)
def _may_remember(kind: Any) -> bool:
    """Whether an object of a class may be state that is not looked into among other things."""
    if kind in SHOWN or issubclass(kind, enum.Enum):
        return False
    if _is_iterator(kind) or issubclass(kind, loaded_classes("torch", "Tensor", "Generator")):
        return True
    return is_own(kind, "") and not issubclass(kind, (type, *layer_classes()))


def _class_attributes(env: Any) -> dict[str, Any]:
    """The plain attributes of an environment's class and of its bases, as far as they are the script's own."""
    kind: Any = env.__class__
    package = package_of(kind)
    found: dict[str, Any] = {}
    for base in kind.__mro__:
        if is_library(base) or not is_own(base, package):
            continue
        for name, value in vars(base).items():
            if name.startswith("__") or callable(value) or hasattr(value, "__get__"):
                continue
            try:
                found[f"{base.__qualname__}.{name}"] = copy_plain(value, most=LARGEST)
            except NotPlain:
                continue
    return found
