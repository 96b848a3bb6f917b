"""A live agent as the contents of an archive.

What SB3 would save is saved, attribute by attribute: exactly where JSON can hold it, otherwise as a
value beside a pickle for SB3's reader. What cannot be kept (an open file, a language model, a
function that is no schedule) is left out by name, with the reason; one attribute never makes the
save fail. Nothing of this machine goes in: no memory address, no absolute path. Names are put in
order, so that the same agent gives the same bytes in whatever order its attributes were set.
"""

from __future__ import annotations

import functools
import json
import sys
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

import gymnasium
import stable_baselines3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import get_system_info

from ..archive import Contents, Entry, Exact, Typed
from ..conversion import (
    inside_working_folder,
    is_machine_path,
    machine_folders,
    may_hold_paths,
    note_shortened,
    without_machine,
    without_paths,
)
from ..errors import StrongboxError, UnsupportedError
from ..limits import DEFAULT_LIMITS
from ..pickles import Global, encode
from ..values import (
    SCHEDULE_NAMES,
    ClassReference,
    Normalization,
    Opaque,
    Schedule,
    find_opaque,
    is_exact_json,
    to_value,
)
from .allowance import Allowance, needed_names
from .environment_id import find_environment_id
from .foreign import LARGEST, TOO_LARGE, pickle_bounded, read_nodes, unshare
from .schedules import known_schedule, live_schedule, tabulate
from .trees import describe_tree

__all__ = ["capture", "capture_parts"]

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


def capture(
    model: BaseAlgorithm,
    *,
    exclude: Collection[str] = (),
    include: Collection[str] = (),
    normalization: Normalization | None = None,
    pickles: bool = True,
    known: Mapping[str, Entry] | None = None,
) -> Contents:
    """Everything of a live agent that an archive holds; tensors are described, not copied.

    ``pickles`` says whether pickles will be written, which is what the size of data is reckoned with. ``known`` are
    entries by name that were captured before, and are taken as they are.
    """
    names = model._get_torch_save_params()[1]
    contents = capture_parts(
        attributes_to_save(model, exclude=exclude, include=include),
        model.get_parameters(),
        {name: functools.reduce(getattr, name.split("."), model) for name in names},
        needed=needed_names(type(model)),
        pickles=pickles,
        known=known or {},
    )
    return replace(
        contents,
        algorithm=f"{type(model).__module__}.{type(model).__qualname__}",
        normalization=normalization,
        environment=find_environment_id(model),
    )


def capture_parts(
    attributes: Mapping[str, Any],
    parameters: Mapping[str, Any],
    variables: Mapping[str, Any],
    *,
    needed: frozenset[str],
    pickles: bool = True,
    known: Mapping[str, Entry] | None = None,
) -> Contents:
    """The contents of an archive without a model, from attributes, state dicts and other tensors by name.

    ``needed`` are the attributes that stay, however large they are. The algorithm is left empty.
    """
    left_out: dict[str, str] = {}
    allowance = Allowance(needed, left_out, pickles=pickles)
    shortened: dict[str, str] = {}
    _add_entries(attributes, allowance, left_out, shortened, known or {})
    return Contents(
        algorithm="",
        data=allowance.entries,
        parameters={name: describe_tree(state, name) for name, state in parameters.items()},
        variables=describe_tree(variables, "variables"),
        sb3_version=stable_baselines3.__version__,
        system_info=_system_info(),
        left_out=left_out,
        shortened={key: note for key, note in shortened.items() if key.partition(":")[0] not in left_out},
    )


def attributes_to_save(
    model: BaseAlgorithm, *, exclude: Collection[str] = (), include: Collection[str] = ()
) -> dict[str, Any]:
    """The attributes that SB3 would save, by name, in order."""
    excluded = (set(exclude) | set(model._excluded_save_params())) - set(include)
    for names in model._get_torch_save_params():
        excluded.update(name.split(".")[0] for name in names)
    return {name: model.__dict__[name] for name in sorted(model.__dict__) if name not in excluded}


@functools.lru_cache(maxsize=1)
def _system_info() -> str:
    text: str = get_system_info(print_info=False)[1]
    return text


# -- one attribute ------------------------------------------------------------------------------


def _add_entries(
    attributes: Mapping[str, Any],
    allowance: Allowance,
    left_out: dict[str, str],
    shortened: dict[str, str],
    known: Mapping[str, Entry],
) -> None:
    for name, attribute in attributes.items():
        try:
            if name in known:
                entry = known[name]
            elif name in SCHEDULE_NAMES and callable(attribute):
                entry = _schedule_entry(name, attribute, shortened)
            else:
                entry = _entry(name, attribute, shortened)
            allowance.add(name, entry)
        except StrongboxError as error:
            left_out[name] = without_machine(error.problem)


def _entry(name: str, attribute: Any, shortened: dict[str, str]) -> Entry:
    if isinstance(attribute, str) and is_machine_path(attribute):
        inside = inside_working_folder(attribute) if name == "tensorboard_log" else None
        if inside is None:
            raise UnsupportedError("it is an absolute path of this machine")
        note_shortened(name, [inside], shortened)
        return Exact(inside)
    if is_exact_json(attribute, depth=DEPTH):
        if type(attribute) in SIZED:
            _require_small(attribute)
        return _exact_entry(name, attribute, shortened)
    if isinstance(attribute, type) and _is_importable(attribute):
        return _class_entry(attribute, machine_folders())
    content = pickle_bounded(attribute)
    if type(attribute) is deque:
        find = _episodes_entry if len(content) <= REMEMBERED else _episodes_entry.__wrapped__
        entry = find(content, _Shown(attribute))
        if entry is not None:
            return entry
    understood = _understand(content)
    note_shortened(name, understood.shortened, shortened)
    if isinstance(attribute, gymnasium.Space) and len(content) <= REMEMBERED:
        return _space_entry(content, _Shown(attribute), machine_folders())
    return _typed(attribute, understood.pickle, understood.value)


