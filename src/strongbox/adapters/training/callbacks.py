"""The callbacks of a run: what each remembers, from the live tree and back into another one of the same shape.

A callback is known by its place in the tree and its class. SB3's own are read through a table of plain
attributes; any other that offers ``state_dict`` and ``load_state_dict`` speaks for itself; of the rest only the
counters are kept that every callback has, and it is named where it has attributes that look like state.
Environments for evaluation are captured as the training's own are.
"""

from __future__ import annotations

import types
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy
from stable_baselines3.common import callbacks as sb3
from stable_baselines3.common.vec_env import VecEnv

from ...errors import MismatchError, StrongboxError, UnsupportedError
from ...limits import DEFAULT_LIMITS
from ...values import find_opaque, to_portable, to_value
from ..environments import capture_environments, restore_environments, watch_environments
from ..foreign import pickle_bounded, read_nodes
from ..growing import GrowingCopy
from ..restore import Restorer
from .unknown import may_remember, remember_settings, state_names

__all__ = ["capture_callbacks", "restore_callbacks", "walk_callbacks", "watch_callbacks"]

ALL = ("n_calls", "num_timesteps")
"""What every callback counts."""

KNOWN: dict[type, tuple[str, ...]] = {
    sb3.CheckpointCallback: (),
    sb3.ConvertCallback: (),
    sb3.EventCallback: (),
    sb3.EvalCallback: (
        *("best_mean_reward", "last_mean_reward", "evaluations_results", "evaluations_timesteps"),
        *("evaluations_length", "evaluations_successes", "_is_success_buffer"),
    ),
    sb3.EveryNTimesteps: ("last_time_trigger",),
    sb3.LogEveryNTimesteps: ("last_time_trigger",),
    sb3.ProgressBarCallback: (),
    sb3.StopTrainingOnMaxEpisodes: ("n_episodes",),
    sb3.StopTrainingOnNoModelImprovement: ("last_best_mean_reward", "no_improvement_evals"),
    sb3.StopTrainingOnRewardThreshold: (),
}
"""SB3's own callbacks, and what each remembers besides its counters."""

EXPECTED: dict[type, tuple[type, ...]] = {float: (float, int), int: (int,), list: (list,)}
"""What may stand for an attribute of SB3's own, by the type that a new callback has there."""


def walk_callbacks(root: sb3.BaseCallback) -> Iterator[tuple[str, sb3.BaseCallback]]:
    """Every callback of a tree with its place, such as ``EvalCallback/callback_on_new_best StopTraining``.

    Lists are none themselves: their callbacks count as if they stood where the list stands. Of several of one class
    in one place, the second is ``EvalCallback 2``.
    """
    yield from _walk([root], "", set())


def _walk(callbacks: Sequence[Any], above: str, seen: set[int]) -> Iterator[tuple[str, sb3.BaseCallback]]:
    counts: Counter[str] = Counter()
    for callback in _flat(callbacks):
        if id(callback) in seen:
            continue
        seen.add(id(callback))
        kind = type(callback).__name__
        counts[kind] += 1
        place = f"{above}{kind}" if counts[kind] == 1 else f"{above}{kind} {counts[kind]}"
        yield place, callback
        for name in ("callback_on_new_best", "callback"):
            yield from _walk([getattr(callback, name, None)], f"{place}/{name} ", seen)


def _flat(callbacks: Sequence[Any]) -> Iterator[sb3.BaseCallback]:
    for callback in callbacks:
        if isinstance(callback, sb3.CallbackList):
            yield from _flat(callback.callbacks)
        elif isinstance(callback, sb3.BaseCallback):
            yield callback


def evaluated_environments(root: sb3.BaseCallback) -> list[VecEnv]:
    """The environments that the callbacks of a tree evaluate in."""
    found = (getattr(callback, "eval_env", None) for _, callback in walk_callbacks(root))
    return [environment for environment in found if isinstance(environment, VecEnv)]


def watch_callbacks(root: sb3.BaseCallback) -> None:
    """Let the environments for evaluation be watched from here on, as the training's are."""
    for _, callback in walk_callbacks(root):
        remember_settings(callback)
    for environment in evaluated_environments(root):
        watch_environments(environment)


# -- from the live tree -----------------------------------------------------------------------------


def capture_callbacks(
    root: sb3.BaseCallback, *, without: sb3.BaseCallback | None = None
) -> tuple[dict[str, Any], dict[str, str], dict[str, int]]:
    """What the callbacks of a tree remember, by place, what is inexact by name, and sizes of log files by path.

    What they remember is copied, and values are made of it by :func:`settle`. ``without`` is a callback that keeps no
    state of its own.
    """
    state: dict[str, Any] = {}
    inexact: dict[str, str] = {}
    logs: dict[str, int] = {}
    for place, callback in walk_callbacks(root):
        if callback is not without:
            state[place] = _capture(callback, place, inexact, logs)
    return state, inexact, logs


def _capture(callback: sb3.BaseCallback, place: str, inexact: dict[str, str], logs: dict[str, int]) -> dict[str, Any]:
    state: dict[str, Any] = {name: int(getattr(callback, name)) for name in ALL}
    for kind in KNOWN:
        if isinstance(callback, kind):
            _capture_known(callback, KNOWN[kind], place, state, inexact)
    if callable(getattr(callback, "state_dict", None)) and callable(getattr(callback, "load_state_dict", None)):
        _capture_own(callback, place, state, inexact)
    elif type(callback) not in KNOWN:
        _name_unknown(callback, place, inexact)
    elif isinstance(callback, sb3.ConvertCallback):
        _name_function(callback, place, inexact)
    environment = getattr(callback, "eval_env", None)
    if isinstance(environment, VecEnv):
        captured = capture_environments(environment)
        state["environments"] = captured.held
        logs.update(captured.logs)
        inexact.update({f"callback {place}: {name}": reason for name, reason in captured.inexact.items()})
    return state


