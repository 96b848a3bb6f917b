"""A loop of one's own in a run: its environments, its replay buffer, and what is said where something is not kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy
import pytest
import torch
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import strongbox
from strongbox.checkpoints import RunFolder
from strongbox.errors import CheckpointError

SPACES = (gymnasium.spaces.Box(-9, 9, (4,), numpy.float32), gymnasium.spaces.Discrete(2))


class Agent:
    """Acts by a network that is changed a little at each step."""

    def __init__(self, count: int = 2) -> None:
        self.network = torch.nn.Linear(4, 2)
        self.observation: Any = None
        self.seen = numpy.zeros((count, 4))
        self.global_step = 0

    def act(self) -> Any:
        with torch.no_grad():
            self.network.weight += 0.01 * torch.rand(2, 4)
            logits = self.network(torch.as_tensor(self.observation, dtype=torch.float32))
            return torch.multinomial(logits.softmax(-1), 1).squeeze(-1).numpy()


def cart() -> gymnasium.Env[Any, Any]:
    return gymnasium.make("CartPole-v1")


ENVIRONMENTS: dict[str, Callable[[], Any]] = {
    "SyncVectorEnv": lambda: gymnasium.wrappers.vector.NormalizeObservation(SyncVectorEnv([cart] * 2)),
    "AsyncVectorEnv": lambda: AsyncVectorEnv([cart] * 2),
    "VecNormalize": lambda: VecNormalize(DummyVecEnv([cart] * 2)),
}


def train(path: Path, make: Callable[[], Any], total: int, stop: int | None = None) -> list[bytes]:
    """The whole of a script, broken off after ``stop`` steps if that is given; gives what it came to."""
    torch.manual_seed(1)
    envs = make()
    with strongbox.Run(path, durable=False) as run:
        agent = run.resume(Agent, envs=envs)
        if isinstance(envs, VecNormalize):
            envs.seed(1)
            agent.observation = envs.reset()
        else:
            agent.observation, _ = envs.reset(seed=1)
        while agent.global_step < total:
            assert run.step(agent, envs=envs, every=20)
            agent.observation = envs.step(agent.act())[0]
            agent.seen = agent.seen + agent.observation
            agent.global_step += 2
            if agent.global_step == stop:
                envs.close()
                raise KeyboardInterrupt
        run.save(agent, envs=envs)
        assert run.report.exact, run.report
    envs.close()
    return [agent.seen.tobytes(), agent.network.weight.detach().numpy().tobytes(), torch.rand(3).numpy().tobytes()]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_environments_of_every_kind_go_on_to_the_last_bit(name: str, tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", ENVIRONMENTS[name], 120)
    for stop in (46, 90):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "broken", ENVIRONMENTS[name], 120, stop)
    assert train(tmp_path / "broken", ENVIRONMENTS[name], 120) == whole


def test_files_of_monitor_have_no_row_twice(tmp_path: Path) -> None:
    """Where the script, which makes its environments before the run is resumed, does not empty them."""

    def rows(folder: str, *stops: int) -> list[str]:
        path = tmp_path / folder / "monitor.csv"
        path.parent.mkdir()

        def make() -> Any:
            return SyncVectorEnv([lambda: Monitor(cart(), str(path), override_existing=False)])

        for stop in stops:
            with pytest.raises(KeyboardInterrupt):
                train(tmp_path / folder / "run", make, 160, stop)
        train(tmp_path / folder / "run", make, 160)
        return [row.rpartition(",")[0] for row in path.read_text().splitlines() if row[0] != "#"]

    whole = rows("whole")
    assert len(whole) > 2
    assert rows("broken", 70, 130) == whole


class Remembering:
    """An agent whose replay buffer is SB3's; a row has the step that it was added at."""

    def __init__(self, size: int = 50, environments: int = 1) -> None:
        self.buffer = ReplayBuffer(size * environments, *SPACES, device="cpu", n_envs=environments)
        self.global_step = 0

    def add(self, count: int, step: int | None = None) -> None:
        environments = self.buffer.n_envs
        for _ in range(count):
            seen = numpy.full((environments, 4), self.global_step, numpy.float32)
            numbers = numpy.zeros(environments)
            self.buffer.add(seen, seen + 1, numpy.zeros((environments, 1)), numbers, numbers, [{}] * environments)
            self.global_step += environments if step is None else step


