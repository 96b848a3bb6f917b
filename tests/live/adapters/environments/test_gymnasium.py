"""Environments of gymnasium, alone and many at once, go on as if they had not been interrupted, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy
import pytest
from gymnasium import wrappers
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.wrappers import vector

from strongbox.adapters.environment_id import id_of_environment
from strongbox.adapters.environments import capture_environments, restore_environments, watch_environments
from strongbox.errors import CheckpointError, MismatchError
from strongbox.values import to_portable
from tests.live.adapters.environments.rolling import copied, differences, through_json, without_moments
from tests.live.adapters.environments.stacks import Hidden, Pictures, WithProtocol, many

Build = Callable[[], Any]


def make(name: str, **options: Any) -> Build:
    return lambda: gymnasium.make(name, **options)


def breakout() -> Any:
    import ale_py

    gymnasium.register_envs(ale_py)
    return wrappers.AtariPreprocessing(gymnasium.make("BreakoutNoFrameskip-v4"), noop_max=5, screen_size=42)


def sync(build: Build, count: int = 2, **options: Any) -> Build:
    return lambda: SyncVectorEnv([build] * count, **options)


def workers(build: Build, count: int = 2, **options: Any) -> Build:
    return lambda: AsyncVectorEnv([build] * count, **options)


def wrapped(build: Build, *layers: Callable[[Any], Any]) -> Build:
    def build_all() -> Any:
        env = build()
        for layer in layers:
            env = layer(env)
        return env

    return build_all


ENVIRONMENTS: dict[str, Build] = {
    "CartPole": make("CartPole-v1"),
    "FrozenLake": make("FrozenLake-v1"),
    "LunarLander": make("LunarLander-v3"),
    "Hopper-wrapped": lambda: many(gymnasium.make("Hopper-v5")),
    "Breakout": breakout,
    "CartPole-sync": wrapped(sync(make("CartPole-v1"), 3), vector.RecordEpisodeStatistics),
    "CartPole-same-step": wrapped(
        sync(make("CartPole-v1"), autoreset_mode=AutoresetMode.SAME_STEP), vector.RecordEpisodeStatistics
    ),
    "Pendulum-sync": wrapped(
        sync(make("Pendulum-v1", max_episode_steps=30), 3),
        vector.RecordEpisodeStatistics,
        vector.NormalizeObservation,
        lambda env: vector.TransformObservation(env, lambda seen: numpy.clip(seen, -10, 10)),
        vector.NormalizeReward,
    ),
    "FrozenLake-sync": sync(make("FrozenLake-v1")),
    "LunarLander-sync": sync(make("LunarLander-v3", enable_wind=True)),
    "HalfCheetah-sync": sync(lambda: wrappers.RecordEpisodeStatistics(gymnasium.make("HalfCheetah-v5"))),
    "Breakout-sync": sync(breakout),
    "Pictures-sync": sync(Pictures, copy=False),
    "CartPole-workers": wrapped(workers(make("CartPole-v1"), 3), vector.RecordEpisodeStatistics),
    "CartPole-workers-same-step": workers(make("CartPole-v1"), autoreset_mode=AutoresetMode.SAME_STEP),
    "CartPole-workers-not-shared": workers(make("CartPole-v1"), shared_memory=False),
    "LunarLander-workers": workers(make("LunarLander-v3")),
    "Pictures-workers": workers(Pictures, copy=False),
    "Hidden-workers-not-shared": workers(Hidden, shared_memory=False),
    "WithProtocol-workers-spawned": workers(WithProtocol, context="spawn"),
    "CartPole-whole": lambda: gymnasium.make_vec("CartPole-v1", 3, vectorization_mode="vector_entry_point"),
}


def begin(name: str, seed: int) -> Any:
    env = ENVIRONMENTS[name]()
    watch_environments(env)
    env.reset(seed=seed)
    env.action_space.seed(seed)
    return env


def roll(env: Any, steps: int) -> list[Any]:
    """Random steps, with all that came back; a single environment is reset as a script does it."""
    seen = []
    for _ in range(steps):
        result: Any = env.step(env.action_space.sample())
        seen.append(to_portable(copied(without_moments(list(result)))))
        if not isinstance(env, VectorEnv) and (result[2] or result[3]):
            seen.append(to_portable(copied(without_moments(list(env.reset())))))
    return seen


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_it_goes_on_to_the_last_bit(name: str) -> None:
    env, other = begin(name, 7), begin(name, 99)
    roll(env, 70)
    roll(other, 9)
    for _ in range(3):  # at several moments: some in the middle of an episode, some at its end
        roll(env, 11)
        captured = capture_environments(env)
        assert captured.inexact == {}
        expected = roll(env, 60)
        assert restore_environments(other, through_json(captured.state)) == {}
        assert differences(expected, roll(other, 60)) == []
    env.close()
    other.close()


@pytest.mark.parametrize("mode", ["shared", "not-shared"])
def test_a_worker_that_is_about_to_reset_does_so(mode: str) -> None:
    """The moment after the end of an episode, into a worker of whichever state."""
    name = {"shared": "CartPole-workers", "not-shared": "CartPole-workers-not-shared"}[mode]
    env, other = begin(name, 7), begin(name, 99)
    ended = 0
    while ended < 3:
        result = env.step(env.action_space.sample())
        if not result[2].any():
            continue
        ended += 1
        state = through_json(capture_environments(env).state)
        assert any(each["loop"]["resets"] for each in state["environments"])
        expected = roll(env, 40)
        assert restore_environments(other, state) == {}
        assert differences(expected, roll(other, 40)) == []
        while not other.step(other.action_space.sample())[2].any():
            """The next state is put into workers of which one is about to reset."""
    env.close()
    other.close()


@pytest.mark.parametrize("name", ["CartPole-workers", "CartPole-workers-not-shared", "Pictures-workers"])
@pytest.mark.parametrize(
    ("loop", "place"),
    [
        (None, "AsyncVectorEnv"),
        ({}, "AsyncVectorEnv"),
        ({"resets": 1, "observed": None}, "AsyncVectorEnv"),
        ({"resets": True, "observed": numpy.zeros(5, numpy.float32)}, "AsyncVectorEnv.observations"),
    ],
)
def test_what_cannot_be_a_workers_is_reported_and_not_sent(name: str, loop: Any, place: str) -> None:
    env = begin(name, 1)
    state = capture_environments(env).state
    for each in state["environments"]:
        each["loop"] = loop
    assert list(restore_environments(env, state)) == [place]
    roll(env, 3)  # the workers are well
    env.close()


def loop_of_ones_own(index: int, build: Any, pipe: Any, parent: Any, *rest: Any) -> None:
    """Another loop than gymnasium's, around the same environment."""
    env = build()
    parent.close()
    while True:
        command, given = pipe.recv()
        if command == "close":
            pipe.send((None, True))
            return
        if command == "_call":
            pipe.send((env.get_wrapper_attr(given[0])(*given[1]), True))
        elif command == "_setattr":
            pipe.send((env.set_wrapper_attr(*given), True))
        elif command == "_check_spaces":
            pipe.send(((True, True), True))
        elif command == "reset":
            pipe.send((env.reset(**given), True))
        else:
            pipe.send((env.step(given), True))


