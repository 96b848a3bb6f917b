"""Agents of the first HER: they act on rows as they did, and learn on from dictionaries."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import gymnasium
import numpy
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import DDPG, DQN, SAC, TD3, HerReplayBuffer
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.her.goal_selection_strategy import GoalSelectionStrategy

from strongbox.adapters import load
from strongbox.errors import MismatchError
from tests.live.adapters.archives import change_data
from tests.live.adapters.tiny import OFF_POLICY, TinyEnv

WIDTHS = {"observation": 3, "desired_goal": 2, "achieved_goal": 2}


class RowEnv(gymnasium.Env[Any, Any]):
    """An environment as the first HER showed it to its agent: observation and desired goal in a row."""

    def __init__(self, discrete: bool) -> None:
        self.observation_space = spaces.Box(-1.0, 1.0, (5,))
        self.action_space = spaces.Discrete(2) if discrete else spaces.Box(-1.0, 1.0, (2,))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return self.observation_space.sample(), 0.0, self.steps == 4, False, {}


class GoalEnv(RowEnv):
    """The same with its dictionary."""

    def __init__(self, discrete: bool) -> None:
        super().__init__(discrete)
        self.observation_space = spaces.Dict({key: spaces.Box(-1.0, 1.0, (width,)) for key, width in WIDTHS.items()})

    def compute_reward(self, achieved: Any, desired: Any, infos: Any) -> Any:
        return -numpy.linalg.norm(achieved - desired, axis=-1)


def pickled(item: Any) -> dict[str, str]:
    return {":type:": str(type(item)), ":serialized:": base64.b64encode(cloudpickle.dumps(item)).decode()}


def old_her(algorithm: type[BaseAlgorithm], path: Path) -> Any:
    """An agent that saw rows, in an archive as SB3 1.0 wrote it."""
    make: Any = algorithm
    agent = make("MlpPolicy", RowEnv(algorithm is DQN), seed=1, policy_kwargs={"net_arch": [4, 3]}, **OFF_POLICY)
    agent.learn(24)
    agent.save(path)

    def older(data: dict[str, Any]) -> None:
        for name in ("replay_buffer_class", "replay_buffer_kwargs"):
            del data[name]
        data.update(online_sampling=True, n_sampled_goal=2, max_episode_length=4, model_class=pickled(algorithm))
        data["goal_selection_strategy"] = pickled(GoalSelectionStrategy.FINAL)

    change_data(path, older)
    return agent


def rows_of(observation: dict[str, Any]) -> Any:
    return numpy.concatenate([observation["observation"], observation["desired_goal"]], axis=-1)


@pytest.mark.parametrize("algorithm", [SAC, TD3, DDPG, DQN])
def test_an_agent_that_saw_rows_acts_on_them_without_an_environment(
    algorithm: type[BaseAlgorithm], tmp_path: Path
) -> None:
    agent = old_her(algorithm, tmp_path / "her.zip")
    model: Any = load(tmp_path / "her.zip", device="cpu")
    kind: type = type(model)
    assert kind is algorithm
    assert model.replay_buffer_class is HerReplayBuffer
    assert model.replay_buffer_kwargs == {
        "n_sampled_goal": 2,
        "goal_selection_strategy": GoalSelectionStrategy.FINAL,
    }
    rows = numpy.random.default_rng(0).uniform(-1, 1, (8, 5)).astype(numpy.float32)
    assert numpy.array_equal(model.predict(rows, deterministic=True)[0], agent.predict(rows, deterministic=True)[0])


@pytest.mark.parametrize("algorithm", [SAC, TD3, DDPG, DQN])
def test_with_its_environment_it_sees_the_dictionary_and_learns_on(
    algorithm: type[BaseAlgorithm], tmp_path: Path
) -> None:
    agent = old_her(algorithm, tmp_path / "her.zip")
    env = GoalEnv(algorithm is DQN)
    model = load(tmp_path / "her.zip", env=env, device="cpu")
    assert any(line.startswith("goals") for line in model.strongbox_report.migrated)
    generator = numpy.random.default_rng(0)
    seen = {key: generator.uniform(-1, 1, (8, width)).astype(numpy.float32) for key, width in WIDTHS.items()}
    actions = model.predict(seen, deterministic=True)[0]
    assert numpy.allclose(actions, agent.predict(rows_of(seen), deterministic=True)[0], atol=1e-6)
    if algorithm is SAC:
        old, new = (each.actor.optimizer.state_dict()["state"][0]["exp_avg"] for each in (agent, model))
        assert torch.equal(new, torch.cat([torch.zeros(4, 2), old[:, 3:], old[:, :3]], dim=1))
    assert isinstance(model.replay_buffer, HerReplayBuffer)
    model.learning_starts = model.num_timesteps + 8
    model.learn(16, reset_num_timesteps=False)
    model.save(tmp_path / "today.zip")
    again = algorithm.load(tmp_path / "today.zip", env=env, device="cpu")
    assert numpy.array_equal(model.predict(seen, deterministic=True)[0], again.predict(seen, deterministic=True)[0])


def test_another_environment_is_a_mismatch(tmp_path: Path) -> None:
    old_her(SAC, tmp_path / "her.zip")
    with pytest.raises(MismatchError):
        load(tmp_path / "her.zip", env=TinyEnv("dict", "box"), device="cpu")
