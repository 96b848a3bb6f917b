"""What networks hold besides their state dicts goes on in another model, or is named."""

from __future__ import annotations

import random
from typing import Any

import numpy
import pytest
import torch
from sb3_contrib import TQC, CrossQ, RecurrentPPO
from stable_baselines3 import DQN, PPO, SAC, TD3
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor

from strongbox.adapters.later import settle
from strongbox.adapters.training.networks import Networks
from strongbox.values import same
from tests.live.adapters.environments.rolling import through_json

OBSERVATION = torch.zeros(1, 4)


class Memory:
    """An object of the script's own."""

    __slots__ = ("calls",)

    def __init__(self) -> None:
        self.calls = 0


class Remembering(FlattenExtractor):
    """Holds one of everything that no state dict has, and gives what comes of it."""

    def __init__(self, space: Any) -> None:
        super().__init__(space)
        self.numpy, self.python = numpy.random.default_rng(1), random.Random(2)
        self.torch = torch.Generator().manual_seed(3)
        self.count, self.numbers, self.memory = 0, numpy.zeros(2), Memory()
        self.register_buffer("quiet", torch.zeros(1), persistent=False)
        self.mean = torch.zeros(1)

    def forward(self, observations: Any) -> Any:
        self.count += 1
        self.memory.calls += 2
        self.numbers += 0.5
        self.quiet: Any = self.quiet + 0.25
        self.mean = self.mean + 0.125
        drawn = self.numpy.random() + self.python.random() + float(torch.rand(1, generator=self.torch))
        counted = self.count + self.memory.calls + self.numbers.sum()
        return super().forward(observations) + drawn + counted + self.quiet + self.mean


class OwnPolicy(ActorCriticPolicy):
    """A policy of one's own, which has a state and much that is none."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.calls, self.everything = 0, [self.value_net, self.action_net]

    def forward(self, *arguments: Any, **keywords: Any) -> Any:
        self.calls += 1
        return super().forward(*arguments, **keywords)


class Counting(torch.optim.Adam):
    """An optimizer of one's own."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.calls = 0

    def step(self, closure: Any = None) -> Any:
        self.calls += 1
        return super().step(closure)


def make(extractor: Any = FlattenExtractor, policy: Any = "MlpPolicy", **options: Any) -> Any:
    options = {"net_arch": [4], "features_extractor_class": extractor, **options}
    return PPO(
        policy, make_vec_env("CartPole-v1"), n_steps=8, batch_size=8, policy_kwargs=options, device="cpu", seed=1
    )


def captured(networks: Networks) -> tuple[dict[str, Any], dict[str, str]]:
    """What a session captures of them."""
    networks.look()
    return networks.capture()


def kept(networks: Networks) -> Any:
    """What is captured, as it comes out of a file, where all of it can be kept."""
    state, lost = captured(networks)
    assert lost == {}
    return through_json(settle(state))


def features(model: Any) -> Any:
    return [model.policy.extract_features(OBSERVATION).tolist() for _ in range(5)]


def test_all_that_an_extractor_holds_goes_on() -> None:
    model, other = make(Remembering), make(Remembering)
    networks, others = Networks(model), Networks(other)
    features(model)
    state = kept(networks)
    expected = features(model)
    for _ in range(2):  # a continuation puts it back twice
        assert others.restore(state) == {}
    assert features(other) == expected
    assert same(kept(others), kept(networks))


def test_a_policy_and_an_optimizer_of_ones_own_go_on() -> None:
    model, other = (make(policy=OwnPolicy, optimizer_class=Counting) for _ in range(2))
    networks, others = Networks(model), Networks(other)
    model.learn(16)
    assert others.restore(kept(networks)) == {}
    assert other.policy.calls == model.policy.calls > 0
    assert other.policy.optimizer.calls == model.policy.optimizer.calls > 0


