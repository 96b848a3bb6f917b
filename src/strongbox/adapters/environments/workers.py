"""The same code inside the worker processes of SubprocVecEnv and AsyncVectorEnv.

A worker knows a handful of commands, and none of them is "run this function". But ``set_attr``
sends a pickled value, and a value may say how it is made: :class:`_Arrival` is made, in the worker, by calling
:func:`install`. That gives the class ``gymnasium.Env``, and so every environment and wrapper, a few methods, and
there is a command that calls methods by name: the first object that has one is the outermost wrapper. So nothing
depends on how the worker was started (fork, forkserver or spawn), on which environment lives in it, or on more of SB3
and gymnasium than these two commands. Nothing that comes from a file is sent as anything but values.

An exception would end the worker, and with it the run: the methods return it as text instead.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy

from ...errors import CheckpointError
from ..later import settle
from ..random_states import hold_random_states, restore_random_states
from .growing import NewItems, join_items, only_new
from .layers import capture_layers, restore_layers, watch_layers
from .notes import Notes

if TYPE_CHECKING:
    import gymnasium

__all__ = ["call_workers", "capture_workers", "exchange", "install"]

MARKER = "strongbox_ready"

LOOP, RESETS = "_async_worker", "autoreset"
"""The function that gymnasium's workers run, and its variable that says whether the environment is reset next."""


def call_workers(env: Any, name: str, arguments: Sequence[tuple[Any, ...]] | None = None) -> list[Any]:
    """Call one of METHODS on the outermost layer of every worker; raises CheckpointError where one fails.

    ``arguments`` holds those for each worker in turn.
    """
    if _is_waiting(env):
        raise CheckpointError(
            "expected environments that wait for a step, found a step under way.",
            hint="Capture and restore between steps: after step_wait().",
        )
    given = arguments if arguments is not None else [()] * env.num_envs
    with _ended_workers_told():
        env.set_attr(MARKER, _Arrival())
    # What calls a method in all workers, with arguments for each: so that all replay at the same time.
    command = "_call" if _is_gymnasium(env) else "env_method"
    answers = exchange(env, command, [(name, own, {}) for own in given])
    for index, (problem, _) in enumerate(answers):
        if problem:
            raise CheckpointError(f"environment {index}, in its worker process: {problem}")
    return [answer for _, answer in answers]


_KNOWN: WeakKeyDictionary[Any, list[dict[str, list[Any]]]] = WeakKeyDictionary()
"""For each worker of an environment, what this process has of the lists there that only grow."""


def capture_workers(env: Any) -> list[tuple[dict[str, Any], Notes]]:
    """The state of the environment of every worker, and what there is to say about it.

    Lists that only grow come as what is new of them, and are put together when the state is settled.
    """
    known = _KNOWN.get(env) or [{} for _ in range(env.num_envs)]
    counts = [({mark: len(items) for mark, items in own.items()},) for own in known]
    answers = call_workers(env, "strongbox_capture", counts)
    _KNOWN[env] = [join_items(news, own) for (*_, news), own in zip(answers, known, strict=True)]
    return [(state, notes) for state, notes, _ in answers]


def exchange(env: Any, command: str, given: Sequence[Any]) -> list[Any]:
    """Send each worker a command with what is given for it, and gather what they answer."""
    with _ended_workers_told():
        for pipe, own in zip(_pipes(env), given, strict=True):
            pipe.send((command, own))
        answers = [pipe.recv() for pipe in _pipes(env)]
        if not _is_gymnasium(env):
            return answers
        env._raise_if_errors([well for _, well in answers])
    return [answer for answer, _ in answers]


@contextmanager
def _ended_workers_told() -> Iterator[None]:
    """Raise CheckpointError for a closed pipe, and for whatever a worker of gymnasium has ended with."""
    try:
        yield
    except Exception as error:
        raise CheckpointError(
            f"expected worker processes that answer, found that one has ended: {type(error).__name__}.",
            hint="Strongbox has to be importable where the workers run.",
        ) from error


