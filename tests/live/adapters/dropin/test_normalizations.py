"""VecNormalize.save and VecNormalize.load with the drop-in: SB3's files, and nothing in them runs."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from gymnasium import spaces
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import strongbox
from strongbox.errors import FormatError, StrongboxError
from tests.live.adapters.tiny import TinyEnv


@pytest.fixture(autouse=True)
def _installed() -> Iterator[None]:
    with strongbox.sb3.installed():
        yield


def environment(observation: str = "vector", envs: int = 2) -> DummyVecEnv:
    return DummyVecEnv([lambda: TinyEnv(observation)] * envs)


def used(live: VecNormalize) -> VecNormalize:
    live.reset()
    for _ in range(5):
        live.step(numpy.zeros(live.num_envs, int))
    return live


SETTINGS = ("training", "norm_obs", "norm_reward", "norm_obs_keys", "clip_obs", "clip_reward", "gamma", "epsilon")
SPACES = ("observation_space", "action_space", "obs_spaces")
STATISTICS = ("obs_rms", "ret_rms")


def state(live: Any) -> dict[str, Any]:
    """Settings, spaces and statistics, as far as it has them."""
    return {name: plain(getattr(live, name, None)) for name in (*SETTINGS, *SPACES, *STATISTICS)}


def plain(value: Any) -> Any:
    if isinstance(value, RunningMeanStd):
        return value.mean.tolist(), value.var.tolist(), value.count
    return {key: plain(item) for key, item in value.items()} if isinstance(value, dict) else value


OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "ordinary": ("vector", {"clip_obs": 3.0, "gamma": 0.5, "epsilon": 1e-3, "clip_reward": 2.0}),
    "for evaluation": ("vector", {"training": False, "norm_reward": False}),
    "rewards alone": ("vector", {"norm_obs": False}),
    "images": ("image", {"clip_obs": 5.0}),
    "some keys": ("dict", {"norm_obs_keys": ["more"]}),
}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("written_by", ["strongbox", "sb3"])
def test_settings_and_statistics_come_back(name: str, written_by: str, tmp_path: Path) -> None:
    observation, options = OPTIONS[name]
    live = used(VecNormalize(environment(observation), **options))
    if written_by == "sb3":
        strongbox.sb3.uninstall()
    live.save(str(tmp_path / "statistics.pkl"))
    with strongbox.sb3.installed():
        found = VecNormalize.load(str(tmp_path / "statistics.pkl"), environment(observation, envs=3))
    assert state(live) == state(found)
    assert found.returns.tolist() == [0.0] * 3
    strongbox.sb3.uninstall()
    theirs = VecNormalize.load(str(tmp_path / "statistics.pkl"), environment(observation, envs=3))
    assert state(theirs) == state(found)
    used(found)


def test_statistics_of_other_observations_are_a_value_error(tmp_path: Path) -> None:
    VecNormalize(environment()).save(tmp_path / "a")  # type: ignore[arg-type]
    for observation in ("dict", "image"):
        with pytest.raises((ValueError, AssertionError)):
            VecNormalize.load(str(tmp_path / "a"), environment(observation))
    with pytest.raises(FileNotFoundError):
        VecNormalize.load(str(tmp_path / "nothing"), environment())


class Touch:
    """An object whose pickle makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


class OwnNormalize(VecNormalize):
    """Somebody's own."""


def test_a_hostile_file_runs_nothing(tmp_path: Path) -> None:
    live, mark = VecNormalize(environment()), tmp_path / "mark"
    live.clip_obs = Touch(mark)  # type: ignore[assignment]
    live.save(str(tmp_path / "a"))
    with pytest.raises(StrongboxError):
        VecNormalize.load(str(tmp_path / "a"), environment())
    (tmp_path / "a").write_bytes(pickle.dumps(Touch(mark)))
    with pytest.raises(StrongboxError):
        VecNormalize.load(str(tmp_path / "a"), environment())
    assert not mark.exists()


def test_another_class_is_loaded_where_pickles_are_trusted(tmp_path: Path) -> None:
    OwnNormalize(environment()).save(str(tmp_path / "a"))
    with pytest.raises(FormatError, match="expected a VecNormalize") as caught:
        VecNormalize.load(str(tmp_path / "a"), environment())
    assert 'strongbox.sb3.install(trust="pickle")' in str(caught.value)
    with strongbox.sb3.installed(trust="pickle"):
        assert type(VecNormalize.load(str(tmp_path / "a"), environment())) is OwnNormalize


def test_a_save_replaces_the_file_as_a_whole(tmp_path: Path) -> None:
    live = VecNormalize(environment())
    live.save(str(tmp_path / "a"))
    before = (tmp_path / "a").read_bytes()
    live.observation_space = spaces.Discrete(2)
    live.mine = lambda: None  # type: ignore[attr-defined]
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        live.save(str(tmp_path / "a"))
    assert (tmp_path / "a").read_bytes() == before
