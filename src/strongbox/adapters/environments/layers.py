"""One environment of gymnasium through all of its wrappers, outermost first, in whatever process it lives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...errors import CheckpointError, StrongboxError
from ...values import describe, same
from .inner import capture_inner, restore_inner, watch_inner
from .notes import Notes
from .objects import capture_object, remember_object, restore_object
from .parts import class_name
from .plain import expect_mapping

if TYPE_CHECKING:
    import gymnasium

__all__ = ["capture_layers", "match_layers", "restore_layers", "watch_layers"]

VIDEO = {"RecordVideo": "videos are recorded anew", "RenderCollection": "frames that were collected are not kept"}
"""Wrappers that show an environment, by class."""


def watch_layers(env: gymnasium.Env[Any, Any]) -> None:
    """Begin to watch an environment and its wrappers; nothing changes for one that is watched already."""
    wrappers, inner = _unwrap(env)
    for wrapper in wrappers:
        remember_object(wrapper)
    watch_inner(inner)


def capture_layers(env: gymnasium.Env[Any, Any]) -> tuple[dict[str, Any], Notes]:
    """The state of an environment and its wrappers, and what there is to say about it."""
    wrappers, inner = _unwrap(env)
    notes = Notes()
    state = {
        "wrappers": [_capture_wrapper(wrapper, notes) for wrapper in wrappers],
        "inner": capture_inner(inner, class_name(inner), notes),
    }
    return state, notes


def restore_layers(env: gymnasium.Env[Any, Any], state: Any, copies: Mapping[str, str]) -> dict[str, str]:
    """Put the state back; returns what could not be restored, each with the reason."""
    wrappers, inner = _unwrap(env)
    notes = Notes(copies=copies)
    state = expect_mapping(state, "the state of an environment")
    restore_inner(inner, state.get("inner"), class_name(inner), notes)
    for wrapper, own in match_layers(wrappers, state.get("wrappers"), notes):
        _restore_wrapper(wrapper, own, notes)
    return notes.inexact


def match_layers(live: list[Any], states: Any, notes: Notes) -> list[tuple[Any, Any]]:
    """Each live layer with its state: the first of the same class with the first, and so on; the rest is reported."""
    if type(states) is not list or not all(type(state) is dict for state in states):
        raise CheckpointError("expected a list of the states of layers, found something else.")
    left, pairs = list(states), []
    for layer in live:
        state = next((state for state in left if same(state.get("class"), class_name(layer))), None)
        if state is None:
            notes.add(class_name(layer), "the checkpoint has no state of such a layer")
            continue
        left = [other for other in left if other is not state]
        pairs.append((layer, state))
    for state in left:
        notes.add(describe(state.get("class"), width=60).strip("'"), "there is no such layer here")
    return pairs


def _unwrap(
    env: gymnasium.Env[Any, Any],
) -> tuple[list[gymnasium.Wrapper[Any, Any, Any, Any]], gymnasium.Env[Any, Any]]:
    import gymnasium

    wrappers = []
    while isinstance(env, gymnasium.Wrapper):
        wrappers.append(env)
        env = env.env
    return wrappers, env


def _capture_wrapper(wrapper: Any, notes: Notes) -> dict[str, Any]:
    name = class_name(wrapper)
    if name in VIDEO:
        notes.add(name, VIDEO[name])
        return {"class": name}
    return capture_object(wrapper, name, notes)


def _restore_wrapper(wrapper: Any, state: Any, notes: Notes) -> None:
    name = class_name(wrapper)
    if name in VIDEO:
        notes.add(name, VIDEO[name])
        return
    try:
        restore_object(wrapper, state, name, notes)
    except StrongboxError as error:
        notes.add(name, error.problem)
