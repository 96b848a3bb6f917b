"""One live object, a layer of an environment or a part of one: its attributes to a state and back.

- Plain data is captured by name, tensors and generators of torch by label. A part that is an object of Python with
  attributes of its own (running statistics, stacked frames, one's own helper) is captured in the same way, inside. What
  is neither is reported by name.
- Settings are the script's: an attribute that had not changed since the object was made, neither in the run that was
  captured nor in this one, keeps the value that the script gave it. Where the two differ, that is said.
- A name out of a state is set only where the live object has such an attribute, or where the code of its class sets one
  of that name. After restoring, everything is captured again and compared.
"""

from __future__ import annotations

import functools
import weakref
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy

from ...errors import CheckpointError
from ...values import RandomGenerator, describe, same
from ..later import Later, settle
from ..loaded import loaded_classes
from ..slots import fields_of
from .axes import arrange, arrange_like, axes_by_name
from .clocks import read_clocks, write_clocks
from .growing import hold_growing
from .logs import capture_log, has_log, restore_log
from .notes import Notes
from .parts import OVERWRITTEN, attributes_of, class_name, closure_of, is_harmless, is_of_library, may_come, parts_of
from .plain import NotPlain, copy_plain, expect_mapping, hold_plain, refuse, revive
from .spaces import capture_spaces, restore_spaces
from .torch_state import digest_torch, hold_torch, restore_torch, shorten_torch, torch_items, torch_of

__all__ = [
    "capture_object",
    "made_with",
    "name_functions",
    "remember_object",
    "restore_attributes",
    "restore_object",
    "torch_made_with",
    "unchanged_names",
]

DEEPEST = 4
SHARED = (list, dict, set, bytearray, numpy.ndarray, deque)
"""Types of plain data that may be changed in one place and seen in another."""
CLOSURE = "()"
"""What stands behind the name of a function where its closure is remembered; no attribute is called so."""