@pytest.mark.parametrize("kind", [PPO, SAC, TD3, DQN, TQC, CrossQ, RecurrentPPO])
def test_of_networks_of_torch_and_sb3_nothing_is_looked_into(kind: Any) -> None:
    name = "CartPole-v1" if kind in (DQN, PPO) else "Pendulum-v1"
    options: dict[str, Any] = {"n_steps": 16, "batch_size": 8} if "PPO" in kind.__name__ else {"learning_starts": 4}
    model = kind("MlpLstmPolicy" if kind is RecurrentPPO else "MlpPolicy", name, device="cpu", **options)
    networks = Networks(model)
    model.learn(24)
    state = kept(networks)
    assert {name: value for name, value in state.items() if name != "training" and value} == {}
    assert bool(state["training"]) == any(module.training for module in model.policy.modules())


def test_what_was_frozen_while_it_learned_is_frozen() -> None:
    model, other = make(), make()
    networks, others = Networks(model), Networks(other)
    model.policy.value_net.weight.requires_grad_(False)
    assert others.restore(kept(networks)) == {}
    assert not other.policy.value_net.weight.requires_grad
    assert other.policy.value_net.bias.requires_grad
    assert kept(others) == kept(networks)


def frozen() -> Any:
    model = make()
    model.policy.value_net.requires_grad_(False)
    return model


def test_what_was_frozen_when_it_was_made_is_the_scripts() -> None:
    state = kept(Networks(frozen()))
    assert Networks(frozen()).restore(state) == {}
    other = make()
    assert Networks(other).restore(state) == {
        f"policy.value_net.{name}": "a setting of the script: trained here, frozen in the checkpoint"
        for name in ("weight", "bias")
    }
    assert other.policy.value_net.weight.requires_grad
    assert set(Networks(frozen()).restore(kept(Networks(make())))) == {
        "policy.value_net.weight",
        "policy.value_net.bias",
    }


class Dropping(FlattenExtractor):
    def __init__(self, space: Any) -> None:
        super().__init__(space)
        self.drop = torch.nn.Dropout(0.5)


def test_a_changed_attribute_of_a_known_class_goes_on() -> None:
    model, other = make(Dropping), make(Dropping)
    networks, others = Networks(model), Networks(other)
    model.policy.features_extractor.drop.p = 0.25
    state = kept(networks)
    assert others.restore(state) == {}
    assert other.policy.features_extractor.drop.p == 0.25
    assert kept(others) == state


def test_what_cannot_be_kept_is_named() -> None:
    class Iterating(FlattenExtractor):
        def __init__(self, space: Any) -> None:
            super().__init__(space)
            self.course = iter(range(9))

    model = make(Iterating)
    networks = Networks(model)
    model.policy.value_net.in_features = object()
    assert set(captured(networks)[1]) == {"policy.features_extractor.course", "policy.value_net.in_features"}


def test_a_network_that_came_later_is_looked_into() -> None:
    model = make()
    networks = Networks(model)
    kept(networks)
    model.policy.features_extractor.later = Remembering(model.observation_space)
    assert set(kept(networks)["objects"]) == {"policy.features_extractor.later"}


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("objects", {"policy.features_extractor": 3}),
        ("objects", None),
        ("attributes", {"policy.value_net": {"forward": 3}}),
        ("attributes", {"policy.value_net": {"_parameters": {}}}),
        ("attributes", {"policy.value_net": {"in_features": "x"}}),
        ("attributes", {"policy": {"optimizer": 1}}),
        ("attributes", {"nothing": {"p": 1}}),
        ("buffers", {"policy.features_extractor.quiet": numpy.zeros(3)}),
        ("buffers", 3),
    ],
)
def test_a_strangers_state_changes_nothing_and_is_named(part: str, value: Any) -> None:
    model = make(Remembering)
    networks = Networks(model)
    before = kept(networks)
    assert networks.restore({**before, part: value}) != {}
    assert same(kept(networks), before)


def test_names_that_are_none_are_passed_over() -> None:
    networks = Networks(make())
    before = kept(networks)
    assert networks.restore({**before, "training": 3, "frozen": [None, "nothing"]}) == {}
    assert same(kept(networks), {**before, "training": []})
