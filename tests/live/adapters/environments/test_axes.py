"""Arrays lie in memory as they did, through every copy and through a file."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

import gymnasium
import numpy
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv

from strongbox.adapters.environments import capture_environments, restore_environments
from strongbox.adapters.environments.axes import arrange, arrange_like, axes_of, copy_array
from strongbox.adapters.environments.plain import copy_plain, revive
from strongbox.errors import CheckpointError
from strongbox.values import same
from tests.live.adapters.environments.rolling import through_json


def counted(*shape: int) -> Any:
    return numpy.arange(numpy.prod(shape), dtype=numpy.int32).reshape(shape)


ARRAYS: dict[str, Any] = {
    "of no axis": numpy.array(3.0),
    "a row": counted(5),
    "usual": counted(2, 3, 4),
    "nothing": numpy.zeros((2, 0, 3)),
    "pictures": counted(2, 4, 4, 3).transpose(0, 3, 1, 2),
    "one picture": counted(1, 4, 4, 3).transpose(0, 3, 1, 2),
    "pictures of one colour": counted(2, 4, 4, 1).transpose(0, 3, 1, 2),
    "one picture of one colour": counted(1, 4, 4, 1).transpose(0, 3, 1, 2),
    "pictures one pixel wide": counted(2, 4, 1, 3).transpose(0, 3, 1, 2),
    "columns": numpy.asfortranarray(counted(4, 3)),
    "any order": counted(2, 3, 4, 5).transpose(2, 0, 3, 1),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_lies_as_it_did(name: str) -> None:
    array = ARRAYS[name]
    assert copy_array(array).strides == array.strides
    copied = copy_plain(array)
    kept = through_json([copied, axes_of(copied)])
    again = revive(arrange(*kept))
    assert same(again, array)
    assert (again.strides, again.flags.writeable) == (array.strides, True)
    assert revive(arrange_like(kept[0], array)).strides == array.strides


def test_steps_that_leave_elements_out_are_closed_up_in_the_same_order() -> None:
    array = counted(4, 6, 6)[::2, :, 1:5].transpose(2, 0, 1)
    assert axes_of(array) == [1, 2, 0]
    assert same(copy_array(array), array)
    assert copy_array(array).transpose(1, 2, 0).flags.c_contiguous


def test_only_what_is_unusual_is_told_of() -> None:
    usual, turned = counted(2, 3), counted(2, 3).T
    assert axes_of([usual, {"a": usual, "b": 3}, "text"]) is None
    value = {"a": usual, "b": OrderedDict(c=turned), "d": deque([1, (turned, usual)], 4)}
    assert axes_of(value) == {"b": {"c": [1, 0]}, "d": {1: {0: [1, 0]}}}
    again = arrange(through_json(value), through_json(axes_of(value)))
    assert same(again, value)
    assert axes_of(again) == axes_of(value)
    assert again["d"].maxlen == 4


@pytest.mark.parametrize(
    "axes",
    [[0], [0, 1, 2], [0, 0], [0, 2], [-1, 0], [0.0, 1.0], [True, False], "10", {0: [1, 0]}, 1],
)
def test_an_order_that_cannot_be_the_arrays_is_refused(axes: Any) -> None:
    with pytest.raises(CheckpointError, match="order of axes"):
        arrange(counted(2, 3), axes)


@pytest.mark.parametrize("axes", [{"other": [1, 0]}, {0: [1, 0]}, [1, 0], {"a": {"b": [1, 0]}}])
def test_an_order_of_something_else_is_refused(axes: Any) -> None:
    with pytest.raises(CheckpointError, match="order of axes"):
        arrange({"a": counted(2, 3), "c": 1}, axes)
    with pytest.raises(CheckpointError, match="order of axes"):
        arrange([counted(2, 3)], {1: [1, 0]})


class Turning(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Keeps a table, and from its first step on the same one turned round, with another inside of something."""

    def __init__(self) -> None:
        super().__init__(gymnasium.make("CartPole-v1"))
        self.table: Any = None
        self.tables: dict[str, Any] = {"now": counted(3, 2)}

    def step(self, action: Any) -> Any:
        self.table = counted(3, 2).T
        self.tables = {"now": counted(4, 2).T}
        return super().step(action)


def turned() -> tuple[Any, DummyVecEnv]:
    env = DummyVecEnv([Turning])
    env.seed(1)
    env.reset()
    return env.envs[0], env


def test_what_an_environment_keeps_lies_as_it_did_although_it_lies_otherwise_here() -> None:
    live, env = turned()
    env.step(numpy.array([1]))
    state = through_json(capture_environments(env).state)
    other, fresh = turned()
    assert restore_environments(fresh, state) == {}
    assert (other.table.strides, other.tables["now"].strides) == (live.table.strides, live.tables["now"].strides)


def test_a_state_that_does_not_tell_is_arranged_as_what_is_there() -> None:
    _, env = turned()
    env.step(numpy.array([1]))
    state = through_json(capture_environments(env).state)
    del state["environments"][0]["wrappers"][0]["axes"]
    other, fresh = turned()
    fresh.step(numpy.array([0]))
    strides = other.table.strides
    assert restore_environments(fresh, state) == {}
    assert other.table.strides == other.tables["now"].strides == strides
    other.table = None
    assert restore_environments(fresh, state) == {}
    assert other.table.flags.c_contiguous


def test_an_order_that_does_not_fit_is_named() -> None:
    _, env = turned()
    env.step(numpy.array([1]))
    state = through_json(capture_environments(env).state)
    state["environments"][0]["wrappers"][0]["axes"]["table"] = [0, 1, 2]
    _, fresh = turned()
    assert set(restore_environments(fresh, state)) == {"environment 0, Turning.table"}
