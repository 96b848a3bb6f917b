"""What was held at a clean point is what the agent was there, whatever happens to it before an entry is made."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy
import pytest
from gymnasium import spaces
from stable_baselines3.common.noise import OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.utils import ConstantSchedule, FloatSchedule
from torch import nn

from strongbox.adapters.capture import capture, hold_agent
from strongbox.adapters.held import hold
from strongbox.archive import Contents
from strongbox.archive.write import entry_text
from tests.live.adapters.tiny import AGENTS


def texts(contents: Contents) -> dict[str, str]:
    return {name: entry_text(entry) for name, entry in contents.data.items()}


class Thing:
    """Something of a script's."""

    def __init__(self) -> None:
        self.given = numpy.zeros(2)


def change_space(space: Any) -> None:
    space.sample()
    space.low[0] = -5


CHANGES: dict[str, tuple[Any, Callable[[Any], object]]] = {
    "a list": ([1, [2]], lambda live: live[1].append(3)),
    "a dictionary": ({"net_arch": {"pi": [4]}}, lambda live: live["net_arch"]["pi"].append(4)),
    "classes": (OrderedDict(kind=nn.Tanh, more=[1]), lambda live: live["more"].append(2)),
    "episodes": (deque([{"r": 1.0}], 4), lambda live: live[0].update(r=2.0)),
    "an array": (numpy.zeros((2, 3)).T, lambda live: live.fill(1)),
    "a space": (gymnasium.spaces.Box(-1, 1, (2,), seed=0), change_space),
    "noise": (OrnsteinUhlenbeckActionNoise(numpy.zeros(1), numpy.ones(1)), lambda live: live()),
    "an object": (Thing(), lambda live: live.given.fill(1)),
    "a set": ({1, 2}, lambda live: live.add(3)),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_held_does_not_change(what: str) -> None:
    live, change = CHANGES[what]
    before = entry_text(hold("name", live)({}))
    held = hold("name", live)
    change(live)
    assert entry_text(held({})) == before != entry_text(hold("name", live)({}))


def test_a_setting_that_is_changed_in_place_is_seen() -> None:
    model: Any = AGENTS["ppo"].make()
    model.action_space = copy.deepcopy(model.action_space)  # which agents share
    model.policy_kwargs = {"net_arch": [4]}
    first = texts(capture(model))
    model.policy_kwargs["net_arch"].append(5)
    model.clip_range.value_schedule = ConstantSchedule(0.5)
    model.action_space.n = 5
    second = texts(capture(model))
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"policy_kwargs", "clip_range", "action_space"}


def test_a_function_that_gives_other_numbers_is_asked_again() -> None:
    factor = [1.0]
    live = FloatSchedule(lambda progress: factor[0] * progress)
    first, again = (hold("learning_rate", live)({}) for _ in range(2))
    factor[0] = 2.0
    other = hold("learning_rate", live)({})
    assert [entry.value(0.5) for entry in (first, again, other)] == [0.5, 0.5, 1.0]
    assert first is again


def test_an_agent_is_held_without_its_lists() -> None:
    model: Any = AGENTS["sac"].make()
    before, held = texts(capture(model)), hold_agent(model)
    model.ep_info_buffer.append({"r": 1.0, "l": 1, "t": 0.5})
    model.num_timesteps += 1
    assert texts(held.contents()) == before


SPACES: dict[str, tuple[Any, Callable[[Any], object]]] = {
    "a bound": (spaces.Box(-1, 1, (3,)), lambda live: live.low.__setitem__(0, -2)),
    "a number": (spaces.Discrete(3), lambda live: setattr(live, "n", numpy.int64(4))),
    "a drawn number": (spaces.Box(-1, 1, (3,), seed=1), lambda live: live.sample()),
    "a seed": (spaces.Discrete(3, seed=1), lambda live: live.seed(2)),
    "a child of its generator": (spaces.Discrete(3, seed=1), lambda live: live.np_random.spawn(1)),
    "another bit generator": (
        spaces.Discrete(3, seed=1),
        lambda live: setattr(live, "_np_random", numpy.random.Generator(numpy.random.MT19937(1))),
    ),
    "an inner space": (spaces.Dict(a=spaces.Discrete(3)), lambda live: setattr(live["a"], "n", numpy.int64(4))),
    "an attribute of one's own": (spaces.Discrete(3), lambda live: setattr(live, "note", "new")),
}


@pytest.mark.parametrize("case", SPACES)
def test_a_space_is_pickled_again_where_it_says_something_else(case: str) -> None:
    space, change = SPACES[case]
    first, again = (hold("observation_space", space)({}) for _ in range(2))
    assert entry_text(first) == entry_text(again)
    before = pickle.dumps(space)
    change(space)
    assert pickle.dumps(space) != before
    changed = hold("observation_space", space)({})
    fresh = hold("observation_space", copy.deepcopy(space))({})
    assert entry_text(changed) == entry_text(fresh)
    assert entry_text(changed) != entry_text(first)
