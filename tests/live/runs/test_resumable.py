"""Whatever SB3 trains makes checkpoints that a run goes on from, or says at once why there is none."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy
import pytest
import torch
from gymnasium.wrappers import TransformReward
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv, VecFrameStack, VecNormalize

import strongbox
from strongbox.errors import CheckpointError
from strongbox.runs import NotExact, RunReport
from tests.live.runs.cases import Pictures

SMALL = {"n_steps": 16, "batch_size": 8, "n_epochs": 1, "seed": 1, "device": "cpu"}
TINY = {"features_extractor_kwargs": {"features_dim": 4}}


class Parts(gymnasium.Env[dict[str, Any], numpy.int64]):
    """Observations of two parts, of which one is a number that VecNormalize leaves alone."""

    def __init__(self) -> None:
        box = gymnasium.spaces.Box(-1, 1, (2,))
        self.observation_space = gymnasium.spaces.Dict({"place": box, "kind": gymnasium.spaces.Discrete(3)})
        self.action_space = gymnasium.spaces.Discrete(2)
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        return self._seen(), {}

    def step(self, action: numpy.int64) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return self._seen(), float(action), self.steps >= 7, False, {}

    def _seen(self) -> dict[str, Any]:
        return {"place": self.np_random.random(2).astype(numpy.float32), "kind": self.steps % 3}


class Successful(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Says at the end of every episode whether it was a success, in a form of its own."""

    def __init__(self, success: Callable[[], Any]) -> None:
        super().__init__(gymnasium.make("CartPole-v1", max_episode_steps=5))
        self.success = success

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward, terminated, truncated, {**info, "is_success": self.success()}


