"""What an attribute becomes in an archive: exactly what JSON holds, or a value beside a pickle for SB3's reader.

Everything here is made of what was held at a clean point and refers to nothing live, so that another thread may do it
while the agent goes on learning. Nothing of this machine goes in: no memory address, no absolute path.
"""

from __future__ import annotations

import functools
import json
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

from ..archive import Entry, Exact, Typed
from ..conversion import (
    machine_folders,
    may_hold_paths,
    note_shortened,
    without_machine,
    without_paths,
)
from ..errors import StrongboxError, UnsupportedError
from ..limits import DEFAULT_LIMITS
from ..pickles import Global, encode
from ..values import ClassReference, Opaque, Schedule, find_opaque, is_exact_json, to_value
from .foreign import LARGEST, TOO_LARGE, pickle_bounded, read_nodes, unshare
from .schedules import live_schedule

__all__ = [
    "DEBRIS",
    "Beside",
    "Pickled",
    "copied_entry",
    "episodes_entry",
    "episodes_text",
    "function_entry",
    "pickled_entry",
    "schedule_entry",
    "show",
    "show_items",
    "understand",
]

REMEMBERED = 1 << 14
"""Bytes of a pickle up to which its reading is remembered."""

DEPTH = 48
"""Levels of nesting of what stands in data as it is, with some left for what it stands in."""

SIZED = frozenset({str, list, dict})
"""Types of JSON whose values may be large."""

LONGEST_TEXT = 10_000
"""Characters of one attribute's text beside a typed entry."""

DEBRIS = frozenset(
    ("__dict__", "__weakref__", "__slotnames__", "__firstlineno__", "__static_attributes__", "low_repr", "high_repr")
)
"""Attributes that say nothing, or something else in each run."""


@dataclass(frozen=True)
class Pickled:
    """An object as it was at a clean point.

    ``type`` is the text of its class, ``content`` its pickle, ``beside`` its first-level attributes, held for
    :func:`show_items`, ``is_space`` whether it is a space: equal pickles of spaces have equal attributes.
    """

    type: str
    content: bytes
    beside: Mapping[Any, Any]
    is_space: bool = False


def copied_entry(name: str, attribute: Any, shortened: dict[str, str]) -> Entry:
    """The entry of what never changes, or of a copy that nobody else holds."""
    if is_exact_json(attribute, depth=DEPTH):
        if type(attribute) in SIZED:
            _require_small(attribute)
        return _exact_entry(name, attribute, shortened)
    if isinstance(attribute, type) and _is_importable(attribute):
        return _class_entry(attribute, machine_folders())
    content = pickle_bounded(attribute)
    understood = _understand(content)
    note_shortened(name, understood.shortened, shortened)
    return _typed(str(type(attribute)), _attributes(attribute), understood)


def pickled_entry(name: str, held: Pickled, shortened: dict[str, str]) -> Entry:
    """The entry of an object that was pickled at a clean point."""
    understood = _understand(held.content)
    note_shortened(name, understood.shortened, shortened)
    if held.is_space and len(held.content) <= REMEMBERED:
        return _space_entry(held.content, Beside(held), machine_folders())
    return _typed(held.type, show_items(held.beside), understood)


def function_entry(name: str, held: Pickled, problem: str, shortened: dict[str, str]) -> Entry:
    """The entry of a function without a table: SB3's reader runs it on the same Python, here it is opaque."""
    try:
        entry = pickled_entry(name, held, shortened)
    except StrongboxError as error:
        raise UnsupportedError(f"{problem}; {error.problem}") from error
    parts = entry.opaque if isinstance(entry, Typed) else []
    if not isinstance(entry, Typed) or not parts:
        return entry
    reason = without_machine(f"{problem}; {parts[0][1].reason}")
    needs_code = any(part.needs_code for _, part in parts)
    return replace(entry, value=Opaque(type=parts[0][1].type, reason=reason, needs_code=needs_code))


def schedule_entry(name: str, schedule: Schedule, shortened: dict[str, str]) -> Entry:
    """The entry of a schedule, in a class of SB3's own or as a table."""
    live = live_schedule(schedule)
    return _typed(str(type(live)), _attributes(live), _Understood(schedule, _schedule_pickle(schedule), ()))


def understand(content: bytes) -> Any:
    """The value of an object that was pickled at a clean point."""
    return _understand(content).value


@dataclass(frozen=True)
class Beside:
    """What goes along with a key and is equal to any other: what tells keys apart stands beside it."""

    content: Any = field(compare=False)


@functools.lru_cache(maxsize=64)
def _space_entry(content: bytes, held: Beside, folders: tuple[str, ...]) -> Typed:
    return _typed(held.content.type, show_items(held.content.beside), _understand(content))


@dataclass(frozen=True)
class _Understood:
    """What a pickle comes to: the value, the bytes that are written in its place, the paths cut down."""

    value: Any
    pickle: bytes
    shortened: tuple[str, ...]


def _understand(content: bytes) -> _Understood:
    if len(content) > REMEMBERED:
        return _read(content)
    return _remembered(content, machine_folders() if may_hold_paths(content) else ())


def _read(content: bytes) -> _Understood:
    decoded, shortened = read_nodes(content)
    value = to_value(decoded, limits=DEFAULT_LIMITS)
    if any(find_opaque(value)) or decoded.popped or decoded.cyclic:
        return _Understood(value, encode(decoded), tuple(shortened))
    return _Understood(value, encode(unshare(decoded.root)), tuple(shortened))


