"""What a file may not set on a live model: what is the process's, the caller's or the class's, and no numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from sb3_contrib import RecurrentPPO
from stable_baselines3 import PPO, SAC

from strongbox.adapters import LeftBehind, load
from strongbox.adapters.attributes import refuse_counter, reserved_names
from tests.live.adapters.archives import change_data, sb3_archive
from tests.live.adapters.likeness import assert_same_agent
from tests.live.adapters.tiny import AGENTS, make_agent


class OwnPPO(PPO):
    """An algorithm with a setting on its class that agents may have otherwise."""

    patience = 3


def test_what_is_not_the_files_stays_behind(tmp_path: Path) -> None:
    spoilt: dict[str, Any] = {
        "device": "meta",
        "env": 5,
        "_vec_normalize_env": "x",
        "_logger": 5,
        "logger": 5,
        "rollout_buffer": [],
        "policy_aliases": {},
        "strongbox_report": 1,
        "num_timesteps": [],
        "_total_timesteps": "many",
        "_n_updates": 1.5,
        "_episode_num": True,
    }
    load(sb3_archive("ppo", tmp_path), device="cpu")
    path = change_data(sb3_archive("ppo", tmp_path), lambda data: data.update(spoilt))
    with pytest.warns(LeftBehind) as caught:
        model = load(path, device="cpu", env=AGENTS["ppo"].make_env())
    assert len(caught) == 1
    assert set(model.strongbox_report.left) == set(spoilt)
    assert model.device == torch.device("cpu")
    assert model.policy_aliases is PPO.policy_aliases
    assert model.num_timesteps == model._n_updates == 0
    model.learn(16)


@pytest.mark.parametrize("name", ["env", "device", "rollout_buffer", "num_timesteps"])
def test_an_agent_is_none_the_worse(name: str, tmp_path: Path) -> None:
    expected = make_agent("ppo")
    path = change_data(sb3_archive("ppo", tmp_path), lambda data: data.update({name: "no such thing"}))
    with pytest.warns(LeftBehind, match=name):
        model = load(path, device="cpu")
    model.num_timesteps = expected.num_timesteps
    assert_same_agent(expected, model)


def test_a_number_of_environments_that_is_none_is_one(tmp_path: Path) -> None:
    path = change_data(sb3_archive("ppo", tmp_path), lambda data: data.update(n_envs="two"))
    with pytest.warns(LeftBehind, match="n_envs"):
        assert load(path, device="cpu").n_envs == 1


def test_the_caller_may_replace_what_the_file_may_not(tmp_path: Path) -> None:
    path = change_data(sb3_archive("ppo", tmp_path), lambda data: data.update(num_timesteps=[]))
    assert load(path, device="cpu", custom_objects={"num_timesteps": 7}).num_timesteps == 7


def test_reserved_names_follow_the_algorithm_of_sb3() -> None:
    assert {"actor", "critic", "critic_target"} <= reserved_names(SAC).keys()
    assert "actor" not in reserved_names(PPO)
    assert "_last_lstm_states" in reserved_names(RecurrentPPO)
    assert reserved_names(OwnPPO) == reserved_names(PPO)
    assert "learning_rate" not in reserved_names(PPO)


@pytest.mark.parametrize(
    ("name", "value", "fits"),
    [
        ("num_timesteps", 3, True),
        ("num_timesteps", 3.0, False),
        ("num_timesteps", -1, False),
        ("n_envs", 0, False),
        ("_n_updates", None, False),
        ("_total_timesteps", 1e6, True),
        ("_total_timesteps", float("nan"), False),
        ("gamma", "any", True),
    ],
)
def test_counters(name: str, value: Any, fits: bool) -> None:
    assert (refuse_counter(name, value) is None) == fits