def _is_gymnasium(env: Any) -> bool:
    return hasattr(env, "parent_pipes")


def _pipes(env: Any) -> Any:
    return env.parent_pipes if _is_gymnasium(env) else env.remotes


def _is_waiting(env: Any) -> bool:
    return bool(env._state.name != "DEFAULT" if _is_gymnasium(env) else env.waiting)


class _Arrival:
    """Becomes ``True`` where it is unpickled, and brings the methods along."""

    def __reduce__(self) -> tuple[Any, ...]:
        return install, ()


def install() -> bool:
    """Give every environment of this process the methods."""
    import gymnasium

    for name, function in METHODS.items():
        setattr(gymnasium.Env, name, _method(function))
    return True


def _method(function: Callable[..., Any]) -> Callable[..., tuple[str, Any]]:
    def call(self: gymnasium.Env[Any, Any], *arguments: Any) -> tuple[str, Any]:
        try:
            vars(self).pop(MARKER, None)
            return "", function(self, *arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the worker
            return f"{type(error).__name__}: {error}", None

    return call


def capture_worker(
    env: gymnasium.Env[Any, Any], known: Mapping[str, int]
) -> tuple[dict[str, Any], Notes, list[NewItems]]:
    """The layers of an environment, and the random states of the process in which it lives.

    Of lists that only grow, ``known`` says how many items the parent has.
    """
    with only_new(known) as news:
        state, notes = capture_layers(env)
    return settle({**state, RANDOM: hold_random_states()}), notes, news


def restore_worker(env: gymnasium.Env[Any, Any], state: Any, copies: Mapping[str, str]) -> dict[str, str]:
    """Put both back, the random states last; returns what could not be restored, each with the reason."""
    inexact = restore_layers(env, state, copies)
    if RANDOM not in state:
        return {**inexact, RANDOM: "the checkpoint does not have the random states of the worker's process"}
    lost = restore_random_states(state[RANDOM])
    return {**inexact, **{f"{RANDOM} {place}": reason for place, reason in lost.items()}}


def is_resetting(env: gymnasium.Env[Any, Any]) -> bool | None:
    """Whether the loop that this worker of gymnasium runs is about to reset; None in a loop of another kind."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_name != LOOP:
        frame = frame.f_back
    flag = frame.f_locals.get(RESETS)
    return bool(flag) if frame.f_code.co_name == LOOP and isinstance(flag, bool | numpy.bool_) else None


def step_once(env: gymnasium.Env[Any, Any], resets: bool, observed: Any) -> bool:
    """Let the next step give this observation, and this for the end of an episode, without the environment's doing.

    Returns whether the loop of this worker takes note of it.
    """
    if is_resetting(env) is None:
        return False

    def step(action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        del vars(env)["step"]
        return observed, 0.0, resets, False, {}

    vars(env)["step"] = step
    return True


def outlive_signals(env: gymnasium.Env[Any, Any], numbers: Collection[int]) -> None:
    """Go on after signals that reach the whole group of processes, for as long as the parent lives."""
    if threading.current_thread() is threading.main_thread():
        for number in numbers:
            signal.signal(number, _outlive)


def _outlive(number: int, frame: FrameType | None) -> None:
    if not _has_parent():
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


def _has_parent() -> bool:
    """Whether the process that waits for this one lives; a worker that was forked beside this one may hide its end."""
    parent = multiprocessing.parent_process()
    if parent is None or not parent.is_alive():
        return False
    try:
        os.kill(int(parent.pid or 0), 0)
    except ProcessLookupError:
        return False
    return True


RANDOM = "random"
"""Where the state of a worker holds the random states of its process: a wrapper may draw from them."""

METHODS: dict[str, Callable[..., Any]] = {
    "strongbox_watch": watch_layers,
    "strongbox_capture": capture_worker,
    "strongbox_restore": restore_worker,
    "strongbox_is_resetting": is_resetting,
    "strongbox_step_once": step_once,
    "strongbox_outlive_signals": outlive_signals,
}
"""What is called in a worker, by the name that it has there."""
