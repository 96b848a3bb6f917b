"""Which checkpoints a run keeps, and what it says where it cannot tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stable_baselines3 import PPO

import strongbox
from strongbox.checkpoints import RunFolder
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