def _capture_known(
    callback: Any, names: tuple[str, ...], place: str, state: dict[str, Any], inexact: dict[str, str]
) -> None:
    for name in names:
        try:
            state[name] = _hold(callback, name)
        except StrongboxError as error:
            inexact[f"callback {place}: {name}"] = error.problem


_COPIES: WeakKeyDictionary[sb3.BaseCallback, dict[str, GrowingCopy]] = WeakKeyDictionary()
"""Copies of the lists of callbacks: those of ``EvalCallback`` grow with every evaluation."""


def _hold(callback: sb3.BaseCallback, name: str) -> Any:
    """An attribute of SB3's own, copied; of a list that was copied before, only what is new."""
    value = getattr(callback, name)
    if type(value) is not list:
        return _plain(value)
    copies = _COPIES.setdefault(callback, {})
    if name not in copies or not copies[name].goes_on(value):
        copies[name] = GrowingCopy(value, _plain)
    return copies[name].hold()


def _plain(value: Any) -> Any:
    """A copy, with Python's own numbers for numpy's; what environments say of success may be anything."""
    if isinstance(value, numpy.generic):
        return value.item()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, bool | int | float) else _understood(value)


def _capture_own(callback: Any, place: str, state: dict[str, Any], inexact: dict[str, str]) -> None:
    """What a callback says of itself, where it has a portable form."""
    try:
        value = _understood(callback.state_dict())
        to_portable(value)
        state["own"] = value
    except StrongboxError as error:
        inexact[f"callback {place}"] = error.problem


def _understood(live: Any) -> Any:
    """The value of something live; raises UnsupportedError, with the reason, where a part of it is not understood."""
    decoded, _ = read_nodes(pickle_bounded(live))
    value = to_value(decoded, limits=DEFAULT_LIMITS)
    parts = find_opaque(value)
    if parts:
        raise UnsupportedError(f"a part of it is not understood: {parts[0][1].reason}")
    return value


def _name_unknown(callback: sb3.BaseCallback, place: str, inexact: dict[str, str]) -> None:
    """Name a callback that may remember something which it does not tell."""
    known = frozenset(name for kind in KNOWN if isinstance(callback, kind) for name in _attributes_of(kind))
    walked = frozenset(id(inner) for _, inner in walk_callbacks(callback) if inner is not callback)
    found = state_names(callback, known, walked)
    if found:
        inexact[f"callback {place}"] = (
            f"{', '.join(found)} may be state and begins anew: {type(callback).__name__} has no "
            "state_dict() and load_state_dict()"
        )


def _attributes_of(kind: type) -> frozenset[str]:
    """The attributes that SB3's own class has, found in the code of its methods."""
    methods = (item for base in kind.__mro__ for item in vars(base).values() if isinstance(item, types.FunctionType))
    return frozenset(name for method in methods for name in method.__code__.co_names)


def _name_function(callback: sb3.ConvertCallback, place: str, inexact: dict[str, str]) -> None:
    """Name a function that is bound to something, which may remember."""
    if may_remember(callback.callback):
        inexact[f"callback {place}"] = (
            "a function that is bound to objects, which may remember something; they begin anew"
        )


# -- into another tree of the same shape ---------------------------------------------------------------


def restore_callbacks(
    root: sb3.BaseCallback,
    state: Any,
    *,
    without: sb3.BaseCallback | None = None,
    copies: Mapping[str, str] = {},
) -> dict[str, str]:
    """Put back what callbacks remembered; gives what is inexact, by name. One that the script has added begins anew.

    ``copies`` says by path where the content of Monitor's files was kept.
    """
    if not isinstance(state, Mapping):
        raise MismatchError("expected a mapping in resume/callbacks.json, found none.")
    inexact: dict[str, str] = {}
    places = {place: callback for place, callback in walk_callbacks(root) if callback is not without}
    for place in state.keys() - places.keys():
        if isinstance(state[place], Mapping) and state[place].keys() <= set(ALL):
            continue  # it has remembered nothing
        inexact[f"callback {place}"] = "it was there at the checkpoint, and the script has none in its place"
    for place, callback in places.items():
        if place in state:
            _restore(callback, place, state[place], inexact, copies)
    return inexact


def _restore(callback: Any, place: str, state: Any, inexact: dict[str, str], copies: Mapping[str, str]) -> None:
    if not isinstance(state, Mapping):
        raise MismatchError(f"expected a mapping for the callback {place}, found {type(state).__name__}.")
    names = {*ALL, *(name for kind in KNOWN if isinstance(callback, kind) for name in KNOWN[kind])}
    for name in sorted(names & state.keys()):
        live = getattr(callback, name)
        if type(state[name]) not in EXPECTED.get(type(live), (type(live),)):
            raise MismatchError(f"expected {name} of {place} to be a {type(live).__name__}, found another type.")
        setattr(callback, name, Restorer()(state[name]))
    if "own" in state and callable(getattr(callback, "load_state_dict", None)):
        callback.load_state_dict(Restorer()(state["own"]))
    environment = getattr(callback, "eval_env", None)
    if "environments" in state and isinstance(environment, VecEnv):
        lost = restore_environments(environment, state["environments"], logs=copies)
        inexact.update({f"callback {place}: {name}": reason for name, reason in lost.items()})
