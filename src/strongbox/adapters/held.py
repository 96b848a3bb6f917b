"""One attribute of a live agent as it is at a clean point, to be made into an entry of data later.

Training stands still for this alone, so it is quick: what never changes is taken as it is, containers of that are
copied, and any other object is pickled. None of it refers to memory that training changes.
"""

from __future__ import annotations

import enum
import functools
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import gymnasium
import numpy

from ..archive import Entry, Exact
from ..conversion import inside_working_folder, is_machine_path, note_shortened
from ..errors import StrongboxError, UnsupportedError
from ..values import SCHEDULE_NAMES, Opaque, find_opaque
from .entries import (
    DEBRIS,
    Beside,
    Pickled,
    copied_entry,
    episodes_entry,
    episodes_text,
    function_entry,
    pickled_entry,
    schedule_entry,
    show,
    understand,
)
from .foreign import LARGEST, TOO_LARGE, pickle_bounded
from .schedules import known_schedule, tabulate, tabulated_before

__all__ = ["Held", "hold", "hold_entry"]

Held: TypeAlias = Callable[[dict[str, str]], Entry]
"""Makes the entry, and notes by place which texts were cut down."""

NUMBERS = frozenset({type(None), bool, int, float})
SCALARS = NUMBERS | {complex, str, bytes}
CHANGELESS = (type, enum.Enum, numpy.number, numpy.bool_, numpy.dtype)
"""Besides scalars: classes are code, and the others have no way to change."""

LARGEST_BOUND = 1 << 16
"""Bytes of one array of a space up to which it is compared with those before."""

DEEPEST = 64
"""Levels of containers that are copied."""


class _NotCopied(Exception):
    """Something that only a pickle can hold."""


def hold(name: str, attribute: Any) -> Held:
    """Hold an attribute; raises UnsupportedError, with the reason, where it cannot be kept."""
    if type(attribute) in NUMBERS:
        return partial(copied_entry, name, attribute)
    if name in SCHEDULE_NAMES and callable(attribute):
        return _hold_schedule(name, attribute)
    if isinstance(attribute, str) and is_machine_path(attribute):
        return _hold_path(name, attribute)
    text = episodes_text(attribute) if type(attribute) is deque else None
    if text is not None:
        return partial(episodes_entry, text, attribute.maxlen)
    try:
        return partial(copied_entry, name, _copy(attribute, {}, 0))
    except _NotCopied:
        return partial(pickled_entry, name, _pickle(attribute))


def _hold_path(name: str, path: str) -> Held:
    """A folder of logs that lies in the working folder, by its way from there; no other path of this machine."""
    inside = inside_working_folder(path) if name == "tensorboard_log" else None
    if inside is None:
        raise UnsupportedError("it is an absolute path of this machine")

    def make(shortened: dict[str, str]) -> Entry:
        note_shortened(name, [inside], shortened)
        return Exact(inside)

    return make


def hold_entry(entry: Entry) -> Held:
    """Hold an entry that was made already."""
    return lambda shortened: entry


def _pickle(attribute: Any) -> Pickled:
    """The pickle of an object; of a space that says the same as one before, the one that was made for that."""
    if not isinstance(attribute, gymnasium.Space):
        return _pickle_anew(attribute)
    said = _what_it_says(attribute)
    return _pickle_anew(attribute) if said is None else _pickle_space(said, Beside(attribute))


@functools.lru_cache(maxsize=16)
def _pickle_space(said: tuple[Any, ...], space: Beside) -> Pickled:
    return _pickle_anew(space.content)


def _what_it_says(space: gymnasium.Space[Any]) -> tuple[Any, ...] | None:
    """All that a space's pickle depends on, as a key; None where it holds more than numbers, arrays and a generator."""
    if not type(space).__module__.startswith("gymnasium."):
        return None
    parts: list[Any] = [type(space)]
    for name, value in vars(space).items():
        kind = type(value)
        if kind is numpy.ndarray and not value.dtype.hasobject and value.nbytes <= LARGEST_BOUND:
            said: Any = (value.dtype.str, value.shape, value.tobytes())
        elif kind is numpy.random.Generator:
            said = _bits(value.bit_generator)
            if said is None:
                return None
        elif isinstance(value, numpy.dtype):
            said = value.str if value.names is None else repr(value)
        elif isinstance(value, numpy.generic):
            said = (value.dtype.str, value.tobytes())
        elif value is None or kind in (bool, int, float, str):
            said = repr(value)
        elif kind is tuple and all(type(item) is int for item in value):
            said = value
        else:
            return None
        parts.append((name, kind, said))
    return tuple(parts)


