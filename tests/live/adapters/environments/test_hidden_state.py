"""State that is no plain data goes on where it can be kept, and is named where not, though no comparison sees it."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy
import pytest
import torch
from gymnasium import wrappers
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv

from strongbox.adapters.environments import capture_environments, restore_environments, watch_environments
from tests.live.adapters.environments.rolling import differences, roll, through_json

SPACE = gymnasium.spaces.Box(-1e6, 1e6, (2,), numpy.float64)


class Remembering(gymnasium.Env[Any, Any]):
    """Rewards by what it remembers: of ``once`` the first three episodes tell nothing."""

    observation_space = SPACE

    def __init__(self) -> None:
        self.action_space = gymnasium.spaces.Discrete(2)
        self.make()

    def make(self) -> None:
        """Make what is remembered."""

    def once(self) -> float:
        """What an episode begins with."""
        return 0.0

    def each(self) -> float:
        """What a step adds."""
        return 0.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.steps, self.bonus = 0, max(0.0, self.once() - 3)
        return self.np_random.random(2), {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        return self.np_random.random(2), self.bonus + self.each(), self.steps == 4, False, {}


class Slots:
    __slots__ = ("__hidden", "count")

    def __init__(self) -> None:
        self.count, self.__hidden = 0.0, 0.0

    def further(self) -> float:
        self.count += 0.5
        self.__hidden += 0.5
        return self.count + self.__hidden


class Further(Slots):
    """Has a dictionary, too, and an object inside."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Slots()

    def further(self) -> float:
        return (super().further() + self.inner.further()) / 2


class OfTorch(Remembering):
    def make(self) -> None:
        self.dice = torch.Generator().manual_seed(1)
        self.lists = [torch.Generator().manual_seed(2)]

    def each(self) -> float:
        return float(torch.rand(1, generator=self.dice) + torch.rand(1, generator=self.lists[0]))


class Tensors(Remembering):
    def make(self) -> None:
        self.count = torch.zeros(2)
        self.late: Any = None
        self.short = torch.zeros(2, dtype=torch.bfloat16)
        self.large = torch.zeros(1 << 19)  # taken for data that no reset changes

    def once(self) -> float:
        self.count += 1
        self.short += 1
        self.late = self.count.repeat(int(self.count[0]))
        return float(self.count[0]) / 2 + float(self.short[1]) / 2


class Network(Remembering):
    def make(self) -> None:
        torch.manual_seed(0)
        self.frozen = torch.nn.Linear(100, 100)
        self.networks = {"one": torch.nn.Sequential(torch.nn.Linear(1, 1))}

    def once(self) -> float:
        weight: Any = self.networks["one"][0].weight
        with torch.no_grad():
            weight.fill_(round(float(weight.detach())) + 1)
        return float(weight.detach())


class Slotted(Remembering):
    def make(self) -> None:
        self.slots = Further()

    def once(self) -> float:
        return self.slots.further()


KEPT: list[type[Remembering]] = [OfTorch, Tensors, Network, Slotted]


