"""A recorder is seen by nobody: not by the environment's own code, not in a copy, not in a pickle."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import gymnasium
import numpy
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from strongbox.adapters.environments import watch_environments
from strongbox.adapters.environments.actions import ActionLog, unpack_actions
from strongbox.adapters.environments.recording import record, recorder_of
from strongbox.errors import CheckpointError
from strongbox.values import from_portable, same, to_portable
from tests.live.adapters.environments.stacks import Hidden, Pictures, WithProtocol


def recorded(env: Any) -> Any:
    assert record(env)
    env.reset(seed=1)
    return env


def test_an_environment_looks_as_it_did() -> None:
    plain, env = Pictures(), recorded(Pictures())
    plain.reset(seed=1)
    assert vars(env).keys() == vars(plain).keys()
    assert (type(env).__name__, type(env).__module__) == (Pictures.__name__, Pictures.__module__)
    assert isinstance(env, Pictures)
    assert env.__class__ is Pictures
    assert str(env) == str(plain)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda env: pickle.loads(cloudpickle.dumps(env))])
def test_a_copy_is_of_the_own_class_and_records_nothing(duplicate: Any) -> None:
    env = recorded(Pictures())
    other = duplicate(env)
    assert type(other) is Pictures
    assert recorder_of(other) is None
    other.step(1)
    assert recorder_of(env).actions.count == 0  # type: ignore[union-attr]
    env.step(1)
    assert recorder_of(env).actions.count == 1  # type: ignore[union-attr]


def test_a_pickle_of_sb3s_normalization_holds_nothing_of_it() -> None:
    env = VecNormalize(DummyVecEnv([Hidden]))
    plain = pickle.dumps(env)
    watch_environments(env)
    assert pickle.dumps(env) == plain
    assert b"strongbox" not in plain


def test_watching_twice_changes_nothing() -> None:
    env = DummyVecEnv([Hidden])
    watch_environments(env)
    kind, recorder = type(env.envs[0]), recorder_of(env.envs[0])
    env.reset()
    watch_environments(env)
    assert (type(env.envs[0]), recorder_of(env.envs[0])) == (kind, recorder)


def test_only_what_needs_a_replay_is_recorded() -> None:
    env = DummyVecEnv([WithProtocol, lambda: gymnasium.make("CartPole-v1").unwrapped, Hidden])
    watch_environments(env)
    assert [recorder_of(inner) is not None for inner in env.envs] == [False, False, True]


def test_calls_that_an_environment_makes_to_itself_are_not_recorded() -> None:
    env = recorded(Hidden())  # its reset makes a step
    recorder = recorder_of(env)
    assert recorder is not None
    assert recorder.actions.count == 0


def test_a_class_that_may_not_be_derived_from_is_not_recorded() -> None:
    class Closed(Hidden):
        def __init_subclass__(cls) -> None:
            raise TypeError("there is one of me")

    env = Closed()
    assert not record(env)
    assert type(env) is Closed


ACTIONS: list[Any] = [
    numpy.array([0.5, -1.0], numpy.float32),
    numpy.array([0.25, 1.0], numpy.float32),
    numpy.array([[1], [2]]),
    numpy.int64(3),
    numpy.int64(4),
    numpy.float32(0.5),
    5,
    True,
    (1, numpy.array([2.0])),
    {"move": numpy.int64(1), "say": "go"},
    numpy.array(7),
    numpy.zeros((0, 2)),
    numpy.array([True, False]),
]


@pytest.mark.parametrize("actions", [ACTIONS, ACTIONS[:2], ACTIONS[3:5], [], ACTIONS * 3, ACTIONS[::-1]])
def test_actions_come_out_as_they_went_in(actions: list[Any]) -> None:
    log = ActionLog()
    for action in actions:
        log.add(action)
    assert log.problem is None
    assert same(list(unpack_actions(from_portable(to_portable(log.pack())))), actions)


def test_an_action_that_is_changed_afterwards_was_another_one() -> None:
    log, action = ActionLog(), numpy.zeros(2)
    log.add(action)
    action += 1
    assert same(list(unpack_actions(log.pack())), [numpy.zeros(2)])


@pytest.mark.parametrize(
    "packed",
    [
        *(None, {}, [1], [{}], [{"kind": 1}], [{"kind": "array", "rows": 1}]),
        [{"kind": "scalar", "rows": numpy.zeros((2, 2))}],
    ],
)
def test_other_actions_are_refused(packed: Any) -> None:
    with pytest.raises(CheckpointError):
        list(unpack_actions(packed))
