"""An agent's normalization: put back, kept for later, or left out on request, and never dropped silently."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from strongbox.adapters import load, save
from strongbox.archive import open_archive
from strongbox.errors import MismatchError, StrongboxWarning
from tests.live.adapters.archives import sb3_archive
from tests.live.adapters.tiny import TinyEnv, make_agent


def plain() -> DummyVecEnv:
    return DummyVecEnv([lambda: TinyEnv(action="box")])


def normalized(folder: Path) -> Path:
    save(make_agent("ppo-box-sde"), folder / "agent.zip", durable=False)
    return folder / "agent.zip"


def test_the_report_says_that_nothing_applies_it(tmp_path: Path) -> None:
    path = normalized(tmp_path)
    assert any("normalization" in note for note in load(path, device="cpu").strongbox_report.notes)
    assert not load(path, device="cpu", env=plain()).strongbox_report.notes


def test_an_environment_that_normalizes_nothing_is_warned_of(tmp_path: Path) -> None:
    model = load(normalized(tmp_path), device="cpu")
    with pytest.warns(StrongboxWarning, match="trained with VecNormalize") as caught:
        model.set_env(plain())
    assert caught[0].filename == __file__
    model.set_env(VecNormalize(plain()))
    assert isinstance(model.get_vec_normalize_env(), VecNormalize)


def test_other_models_take_any_environment(tmp_path: Path) -> None:
    load(normalized(tmp_path), device="cpu")
    PPO("MlpPolicy", plain(), n_steps=8, batch_size=4, device="cpu").set_env(plain())
    load(normalized(tmp_path), device="cpu", skip="normalization").set_env(plain())


def test_it_is_left_out_on_request(tmp_path: Path) -> None:
    path = normalized(tmp_path)
    model = load(path, device="cpu", env=plain(), skip=["normalization"])
    assert model.get_vec_normalize_env() is None
    assert model.strongbox_report.skipped == ("normalization",)
    save(load(path, device="cpu", skip="normalization"), tmp_path / "without.zip", durable=False)
    with open_archive(tmp_path / "without.zip") as archive:
        assert archive.normalization is None
    kept = load(path, device="cpu", env=plain()).get_vec_normalize_env()
    assert numpy.array_equal(kept.obs_rms.mean, make_agent("ppo-box-sde").get_vec_normalize_env().obs_rms.mean)


def test_an_archive_without_it_has_no_such_name(tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match="'normalization'"):
        load(sb3_archive("ppo", tmp_path), device="cpu", skip="normalization")