def _bits(generator: Any) -> tuple[Any, ...] | None:
    """The state of numpy's usual generator, and the seeds that it would spawn others from; None for any other."""
    seeds = getattr(generator, "seed_seq", None)
    if type(generator) is not numpy.random.PCG64 or type(seeds) is not numpy.random.SeedSequence:
        return None
    if type(seeds.entropy) not in (int, type(None)):
        return None
    state: Any = generator.state
    spawned = (seeds.entropy, tuple(seeds.spawn_key), seeds.pool_size, seeds.n_children_spawned)
    return (*state["state"].values(), state["has_uint32"], state["uinteger"], *spawned)


def _pickle_anew(attribute: Any) -> Pickled:
    beside: Mapping[Any, Any] = attribute if isinstance(attribute, dict) else getattr(attribute, "__dict__", {})
    return Pickled(
        type=str(type(attribute)),
        content=pickle_bounded(attribute),
        beside={key: _hold_shown(item) for key, item in beside.items() if key not in DEBRIS},
        is_space=isinstance(attribute, gymnasium.Space),
    )


def _hold_shown(item: Any) -> Any:
    try:
        return _copy(item, {}, 0)
    except (_NotCopied, UnsupportedError):
        return show(item)


def _is_changeless(value: Any) -> bool:
    return type(value) in SCALARS or isinstance(value, CHANGELESS)


def _copy(value: Any, copies: dict[int, Any], depth: int) -> Any:
    """A copy of containers, with what is shared in them shared; raises _NotCopied where anything else is in them."""
    if _is_changeless(value):
        return value
    if id(value) in copies:
        return copies[id(value)]
    if depth > DEEPEST:
        raise _NotCopied
    copy: Any
    kind = type(value)
    if kind in (list, tuple):
        copy = kind([_copy(item, copies, depth + 1) for item in value])
    elif kind is deque:
        copy = deque([_copy(item, copies, depth + 1) for item in value], value.maxlen)
    elif kind in (dict, OrderedDict):
        if not all(type(key) in SCALARS for key in value):
            raise _NotCopied
        copy = kind((key, _copy(item, copies, depth + 1)) for key, item in value.items())
    elif kind is numpy.ndarray and not value.dtype.hasobject:
        if value.nbytes > LARGEST:
            raise UnsupportedError(TOO_LARGE)
        copy = value.copy(order="K")
    elif isinstance(value, tuple) and not hasattr(value, "__dict__") and all(map(_is_changeless, value)):
        copy = value
    else:
        raise _NotCopied
    copies[id(value)] = copy
    return copy


# -- schedules ----------------------------------------------------------------------------------


def _hold_schedule(name: str, attribute: Any) -> Held:
    """A schedule of SB3's own classes, or of a table where it is any other function that has one."""
    schedule = known_schedule(attribute) or tabulated_before(attribute)
    if schedule is None:
        try:
            schedule = _understood(attribute)
        except UnsupportedError as error:
            return _hold_function(name, attribute, error.problem)
    return partial(schedule_entry, name, schedule)


def _hold_function(name: str, attribute: Any, problem: str) -> Held:
    """A function without a table, as it is."""
    try:
        return partial(function_entry, name, _pickle(attribute), problem)
    except UnsupportedError as error:
        raise UnsupportedError(f"{problem}; {error.problem}") from error


def _understood(attribute: Any) -> Any:
    """The known schedule that a function of an earlier SB3 is, or else a table of the function."""
    try:
        value = understand(pickle_bounded(attribute))
    except StrongboxError as error:
        value = Opaque(type=str(type(attribute)), reason=error.problem)
    return tabulate(attribute) if any(find_opaque(value)) or not callable(value) else value
