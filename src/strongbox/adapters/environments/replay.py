"""The general way: an environment is brought back by doing again what was done since its last reset.

What the reset started from is put back (plain attributes, generators, what an Atari emulator keeps over a reset), then
the reset and every action are done again, then everything that can be seen is compared to the last bit: the last
observation, reward and flags, the sum of the rewards, and the plain attributes with their generators. Whatever the
environment is made of, a Box2D world or one's own code, it is exact if it is deterministic, and reported if it is not.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy

from ...errors import CheckpointError, StrongboxError
from ...values import RandomGenerator, same
from ..generators import hold_bits
from ..later import Later, settle
from ..random_states import keep_random_states
from .actions import unpack_actions
from .atari import is_atari, write_before_reset
from .notes import Notes
from .objects import made_with, name_functions, restore_attributes, torch_made_with, unchanged_names
from .plain import NotPlain, copy_plain, expect_mapping, hold_plain, refuse, revive
from .recording import (
    GENERATOR,
    LARGEST,
    plain_attributes,
    plain_parts,
    record,
    recorder_of,
    torch_of_all,
    with_parts,
)
from .spaces import capture_spaces, restore_spaces
from .torch_state import digest_torch, hold_torch, restore_torch, shorten_torch
from .worlds import renew_world

if TYPE_CHECKING:
    import gymnasium

__all__ = ["capture_history", "restore_history"]

LARGEST_SHOWN = 4096
"""Bytes of an array that stands in the state as it is, though it is only compared."""

FIELDS = frozenset(
    ("before", "parts", "unchanged", "generator", "machine", "arguments", "actions", "draws", "after", "torch")
)


def capture_history(env: gymnasium.Env[Any, Any], place: str, notes: Notes) -> dict[str, Any] | None:
    """What was recorded since the last reset, and what can be seen now; None where that is not known, and reported."""
    recorder = recorder_of(env)
    problem = (
        "it was not watched since it was made" if recorder is None else recorder.problem or recorder.actions.problem
    )
    if recorder is None or problem:
        notes.add(place, f"its state cannot be captured: {problem}")
        return None
    recorder.hiding.tell(env, place, notes)
    for label, part in with_parts(env):
        name_functions(part, f"{place}.{label}" if label else place, notes)
    try:
        after = _visible(env, place, notes)
    except NotPlain as reason:
        notes.add(place, f"its last observation is no plain data: {reason}")
        return None
    return {
        "before": recorder.before,
        "parts": recorder.parts,
        "torch": shorten_torch(recorder.of_torch, _torch_made_of_all(env)),
        "unchanged": Later(unchanged_names, made_with(env), recorder.before),
        "generator": recorder.generator,
        "machine": recorder.machine,
        "arguments": recorder.arguments,
        "actions": recorder.actions.pack(),
        "draws": [[index, hold_bits(state)] for index, state in recorder.draws],
        "after": after,
    }


def restore_history(env: gymnasium.Env[Any, Any], state: Any, place: str, notes: Notes) -> None:
    """Do it again; what did not come out equal is reported, and the environment stays as it came out."""
    if type(state) is not dict or set(state) | {"torch"} != FIELDS:
        raise CheckpointError("expected what was done since the last reset, found something else.")
    if not record(env):
        notes.add(place, "its class does not allow it to be recorded")
        return
    arguments, draws = _reset_arguments(state["arguments"]), _draws(state["draws"])
    first = Notes()
    with keep_random_states():
        try:
            _begin(env, state, place, first)
            env.reset(**arguments)
            for index, action in enumerate(unpack_actions(state["actions"])):
                if index in draws:
                    _put_generator(env, draws[index])
                env.step(action)
        except StrongboxError:
            raise
        except Exception as error:  # noqa: BLE001 - the environment's own code, with a stranger's actions
            notes.add(place, f"doing again what was done ended with {type(error).__name__}: {error}")
            return
    _compare(env, state["after"], place, notes, first)


def _reset_arguments(arguments: Any) -> dict[str, Any]:
    arguments = expect_mapping(arguments, "the arguments of the last reset")
    seed, options = arguments.get("seed"), arguments.get("options")
    known = set(arguments) <= {"seed", "options"} and (options is None or type(options) is dict)
    if not known or not (seed is None or (type(seed) is int and seed >= 0)):
        raise CheckpointError("expected a seed and options as the arguments of the last reset, found others.")
    return {name: revive(value) for name, value in arguments.items()}


def _draws(draws: Any) -> dict[int, RandomGenerator]:
    """Where the generator stood before some of the steps, by step."""
    pairs: list[Any] = draws if type(draws) is list else [None]
    if not all(type(pair) is list and len(pair) == 2 and type(pair[0]) is int for pair in pairs):
        raise CheckpointError("expected where the generator stood before some of the steps, found something else.")
    return {step: value for step, value in pairs}  # noqa: C416 - the values are checked when they are used


def _put_generator(env: gymnasium.Env[Any, Any], value: Any) -> None:
    if value is not None and not isinstance(value, RandomGenerator):
        raise CheckpointError(f"expected the state of a generator, found {type(value).__name__}.")
    live = vars(env).get(GENERATOR)
    problem = refuse(live, value, strict=True) if value is not None else None
    if problem:
        raise CheckpointError(f"{problem}.")
    setattr(env, GENERATOR, None if value is None else revive(value, live))


def _begin(env: gymnasium.Env[Any, Any], state: dict[str, Any], place: str, notes: Notes) -> None:
    """Bring the environment to where the last reset started from."""
    renew_world(env)
    _put_generator(env, state["generator"])
    unchanged = state["unchanged"] if type(state["unchanged"]) is list else []
    settings = frozenset(name for name in unchanged if type(name) is str)
    restore_attributes(env, expect_mapping(state["before"], f"the attributes of {place}"), place, notes, settings)
    _begin_parts(env, expect_mapping(state["parts"], f"the objects of {place}"), place, notes)
    restore_torch(env, torch_of_all(with_parts(env)), state.get("torch"), _torch_made_of_all(env), place, notes)
    if is_atari(env):
        write_before_reset(env, state["machine"])


def _begin_parts(env: gymnasium.Env[Any, Any], parts: dict[str, Any], place: str, notes: Notes) -> None:
    """Bring the environment's own objects to where they were; one that the reset makes anew is not there yet."""
    live = dict(with_parts(env))
    for label in parts.keys() & live.keys() - {""}:
        attributes = expect_mapping(parts[label], f"the attributes of {place}.{label}")
        restore_attributes(live[label], attributes, f"{place}.{label}", notes)