class Fraction:
    """A number of somebody's own, of which numpy can take the mean."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __add__(self, other: Any) -> Fraction:
        return Fraction(self.value + float(other))

    __radd__ = __add__

    def __truediv__(self, count: Any) -> Fraction:
        return Fraction(self.value / count)

    def __float__(self) -> float:
        return float(self.value)


def half() -> float:
    return 0.5


def as_fraction() -> Fraction:
    return Fraction(0.5)


def as_array() -> Any:
    return numpy.array(True)


def as_row() -> Any:
    return numpy.array([0.5], numpy.float32)


def as_tensor() -> Any:
    return torch.tensor(1.0)


def halved() -> gymnasium.Env[Any, Any]:
    return TransformReward(gymnasium.make("CartPole-v1"), lambda reward: float(reward) / 2)


def stacked() -> VecEnv:
    return VecFrameStack(VecNormalize(DummyVecEnv([lambda: gymnasium.make("CartPole-v1")])), 3)


def pictures() -> VecEnv:
    return VecNormalize(DummyVecEnv([Pictures]), norm_obs=False)


def parts() -> VecEnv:
    return VecNormalize(DummyVecEnv([Parts]), norm_obs_keys=["place"])


def successful(success: Callable[[], Any]) -> Callable[[], VecEnv]:
    return lambda: DummyVecEnv([lambda: Successful(success)])


ENVIRONMENTS: dict[str, tuple[str, Callable[[], VecEnv]]] = {
    "frames of normalized observations": ("MlpPolicy", stacked),
    "pictures with normalized rewards": ("CnnPolicy", pictures),
    "normalized parts": ("MultiInputPolicy", parts),
    "success as a number": ("MlpPolicy", successful(half)),
    "success as an array": ("MlpPolicy", successful(as_array)),
    "success as a row": ("MlpPolicy", successful(as_row)),
    "success as a tensor": ("MlpPolicy", successful(as_tensor)),
    "workers that cannot send a spec": ("MlpPolicy", lambda: SubprocVecEnv([halved], start_method="fork")),
}


def make(policy: str, environment: Callable[[], VecEnv], kind: type[PPO] = PPO) -> Any:
    options = {**SMALL, "policy_kwargs": TINY if policy == "CnnPolicy" else {"net_arch": [4]}}
    return kind(policy, environment(), **options)  # type: ignore[arg-type]


def train(folder: Path, make_model: Callable[[], Any], total: int) -> tuple[Any, RunReport]:
    with strongbox.Run(folder, durable=False) as run:
        model = run.resume(make_model)
        model.learn(total, callback=run.callback(every=16))
        model.get_env().close()
        return model, run.report


def weights(model: Any) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in model.policy.state_dict().values())


def successes(model: Any) -> list[tuple[type, float]]:
    return [(type(each), numpy.asarray(each).item()) for each in model.ep_success_buffer]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_run_goes_on_exactly(name: str, tmp_path: Path) -> None:
    policy, environment = ENVIRONMENTS[name]
    at_once, _ = train(tmp_path / "once", lambda: make(policy, environment), 64)
    train(tmp_path / "twice", lambda: make(policy, environment), 32)
    twice, report = train(tmp_path / "twice", lambda: make(policy, environment), 64)
    assert (report.step, dict(report.inexact)) == (32, {})
    assert weights(twice) == weights(at_once)
    assert successes(twice) == successes(at_once)


def test_a_success_that_nobody_understands_is_named(tmp_path: Path) -> None:
    train(tmp_path, lambda: make("MlpPolicy", successful(as_fraction)), 32)
    with pytest.warns(NotExact, match="ep_success_buffer"):
        _, report = train(tmp_path, lambda: make("MlpPolicy", successful(as_fraction)), 64)
    assert set(report.inexact) == {"ep_success_buffer"}
    assert report.step == 32


@pytest.mark.parametrize(("success", "lost"), [(as_tensor, []), (as_fraction, ["_is_success_buffer"])])
def test_what_an_evaluation_says_of_success_goes_on_or_is_named(
    success: Callable[[], Any], lost: list[str], tmp_path: Path
) -> None:
    evaluations = [
        EvalCallback(successful(success)(), eval_freq=often, n_eval_episodes=1, verbose=0, warn=False)
        for often in (20, 1000)
    ]
    for total, evaluation in zip((32, 64), evaluations, strict=True):
        with strongbox.Run(tmp_path, durable=False) as run, warnings.catch_warnings():
            warnings.simplefilter("ignore", NotExact)
            model = run.resume(lambda: make("MlpPolicy", successful(half)))
            model.learn(total, callback=[run.callback(every=16), evaluation])
    assert list(run.report.inexact) == [f"callback EvalCallback: {name}" for name in lost]
    first, second = (evaluation._is_success_buffer for evaluation in evaluations)
    assert second == ([] if lost else first)


class Changing(PPO):
    """Makes of its attributes what no model of its script has."""

    def _setup_model(self) -> None:
        super()._setup_model()
        self.best: float | None = 0.0

    def learn(self, *arguments: Any, **options: Any) -> Any:
        self.best = None
        return super().learn(*arguments, **options)


def test_an_attribute_that_a_resume_would_refuse_is_named_and_left_out(tmp_path: Path) -> None:
    train(tmp_path, lambda: make("MlpPolicy", successful(half), Changing), 32)
    with pytest.warns(NotExact, match=r"best \(expected a float, found none"):
        _, report = train(tmp_path, lambda: make("MlpPolicy", successful(half), Changing), 64)
    assert (report.step, set(report.inexact)) == (32, {"best"})


class Box(gymnasium.spaces.Box):
    """A space of somebody's own, which no archive can describe."""


class Own(Parts):
    """An environment with such a space."""

    def __init__(self) -> None:
        super().__init__()
        self.observation_space = Box(-1, 1, (2,))  # type: ignore[assignment]

    def _seen(self) -> Any:
        return super()._seen()["place"]


def test_where_no_run_could_go_on_there_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"expected a checkpoint .* observation_space") as caught:
        train(tmp_path, lambda: make("MlpPolicy", lambda: DummyVecEnv([Own])), 64)
    assert "Nothing was written" in str(caught.value)
    assert list((tmp_path / "checkpoints").glob("0*")) == []