class AsWrapper(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Holds one of the above, whose attributes are then kept the way a wrapper's are."""

    def __init__(self, kind: type[Remembering]) -> None:
        super().__init__(gymnasium.make("CartPole-v1"))
        self.kind = kind
        self.holder: Any = Holder(kind)

    def reset(self, **keywords: Any) -> Any:
        self.bonus = self.holder.memory["once"]()
        return super().reset(**keywords)

    def step(self, action: Any) -> Any:
        observation, _, *rest = super().step(action)
        return (observation, self.bonus + self.holder.memory["each"](), *rest)


class Holder:
    """What a wrapper remembers, with attributes of its own."""

    def __init__(self, kind: type[Remembering]) -> None:
        kind.make(self)  # type: ignore[arg-type]
        self.functions = kind

    @property
    def memory(self) -> dict[str, Callable[[], float]]:
        return {"once": lambda: self.functions.once(self), "each": lambda: self.functions.each(self)}  # type: ignore[arg-type]


def begun(build: Callable[[], Any], episodes: int) -> Any:
    env = DummyVecEnv([build])
    watch_environments(env)
    env.seed(3)
    env.action_space.seed(3)
    env.reset()
    while episodes:
        episodes -= int(env.step(numpy.zeros(1, int))[2][0])
    return env


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("kind", KEPT)
def test_what_no_plain_attribute_shows_goes_on(kind: type[Remembering], wrapped: bool) -> None:
    build = (lambda: AsWrapper(kind)) if wrapped else kind
    env, other = begun(build, 2), begun(build, 5)
    env.step(numpy.zeros(1, int))
    captured = capture_environments(env)
    assert captured.inexact == {}
    assert restore_environments(other, through_json(captured.state)) == {}
    assert differences(roll(other, 40), roll(env, 40)) == []


def test_in_a_worker_too() -> None:
    def workers(steps: int) -> VecEnv:
        env = SubprocVecEnv([OfTorch], start_method="spawn")
        watch_environments(env)
        env.seed(3)
        env.action_space.seed(3)
        env.reset()
        roll(env, steps)
        return env

    env, other = workers(9), workers(21)
    assert restore_environments(other, through_json(capture_environments(env).state)) == {}
    assert differences(roll(other, 30), roll(env, 30)) == []
    env.close()
    other.close()


def test_a_frozen_network_is_the_scripts_and_a_difference_is_said() -> None:
    class Other(Network):
        def make(self) -> None:
            super().make()
            with torch.no_grad():
                self.frozen.bias.add_(1)

    Other.__qualname__ = Network.__qualname__
    captured = capture_environments(begun(Network, 2))
    kept = captured.state["environments"][0]["inner"]["state"]["torch"]
    assert type(kept["frozen.weight"]) is str
    assert type(kept["networks.one.0.weight"]) is not str
    inexact = restore_environments(begun(Other, 2), captured.state)
    assert inexact == {
        "environment 0, Network.frozen.bias": "a setting of the script: another tensor here than in the checkpoint"
    }


def test_a_tensor_without_memory_is_named() -> None:
    class Sparse(Remembering):
        def make(self) -> None:
            self.tensor = torch.zeros(2).to_sparse()

    for build in (Sparse, lambda: AsWrapper(Sparse)):
        (place,) = capture_environments(begun(build, 1)).inexact
        assert place.endswith(".tensor")


class Count(Remembering):
    def make(self) -> None:
        self.counter = itertools.count()

    def once(self) -> float:
        return float(next(self.counter))


class Yields(Remembering):
    def make(self) -> None:
        self.course = {"numbers": (number for number in range(1000))}

    def once(self) -> float:
        return float(next(self.course["numbers"]))


class Mixed(Remembering):
    def make(self) -> None:
        self.things = [Slots(), None]

    def once(self) -> float:
        return self.things[0].further()  # type: ignore[union-attr]


class Deep(Remembering):
    def make(self) -> None:
        self.slots = Slots()
        self.teams = {"red": [[self.slots]]}
        self.table = numpy.array([self.slots, None], dtype=object)
        self.ordered = OrderedDict(first=(self.slots, 1))
        del self.slots

    def once(self) -> float:
        return self.teams["red"][0][0].further()


class Enclosed(Remembering):
    def make(self) -> None:
        counter = [0.0]

        def further() -> float:
            counter[0] += 1
            return counter[0]

        self.further = further

    def once(self) -> float:
        return self.further()


class OfClass(Remembering):
    episodes = 0

    def once(self) -> float:
        OfClass.episodes += 1
        return float(OfClass.episodes)


class OfPlace(Remembering):
    def make(self) -> None:
        self.slots = Slots()
        self.slots.count = itertools.count()  # type: ignore[assignment]

    def once(self) -> float:
        return float(next(self.slots.count))  # type: ignore[call-overload]


def test_what_lies_deep_in_containers_is_named() -> None:
    named = set(capture_environments(begun(Deep, 1)).inexact)
    assert named == {f"environment 0, Deep.{name}" for name in ("teams", "table", "ordered")}


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        (Count, "Count.counter"),
        (Yields, "Yields.course"),
        (Mixed, "Mixed.things"),
        (Enclosed, "Enclosed.further"),
        (OfClass, "OfClass, OfClass.episodes"),
        (OfPlace, "OfPlace.slots.count"),
    ],
)
def test_what_cannot_be_kept_is_named(kind: type[Remembering], place: str) -> None:
    assert set(capture_environments(begun(kind, 1)).inexact) == {f"environment 0, {place}"}


class Renewed(Remembering):
    """All of it is made anew by a reset, and so by a replay."""

    def reset(self, **keywords: Any) -> Any:
        self.counter = itertools.count()
        self.things = [Slots(), None]
        self.course = {"numbers": iter(range(100))}
        return super().reset(**keywords)

    def each(self) -> float:
        slots: Any = self.things[0]
        return float(next(self.counter) + next(self.course["numbers"]) + slots.further())


def test_what_a_reset_makes_anew_is_exact() -> None:
    env, other = begun(Renewed, 2), begun(Renewed, 1)
    env.step(numpy.zeros(1, int))
    captured = capture_environments(env)
    assert captured.inexact == {}
    assert restore_environments(other, through_json(captured.state)) == {}
    assert differences(roll(other, 20), roll(env, 20)) == []


@pytest.mark.parametrize(
    "damage", [None, 3, "as it was made", numpy.zeros(3, numpy.uint8), numpy.zeros(5056, numpy.uint8)]
)
def test_a_strangers_state_of_torch_is_refused_by_name(damage: Any) -> None:
    captured = capture_environments(begun(OfTorch, 2))
    state = through_json(captured.state)
    state["environments"][0]["inner"]["state"]["torch"]["dice"] = damage
    assert any("OfTorch" in place for place in restore_environments(begun(OfTorch, 5), state))


def test_a_wrapper_with_functions_alone_is_exact() -> None:
    def build() -> Any:
        return wrappers.TransformReward(gymnasium.make("CartPole-v1"), lambda reward: reward)

    assert capture_environments(begun(build, 1)).inexact == {}