@dataclass(frozen=True)
class _Shown:
    """A live object, equal to any other: beside its pickle, which tells it from others, it is no part of a key."""

    live: Any = field(compare=False)


@functools.lru_cache(maxsize=64)
def _space_entry(content: bytes, shown: _Shown, folders: tuple[str, ...]) -> Typed:
    understood = _understand(content)
    return _typed(shown.live, understood.pickle, understood.value)


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


@functools.lru_cache(maxsize=64)
def _episodes_entry(content: bytes, shown: _Shown) -> Typed | None:
    """A deque of what JSON holds, which needs no reading to be understood; None for any other.

    It goes through JSON's text, so that its parts share what JSON's reader lets them share, and equal
    ones are pickled alike.
    """
    items = list(shown.live)
    text = json.dumps(items) if is_exact_json(items, depth=DEPTH) else "/"
    if "/" in text or "\\" in text:  # Where no path can be, the text has neither.
        return None
    episodes = deque(json.loads(text), shown.live.maxlen)
    return _typed(episodes, pickle_bounded(episodes), episodes)


def _is_importable(attribute: type) -> bool:
    """Whether a class is found again by its name, and so kept by it."""
    module = sys.modules.get(attribute.__module__)
    return attribute.__module__ != "__main__" and getattr(module, attribute.__qualname__, None) is attribute


@functools.lru_cache(maxsize=256)
def _class_entry(attribute: type, folders: tuple[str, ...]) -> Typed:
    module, name = attribute.__module__, attribute.__qualname__
    return _typed(attribute, encode(Global(module, name)), ClassReference(module, name))


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


def _typed(attribute: Any, pickle: bytes, value: Any) -> Typed:
    """The entry of an attribute: the same one as long as nothing about it changes, so that its text is made once."""
    entry = Typed(type=str(type(attribute)), value=value, pickle=pickle, attributes=_attributes(attribute))
    if len(pickle) > REMEMBERED:
        return entry
    # A table's source is not in its pickle.
    schedule = value if isinstance(value, Schedule) else None
    return _same_typed(entry.type, pickle, json.dumps(entry.attributes), schedule, _Shown(entry))


@functools.lru_cache(maxsize=256)
def _same_typed(kind: str, pickle: bytes, beside: str, schedule: Schedule | None, entry: _Shown) -> Typed:
    found: Typed = entry.live
    return found


# -- schedules ----------------------------------------------------------------------------------


def _schedule_entry(name: str, attribute: Any, shortened: dict[str, str]) -> Entry:
    """A schedule of SB3's own classes, or of a table where it is any other function that has one."""
    schedule = known_schedule(attribute)
    if schedule is None:
        try:
            schedule = _understood(attribute)
        except UnsupportedError as error:
            return _function_entry(name, attribute, error.problem, shortened)
        attribute = live_schedule(schedule)
    return _typed(attribute, _schedule_pickle(schedule), schedule)


def _function_entry(name: str, attribute: Any, problem: str, shortened: dict[str, str]) -> Entry:
    """A function without a table, as it is: SB3's reader runs it on the same Python, here it is opaque."""
    try:
        entry = _entry(name, attribute, shortened)
    except StrongboxError as error:
        raise UnsupportedError(f"{problem}; {error.problem}") from error
    parts = entry.opaque if isinstance(entry, Typed) else []
    if not isinstance(entry, Typed) or not parts:
        return entry
    reason = without_machine(f"{problem}; {parts[0][1].reason}")
    needs_code = any(part.needs_code for _, part in parts)
    return replace(entry, value=Opaque(type=parts[0][1].type, reason=reason, needs_code=needs_code))


@functools.lru_cache(maxsize=64)
def _schedule_pickle(schedule: Schedule) -> bytes:
    return _read(pickle_bounded(live_schedule(schedule))).pickle


def _understood(attribute: Any) -> Any:
    """The known schedule that a function of an earlier SB3 is, or else a table of the function."""
    try:
        value = _understand(pickle_bounded(attribute)).value
    except StrongboxError as error:
        value = Opaque(type=str(type(attribute)), reason=error.problem)
    return tabulate(attribute) if any(find_opaque(value)) or not callable(value) else value


# -- what stands beside a typed entry for people to read --------------------------------------------

_class_attributes: WeakKeyDictionary[type, tuple[tuple[str, ...], dict[str, Any]]] = WeakKeyDictionary()


def _attributes(attribute: Any) -> dict[str, Any]:
    """The first-level attributes as SB3 writes them: JSON where it can be, otherwise text."""
    if isinstance(attribute, type):
        folders = machine_folders()
        if attribute not in _class_attributes or _class_attributes[attribute][0] != folders:
            _class_attributes[attribute] = folders, _shown_items(vars(attribute))
        return _class_attributes[attribute][1]
    if isinstance(attribute, dict):
        return _shown_items(attribute)
    return _shown_items(getattr(attribute, "__dict__", {}))


def _shown_items(items: Mapping[Any, Any]) -> dict[str, Any]:
    return {without_machine(str(key)): _shown(item) for key, item in items.items() if key not in DEBRIS}


def _shown(item: Any) -> Any:
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
