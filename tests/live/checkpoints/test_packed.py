"""A checkpoint of a real agent, packed: an unmodified SB3 and Strongbox both load it, with its replay or without."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import torch
from stable_baselines3 import SAC

import strongbox
from strongbox.adapters.capture import capture
from strongbox.checkpoints import Checkpoint, pack, verify_checkpoint, write_checkpoint
from tests.core.checkpoints.runs import add_segment, begin_run, replay_of
from tests.live.adapters.tiny import make_agent


@pytest.fixture(scope="module")
def agent() -> SAC:
    model = make_agent("sac")
    assert isinstance(model, SAC)
    return model


@pytest.fixture
def checkpoint(agent: SAC, tmp_path: Path) -> Checkpoint:
    folder = begin_run(tmp_path / "run")
    replay = replay_of(add_segment(folder, b"transitions"))
    return write_checkpoint(folder, step=agent.num_timesteps, contents=capture(agent), replay=replay)


@pytest.mark.parametrize("replay", [True, False])
def test_a_packed_checkpoint_is_loaded_by_sb3_and_by_strongbox(
    agent: SAC, checkpoint: Checkpoint, replay: bool, tmp_path: Path
) -> None:
    assert verify_checkpoint(checkpoint) == []
    pack(checkpoint, tmp_path / "packed.zip", replay=replay)
    assert strongbox.check(tmp_path / "packed.zip").findings == []
    loaded = SAC.load(tmp_path / "packed.zip"), strongbox.load(tmp_path / "packed.zip")
    observation = agent.observation_space.sample()
    for model in loaded:
        assert model.num_timesteps == agent.num_timesteps
        for name, state in agent.policy.state_dict().items():
            assert torch.equal(model.policy.state_dict()[name], state)
        expected = agent.predict(observation, deterministic=True)[0]
        numpy.testing.assert_array_equal(model.predict(observation, deterministic=True)[0], expected)
