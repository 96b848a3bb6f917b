"""A live agent as a list of places: what of it is kept, under which name, and how it is put back.

A place is an attribute, or an item of a list, a tuple or a dictionary, and is named by the steps that lead to it
(``actor.optimizer``, ``critics.0``). What gives and takes a state dict is one place, whatever is inside of it. An
object of the caller's is walked, attribute by attribute in the order of their names. A container is walked where it
holds something that others may hold on to (a network, a parameter, a generator, an object), or where its items are
arrays by name; any other is one place, since how many items it has is part of what it says.

Only what the walk of a live agent found is ever written to. A file is compared with it, and never says where to write.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy

from ...errors import MismatchError, UnsupportedError
from ..generators import is_generator
from .kinds import (
    is_environment,
    is_jax_array,
    is_module,
    is_optimizer,
    is_own_class,
    is_replay_buffer,
    is_space,
    is_stateful,
    is_tensor,
    is_torch_generator,
    jax_numbers,
    uncompiled,
)
from .memory import Memory
from .objects import attributes_of, names_left_out, put_attribute, refuses

__all__ = ["ARRAY", "DATA", "STATE", "TENSOR", "LeftOut", "Place", "Rebuilt", "Restored", "Walk", "walk"]

STATE, TENSOR, ARRAY, DATA = "state dict", "tensor", "array", "data"

ROOT = "agent"
"""The name of the state dict of an agent that is a network itself."""

DEEPEST = 32
"""Objects and containers inside each other."""

MOST_BY_NAME = 512
"""Arrays by name in one dictionary that are variables, each by itself; of more, the dictionary is one place."""

SCALARS = frozenset((type(None), bool, int, float, complex, str, bytes, bytearray))

Put = Callable[[Any], None]


@dataclass(frozen=True)
class Place:
    """One place of a live agent: ``kind`` says what stands there, and ``put`` sets something else there."""

    path: str
    kind: str
    live: Any
    put: Put = field(repr=False)


@dataclass(frozen=True)
class LeftOut:
    """Why something is no part of what is kept, and whether it may well be a part of the agent's state."""

    reason: str
    is_state: bool


class Rebuilt:
    """A tuple that is walked: where an item of it is put anew, another tuple takes its place."""

    def __init__(self, path: str, live: Any, put: Put) -> None:
        self.path = path
        self._live, self._put = live, put
        self._items = list(live)

    def put_item(self, index: int, value: Any) -> None:
        """Keep what is to stand in the new tuple."""
        self._items[index] = value

    def finish(self) -> None:
        """Put the new tuple in its place, if it is another."""
        if any(new is not old for new, old in zip(self._items, self._live, strict=True)):
            self._put(tuple.__new__(type(self._live), self._items))


class Restored:
    """An object that takes its own state back, by ``__strongbox_restore__``."""

    def __init__(self, path: str, live: Any, state: Mapping[str, Any]) -> None:
        self.path = path
        self._live, self._state = live, dict(state)

    def put_item(self, name: str, value: Any) -> None:
        """Keep what the object is to be given."""
        self._state[name] = value

    def finish(self) -> None:
        """Give the object what it gave, with what was kept in its place."""
        self._live.__strongbox_restore__(self._state)


@dataclass(kw_only=True)
class Walk:
    """What the walk of an agent came to.

    ``places`` by their paths, in order; ``shared`` maps a path to the one under which the same thing is kept;
    ``left_out`` is what is not kept; ``replay_buffers`` are SB3's, which a run keeps in its own way; ``environments``
    are those that the agent holds. ``rebuilt`` are tuples, the inner first, ``restored`` objects that restore
    themselves, the inner first, and ``given`` the places whose content these are given. ``modules`` are the names of
    the modules that the caller's own classes come from. ``tables`` are dictionaries of arrays by name,
    whose items are places. ``certain`` says that no code of the caller's runs while
    attributes are set.
    """

    places: dict[str, Place] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, LeftOut] = field(default_factory=dict)
    replay_buffers: dict[str, Any] = field(default_factory=dict)
    environments: dict[str, Any] = field(default_factory=dict)
    rebuilt: list[Rebuilt] = field(default_factory=list)
    restored: list[Restored] = field(default_factory=list)
    modules: set[str] = field(default_factory=set)
    given: set[str] = field(default_factory=set)
    tables: dict[str, Place] = field(default_factory=dict)
    certain: bool = True

    def of(self, *kinds: str) -> Iterator[Place]:
        """The places of some kinds."""
        return (place for place in self.places.values() if place.kind in kinds)

    @property
    def names(self) -> set[str]:
        """Every name that the walk came by."""
        return {*self.places, *self.shared, *self.left_out, *self.tables}


def walk(agent: Any, *, exclude: Collection[str] = ()) -> Walk:
    """Walk a live agent; ``exclude`` are names, or patterns over names, to leave out.

    Raises MismatchError for an agent without anything to keep and for a pattern that matches nothing, and
    UnsupportedError where two parts would have one name.
    """
    walker = _Walker(uncompiled(agent), exclude)
    walker.visit_root(uncompiled(agent))
    walker.finish()
    return walker.found


