"""Copies of state dicts are what the model gives, whatever has changed in it since the last copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.base_class import BaseAlgorithm

from strongbox.adapters.training.networks import Networks
from strongbox.adapters.training.state_dicts import StateDicts
from tests.live.adapters.tiny import AGENTS


class Copies:
    """State dicts as a session copies them."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._networks, self._state_dicts = Networks(model), StateDicts()

    def copy(self) -> dict[str, Any]:
        return self._state_dicts.copy(self._model, modules=self._networks.look())


def frozen(tree: Any) -> Any:
    """A tree in which tensors are bytes with a type and a shape, so that it can be compared, in its order."""
    if isinstance(tree, torch.Tensor):
        return str(tree.dtype), tuple(tree.shape), tree.detach().clone().numpy().tobytes(), tree.requires_grad
    if isinstance(tree, dict):
        return type(tree).__name__, [(key, frozen(value)) for key, value in tree.items()]
    return type(tree)(map(frozen, tree)) if isinstance(tree, (list, tuple)) else tree


def memory(tree: Any) -> list[int]:
    """Where the tensors of a tree lie."""
    if isinstance(tree, torch.Tensor):
        return [tree.data_ptr()]
    items = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, (list, tuple)) else ()
    return [place for item in items for place in memory(item)]


@pytest.fixture(scope="module")
def model() -> SAC:
    model = SAC("MlpPolicy", "Pendulum-v1", policy_kwargs={"net_arch": [8, 8]}, learning_starts=5, buffer_size=100)
    return model.learn(10)


def learn(model: Any) -> None:
    model.train(gradient_steps=1, batch_size=4)


def swap_the_memory(model: Any) -> None:
    for parameter in model.actor.parameters():
        parameter.data = parameter.data.clone().add_(1)


def look_otherwise(model: Any) -> None:
    model.actor.mu.weight.data = model.actor.mu.weight.data.t()


def look_square_otherwise(model: Any) -> None:
    weight = model.actor.latent_pi[2].weight
    weight.data = weight.data.t()


def another_parameter(model: Any) -> None:
    model.actor.mu.bias = torch.nn.Parameter(model.actor.mu.bias.detach() + 1)


def another_module(model: Any) -> None:
    model.actor.mu = torch.nn.Linear(8, 1)


def one_module_more(model: Any) -> None:
    model.actor.add_module("more", torch.nn.Linear(2, 2))


def a_module_less(model: Any) -> None:
    model.actor.mu = torch.nn.Identity()


def another_buffer(model: Any) -> None:
    model.actor.register_buffer("counted", torch.ones(3))


def a_buffer_that_is_not_kept(model: Any) -> None:
    model.actor.register_buffer("counted", torch.ones(3))
    model.actor.register_buffer("passing", torch.ones(3), persistent=False)
    Copies(model).copy()


def a_buffer_no_more(model: Any) -> None:
    model.actor._non_persistent_buffers_set.add("registered")


def a_hook(model: Any) -> None:
    def hook(module: Any, state: dict[str, Any], prefix: str, _: Any) -> None:
        state[f"{prefix}own"] = module.qf0[0].weight.sum()

    model.critic._register_state_dict_hook(hook)


def an_optimizer_hook(model: Any) -> None:
    def hook(optimizer: Any, state: dict[str, Any]) -> dict[str, Any]:
        return {**state, "own": sum(float(each["step"]) for each in state["state"].values())}

    model.actor.optimizer.register_state_dict_post_hook(hook)


def another_optimizer(model: Any) -> None:
    model.actor.optimizer = torch.optim.Adam(model.actor.parameters(), lr=0.25)


def emptied_optimizer(model: Any) -> None:
    model.critic.optimizer.state.clear()


def another_moment(model: Any) -> None:
    state = next(iter(model.critic.optimizer.state.values()))
    state["exp_avg"] = state["exp_avg"].clone() + 1


def an_equal_step(model: Any) -> None:
    state = next(iter(model.critic.optimizer.state.values()))
    state["step"] = state["step"].clone()


def another_rate(model: Any) -> None:
    model.actor.optimizer.param_groups[0].update(lr=0.125, betas=(0.5, 0.25))


def rate_of_a_tensor(model: Any) -> None:
    model.actor.optimizer.param_groups[0]["lr"] = torch.tensor(0.5)


def one_group_more(model: Any) -> None:
    model.actor.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(2))], "lr": 1.0})


def loaded_parameters(model: Any) -> None:
    state = model.critic.optimizer.state_dict()
    state["state"] = {
        number: {name: each + 1 for name, each in kept.items()} for number, kept in state["state"].items()
    }
    model.critic.optimizer.load_state_dict(state)


def other_containers(model: Any) -> None:
    model.actor.mu._parameters = {name: each.detach() + 1 for name, each in model.actor.mu._parameters.items()}
    model.actor.mu._parameters = {name: torch.nn.Parameter(each) for name, each in model.actor.mu._parameters.items()}


