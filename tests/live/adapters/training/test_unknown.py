"""Callbacks that do not tell what they remember are named, and those that remember nothing are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy
import pytest
import torch
from stable_baselines3 import A2C
from stable_baselines3.common.callbacks import BaseCallback, CallbackList, ConvertCallback, EvalCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from strongbox.adapters.environments import watch_environments
from strongbox.adapters.later import settle
from strongbox.adapters.training.callbacks import capture_callbacks, restore_callbacks, watch_callbacks


class Holding(BaseCallback):
    """Holds whatever it is given, under the name of an argument or of none."""

    def __init__(self, given: Any = None, *, hidden: Any = None, step: Callable[[Any], None] | None = None) -> None:
        super().__init__()
        self.given = given
        if hidden is not None:
            self.kept = hidden
        self._step = step

    def _on_step(self) -> bool:
        if self._step is not None:
            self._step(self)
        return True


class Level:
    """An object of the script's own."""

    def __init__(self) -> None:
        self.value = 0

    def __call__(self, variables: Any, names: Any) -> bool:
        self.value += 1
        return True

    def raise_it(self, callback: Any) -> None:
        self.value += 1


def further(callback: Any) -> None:
    callback.given += 1


def grown(callback: Any) -> None:
    callback.given.value += 1


def named(callback: BaseCallback) -> dict[str, str]:
    """What is inexact of a callback that a model has learned with."""
    watch_callbacks(callback)
    A2C("MlpPolicy", "CartPole-v1", n_steps=4, device="cpu").learn(4, callback=callback)
    return capture_callbacks(callback)[1]


@pytest.mark.parametrize(
    ("callback", "attribute"),
    [
        (lambda: Holding(0, step=further), "given"),
        (lambda: Holding(Level(), step=grown), "given"),
        (lambda: Holding(numpy.random.default_rng(1)), "given"),
        (lambda: Holding(hidden=numpy.random.default_rng(1)), "kept"),
        (lambda: Holding(hidden=torch.zeros(2)), "kept"),
        (lambda: Holding(hidden=Level()), "kept"),
        (lambda: Holding(Holding()), "given"),
        (lambda: Holding([Holding()]), "given"),
        (lambda: Holding(CallbackList([Holding()])), "given"),
    ],
)
def test_what_may_be_state_is_named(callback: Callable[[], BaseCallback], attribute: str) -> None:
    assert named(callback())["callback Holding"].startswith(f"{attribute} may be state")


@pytest.mark.parametrize(
    "given", [3, "name", [1, 2], {"a": numpy.zeros(2)}, Level(), Path("somewhere"), Level, further, None]
)
def test_settings_that_do_not_change_are_not_named(given: Any) -> None:
    assert named(Holding(given)) == {}


def counting() -> Callable[[Any, Any], bool]:
    seen = []

    def count(variables: Any, names: Any) -> bool:
        seen.append(1)
        return True

    return count


def remembering(variables: Any, names: Any, seen: list[int] = []) -> bool:  # noqa: B006 - what is tested
    seen.append(1)
    return True


def plain(variables: Any, names: Any) -> bool:
    return True


@pytest.mark.parametrize(
    ("function", "may"), [(Level(), True), (counting(), True), (remembering, True), (plain, False)]
)
def test_functions_that_may_remember_are_named(function: Any, may: bool) -> None:
    assert bool(named(ConvertCallback(function))) == may


def test_the_file_of_an_evaluations_monitor_goes_on(tmp_path: Path) -> None:
    def evaluation(name: str) -> EvalCallback:
        env = DummyVecEnv([lambda: Monitor(gymnasium.make("CartPole-v1"), str(tmp_path / name))])
        watch_environments(env)
        return EvalCallback(env, n_eval_episodes=2, eval_freq=4, verbose=0)

    callback = evaluation("evaluation")
    assert named(callback) == {}
    held, _, logs = capture_callbacks(callback)
    path = tmp_path / "evaluation.monitor.csv"
    content = path.read_bytes()
    assert content.count(b"\n") > 3
    assert logs == {str(path): len(content)}
    copy = tmp_path / "copy"
    copy.write_bytes(content)
    other = evaluation("evaluation")
    assert restore_callbacks(other, settle(held), copies={str(path): str(copy)}) == {}
    assert path.read_bytes() == content
    for evaluated in (callback, other):
        evaluated.eval_env.close()
