"""What goes into an Atari emulator's own bytes: few fields, checked, at places that the emulator itself has written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ale_py
import gymnasium
import numpy
import pytest

from strongbox.adapters.environments.atari import is_atari, read_before_reset, write_before_reset
from strongbox.errors import CheckpointError, StrongboxError, UnsupportedError
from strongbox.values import from_portable, same, to_portable

gymnasium.register_envs(ale_py)

GAMES = ("Breakout", "Qbert", "MontezumaRevenge")
"""Games on cartridges of several kinds."""


def played(game: str, steps: int = 40, seed: int = 1) -> Any:
    env: Any = gymnasium.make(f"ALE/{game}-v5").unwrapped
    env.reset(seed=seed)
    for step in range(steps):
        env.step(step % env.action_space.n)
    return env


@pytest.mark.parametrize("game", GAMES)
def test_another_emulators_next_episode_is_the_same(game: str) -> None:
    env, other = played(game), played(game, 7, seed=2)
    state = from_portable(to_portable(read_before_reset(env)))
    write_before_reset(other, state)
    assert same(read_before_reset(other), state)
    for _ in range(2):
        (one, told), (two, also_told) = env.reset(), other.reset()
        assert numpy.array_equal(one, two)
        assert told == also_told
        for step in range(40):
            for left, right in zip(env.step(step % 4), other.step(step % 4), strict=True):
                assert numpy.array_equal(left, right) if isinstance(left, numpy.ndarray) else left == right


def test_only_ale_is_taken_for_ale() -> None:
    assert is_atari(played("Pong", 1))
    assert not is_atari(gymnasium.make("CartPole-v1").unwrapped)


CHANGES: list[Callable[[dict[str, Any]], Any]] = [
    lambda state: None,
    lambda state: {**state, "more": 1},
    lambda state: {**state, "frames": -1},
    lambda state: {**state, "frames": 2**31},
    lambda state: {**state, "frames": True},
    lambda state: {**state, "ram": state["ram"][:127]},
    lambda state: {**state, "ram": state["ram"].astype(numpy.int64)},
    lambda state: {**state, "ram": list(state["ram"])},
    lambda state: {**state, "system": None},
    lambda state: {**state, "game": "1 2 3"},
    lambda state: {**state, "game": numpy.zeros(625)},
]


@pytest.mark.parametrize("change", CHANGES)
def test_another_state_is_refused_and_nothing_is_set(change: Callable[[dict[str, Any]], Any]) -> None:
    env = played("Pong", 5)
    before = env.ale.cloneState(include_rng=True).serialize()
    with pytest.raises(CheckpointError):
        write_before_reset(env, change(read_before_reset(env)))
    assert env.ale.cloneState(include_rng=True).serialize() == before


class Emulator:
    """Stands where ALE would, and gives bytes of another layout."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def cloneState(self, *, include_rng: bool) -> Emulator:  # noqa: N802 - ALE's name
        return self

    def serialize(self) -> bytes:
        return self.content


def test_bytes_of_another_layout_are_not_guessed_at() -> None:
    whole = bytes(played("Pong", 5).ale.cloneState(include_rng=True).serialize())
    env: Any = type("Env", (), {})()
    cuts = [whole[:size] for size in (0, 3, 20, 28, 100, len(whole) - 9)]
    others = [b"\xff" * len(whole), whole.replace(b"M6532", b"M6533"), whole.replace(b"System", b"Sister")]
    for content in (*cuts, *others):
        env.ale = Emulator(content)
        with pytest.raises(UnsupportedError):
            read_before_reset(env)


def test_any_changed_byte_of_the_emulators_own_bytes_gives_a_state_or_an_error() -> None:
    whole = bytes(played("Pong", 5).ale.cloneState(include_rng=True).serialize())
    env: Any = type("Env", (), {})()
    for at in range(0, len(whole), 31):
        env.ale = Emulator(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        try:
            read_before_reset(env)
        except StrongboxError:
            continue