def rows_written(path: Path) -> list[int]:
    """How many rows each segment holds, in the order of the checkpoints that were the first to have it."""
    seen: dict[str, int] = {}
    for checkpoint in RunFolder(str(path)).checkpoints():
        for name, segment in (checkpoint.replay or {})["segments"].items():
            seen.setdefault(name, segment["rows"])
    return list(seen.values())


@pytest.mark.parametrize(("environments", "step"), [(1, None), (3, None), (3, 1), (2, 5)])
def test_a_checkpoint_writes_the_rows_that_are_new(environments: int, step: int | None, tmp_path: Path) -> None:
    """However the steps are counted: by the environments, by calls of the loop, or with pauses in between."""
    with strongbox.Run(tmp_path, durable=False) as run:
        agent = run.resume(lambda: Remembering(200, environments), envs=None)
        for count in (10, 5, 20):
            agent.add(count, step)
            run.save(agent)
    assert rows_written(tmp_path) == [10, 5, 20]
    with strongbox.Run(tmp_path, durable=False) as run:
        other = run.resume(lambda: Remembering(200, environments), envs=None)
        assert other.buffer.size() == 0
        run.step(other)
        assert other.buffer.observations.tobytes() == agent.buffer.observations.tobytes()
        assert (other.buffer.pos, other.buffer.full) == (35, False)
        other.add(7, step)
        run.save(other)
    assert rows_written(tmp_path) == [10, 5, 20, 7]


@pytest.mark.parametrize("count", [20, 50, 63, 100, 130])
def test_a_buffer_that_went_round_is_whole(count: int, tmp_path: Path) -> None:
    with strongbox.Run(tmp_path, durable=False) as run:
        agent = run.resume(Remembering, envs=None)
        for rows in (37, count):
            agent.add(rows)
            run.save(agent)
    with strongbox.Run(tmp_path, durable=False) as run:
        other = run.resume(Remembering, envs=None)
        run.step(other)
        assert other.buffer.observations.tobytes() == agent.buffer.observations.tobytes()
        assert (other.buffer.pos, other.buffer.full) == (agent.buffer.pos, agent.buffer.full)


def test_a_buffer_of_another_size_is_refused(tmp_path: Path) -> None:
    with strongbox.Run(tmp_path, durable=False) as run:
        agent = run.resume(Remembering, envs=None)
        agent.add(5)
        run.save(agent)
    with strongbox.Run(tmp_path) as run, pytest.raises(CheckpointError, match="expected a replay buffer of 50 rows"):
        run.resume(lambda: Remembering(60), envs=None)


def test_buffers_and_environments_that_are_not_kept_are_named(tmp_path: Path) -> None:
    with strongbox.Run(tmp_path, durable=False) as run:
        envs = SyncVectorEnv([cart])
        agent: Any = run.resume(Remembering, envs=envs)
        agent.envs, agent.first, agent.other_envs = envs, envs.envs[0], cart()
        agent.second = ReplayBuffer(10, *SPACES, device="cpu")
        envs.reset(seed=1)
        run.save(agent)
        agent.add(1)
        run.save(agent, replay=False)
    kept, without = (checkpoint.commit.inexact for checkpoint in RunFolder(str(tmp_path)).checkpoints())
    assert set(kept) == {"other_envs", "second"}
    assert "not given" in kept["other_envs"]
    assert "another replay buffer than 'buffer'" in kept["second"]
    assert set(without) == {"other_envs", "second", "buffer"}
    assert "replay=False" in without["buffer"]


def test_environments_on_one_side_only_are_named(tmp_path: Path) -> None:
    for name, first, then in (("lost", SyncVectorEnv([cart]), None), ("new", None, SyncVectorEnv([cart]))):
        with strongbox.Run(tmp_path / name, durable=False) as run:
            agent = run.resume(Remembering, envs=first)
            if first is not None:
                first.reset(seed=1)
            run.save(agent)
        with strongbox.Run(tmp_path / name, durable=False) as run:
            agent = run.resume(Remembering, envs=then)
            with pytest.warns(strongbox.StrongboxWarning, match="environments"):
                run.step(agent)
            assert list(run.report.inexact) == ["environments"]