@functools.lru_cache(maxsize=256)
def _remembered(content: bytes, folders: tuple[str, ...]) -> _Understood:
    """Most of an agent's attributes are the same each time it is saved; folders change what is cut out."""
    return _read(content)


def episodes_text(episodes: deque[Any]) -> str | None:
    """A deque of what JSON holds, as its text, which needs no reading to be understood; None for any other."""
    items = list(episodes)
    text = json.dumps(items) if is_exact_json(items, depth=DEPTH) else "/"
    # Where no path can be, the text has neither.
    return None if "/" in text or "\\" in text or len(text) > LARGEST else text


def episodes_entry(text: str, longest: int | None, shortened: dict[str, str]) -> Typed:
    """The entry of such a deque: its parts share what JSON's reader lets them share; equal ones are pickled alike."""
    return (_episodes_entry if len(text) <= REMEMBERED else _episodes_entry.__wrapped__)(text, longest)


@functools.lru_cache(maxsize=64)
def _episodes_entry(text: str, longest: int | None) -> Typed:
    episodes = deque(json.loads(text), longest)
    return _typed(str(deque), {}, _Understood(episodes, pickle_bounded(episodes), ()))


def _is_importable(attribute: type) -> bool:
    """Whether a class is found again by its name, and so kept by it."""
    module = sys.modules.get(attribute.__module__)
    return attribute.__module__ != "__main__" and getattr(module, attribute.__qualname__, None) is attribute


@functools.lru_cache(maxsize=256)
def _class_entry(attribute: type, folders: tuple[str, ...]) -> Typed:
    module, name = attribute.__module__, attribute.__qualname__
    understood = _Understood(ClassReference(module, name), encode(Global(module, name)), ())
    return _typed(str(type(attribute)), _attributes(attribute), understood)


def _exact_entry(name: str, attribute: Any, shortened: dict[str, str]) -> Exact:
    found: list[str] = []
    value = without_paths(attribute, found)
    note_shortened(name, found, shortened)
    return Exact(value)


def _require_small(value: Any) -> None:
    """Refuse what is larger as JSON than any setting of an agent, before its text is made.

    Counted are the bytes that its parts take at least.
    """
    size, waiting = 0, [value]
    while waiting:
        part = waiting.pop()
        if type(part) is str:
            size += len(part)
        elif type(part) in (list, dict):
            size += 2 * len(part)
            items = part
            if type(part) is dict:
                size += sum(map(len, part))
                items = part.values()
            if size <= LARGEST:
                waiting += [item for item in items if type(item) in SIZED]
        if size > LARGEST:
            raise UnsupportedError(TOO_LARGE)


def _typed(kind: str, attributes: Mapping[str, Any], understood: _Understood) -> Typed:
    """The entry of an attribute: the same one as long as nothing about it changes, so that its text is made once."""
    value, pickle = understood.value, understood.pickle
    entry = Typed(type=kind, value=value, pickle=pickle, attributes=attributes)
    if len(pickle) > REMEMBERED:
        return entry
    # A table's source is not in its pickle.
    schedule = value if isinstance(value, Schedule) else None
    return _same_typed(kind, pickle, json.dumps(attributes), schedule, Beside(entry))


@functools.lru_cache(maxsize=256)
def _same_typed(kind: str, pickle: bytes, beside: str, schedule: Schedule | None, entry: Beside) -> Typed:
    found: Typed = entry.content
    return found


@functools.lru_cache(maxsize=64)
def _schedule_pickle(schedule: Schedule) -> bytes:
    return _read(pickle_bounded(live_schedule(schedule))).pickle


# -- what stands beside a typed entry for people to read --------------------------------------------

_class_attributes: WeakKeyDictionary[type, tuple[tuple[str, ...], dict[str, Any]]] = WeakKeyDictionary()


def _attributes(attribute: Any) -> dict[str, Any]:
    """The first-level attributes as SB3 writes them: JSON where it can be, otherwise text."""
    if isinstance(attribute, type):
        folders = machine_folders()
        if attribute not in _class_attributes or _class_attributes[attribute][0] != folders:
            _class_attributes[attribute] = folders, show_items(vars(attribute).copy())
        return _class_attributes[attribute][1]
    if isinstance(attribute, dict):
        return show_items(attribute)
    return show_items(getattr(attribute, "__dict__", {}))


def show_items(items: Mapping[Any, Any]) -> dict[str, Any]:
    """First-level attributes by name, each as JSON or text."""
    return {without_machine(str(key)): show(item) for key, item in items.items() if key not in DEBRIS}


def show(item: Any) -> Any:
    """One attribute as JSON or text; what it gives stays as it is when it is shown again."""
    if item is None or isinstance(item, bool | int | float):
        return _text(item) if isinstance(item, int) and item.bit_length() > 127 else item
    if isinstance(item, str):
        return without_machine(item)
    if isinstance(item, set | frozenset):
        # Sets have another order in each run.
        return f"{type(item).__name__}({', '.join(sorted(map(_text, item)))})"
    try:
        # There and back again: keys may become equal as text, which a reader refuses.
        shown = json.loads(text) if len(text := json.dumps(item)) <= LONGEST_TEXT else None
    except (TypeError, ValueError, RecursionError):
        shown = None
    return without_paths(shown, []) if shown is not None and is_exact_json(shown, depth=DEPTH) else _text(item)


def _text(item: Any) -> str:
    try:
        return without_machine(str(item))[:LONGEST_TEXT]
    except Exception:  # noqa: BLE001 - foreign code makes the text, which is only there to be read
        return f"<{type(item).__name__}>"
