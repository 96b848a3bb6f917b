"""An environment, or many behind one: their own layers, and each environment inside through all of its wrappers.

Taken are a VecEnv of Stable-Baselines3, a vector environment of gymnasium and a single environment of gymnasium.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from ...errors import CheckpointError, MismatchError, StrongboxError
from ..later import settle
from ..loaded import loaded_classes
from .inside import Inside, find_inside
from .layers import match_layers
from .notes import Notes
from .objects import capture_object, remember_object, restore_object
from .parts import class_name
from .plain import expect_mapping

if TYPE_CHECKING:
    import gymnasium
    from stable_baselines3.common.vec_env import VecEnv

    AnyEnvironment: TypeAlias = VecEnv | gymnasium.vector.VectorEnv[Any, Any, Any] | gymnasium.Env[Any, Any]

__all__ = [
    "Captured",
    "capture_environments",
    "outlive_signals",
    "restore_environments",
    "unwrap_vectors",
    "watch_environments",
]


@dataclass(frozen=True)
class Captured:
    """The state of an environment.

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


def watch_environments(env: AnyEnvironment) -> None:
    """Begin to record what only a replay can restore, and note settings to tell them from state later.

    Call it when the environment has just been made, before its first reset; another call changes nothing. Raises
    MismatchError for what is no environment.
    """
    layers, inside = _take_apart(env)
    for layer in layers:
        remember_object(layer)
    inside.watch()


def outlive_signals(env: AnyEnvironment, numbers: Collection[int]) -> None:
    """Let the worker processes of an environment go on after signals, by number, that reach them with this process.

    They end where this process ends them, by whatever call, or is gone.
    """
    _take_apart(env)[1].outlive_signals(numbers)


def capture_environments(env: AnyEnvironment) -> Captured:
    """The state of all layers and of every environment inside, between two steps; nothing is changed by it."""
    layers, inside = _take_apart(env)
    notes = Notes()
    vectors = [capture_object(layer, class_name(layer), notes, harmless=inside.kept_inside) for layer in layers]
    states = []
    for index, (state, own) in enumerate(inside.capture(notes)):
        states.append(state)
        notes.logs.update(own.logs)
        for place, reason in own.inexact.items():
            notes.add(f"environment {index}, {place}", reason)
    return Captured({"vectors": vectors, "environments": states}, notes.inexact, notes.logs)


def restore_environments(env: AnyEnvironment, state: Any, *, logs: Mapping[str, str] = {}) -> dict[str, str]:
    """Put a state back into an environment made by the same code; returns what is not as it was, with the reasons.

    ``logs`` says for a live log file, by path, where a preserved copy lies whose first bytes are to stand in it. Raises
    CheckpointError where the state is none of this number of environments.
    """
    layers, inside = _take_apart(env)
    state = expect_mapping(state, "the state of the environments")
    environments = state.get("environments")
    if set(state) != {"vectors", "environments"} or type(environments) is not list:
        raise CheckpointError("expected the state of environments, found another.")
    if len(environments) != inside.count:
        raise CheckpointError(
            f"expected the states of {inside.count} environments, found {len(environments)}.",
            hint="Make as many environments as the run was begun with.",
        )
    notes = Notes(copies=logs)
    for index, inexact in enumerate(inside.restore(environments, notes)):
        for place, reason in inexact.items():
            notes.add(f"environment {index}, {place}", reason)
    for layer, own in match_layers(layers, state["vectors"], notes):
        try:
            restore_object(layer, own, class_name(layer), notes, harmless=inside.kept_inside)
        except StrongboxError as error:
            notes.add(class_name(layer), error.problem)
    return notes.inexact


def unwrap_vectors(env: Any) -> tuple[list[Any], Any]:
    """The wrappers around many environments, outermost first, and what is inside of them."""
    layers = []
    of_sb3 = loaded_classes("stable_baselines3.common.vec_env", "VecEnvWrapper")
    of_gymnasium = loaded_classes("gymnasium.vector", "VectorWrapper")
    base = env
    while isinstance(base, of_sb3 + of_gymnasium):
        layers.append(base)
        base = getattr(base, "venv" if isinstance(base, of_sb3) else "env")
    return layers, base


def _take_apart(env: Any) -> tuple[list[Any], Inside]:
    """The layers that belong to all environments at once, and the way to those inside."""
    layers, base = unwrap_vectors(env)
    inside = find_inside(base)
    if inside is None:
        raise MismatchError(
            f"expected an environment of gymnasium or of Stable-Baselines3, found {type(base).__name__}."
        )
    return ([*layers, base] if inside.has_layer else layers), inside
