"""The worker processes of SubprocVecEnv, however they were started."""

from __future__ import annotations

import functools
import os
import random
import signal
from typing import Any

import gymnasium
import numpy
import pytest
import torch
from stable_baselines3.common.vec_env import SubprocVecEnv

from strongbox.adapters.environments import (
    capture_environments,
    outlive_signals,
    restore_environments,
    watch_environments,
)
from strongbox.errors import CheckpointError
from tests.live.adapters.environments.rolling import differences, roll, through_json
from tests.live.adapters.environments.stacks import Hidden, Nondeterministic


def started(build: Any = Hidden, method: str = "fork", count: int = 1, steps: int = 15) -> SubprocVecEnv:
    env = SubprocVecEnv([build] * count, start_method=method)
    watch_environments(env)
    env.seed(1)
    env.action_space.seed(1)
    env.reset()
    roll(env, steps)
    return env


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_a_worker_is_reached_however_it_was_started(method: str) -> None:
    env = started(method=method)
    captured = capture_environments(env)
    assert captured.inexact == {}
    expected = roll(env, 20)
    assert restore_environments(env, through_json(captured.state)) == {}
    assert differences(roll(env, 20), expected) == []
    env.close()


class Drawing(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Draws from the random states of its process, as many a script's own wrapper does."""

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = self.env.step(action)
        noise = numpy.random.normal() + random.random() + torch.rand(()).item()
        return observation, float(reward) + noise, terminated, truncated, info


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_random_states_of_a_workers_process_go_on(method: str) -> None:
    env, other = (
        SubprocVecEnv([functools.partial(Drawing, gymnasium.make("CartPole-v1"))] * 2, start_method=method)
        for _ in range(2)
    )
    env.reset()
    other.reset()
    captured = capture_environments(env)
    assert captured.inexact == {}
    assert restore_environments(other, through_json(captured.state)) == {}
    rewards = [[stepped.step(numpy.array([0, 1]))[1].tolist() for _ in range(3)] for stepped in (env, other)]
    assert rewards[0] == rewards[1]
    for captured_state in captured.state["environments"]:
        del captured_state["random"]
    assert set(restore_environments(other, captured.state)) >= {"environment 0, random", "environment 1, random"}
    env.close()
    other.close()


def test_a_bare_environment_in_a_worker_is_left_without_a_trace() -> None:
    env = started()
    assert not env.has_attr("strongbox_ready")
    assert env.get_attr("level") == [1]
    env.close()


def test_what_workers_report_has_their_number() -> None:
    env, other = started(Nondeterministic, count=2), started(Nondeterministic, count=2, steps=3)
    inexact = restore_environments(other, capture_environments(env).state)
    assert set(inexact) == {"environment 0, Nondeterministic", "environment 1, Nondeterministic"}
    env.close()
    other.close()


class Unreadable(Hidden):
    """Has an attribute that cannot even be looked at."""

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise ArithmeticError("do not look")


def test_an_error_in_a_worker_is_raised_here_and_does_not_end_it() -> None:
    env = SubprocVecEnv([lambda: gymnasium.make("CartPole-v1"), Unreadable], start_method="fork")
    with pytest.raises(CheckpointError, match="environment 1, in its worker process: ArithmeticError: do not look"):
        capture_environments(env)
    assert env.get_attr("level", 1) == [1]
    env.close()


def test_a_step_under_way_is_not_captured() -> None:
    env = started()
    env.step_async(numpy.zeros((1, 2), numpy.float32))
    with pytest.raises(CheckpointError, match="a step under way"):
        capture_environments(env)
    env.step_wait()
    assert capture_environments(env).inexact == {}
    env.close()


def started_workers(kind: str) -> Any:
    makers: list[Any] = [functools.partial(gymnasium.make, "CartPole-v1")] * 2
    if kind == "async":
        return gymnasium.wrappers.vector.NormalizeReward(gymnasium.vector.AsyncVectorEnv(makers))
    return SubprocVecEnv(makers, start_method=kind)


@pytest.mark.parametrize("kind", ["fork", "async"])
def test_workers_go_on_after_a_signal_and_end_when_they_are_told_to(kind: str) -> None:
    env = started_workers(kind)
    outlive_signals(env, [signal.SIGTERM, signal.SIGUSR1])
    processes: list[Any] = env.unwrapped.processes if kind == "async" else env.processes
    for process in processes:
        os.kill(process.pid, signal.SIGTERM)
        os.kill(process.pid, signal.SIGUSR1)
    env.reset()
    assert capture_environments(env).inexact == {}
    processes[0].terminate()
    processes[0].join()
    assert [process.is_alive() for process in processes] == [False, True]
    if kind == "async":
        env.close(terminate=True)
    else:
        env.remotes[1].close()
    processes[1].join()
