"""The innermost environment, below all wrappers: by which way its state is captured.

1. The protocol: a class that offers both ``get_state()`` and ``set_state(state)`` is asked.
2. Gymnasium's classic control and toy text keep all of their state in plain attributes.
3. Gymnasium's MuJoCo environments: attributes, and the state of the simulation.
4. Every other environment is replayed from its last reset; see ``replay``.
"""

from __future__ import annotations

import hashlib
import inspect
from typing import TYPE_CHECKING, Any

from ...errors import CheckpointError
from ...values import same
from .axes import arrange, axes_of
from .mujoco import NOT_ATTRIBUTES, capture_simulation, is_simulation, restore_simulation
from .notes import Notes
from .objects import capture_object, remember_object, restore_object
from .parts import class_name
from .plain import NotPlain, copy_plain, expect_mapping, hold_plain, refuse, revive
from .recording import GENERATOR, record
from .replay import capture_history, restore_history
from .spaces import capture_spaces, restore_spaces

if TYPE_CHECKING:
    import gymnasium

__all__ = ["capture_inner", "restore_inner", "watch_inner"]

OF_ATTRIBUTES = ("gymnasium.envs.classic_control.", "gymnasium.envs.toy_text.")
"""Packages of environments whose state is in their attributes; a class derived from one may keep more elsewhere."""

TABLES = frozenset(("P",))
"""Attributes of toy text that hold the table of all transitions."""


def way_of(env: gymnasium.Env[Any, Any]) -> str:
    """Which of the ways an environment's state is captured by."""
    if has_protocol(env):
        return "protocol"
    if type(env).__module__.startswith(OF_ATTRIBUTES):
        return "attributes"
    return "simulation" if is_simulation(env) else "replay"


def has_protocol(env: Any) -> bool:
    """Whether an environment offers ``get_state()`` and ``set_state(state)``, both with these arguments."""
    return _takes(getattr(env, "get_state", None), 0) and _takes(getattr(env, "set_state", None), 1)


def _takes(method: Any, count: int) -> bool:
    """Whether a method may be called with so many arguments: MujocoEnv's ``set_state`` takes two."""
    if not callable(method):
        return False
    try:
        inspect.signature(method).bind(*[None] * count)
    except (TypeError, ValueError):
        return False
    return True


def watch_inner(env: gymnasium.Env[Any, Any]) -> None:
    """Begin to record an environment that only a replay can restore."""
    remember_object(env)
    if way_of(env) == "replay":
        record(env)


def capture_inner(env: gymnasium.Env[Any, Any], place: str, notes: Notes) -> dict[str, Any]:
    """The state of an environment, and by which way it was captured."""
    way = way_of(env)
    state: dict[str, Any] = {"class": class_name(env), "way": way, "state": None}
    if way == "protocol":
        state["state"] = _capture_protocol(env, place, notes)
    elif way == "attributes":
        state["state"] = capture_object(env, place, notes, harmless=TABLES)
        state["table"] = _table_digest(env)
    elif way == "simulation":
        attributes = capture_object(env, place, notes, harmless=NOT_ATTRIBUTES)
        state["state"] = {"object": attributes, "simulation": capture_simulation(env)}
    else:
        state["state"] = capture_history(env, place, notes)
    return state


def restore_inner(env: gymnasium.Env[Any, Any], state: Any, place: str, notes: Notes) -> None:
    """Put the state of an environment back by the way it was captured."""
    state = expect_mapping(state, f"the state of {place}")
    way, inner = state.get("way"), state.get("state")
    if not same(state.get("class"), class_name(env)) or not same(way, way_of(env)):
        notes.add(place, "expected the state of an environment of this class, captured by the same way, found another")
        return
    try:
        if inner is None:
            notes.add(place, "the checkpoint does not have its state")
        elif way == "protocol":
            _restore_protocol(env, inner, place, notes)
        elif way == "attributes":
            restore_object(env, inner, place, notes, harmless=TABLES)
            if not same(state.get("table"), _table_digest(env)):
                notes.add(f"{place}.P", "a setting of the script: another table of transitions than in the checkpoint")
        elif way == "simulation":
            parts = expect_mapping(inner, f"the state of {place}")
            restore_simulation(env, parts.get("simulation"), place, notes)
            restore_object(env, parts.get("object"), place, notes, harmless=NOT_ATTRIBUTES)
        else:
            restore_history(env, inner, place, notes)
    except CheckpointError as error:
        notes.add(place, error.problem)


def _table_digest(env: Any) -> str | None:
    """A table has thousands of parts, and no step changes it: that it is the same one is all there is to know."""
    table = vars(env).get("P")
    return None if table is None else hashlib.sha256(repr(table).encode()).hexdigest()


# -- the protocol -------------------------------------------------------------------------------------


def _capture_protocol(env: Any, place: str, notes: Notes) -> dict[str, Any] | None:
    try:
        own = copy_plain(env.get_state())
    except NotPlain as reason:
        notes.add(place, f"its get_state() returns more than plain data: {reason}")
        return None
    except Exception as error:  # noqa: BLE001 - the environment's own code
        notes.add(place, f"its get_state() ended with {type(error).__name__}: {error}")
        return None
    generator = vars(env).get(GENERATOR)
    return {
        "own": own,
        "axes": axes_of(own),
        "generator": hold_plain(generator),
        "spaces": capture_spaces(env),
    }


def _restore_protocol(env: Any, state: Any, place: str, notes: Notes) -> None:
    """The generator first, so that a ``set_state`` that brings its own has the last word."""
    state = expect_mapping(state, f"the state of {place}")
    if set(state) - {"axes"} != {"own", "generator", "spaces"}:
        raise CheckpointError(
            "expected what get_state() returned, the generator and those of the spaces, found others."
        )
    live, generator = vars(env).get(GENERATOR), state["generator"]
    problem = None if generator is None else refuse(live, generator, strict=True)
    if problem:
        notes.add(f"{place}.{GENERATOR}", problem)
    elif generator is not None:
        setattr(env, GENERATOR, revive(generator, live))
    restore_spaces(env, state["spaces"], place, notes)
    own = revive(arrange(state["own"], state.get("axes")))
    try:
        env.set_state(own)
        now = copy_plain(env.get_state())
    except Exception as error:  # noqa: BLE001 - the environment's own code
        notes.add(place, f"its set_state() ended with {type(error).__name__}: {error}")
        return
    if not same(now, state["own"]):
        notes.add(place, "its get_state() returns something else than was given to set_state()")
