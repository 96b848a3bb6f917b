"""Loading what was converted gives the agent that loading the old archive gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO, HerReplayBuffer

from strongbox.adapters import load
from strongbox.conversion import convert
from tests.core.conversion.archives import ARCHIVES, NAMES
from tests.live.adapters.archives import change_data, change_tensors, sb3_archive
from tests.live.adapters.likeness import assert_same_agent
from tests.live.adapters.test_migrations import old_shared_state
from tests.zoo import ZOO, requires_zoo

OF_MANY_KINDS = (
    *("a2c-Acrobot-v1_1-Acrobot-v1", "ars-Pendulum-v1_1-Pendulum-v1", "dqn-CartPole-v1_1-CartPole-v1"),
    *("ppo-LunarLander-v2_1-LunarLander-v2", "tqc-Swimmer-v3_1-Swimmer-v3", "trpo-Swimmer-v3_1-Swimmer-v3"),
)
HER = "her-FetchReach-v1_1-FetchReach-v1"


@pytest.mark.parametrize("name", [name for name in NAMES if "own" not in name])
def test_small_archives(name: str, tmp_path: Path) -> None:
    convert(ARCHIVES / f"{name}.zip", tmp_path / "new.zip")
    new = load(tmp_path / "new.zip", device="cpu")
    assert_same_agent(load(ARCHIVES / f"{name}.zip", device="cpu"), new)
    assert new.strongbox_report.migrated == ()
    assert new.strongbox_report.left == {}


@requires_zoo
@pytest.mark.zoo
@pytest.mark.parametrize("name", OF_MANY_KINDS)
def test_real_archives(name: str, tmp_path: Path) -> None:
    convert(ZOO / f"{name}.zip", tmp_path / "new.zip")
    new = load(tmp_path / "new.zip", device="cpu")
    assert_same_agent(load(ZOO / f"{name}.zip", device="cpu"), new)
    assert new.strongbox_report.migrated == ()


def test_layers_that_both_networks_shared_are_learnt_apart_from_now_on(tmp_path: Path) -> None:
    state = old_shared_state()

    def old_optimizer(new: Any) -> Any:
        moments = {
            index: {"step": torch.tensor(7.0), "exp_avg": state[key] + 1, "exp_avg_sq": state[key].abs() + 2}
            for index, key in enumerate(state)
        }
        return {"state": moments, "param_groups": [{**new["param_groups"][0], "params": list(range(len(state)))}]}

    old = sb3_archive("ppo", tmp_path)
    change_tensors(old, "policy.pth", lambda new: state)
    change_tensors(old, "policy.optimizer.pth", old_optimizer)
    change_data(old, lambda data: data["policy_kwargs"].update(net_arch=[5, {"pi": [4], "vf": [3]}]))
    report = convert(old, tmp_path / "new.zip")
    assert "shared_layers" in {change.subject for change in report.changes}
    assert_same_agent(load(old, device="cpu"), load(tmp_path / "new.zip", device="cpu"))
    model = PPO.load(tmp_path / "new.zip", device="cpu")
    tensors = [
        *model.policy.parameters(),
        *(moments[name] for moments in model.policy.optimizer.state.values() for name in ("exp_avg", "exp_avg_sq")),
    ]
    assert len({tensor.data_ptr() for tensor in tensors}) == len(tensors)
    assert convert(tmp_path / "new.zip", tmp_path / "again.zip").changes == ()
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "new.zip").read_bytes()


class Reach(gymnasium.Env[Any, Any]):
    """The spaces of FetchReach."""

    def __init__(self) -> None:
        widths = {"achieved_goal": 3, "desired_goal": 3, "observation": 10}
        self.observation_space = spaces.Dict(
            {key: spaces.Box(-numpy.inf, numpy.inf, (width,), numpy.float32) for key, width in widths.items()}
        )
        self.action_space = spaces.Box(-1.0, 1.0, (4,), numpy.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self.observation_space.sample(), 0.0, False, False, {}

    def compute_reward(self, achieved: Any, desired: Any, info: Any) -> Any:
        return numpy.zeros(len(achieved))


@requires_zoo
@pytest.mark.zoo
def test_her_of_1_0_sees_the_dictionary_that_it_was_made_from(tmp_path: Path) -> None:
    report = convert(ZOO / f"{HER}.zip", tmp_path / "new.zip", normalization=None)
    assert {"her", "goals"} <= {change.subject for change in report.changes}
    new = load(tmp_path / "new.zip", env=Reach(), device="cpu")
    old = load(ZOO / f"{HER}.zip", env=Reach(), device="cpu")
    assert new.replay_buffer_class is HerReplayBuffer
    assert_same_agent(old, new, attributes=False)