def another_list_of_parameters(model: Any) -> None:
    group = model.critic.optimizer.param_groups[0]
    group["params"] = group["params"][::-1]


def one_parameter_more(model: Any) -> None:
    model.critic.optimizer.param_groups[-1]["params"].append(torch.nn.Parameter(torch.ones(2)))


def other_parameters(model: Any) -> None:
    model.actor.optimizer.param_groups[0]["params"].reverse()


CHANGES = (
    *(
        learn,
        swap_the_memory,
        look_otherwise,
        look_square_otherwise,
        another_parameter,
        another_module,
        one_module_more,
        a_module_less,
    ),
    *(
        another_buffer,
        a_buffer_that_is_not_kept,
        a_buffer_no_more,
        a_hook,
        an_optimizer_hook,
        another_optimizer,
        emptied_optimizer,
        another_moment,
        an_equal_step,
    ),
    *(
        loaded_parameters,
        other_containers,
        another_list_of_parameters,
        another_rate,
        rate_of_a_tensor,
        one_group_more,
        one_parameter_more,
        other_parameters,
    ),
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_copy_has_what_changed(change: Callable[[Any], None], model: SAC) -> None:
    copies = Copies(own := fresh(model))
    copies.copy()
    for _ in range(2):
        copies.copy()
        change(own)
        expected = frozen(own.get_parameters())
        copied = copies.copy()
        assert frozen(copied) == expected
        # What changes afterwards in place is seen by the next copy alone.
        scale(own)
        assert frozen(copied) == expected
        assert frozen(copies.copy()) == frozen(own.get_parameters()) != expected


def fresh(model: SAC) -> SAC:
    """Another model with the same numbers and optimizer states."""
    other = SAC("MlpPolicy", "Pendulum-v1", policy_kwargs={"net_arch": [8, 8]}, learning_starts=5, buffer_size=100)
    other.set_parameters(model.get_parameters())  # type: ignore[arg-type]
    other.actor.register_buffer("registered", torch.zeros(2))
    other.replay_buffer = model.replay_buffer
    other._setup_learn(0)
    return other


def scale(model: Any) -> None:
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.mul_(1.5)
        for optimizer in (model.actor.optimizer, model.critic.optimizer):
            for state in optimizer.state.values():
                state["step"].add_(1)
            for group in optimizer.param_groups:
                if isinstance(group["lr"], torch.Tensor):
                    group["lr"].mul_(2)


@pytest.mark.parametrize("name", AGENTS)
def test_copies_of_every_algorithm(name: str) -> None:
    copies = Copies(model := AGENTS[name].make())
    for _ in range(3):
        assert frozen(copies.copy()) == frozen(model.get_parameters())
        with torch.no_grad():
            for parameter in model.policy.parameters():
                parameter.add_(1)


def test_what_stands_is_copied_without_a_walk(model: SAC) -> None:
    copies = Copies(own := fresh(model))
    first = copies.copy()
    learn(own)
    second = copies.copy()
    assert memory(first) == memory(second)
    assert second["policy"] is first["policy"]
    assert second["critic.optimizer"]["state"] is first["critic.optimizer"]["state"]


def test_an_algorithm_with_parameters_of_its_own_is_asked(model: SAC) -> None:
    copies = Copies(own := fresh(model))
    own.get_parameters = lambda: {"mine": {"weight": torch.ones(2)}}  # type: ignore[method-assign]
    assert frozen(copies.copy()) == frozen(own.get_parameters())
    assert BaseAlgorithm.get_parameters(own).keys() != copies.copy().keys()


def test_a_copy_that_broke_off_is_made_anew(model: SAC) -> None:
    own = fresh(model)
    networks, state_dicts = Networks(own), StateDicts()
    state_dicts.copy(own, modules=networks.look())
    own.actor.mu = torch.nn.Linear(8, 1)
    networks.look()  # and nothing is copied
    assert frozen(state_dicts.copy(own, modules=networks.look())) == frozen(own.get_parameters())


def test_a_module_beside_the_policy_is_copied(model: SAC) -> None:
    class WithMore(SAC):
        def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
            names, tensors = super()._get_torch_save_params()
            return [*names, "curiosity"], tensors

    own = fresh(model)
    own.__class__ = WithMore
    own.curiosity = torch.nn.Linear(2, 2)  # type: ignore[attr-defined]
    copies = Copies(own)
    copies.copy()
    own.curiosity = torch.nn.Linear(2, 2)  # type: ignore[attr-defined]
    copies.copy()
    own.curiosity.weight = torch.nn.Parameter(torch.ones(2, 2))  # type: ignore[attr-defined]
    assert frozen(copies.copy()) == frozen(own.get_parameters())
