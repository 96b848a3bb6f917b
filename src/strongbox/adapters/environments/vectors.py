"""A vectorized environment: its own layers, and each environment inside through all of its wrappers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv, VecEnvWrapper

from ...errors import CheckpointError, StrongboxError
from ..later import settle
from .layers import capture_layers, match_layers, restore_layers, watch_layers
from .notes import Notes
from .objects import capture_object, remember_object, restore_object
from .parts import class_name
from .plain import expect_mapping
from .workers import call_workers

__all__ = ["Captured", "capture_environments", "restore_environments", "watch_environments"]


@dataclass(frozen=True)
class Captured:
    """The state of a vectorized environment.

    ``held`` is its state, copied, of which :attr:`state` is made when it is first asked for; ``inexact`` says what it
    does not hold, by place and with the reason; ``logs`` holds the size in bytes of every log file that belongs to it,
    by path.
    """

    held: Any
    inexact: dict[str, str]
    logs: dict[str, int]

    @cached_property
    def state(self) -> dict[str, Any]:
        """A tree of values with a portable form."""
        state: dict[str, Any] = settle(self.held)
        return state


def watch_environments(env: VecEnv) -> None:
    """Begin to record what only a replay can restore, and note settings to tell them from state later.

    Call it when the environment has just been made, before its first reset; another call changes nothing.
    """
    layers, base = _unwrap(env)
    for layer in (*layers, base):
        remember_object(layer)
    if isinstance(base, SubprocVecEnv):
        call_workers(base, "strongbox_watch")
    elif isinstance(base, DummyVecEnv):
        for inner in base.envs:
            watch_layers(inner)


def capture_environments(env: VecEnv) -> Captured:
    """The state of all layers and of every environment inside, between two steps; nothing is changed by it."""
    layers, base = _unwrap(env)
    notes = Notes()
    vectors = [capture_object(layer, class_name(layer), notes) for layer in (*layers, base)]
    states = []
    for index, (state, own) in enumerate(_capture_inside(base, notes)):
        states.append(state)
        notes.logs.update(own.logs)
        for place, reason in own.inexact.items():
            notes.add(f"environment {index}, {place}", reason)
    return Captured({"vectors": vectors, "environments": states}, notes.inexact, notes.logs)


def restore_environments(env: VecEnv, state: Any, *, logs: Mapping[str, str] = {}) -> dict[str, str]:
    """Put a state back into an environment made by the same code; returns what is not as it was, with the reasons.

    ``logs`` says for a live log file, by path, where a preserved copy lies whose first bytes are to stand in it. Raises
    CheckpointError where the state is none of this number of environments.
    """
    layers, base = _unwrap(env)
    state = expect_mapping(state, "the state of the environments")
    environments = state.get("environments")
    if set(state) != {"vectors", "environments"} or type(environments) is not list:
        raise CheckpointError("expected the state of vectorized environments, found another.")
    notes = Notes(copies=logs)
    _restore_inside(base, environments, notes)
    for layer, own in match_layers([*layers, base], state["vectors"], notes):
        try:
            restore_object(layer, own, class_name(layer), notes)
        except StrongboxError as error:
            notes.add(class_name(layer), error.problem)
    return notes.inexact


def _unwrap(env: VecEnv) -> tuple[list[VecEnvWrapper], VecEnv]:
    layers = []
    while isinstance(env, VecEnvWrapper):
        layers.append(env)
        env = env.venv
    return layers, env


def _capture_inside(base: VecEnv, notes: Notes) -> list[tuple[dict[str, Any], Notes]]:
    if isinstance(base, SubprocVecEnv):
        return call_workers(base, "strongbox_capture")
    if isinstance(base, DummyVecEnv):
        return [capture_layers(inner) for inner in base.envs]
    notes.add(class_name(base), "there is no way into the environments of this class")
    return []


def _restore_inside(base: VecEnv, states: list[Any], notes: Notes) -> None:
    known = isinstance(base, SubprocVecEnv | DummyVecEnv)
    if len(states) != (base.num_envs if known else 0):
        raise CheckpointError(
            f"expected the states of {base.num_envs} environments, found {len(states)}.",
            hint="Make as many environments as the run was begun with.",
        )
    if isinstance(base, SubprocVecEnv):
        results = call_workers(base, "strongbox_restore", [(state, dict(notes.copies)) for state in states])
    elif isinstance(base, DummyVecEnv):
        results = [restore_layers(inner, state, notes.copies) for inner, state in zip(base.envs, states, strict=True)]
    else:
        notes.add(class_name(base), "there is no way into the environments of this class")
        return
    for index, inexact in enumerate(results):
        for place, reason in inexact.items():
            notes.add(f"environment {index}, {place}", reason)
