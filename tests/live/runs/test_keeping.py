"""Which checkpoints a run keeps, and what it says where it cannot tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stable_baselines3 import DQN, PPO

import strongbox
from strongbox.checkpoints import RunFolder, verify_checkpoint
from strongbox.checkpoints.replay import ReplayManifest
from strongbox.errors import CheckpointError, StrongboxWarning


def make_ppo() -> Any:
    options: Any = {"n_steps": 16, "batch_size": 8, "n_epochs": 1, "seed": 1, "device": "cpu"}
    return PPO("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [8]}, **options)


def steps_of(path: Path) -> list[int]:
    return [checkpoint.step for checkpoint in RunFolder(str(path)).checkpoints()]


def test_a_metric_that_no_checkpoint_has_drops_nothing_and_is_told_once(tmp_path: Path) -> None:
    keep = strongbox.Keep(last=1, best=2, metric="eval/mean_rewrad")
    with strongbox.Run(tmp_path, durable=False) as run:
        model = run.resume(make_ppo)
        with pytest.warns(StrongboxWarning, match="'eval/mean_rewrad'.*There are: rollout/ep_rew_mean") as told:
            model.learn(96, callback=run.callback(every=16, keep=keep))
    assert len(told) == 1
    assert Path(told[0].filename).name == Path(__file__).name
    assert steps_of(tmp_path) == [16, 32, 48, 64, 80, 96]


def test_what_is_no_rule_is_refused_at_once(tmp_path: Path) -> None:
    run = strongbox.Run(tmp_path)
    keep: Any = 3
    for call in (run.callback, lambda keep: run.step(None, keep=keep), lambda keep: run.save(None, keep=keep)):
        with pytest.raises(CheckpointError, match=r"expected a strongbox.Keep for keep, found 3. For example"):
            call(keep=keep)


def test_rows_whose_checkpoint_was_dropped_are_kept_again(tmp_path: Path) -> None:
    def make_dqn() -> Any:
        options: Any = {"buffer_size": 1000, "learning_starts": 1000, "seed": 1, "device": "cpu"}
        return DQN("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [8]}, **options)

    with strongbox.Run(tmp_path, durable=False) as run:
        model = run.resume(make_dqn)
        for total, replay in ((40, True), (80, False), (120, True)):
            model.learn(total, callback=run.callback(every=40, replay=replay, keep=strongbox.Keep(last=1)))
    newest = RunFolder(str(tmp_path)).newest()
    assert newest is not None
    assert newest.replay is not None
    assert verify_checkpoint(newest) == []
    manifest = ReplayManifest.from_json(newest.replay)
    assert manifest.position == model.replay_buffer.pos