class _Walker:
    """Visits everything once, and writes down what it found."""

    def __init__(self, agent: Any, exclude: Collection[str]) -> None:
        self.found = Walk()
        self._package = type(agent).__module__.partition(".")[0]
        self._exclude = dict.fromkeys(exclude, "it was left out on request")
        self._unmatched = set(exclude)
        self._seen: dict[int, tuple[str, Any]] = {}

    def visit_root(self, agent: Any) -> None:
        """Visit the agent itself, which has no name, and is no part of any other."""
        self._seen[id(agent)] = ("", agent)
        if is_module(agent):
            self._add(ROOT, STATE, agent, _nowhere)
        elif not self._is_walked(agent):
            if not is_stateful(agent):
                raise MismatchError(
                    f"expected an agent, an object of a class of yours, found {type(agent).__name__}.",
                    hint='Or name the parts: strongbox.Agent(algorithm="my.PPO", parameters={...}, data={...}).',
                )
            self._add(ROOT, STATE, agent, _nowhere)
            return
        self._object("", agent, 0)

    def finish(self) -> None:
        """Put together what is the same memory, and hold the names that were asked for against those there are."""
        if self._unmatched:
            raise MismatchError(
                f"expected names that the agent has in exclude, found {min(self._unmatched)!r}.",
                hint=f"It has {', '.join(sorted(self.found.names)[:12]) or 'none'}.",
            )
        memory = Memory()
        for place in self.found.of(STATE):
            if is_module(place.live):
                memory.add_state_dict(place.path, place.live)
        for place in list(self.found.of(TENSOR, ARRAY)):
            kept = memory.add(place.path, place.live)
            if kept is not None:
                self.found.shared[place.path] = kept
                del self.found.places[place.path]

    # -- one thing --------------------------------------------------------------------------------

    def _visit(self, path: str, live: Any, put: Put, depth: int) -> None:
        reason = self._excluded(path)
        if reason is not None:
            self._leave(path, reason, is_state=False)
        elif type(live) in SCALARS or isinstance(live, numpy.generic | enum.Enum | type):
            self._add(path, DATA, live, put)
        elif id(live) in self._seen:
            self.found.shared[path] = self._seen[id(live)][0]
        elif depth > DEEPEST:
            self._leave(path, "it is nested deeper than what is kept of an agent")
        else:
            self._visit_object(path, live, put, depth)

    def _visit_object(self, path: str, live: Any, put: Put, depth: int) -> None:
        """Visit what is more than plain data."""
        if is_replay_buffer(live):
            self._see(path, live)
            self.found.replay_buffers[path] = live
            self._leave(path, "it is a replay buffer, which a run keeps beside the agent")
        elif is_tensor(live):
            self._add(path, TENSOR, live, put)
        elif is_jax_array(live):
            self._add(path, TENSOR if _is_numeric(jax_numbers(live)) else DATA, live, put)
        elif isinstance(live, numpy.ndarray):
            plain = type(live) in (numpy.ndarray, numpy.memmap) and _is_numeric(live)
            self._add(path, ARRAY if plain else DATA, live, put)
        elif is_generator(live) or is_torch_generator(live) or is_space(live):
            self._see(path, live)
            self._add(path, DATA, live, put)
        elif is_stateful(live) and not hasattr(type(live), "__strongbox_state__"):
            self._see(path, live)
            kept = uncompiled(live)
            self._see(path, kept)
            self._add(path, STATE, kept, put)
            if is_module(kept):
                self._module(path, kept, depth)
        elif is_environment(live):
            self.found.environments[path] = live
            self._leave(path, "it is an environment", is_state=False)
        elif isinstance(live, list | tuple | dict | deque | set | frozenset):
            self._container(path, live, put, depth)
        elif self._is_walked(live):
            self._see(path, live)
            self._object(path, live, depth)
        else:
            self._add(path, DATA, live, put)

    def _object(self, path: str, live: Any, depth: int) -> None:
        """Visit what an object consists of: its attributes, or what it says itself."""
        kind = type(live)
        self.found.modules.add(kind.__module__)
        self.found.certain &= not (refuses(kind) or hasattr(kind, "__strongbox_restore__"))
        for pattern in names_left_out(kind):
            self._exclude.setdefault(_joined(path, pattern), f"the class {kind.__qualname__} leaves it out")
        attributes = attributes_of(live)
        restored = Restored(path, live, attributes) if hasattr(kind, "__strongbox_restore__") else None
        for name, value in attributes.items():
            put = put_attribute(live, name) if restored is None else _put_in(restored, name)
            self._visit(_joined(path, name), value, put, depth + 1)
            if restored is not None:
                self.found.given.add(_joined(path, name))
        if is_module(live):
            self._inner_modules(path, live, depth)
        if restored is not None:
            self.found.restored.append(restored)

    def _module(self, path: str, live: Any, depth: int) -> None:
        """Visit what a network holds beside its tensors: everything of a class of the caller's, optimizers of any."""
        if self._is_walked(live):
            self._object(path, live, depth)
            return
        for name, value in attributes_of(live).items():
            # Its tensors by another name (tensordict's) are in its state dict already.
            if is_optimizer(value):
                self._visit(_joined(path, name), value, put_attribute(live, name), depth + 1)
        self._inner_modules(path, live, depth)

    def _inner_modules(self, path: str, live: Any, depth: int) -> None:
        """Visit the networks inside a network, whose tensors the outer one's state dict has already."""
        for name, inner in live._modules.items():
            if inner is not None and id(inner) not in self._seen and depth <= DEEPEST:
                self._see(_joined(path, name), inner)
                self._module(_joined(path, name), inner, depth + 1)

    def _container(self, path: str, live: Any, put: Put, depth: int) -> None:
        if isinstance(live, list | dict | deque | set):
            self._see(path, live)
        if not self._has_parts(live):
            self._add(path, DATA, live, put)
        elif isinstance(live, dict):
            if not self._has_real_parts(live):
                self.found.tables[path] = Place(path, DATA, live, put)
            for key, item in live.items():
                self._visit(_joined(path, key), item, _put_item(live, key), depth + 1)
        elif isinstance(live, tuple):
            rebuilt = Rebuilt(path, live, put)
            for index, item in enumerate(live):
                self._visit(_joined(path, index), item, _put_in(rebuilt, index), depth + 1)
            self.found.rebuilt.append(rebuilt)
        else:
            for index, item in enumerate(live):
                self._visit(_joined(path, index), item, _put_item(live, index), depth + 1)
        attributes = getattr(live, "__dict__", live)
        if attributes is not live and self._has_parts(live):  # of a class of the caller's, derived from a container
            for name, value in sorted(attributes.items()):
                self._visit(_joined(path, name), value, put_attribute(live, name), depth + 1)

    def _has_parts(self, live: Any) -> bool:
        """Whether a container is walked, item by item."""
        return self._has_real_parts(live) or self._is_table(live)

    def _has_real_parts(self, live: Any) -> bool:
        """Whether something in a container is more than plain data and arrays."""
        if isinstance(live, set | frozenset):
            return False
        if isinstance(live, deque):
            return any(is_stateful(item) for item in live)
        return any(map(self._is_part, live.values() if isinstance(live, dict) else live))

    def _is_table(self, live: Any) -> bool:
        """Whether a dictionary holds arrays by name, or such dictionaries."""
        if not isinstance(live, dict) or not 0 < len(live) <= MOST_BY_NAME:
            return False
        arrays = all(isinstance(item, numpy.ndarray) or is_tensor(item) for item in live.values())
        named = all(type(key) is str and key.isidentifier() for key in live)
        return named and (arrays or any(map(self._is_table, live.values())))

    def _is_part(self, item: Any) -> bool:
        """Whether something in a container is more than plain data."""
        if is_stateful(item) or is_generator(item) or is_torch_generator(item) or is_jax_array(item):
            return True
        if is_tensor(item):
            return bool(item.requires_grad)
        if isinstance(item, list | tuple | dict | deque):
            return self._has_real_parts(item)
        return self._is_walked(item)

    def _is_walked(self, live: Any) -> bool:
        """Whether an object is walked: one of a class of the caller's that has attributes."""
        kind = type(live)
        if isinstance(live, type | enum.Enum | BaseException | str | int | float | bytes | list | tuple | dict | set):
            return False
        if hasattr(kind, "__strongbox_state__"):
            return True
        return (hasattr(live, "__dict__") or hasattr(kind, "__slots__")) and is_own_class(kind, self._package)

    # -- what was found ---------------------------------------------------------------------------

    def _see(self, path: str, live: Any) -> None:
        self._seen[id(live)] = (path, live)

    def _add(self, path: str, kind: str, live: Any, put: Put) -> None:
        if path in self.found.places:
            raise UnsupportedError(
                f"expected one part of the agent under each name, found two under {path!r}.",
                hint="Give one of the attributes another name, or leave it out: exclude=[...].",
            )
        self.found.places[path] = Place(path, kind, live, put)

    def _leave(self, path: str, reason: str, *, is_state: bool = True) -> None:
        self.found.left_out[path] = LeftOut(reason, is_state)

    def _excluded(self, path: str) -> str | None:
        for pattern, reason in self._exclude.items():
            if fnmatchcase(path, pattern):
                self._unmatched.discard(pattern)
                return reason
        return None


def _is_numeric(array: Any) -> bool:
    """Whether a file of tensors has a type for the elements of an array, of numpy or jax."""
    return array.dtype.kind in "biufc" and array.dtype.char not in "gG"


def _joined(path: str, name: Any) -> str:
    return f"{path}.{name}" if path else str(name)


def _nowhere(value: Any) -> None:
    """The agent itself stands in no place."""


def _put_item(live: Any, key: Any) -> Put:
    def put(value: Any) -> None:
        live[key] = value

    return put


def _put_in(taking: Rebuilt | Restored, name: Any) -> Put:
    return lambda value: taking.put_item(name, value)
