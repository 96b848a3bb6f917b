"""Callbacks that do not tell what they remember: which of their attributes may be state, so that they can be named.

- Plain data that no argument of the constructor is named after may be state.
- What is named after an argument is a setting, unless it has changed since ``learn()`` began.
- Random generators, tensors, networks, other callbacks, and objects of the script's own classes may be state, whatever
  they are named after; objects of other packages (a progress bar, a connection) are not asked.
- A function may remember something by what it is bound to, in its closure, its defaults or its attributes.
"""

from __future__ import annotations

import inspect
import random
import types
from collections import deque
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

import numpy
import torch
from stable_baselines3.common.callbacks import BaseCallback, CallbackList

from ...values import same
from ..environments.plain import NotPlain, copy_plain

__all__ = ["may_remember", "remember_settings", "state_names"]

PLAIN = (bool, int, float, complex, str, bytes, list, tuple, dict, set, deque, numpy.ndarray, numpy.generic)
"""Types of attributes that look like state."""

LIVING = (
    *(numpy.random.Generator, numpy.random.RandomState, random.Random, torch.Generator),
    *(torch.Tensor, torch.nn.Module, torch.optim.Optimizer, BaseCallback),
)
"""Types of objects that change while they are used."""

BASIC = frozenset(("n_calls", "num_timesteps", "verbose", "locals", "globals", "parent", "model"))
"""Attributes that every callback has."""

_BEGUN: WeakKeyDictionary[BaseCallback, dict[str, Any]] = WeakKeyDictionary()
"""The plain settings of callbacks as they were when ``learn()`` first began."""


def remember_settings(callback: BaseCallback) -> None:
    """Keep what a callback's settings are, to tell later which have changed; again, it does nothing."""
    if callback not in _BEGUN:
        _BEGUN[callback] = {name: _copy(vars(callback)[name]) for name in _settings(callback)}


def state_names(callback: BaseCallback, known: frozenset[str], walked: frozenset[int]) -> list[str]:
    """The attributes of a callback that may be state, ``known`` ones and callbacks with ids in ``walked`` aside."""
    settings, begun = set(_settings(callback)), _BEGUN.get(callback, {})
    found = []
    for name, value in vars(callback).items():
        if name in known or name in BASIC:
            continue
        changed = name not in begun or not _alike(begun[name], _copy(value))
        plain = isinstance(value, PLAIN) and (name not in settings or changed)
        if plain or any(_is_living(item, callback, walked, changed) for item in _items(value)):
            found.append(name)
    return sorted(found)


def may_remember(function: Any) -> bool:
    """Whether a function or another callable may keep something from one call to the next."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, BaseCallback | types.ModuleType):
        return False
    if not isinstance(function, types.FunctionType):
        return True
    defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    mutable = any(isinstance(value, list | dict | set | deque) for value in defaults)
    return bool(function.__closure__ or vars(function) or mutable)


def _settings(callback: BaseCallback) -> Iterator[str]:
    given = set(inspect.signature(type(callback)).parameters)
    yield from (name for name in vars(callback) if name.lstrip("_") in given and name not in BASIC)


def _items(value: Any) -> Iterator[Any]:
    if isinstance(value, CallbackList):
        yield from value.callbacks
    elif isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list | tuple | set | deque):
        yield from value
    else:
        yield value


def _is_living(value: Any, callback: BaseCallback, walked: frozenset[int], changed: bool) -> bool:
    if id(value) in walked:
        return False
    if isinstance(value, LIVING):
        # A network or a tensor of the agent's is kept with it, and reaches a callback by its attributes.
        return isinstance(value, BaseCallback) or not _is_agents(value, callback)
    own = type(value).__module__.partition(".")[0] == type(callback).__module__.partition(".")[0]
    return own and changed and hasattr(value, "__dict__") and not isinstance(value, type | types.FunctionType)


def _is_agents(value: Any, callback: BaseCallback) -> bool:
    policy = getattr(getattr(callback, "model", None), "policy", None)
    return isinstance(policy, torch.nn.Module) and any(
        value is part for part in (*policy.modules(), *policy.parameters())
    )


def _copy(value: Any) -> Any:
    """A copy of plain data, or of the plain attributes of an object; None where there are none."""
    try:
        return copy_plain(value)
    except NotPlain:
        pass
    try:
        return {name: copy_plain(item) for name, item in vars(value).items()}
    except (NotPlain, TypeError):
        return None


def _alike(begun: Any, now: Any) -> bool:
    return (begun is None and now is None) or same(begun, now)
