"""The same code inside the worker processes of SubprocVecEnv.

A worker of Stable-Baselines3 knows a handful of commands, and none of them is "run this function". But ``set_attr``
sends a pickled value, and a value may say how it is made: :class:`_Arrival` is made, in the worker, by calling
:func:`install`. That gives the class ``gymnasium.Env``, and so every environment and wrapper, three methods, and
``env_method`` calls methods by name: the first object that has one is the outermost wrapper. So nothing depends on how
the worker was started (fork, forkserver or spawn), on which environment lives in it, or on more of SB3 than these two
commands. Nothing that comes from a file is sent as anything but values.

An exception would end the worker, and with it the run: the methods return it as text instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
from stable_baselines3.common.vec_env import SubprocVecEnv

from ...errors import CheckpointError
from ..later import settle
from ..random_states import hold_random_states, restore_random_states
from .layers import capture_layers, restore_layers, watch_layers
from .notes import Notes

__all__ = ["call_workers", "install"]

MARKER = "strongbox_ready"


def call_workers(env: SubprocVecEnv, name: str, arguments: list[tuple[Any, ...]] | None = None) -> list[Any]:
    """Call one of METHODS on the outermost layer of every worker; raises CheckpointError where one fails.

    ``arguments`` holds those for each worker in turn.
    """
    if env.waiting:
        raise CheckpointError(
            "expected environments that wait for a step, found a step under way.",
            hint="Capture and restore between steps: after step_wait().",
        )
    given = arguments if arguments is not None else [()] * env.num_envs
    try:
        env.set_attr(MARKER, _Arrival())
        # What env_method does, with arguments for each: so that all workers replay at the same time.
        for remote, own in zip(env.remotes, given, strict=True):
            remote.send(("env_method", (name, own, {})))
        answers = [remote.recv() for remote in env.remotes]
    except (EOFError, OSError) as error:
        raise CheckpointError(
            f"expected worker processes that answer, found that one has ended: {type(error).__name__}.",
            hint="Strongbox has to be importable where the workers run.",
        ) from error
    for index, (problem, _) in enumerate(answers):
        if problem:
            raise CheckpointError(f"environment {index}, in its worker process: {problem}")
    return [answer for _, answer in answers]


class _Arrival:
    """Becomes ``True`` where it is unpickled, and brings the methods along."""

    def __reduce__(self) -> tuple[Any, ...]:
        return install, ()


def install() -> bool:
    """Give every environment of this process the methods."""
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


def capture_worker(env: gymnasium.Env[Any, Any]) -> tuple[dict[str, Any], Notes]:
    """The layers of an environment, and the random states of the process in which it lives."""
    state, notes = capture_layers(env)
    return settle({**state, RANDOM: hold_random_states()}), notes


def restore_worker(env: gymnasium.Env[Any, Any], state: Any, copies: Mapping[str, str]) -> dict[str, str]:
    """Put both back, the random states last; returns what could not be restored, each with the reason."""
    inexact = restore_layers(env, state, copies)
    if RANDOM not in state:
        return {**inexact, RANDOM: "the checkpoint does not have the random states of the worker's process"}
    lost = restore_random_states(state[RANDOM])
    return {**inexact, **{f"{RANDOM} {place}": reason for place, reason in lost.items()}}


RANDOM = "random"
"""Where the state of a worker holds the random states of its process: a wrapper may draw from them."""

METHODS: dict[str, Callable[..., Any]] = {
    "strongbox_watch": watch_layers,
    "strongbox_capture": capture_worker,
    "strongbox_restore": restore_worker,
}
"""What is called in a worker, by the name that it has there."""
