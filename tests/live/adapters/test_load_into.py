"""An archive goes into the model at hand, which stays the same object; a failure leaves it as it was."""

from __future__ import annotations

import copy
import io
from typing import Any

import numpy
import pytest
import torch
from stable_baselines3 import PPO

import strongbox
from strongbox.adapters.fitting import live_tensors
from strongbox.adapters.state import live_optimizers
from strongbox.errors import FormatError, MismatchError
from tests.live.adapters.likeness import differences
from tests.live.adapters.tiny import AGENTS, Agent, make_agent

NAMES = ["ppo", "a2c", "dqn-dict", "sac", "td3", "tqc", "recurrent-ppo", "ppo-box-sde", "ppo-image", "ars", "crossq"]


def saved(model: Any) -> bytes:
    file = io.BytesIO()
    strongbox.save(model, file)
    return file.getvalue()


def untrained(agent: Agent, **options: Any) -> Any:
    algorithm: Any = agent.algorithm
    options = {**copy.deepcopy(agent.options), "policy_kwargs": dict(agent.policy_options), **options}
    return algorithm(agent.policy, agent.make_env(), seed=9, **options)


def state(model: Any) -> Any:
    """Everything that could change: tensors, optimizers, what requires gradients, and the objects themselves."""
    optimizers = {name: optimizer.state_dict() for name, optimizer in live_optimizers(model).items()}
    tensors = live_tensors(model)
    gradients = {name: tensor.requires_grad for name, tensor in tensors.items()}
    attributes = {name: id(value) for name, value in vars(model).items()}
    return copy.deepcopy((dict(tensors), optimizers, gradients, attributes))


@pytest.mark.parametrize("name", NAMES)
def test_the_model_stays_and_takes_everything(name: str) -> None:
    trained, model = make_agent(name), untrained(AGENTS[name])
    parameters = [id(parameter) for parameter in model.policy.parameters()]
    rates = {key: optimizer.param_groups[0]["lr"] for key, optimizer in live_optimizers(model).items()}
    assert strongbox.load(saved(trained), into=model) is model
    assert [id(parameter) for parameter in model.policy.parameters()] == parameters
    assert list(differences(dict(live_tensors(trained)), dict(live_tensors(model)), "tensors")) == []
    for key, optimizer in live_optimizers(model).items():
        kept = live_optimizers(trained)[key].state_dict()["state"]
        assert list(differences(kept, optimizer.state_dict()["state"], key)) == []
        assert optimizer.param_groups[0]["lr"] == rates[key]
    assert model.num_timesteps == 0
    assert set(model.strongbox_report.taken) >= live_tensors(model).keys()
    model.learn(24)


def test_settings_and_the_optimizers_are_the_models_own() -> None:
    model = untrained(AGENTS["ppo"], learning_rate=0.5, gamma=0.25)
    strongbox.load(saved(make_agent("ppo")), into=model)
    assert (model.gamma, model.policy.optimizer.param_groups[0]["lr"]) == (0.25, 0.5)
    assert "settings, counters and environment" in str(model.strongbox_report)


def test_some_of_it_leaves_the_rest_of_the_model() -> None:
    trained, model = make_agent("sac"), untrained(AGENTS["sac"]).learn(24)
    before = state(model)
    strongbox.load(saved(trained), into=model, parameters=["policy.actor.*", "log_ent_coef"])
    for name, tensor in live_tensors(model).items():
        taken = name.startswith("policy.actor.") or name == "log_ent_coef"
        expected = live_tensors(trained)[name] if taken else before[0][name]
        assert tensor.equal(expected), name
    assert list(differences(before[1], state(model)[1], "optimizers")) == []
    report = model.strongbox_report
    assert report.kept["policy.critic.qf0.0.weight"].startswith("the model's own")
    assert report.kept["actor.optimizer"] == "the model's own: not asked for"


def test_a_skipped_optimizer_stays_as_it_is_and_a_reset_one_is_empty() -> None:
    model = untrained(AGENTS["sac"]).learn(24)
    kept = copy.deepcopy(model.actor.optimizer.state_dict())
    strongbox.load(saved(make_agent("sac")), into=model, skip=["actor.optimizer"], reset=["critic.optimizer"])
    assert list(differences(kept, model.actor.optimizer.state_dict(), "actor")) == []
    assert not model.critic.optimizer.state
    assert model.ent_coef_optimizer.state


def test_reset_tensors_are_initialised_anew_and_no_random_number_is_spent() -> None:
    model = untrained(AGENTS["ppo"]).learn(16)
    before = state(model)[0]
    random = torch.random.get_rng_state()
    strongbox.load(saved(make_agent("ppo")), into=model, reset=["policy.value_net.weight"])
    assert torch.random.get_rng_state().equal(random)
    weight = live_tensors(model)["policy.value_net.weight"]
    assert not weight.equal(before["policy.value_net.weight"])
    assert not weight.equal(live_tensors(make_agent("ppo"))["policy.value_net.weight"])
    assert model.policy.value_net.weight not in model.policy.optimizer.state


