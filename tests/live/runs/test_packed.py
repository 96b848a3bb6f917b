"""A packed checkpoint of a real run, loaded: with its replay buffer where there is an environment to go on in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy
import pytest
from stable_baselines3 import DQN, SAC, HerReplayBuffer
from stable_baselines3.common.envs import BitFlippingEnv
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

import strongbox
from strongbox.checkpoints import RunFolder, pack
from strongbox.errors import CheckpointError, FormatError, MismatchError

SMALL: dict[str, Any] = {"buffer_size": 150, "learning_starts": 40, "batch_size": 8}


def make_sac() -> OffPolicyAlgorithm:
    return SAC("MlpPolicy", "Pendulum-v1", policy_kwargs={"net_arch": [8]}, seed=1, device="cpu", **SMALL)


def make_her() -> OffPolicyAlgorithm:
    env = BitFlippingEnv(n_bits=4)
    return DQN(
        "MultiInputPolicy",
        env,
        replay_buffer_class=HerReplayBuffer,
        policy_kwargs={"net_arch": [8]},
        seed=1,
        device="cpu",
        **SMALL,
    )


def packed(make_model: Callable[[], OffPolicyAlgorithm], folder: Path) -> tuple[OffPolicyAlgorithm, Path]:
    """A model that has learned past the end of its ring, and its last checkpoint, packed."""
    with strongbox.Run(folder / "run", durable=False) as run:
        model = run.resume(make_model)
        model.learn(200, callback=run.callback(every=60))
        run.wait()
        newest = RunFolder(run.path).newest()
        assert newest is not None
        pack(newest, folder / "packed.zip", replay=True)
    return model, folder / "packed.zip"


@pytest.mark.parametrize("make_model", [make_sac, make_her])
def test_the_replay_buffer_comes_along(make_model: Callable[[], OffPolicyAlgorithm], tmp_path: Path) -> None:
    model, file = packed(make_model, tmp_path)
    loaded = strongbox.load(file, env=make_model().get_env())
    before, after = model.replay_buffer, loaded.replay_buffer
    assert before is not None
    assert (after.pos, after.full) == (before.pos, before.full)
    for name in ("observations", "actions", "rewards", "dones", "next_observations"):
        expected, found = getattr(before, name), getattr(after, name)
        pairs = [(expected[key], found[key]) for key in expected] if isinstance(expected, dict) else [(expected, found)]
        for left, right in pairs:
            assert left.tobytes() == right.tobytes(), name
    loaded.learn(20, reset_num_timesteps=False)
    assert loaded.num_timesteps == 220


def test_without_an_environment_it_stays_in_the_file_and_that_is_said(tmp_path: Path) -> None:
    _, file = packed(make_sac, tmp_path)
    model = strongbox.load(file)
    assert any(note.startswith("replay_buffer: kept in the file") for note in model.strongbox_report.notes)


def test_it_can_be_left_out_and_a_buffer_of_another_size_is_an_error_that_says_so(tmp_path: Path) -> None:
    _, file = packed(make_sac, tmp_path)
    env = gymnasium.make("Pendulum-v1")
    assert strongbox.load(file, env=env, skip=["replay_buffer"]).replay_buffer.size() == 0
    with pytest.raises(CheckpointError, match=r'skip=\["replay_buffer"\]'):
        strongbox.load(file, env=env, buffer_size=70)
    with strongbox.Run(tmp_path / "run") as run:
        newest = RunFolder(run.path).newest()
        assert newest is not None
        with pytest.raises(MismatchError, match="replay_buffer"):
            strongbox.load(newest.agent_path, skip=["replay_buffer"])


def test_a_damaged_replay_is_refused(tmp_path: Path) -> None:
    _, file = packed(make_sac, tmp_path)
    content = bytearray(file.read_bytes())
    with strongbox.open(file) as archive:
        segments = numpy.frombuffer(archive.members.span("replay/segments"), numpy.uint8).tobytes()
    content[bytes(content).index(segments) + len(segments) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(FormatError, match="replay/segments"):
        strongbox.load(file, env=gymnasium.make("Pendulum-v1"))