def capture_object(live: Any, place: str, notes: Notes, *, harmless: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The state of an object; ``harmless`` names attributes that are captured elsewhere."""
    return _capture(live, place, notes, harmless, 0)


def _capture(live: Any, place: str, notes: Notes, harmless: frozenset[str], depth: int) -> dict[str, Any]:
    copies: dict[str, Any] = {}
    of_torch: dict[str, Any] = {}
    growing = hold_growing(live)
    attributes = attributes_of(live)
    state: dict[str, Any] = {
        "class": class_name(live),
        "attributes": Later(_settle_each, copies),
        "axes": Later(axes_by_name, copies),
        "unchanged": Later(unchanged_names, made_with(live), copies),
        "shared": shared_names(attributes),
        "clocks": read_clocks(live),
        "spaces": capture_spaces(live),
        "torch": shorten_torch(of_torch, torch_made_with(live)),
        "parts": {},
    }
    for name, value in attributes:
        if name in harmless:
            continue
        try:
            copies[name] = growing[name] if name in growing else hold_plain(value)
        except NotPlain as reason:
            _capture_torch(name, value, of_torch, place, notes)
            _capture_part(name, value, reason, state, place, notes, depth)
            _name_function(live, name, value, place, notes)
    if has_log(live):
        state["log"] = capture_log(live, notes)
    return state


def _settle_each(copies: dict[str, Any]) -> dict[str, Any]:
    return {name: settle(copy) if type(copy) is Later else copy for name, copy in copies.items()}


def _capture_torch(name: str, value: Any, into: dict[str, Any], place: str, notes: Notes) -> None:
    copies, left_out = hold_torch(dict(torch_items(name, value)))
    into.update(copies)
    for label, reason in left_out.items():
        notes.add(f"{place}.{label}", reason)


def _capture_part(
    name: str, value: Any, reason: NotPlain, state: dict[str, Any], place: str, notes: Notes, depth: int
) -> None:
    parts = list(parts_of(name, value))
    if parts and depth < DEEPEST:
        for label, part in parts:
            state["parts"][label] = _capture(part, f"{place}.{label}", notes, frozenset(), depth + 1)
    elif name not in OVERWRITTEN and not is_harmless(value) and not any(torch_items(name, value)):
        notes.add(f"{place}.{name}", f"it is no plain data: {reason}")


def name_functions(live: Any, place: str, notes: Notes) -> None:
    """Name the functions of an object that remember something outside of them, once it has changed."""
    for name, value in attributes_of(live):
        _name_function(live, name, value, place, notes)


def _name_function(live: Any, name: str, value: Any, place: str, notes: Notes) -> None:
    """Name a function of which something has changed since it was made, which no state can hold."""
    made = made_with(live)
    before, now = made.get(name + CLOSURE), _plain_items(closure_of(value))
    if before is not None and now and not same(before, now):
        notes.add(f"{place}.{name}", "a function that remembers something outside of it, which begins anew")


def _plain_items(items: tuple[Any, ...]) -> list[Any]:
    """Copies of what is plain data, in place of anything else None."""
    return [copy_plain(item) if _is_plain(item) else None for item in items]


def shared_names(attributes: list[tuple[str, Any]]) -> list[list[str]]:
    """Groups of attributes that are one and the same list, dictionary, deque or array."""
    groups: dict[int, list[str]] = {}
    for name, value in attributes:
        if isinstance(value, SHARED):
            groups.setdefault(id(value), []).append(name)
    return [names for names in groups.values() if len(names) > 1]


# -- what an object was made with -------------------------------------------------------------------

_MADE: dict[int, _Made] = {}
"""What objects were when watching began, by identity: nothing is hung onto the objects."""


@dataclass(frozen=True)
class _Made:
    """An object's plain attributes by name, and its tensors by label, as they were when it had just been made."""

    reference: weakref.ref[Any]
    attributes: dict[str, Any]
    of_torch: dict[str, Any]


def remember_object(live: Any, depth: int = 0, *, harmless: frozenset[str] = frozenset()) -> None:
    """Keep the attributes of an object that has just been made, to tell settings from state later.

    ``harmless`` names attributes that are captured elsewhere.
    """
    if id(live) in _MADE or depth > DEEPEST:
        return
    made: dict[str, Any] = {}
    of_torch: dict[str, Any] = {}
    for name, value in attributes_of(live, harmless):
        try:
            made[name] = copy_plain(value)
        except NotPlain:
            _capture_torch(name, value, of_torch, "", Notes())
            for _, part in parts_of(name, value):
                remember_object(part, depth + 1)
            if closure := closure_of(value):
                made[name + CLOSURE] = _plain_items(closure)
    try:
        _MADE[id(live)] = _Made(weakref.ref(live, functools.partial(_forget, id(live))), made, of_torch)
    except TypeError:
        return  # An object without room for weak references: all of its attributes count as state.


def made_with(live: Any) -> dict[str, Any]:
    """The plain attributes that an object was made with, as far as they are known; they never change."""
    known = _MADE.get(id(live))
    return {} if known is None else known.attributes


def torch_made_with(live: Any) -> dict[str, Any]:
    """The tensors that an object was made with, by label, as far as they are known; they never change."""
    known = _MADE.get(id(live))
    return {} if known is None else known.of_torch


def unchanged_names(made: dict[str, Any], attributes: dict[str, Any]) -> list[str]:
    """The attributes that hold what the object was made with, and so are settings; a generator never is."""
    settings = ((name, value) for name, value in attributes.items() if not isinstance(value, RandomGenerator | Later))
    return [name for name, value in settings if name in made and same(made[name], value)]


def _forget(identity: int, _: Any) -> None:
    _MADE.pop(identity, None)


# -- restoring ----------------------------------------------------------------------------------------


def restore_object(
    live: Any, state: Any, place: str, notes: Notes, *, harmless: frozenset[str] = frozenset(), again: bool = True
) -> None:
    """Put a state back into an object of the same class; what does not fit is reported and left as it was."""
    state = expect_mapping(state, f"the state of {place}")
    if not same(state.get("class"), class_name(live)):
        notes.add(place, f"expected the state of a {class_name(live)}, found one of {describe(state.get('class'))}")
        return
    attributes = expect_mapping(state.get("attributes"), f"the attributes of {place}")
    unchanged = state.get("unchanged")
    unchanged = unchanged if type(unchanged) is list else []
    settings = frozenset(name for name in unchanged if type(name) is str)
    restore_attributes(live, attributes, place, notes, settings, axes=state.get("axes"))
    _remove_late(live, attributes, place, notes, harmless)
    _share(live, state.get("shared"))
    write_clocks(live, state.get("clocks"), place, notes)
    restore_spaces(live, state.get("spaces"), place, notes)
    restore_torch(
        live, torch_of(attributes_of(live, harmless)), state.get("torch"), torch_made_with(live), place, notes
    )
    _restore_parts(live, expect_mapping(state.get("parts"), f"the parts of {place}"), place, notes)
    if has_log(live):
        restore_log(live, state.get("log"), place, notes)
    elif "log" in state:
        notes.add(f"{place} log", "it writes no file here, and did when the checkpoint was made")
    if again:
        _compare(live, attributes, state.get("torch"), place, notes, harmless)


def restore_attributes(
    live: Any,
    attributes: dict[str, Any],
    place: str,
    notes: Notes,
    unchanged: frozenset[str] = frozenset(),
    *,
    axes: Any = None,
) -> None:
    """Put plain data back by name, each where it fits.

    ``axes`` says how arrays lay in memory, by name; where nothing says it, they lie as the live ones do.
    """
    own = dict(attributes_of(live))
    made = made_with(live)
    strict = is_of_library(live)
    for name, value in attributes.items():
        where = f"{place}.{name}"
        if name not in own and not may_come(live, name):
            notes.add(where, "there is no such attribute here")
            continue
        if name in own and name in unchanged and _is_setting(live, name, own[name]):
            if not same(made[name], value):
                shown = describe(made[name], width=40), describe(value, width=40)
                notes.add(where, f"a setting of the script: {shown[0]} here, {shown[1]} in the checkpoint")
            continue
        as_made = value is None and name in made and made[name] is None
        problem = None if as_made else refuse(own.get(name), value, strict=strict and name not in OVERWRITTEN)
        problem = problem or _refuse_plain(own.get(name), value)
        if problem:
            notes.add(where, problem)
        else:
            _set(live, name, value, where, notes, axes)


def _remove_late(live: Any, attributes: dict[str, Any], place: str, notes: Notes, harmless: frozenset[str]) -> None:
    """Attributes that were not there yet, and are here already, go; others that the state lacks are reported."""
    known = _MADE.get(id(live))
    for name, value in attributes_of(live, harmless):
        if name in attributes or name in OVERWRITTEN or not _is_plain(value):
            continue
        if hasattr(type(live), name) or (known is not None and name not in known.attributes):
            delattr(live, name)
        else:
            notes.add(f"{place}.{name}", "the checkpoint does not have it")


def _refuse_plain(live: Any, value: Any) -> str | None:
    """Plain data takes the place of plain data alone; but where there was no tensor yet, there is none again."""
    if value is None and isinstance(live, loaded_classes("torch", "Tensor")):
        return None
    try:
        copy_plain(live)
    except NotPlain as reason:
        return f"expected no plain data, found some in place of {reason}"
    return None


def _is_setting(live: Any, name: str, value: Any) -> bool:
    try:
        return bool(unchanged_names(made_with(live), {name: copy_plain(value)}))
    except NotPlain:
        return False


def _set(live: Any, name: str, value: Any, place: str, notes: Notes, axes: Any) -> None:
    own = fields_of(live).get(name)
    try:
        arranged = arrange(value, axes.get(name)) if type(axes) is dict else arrange_like(value, own)
        setattr(live, name, revive(arranged, own))
    except CheckpointError as error:
        notes.add(place, error.problem)
    except Exception as error:  # noqa: BLE001 - a property of one's own class may refuse in any way
        notes.add(place, f"it cannot be set: {type(error).__name__}: {error}")


def _share(live: Any, groups: Any) -> None:
    """Let attributes that were one object be one again."""
    own = dict(attributes_of(live))
    for names in groups if type(groups) is list else []:
        known = [name for name in names if type(name) is str and name in own] if type(names) is list else []
        for name in known[1:]:
            if type(own[name]) is type(own[known[0]]) and _same_plain(own[name], own[known[0]]):
                setattr(live, name, own[known[0]])


def _same_plain(left: Any, right: Any) -> bool:
    try:
        return same(copy_plain(left), copy_plain(right))
    except NotPlain:
        return False


def _restore_parts(live: Any, parts: dict[str, Any], place: str, notes: Notes) -> None:
    objects = [(name, value) for name, value in attributes_of(live) if not _is_plain(value)]
    own = {label: part for name, value in objects for label, part in parts_of(name, value)}
    for label, state in parts.items():
        if label not in own:
            notes.add(f"{place}.{label}", "there is no such part here")
        else:
            restore_object(own[label], state, f"{place}.{label}", notes)


def _is_plain(value: Any) -> bool:
    try:
        copy_plain(value)
    except NotPlain:
        return False
    return True


def _compare(
    live: Any, attributes: dict[str, Any], of_torch: Any, place: str, notes: Notes, harmless: frozenset[str]
) -> None:
    """Report what has not become what it was: one attribute may be another one's memory, or have a setter."""
    now = settle(_capture(live, place, Notes(), harmless, DEEPEST))
    for name, value in attributes.items():
        if name not in now["attributes"] or not same(now["attributes"][name], value):
            notes.add(f"{place}.{name}", "it came out otherwise than it was captured")
    for label, value in (of_torch if type(of_torch) is dict else {}).items():
        if digest_torch(now["torch"].get(label)) != digest_torch(value):
            notes.add(f"{place}.{label}", "it came out otherwise than it was captured")