def test_a_wider_model_takes_the_common_block_and_keeps_the_rest() -> None:
    trained, model = make_agent("ppo"), untrained(AGENTS["ppo"], policy_kwargs={"net_arch": [6]})
    name = "policy.mlp_extractor.policy_net.0.weight"
    before = state(model)[0][name]
    strongbox.load(saved(trained), into=model, on_mismatch="overlap")
    after = live_tensors(model)[name]
    assert after[:4].equal(live_tensors(trained)[name])
    assert after[4:].equal(before[4:])
    model.learn(16)


def test_statistics_go_onto_the_environment_of_the_model() -> None:
    trained, model = make_agent("ppo-box-sde"), untrained(AGENTS["ppo-box-sde"])
    strongbox.load(saved(trained), into=model)
    live: Any = model.get_vec_normalize_env()
    kept = trained.get_vec_normalize_env()
    assert numpy.array_equal(live.obs_rms.mean, kept.obs_rms.mean)
    assert live.obs_rms.count == kept.obs_rms.count
    other = untrained(AGENTS["ppo-box-sde"])
    strongbox.load(saved(trained), into=other, skip="normalization")
    assert other.get_vec_normalize_env().obs_rms.count != kept.obs_rms.count


# -- failures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "options", "found"),
    [
        ("a2c", {}, "expected an agent of stable_baselines3.ppo.ppo.PPO, as the model is, found one of"),
        ("ppo-box-sde", {}, "expected action_space to be"),
        ("ppo-box-sde", {"parameters": "policy.mlp_extractor.*"}, "it is of"),
        ("ppo", {"parameters": "nothing"}, "matches nothing"),
        ("ppo", {"learning_rate": 0.5, "batchsize": 3}, "Did you mean batch_size"),
        ("ppo", {"learning_rate": 0.5, "n_steps": -1}, "can be built with"),
        ("ppo", {"learning_rate": 0.5, "freeze": "policy.nothing"}, "matches nothing"),
        ("ppo", {"n_steps": 4, "freeze": "policy.*"}, "leave policy.optimizer something to train"),
        ("ppo", {"seed": -1}, "whole number from 0"),
        ("ppo", {"policy_kwargs": {}}, "the networks are the model's own"),
        ("ppo", {"skip": "policy.optimiser"}, "names that the archive has in skip"),
        ("ppo", {"env": AGENTS["ppo"].make_env()}, "no env beside into"),
        ("ppo", {"device": "cpu"}, "no device beside into"),
        ("ppo", {"cls": PPO}, "no cls beside into"),
        ("ppo", {"custom_objects": {"gamma": 1}}, "no custom_objects beside into"),
        ("ppo", {"trust": "pickle"}, "no trust beside into"),
        ("ppo", {"force_reset": False}, "no force_reset beside into"),
    ],
)
def test_a_failure_leaves_the_model_as_it_was(other: str, options: dict[str, Any], found: str) -> None:
    model = untrained(AGENTS["ppo"]).learn(16)
    before, content = state(model), saved(make_agent(other))
    with pytest.raises(MismatchError, match=found):
        strongbox.load(content, into=model, **options)
    assert list(differences(before, state(model), "model")) == []


def test_a_schedule_that_fails_leaves_the_model_as_it_was() -> None:
    def schedule(progress: float) -> float:
        if progress < 1:
            raise ZeroDivisionError
        return 0.5

    model = untrained(AGENTS["ppo"]).learn(32)
    assert model._current_progress_remaining < 1
    before = state(model)
    with pytest.raises(ZeroDivisionError):
        strongbox.load(saved(make_agent("ppo")), into=model, learning_rate=schedule)
    assert list(differences(before, state(model), "model")) == []


@pytest.mark.parametrize("name", ["ppo", "sac", "td3"])
def test_a_damaged_tensor_leaves_the_model_as_it_was(name: str) -> None:
    content = bytearray(saved(make_agent(name)))
    with strongbox.open(bytes(content)) as archive:
        member = archive.members[sorted(n for n in archive.members if n.endswith(".pth"))[-1]]
    content[member.start + member.size // 2] ^= 1
    model = untrained(AGENTS[name]).learn(16)
    before = state(model)
    with pytest.raises((FormatError, MismatchError)):
        strongbox.load(bytes(content), into=model, learning_rate=0.5)
    assert list(differences(before, state(model), "model")) == []


def test_moments_of_another_shape_are_refused_or_begin_anew() -> None:
    trained, model = AGENTS["ppo"].make(), untrained(AGENTS["ppo"])
    moments = trained.policy.optimizer.state
    moments[next(iter(moments))]["exp_avg"] = torch.zeros(1)
    before = state(model)
    with pytest.raises(MismatchError, match="expected exp_avg of"):
        strongbox.load(saved(trained), into=model)
    assert list(differences(before, state(model), "model")) == []
    strongbox.load(saved(trained), into=model, on_mismatch="skip")
    assert "exp_avg" in model.strongbox_report.reset["policy.optimizer"]
