"""What ``EvalCallback`` remembers of every evaluation: copied once, and exactly what it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stable_baselines3 import A2C
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.env_util import make_vec_env

from strongbox.adapters.later import settle
from strongbox.adapters.training.callbacks import capture_callbacks, restore_callbacks, watch_callbacks
from strongbox.values import same
from tests.live.adapters.environments.rolling import through_json

LISTS = ("evaluations_timesteps", "evaluations_results", "evaluations_length", "evaluations_successes")


def evaluation(folder: Path) -> EvalCallback:
    env = make_vec_env("CartPole-v1", 1, seed=2)
    callback = EvalCallback(env, eval_freq=5, n_eval_episodes=2, log_path=str(folder), verbose=0)
    watch_callbacks(callback)
    return callback


def learn(callback: EvalCallback, steps: int) -> None:
    A2C("MlpPolicy", make_vec_env("CartPole-v1", 1, seed=1), seed=1, device="cpu").learn(steps, callback=callback)


def remembered(callback: EvalCallback) -> dict[str, Any]:
    """The lists as they are now, in Python's own numbers."""
    return {name: [plain(item) for item in getattr(callback, name)] for name in LISTS}


def plain(item: Any) -> Any:
    return [plain(inner) for inner in item] if isinstance(item, list) else getattr(item, "item", lambda: item)()


def state_of(held: dict[str, Any]) -> dict[str, Any]:
    state = settle(held)["EvalCallback"]
    return {name: state[name] for name in LISTS}


def test_what_was_held_stays_while_evaluations_are_added(tmp_path: Path) -> None:
    callback = evaluation(tmp_path)
    expected, held = [], []
    for steps in (5, 15, 10):
        learn(callback, steps)
        callback.evaluations_successes.append([True, False])
        expected.append(remembered(callback))
        held.append(capture_callbacks(callback)[0])
    assert [len(lists["evaluations_results"]) for lists in expected] == [1, 4, 6]
    for then, state in zip(expected, held, strict=True):
        assert same(state_of(state), then)


def test_a_callback_goes_on_from_what_was_captured(tmp_path: Path) -> None:
    callback, other = evaluation(tmp_path), evaluation(tmp_path)
    learn(callback, 10)
    capture_callbacks(callback)
    learn(callback, 10)
    held = capture_callbacks(callback)[0]
    learn(other, 5)
    capture_callbacks(other)
    assert restore_callbacks(other, through_json(settle(held))) == {}
    assert same(remembered(other), remembered(callback))
    assert same(state_of(capture_callbacks(other)[0]), remembered(callback))
    for continued in (callback, other):
        learn(continued, 10)
    assert same(remembered(other), remembered(callback))
    assert same(state_of(capture_callbacks(other)[0]), remembered(callback))


def replace(callback: EvalCallback) -> None:
    callback.evaluations_results = [[1.0, 2.0]] * 4


def cut(callback: EvalCallback) -> None:
    del callback.evaluations_results[2:]


def change(callback: EvalCallback) -> None:
    callback.evaluations_results[1] = [-1.0, 0.0]


def change_inside(callback: EvalCallback) -> None:
    callback.evaluations_length[1][0] = 77


def empty(callback: EvalCallback) -> None:
    for name in LISTS:
        getattr(callback, name).clear()


@pytest.mark.parametrize("meddle", [replace, cut, change, change_inside, empty])
def test_what_a_script_does_to_the_lists_is_captured(meddle: Any, tmp_path: Path) -> None:
    callback = evaluation(tmp_path)
    learn(callback, 20)
    before = remembered(callback)
    settle(capture_callbacks(callback)[0])
    meddle(callback)
    assert not same(remembered(callback), before)
    for steps in (0, 10):
        learn(callback, steps)
        assert same(state_of(capture_callbacks(callback)[0]), remembered(callback))