def _torch_made_of_all(env: gymnasium.Env[Any, Any]) -> dict[str, Any]:
    """The tensors that an environment and its own objects were made with, by label."""
    return {
        f"{label}.{name}" if label else name: copy
        for label, part in with_parts(env)
        for name, copy in torch_made_with(part).items()
    }


def _visible(env: gymnasium.Env[Any, Any], place: str, notes: Notes) -> dict[str, Any]:
    recorder = recorder_of(env)
    assert recorder is not None
    generator = vars(env).get(GENERATOR)
    parts = with_parts(env)
    of_torch, left_out = hold_torch(torch_of_all(parts), largest=LARGEST)
    for label, reason in left_out.items():
        notes.add(f"{place}.{label}", reason)
    return {
        "last": Later(_digested, copy_plain(recorder.last)),
        "total": recorder.total,
        "drawn": None if recorder.drawn is None else hold_bits(recorder.drawn),
        "attributes": plain_attributes(env),
        "parts": plain_parts(parts),
        "torch": {label: Later(digest_torch, copy) for label, copy in of_torch.items()},
        "spaces": capture_spaces(env),
        "generator": hold_plain(generator),
    }


def _digested(value: Any) -> Any:
    """A tree with every large array, a picture, told by its digest: it is compared and never put back."""
    if isinstance(value, numpy.ndarray) and value.nbytes > LARGEST_SHOWN:
        return f"{value.dtype} of {value.shape}, SHA-256 {hashlib.sha256(value.tobytes()).hexdigest()}"
    if isinstance(value, list | tuple):
        return type(value)(_digested(item) for item in value)
    return {name: _digested(item) for name, item in value.items()} if isinstance(value, dict) else value


def _compare(env: gymnasium.Env[Any, Any], after: Any, place: str, notes: Notes, first: Notes) -> None:
    """Compare what can be seen; ``first`` knows what did not fit before the reset, which may since have been mended."""
    after = expect_mapping(after, f"what was seen last of {place}")
    restore_spaces(env, after.get("spaces"), place, notes)
    try:
        now = settle(_visible(env, place, notes))
    except NotPlain as reason:
        notes.add(place, f"its last observation is no plain data: {reason}")
        return
    if not all(same(now[name], after.get(name)) for name in ("last", "total", "drawn")):
        notes.add(place, "doing again what was done since the last reset came out otherwise: it is not deterministic")
    expected = expect_mapping(after.get("attributes"), f"the attributes of {place}")
    for name in {**expected, **now["attributes"]}:
        if name not in expected or not same(now["attributes"].get(name), expected[name]):
            where = f"{place}.{name}"
            notes.add(where, first.inexact.get(where, "it came out otherwise when the episode was replayed"))
    parts = expect_mapping(after.get("parts"), f"the objects of {place}")
    for label in {**parts, **now["parts"]}:
        if not same(now["parts"].get(label), parts.get(label)):
            notes.add(f"{place}.{label}", "it came out otherwise when the episode was replayed")
    of_torch = expect_mapping(after.get("torch", now["torch"]), f"the tensors of {place}")
    for label in {**of_torch, **now["torch"]}:
        if not same(now["torch"].get(label), of_torch.get(label)):
            where = f"{place}.{label}"
            notes.add(where, first.inexact.get(where, "it came out otherwise when the episode was replayed"))
    _put_generator(env, after.get("generator"))