def test_workers_that_run_a_function_of_ones_own_are_named() -> None:
    env = AsyncVectorEnv([make("CartPole-v1")] * 2, shared_memory=False, worker=loop_of_ones_own)
    watch_environments(env)
    env.reset(seed=3)
    captured = capture_environments(env)
    assert list(captured.inexact) == ["AsyncVectorEnv"]
    assert "a function of the script's own" in captured.inexact["AsyncVectorEnv"]
    assert "a function of the script's own" in restore_environments(env, captured.state)["AsyncVectorEnv"]
    env.close()


def test_the_time_that_had_elapsed_goes_on() -> None:
    env, other = begin("CartPole-sync", 1), begin("CartPole-sync", 2)
    env.episode_start_times -= 1000
    captured = through_json(capture_environments(env).state)
    elapsed = captured["vectors"][0]["clocks"]["episode_start_times"]
    assert (elapsed >= 1000).all()
    assert restore_environments(other, captured) == {}
    assert (capture_environments(other).state["vectors"][0]["clocks"]["episode_start_times"] >= elapsed).all()
    for broken in (numpy.full(3, numpy.nan), numpy.zeros(2), None, 10**400, 1.0):
        captured["vectors"][0]["clocks"]["episode_start_times"] = broken
        assert list(restore_environments(other, captured)) == ["RecordEpisodeStatistics.episode_start_times"]


class Unknown(VectorEnv[Any, Any, Any]):
    """A simulator that steps all environments at once, and tells no state."""

    num_envs = 2


def test_a_vector_whose_state_is_not_known_is_named() -> None:
    captured = capture_environments(Unknown())
    assert captured.inexact == {"Unknown": "there is no way into the environments of this class"}
    assert restore_environments(Unknown(), captured.state) == captured.inexact


def test_a_step_under_way_is_refused() -> None:
    env = begin("CartPole-workers-not-shared", 1)
    env.step_async(env.action_space.sample())
    with pytest.raises(CheckpointError, match="found a step under way"):
        capture_environments(env)
    env.step_wait()
    env.close()


def test_another_number_of_environments_is_refused() -> None:
    state = capture_environments(begin("CartPole", 1)).state
    with pytest.raises(CheckpointError, match="expected the states of 3 environments, found 1"):
        restore_environments(begin("CartPole-sync", 1), state)


def test_what_is_no_environment_is_refused() -> None:
    with pytest.raises(MismatchError, match="expected an environment of gymnasium or of Stable-Baselines3, found int"):
        watch_environments(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["CartPole", "CartPole-sync", "CartPole-workers", "CartPole-whole"])
def test_the_id_is_found(name: str) -> None:
    env = begin(name, 1)
    assert id_of_environment(env) == "CartPole-v1"
    env.close()
