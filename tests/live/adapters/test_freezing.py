"""Frozen tensors stay the same to the last bit while the rest of an agent learns."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm

import strongbox
from strongbox.adapters.fitting import live_tensors
from strongbox.errors import MismatchError
from tests.live.adapters.tiny import AGENTS, make_agent

FROZEN = {
    "ppo": "policy.mlp_extractor.*",
    "a2c": "policy.mlp_extractor.policy_net.*",
    "recurrent-ppo": "policy.lstm_actor.*",
    "ppo-image": "policy.features_extractor.*",
    "dqn": "policy.q_net.q_net.0.*",
    "sac": "policy.actor.latent_pi.*",
    "td3": "policy.critic.qf0.0.*",
    "tqc": "policy.critic.qf0.0.*",
    "crossq": "policy.actor.latent_pi.*",
}


def saved(model: Any) -> bytes:
    file = io.BytesIO()
    strongbox.save(model, file)
    return file.getvalue()


def tensors(model: BaseAlgorithm) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in live_tensors(model).items()}


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("name", FROZEN)
def test_what_is_frozen_stays_and_the_rest_learns(name: str, in_place: bool) -> None:
    content = saved(make_agent(name))
    where: dict[str, Any] = {"into": AGENTS[name].make()} if in_place else {"env": AGENTS[name].make_env()}
    model = strongbox.load(content, **where, freeze=[FROZEN[name]], learning_rate=0.05)
    before = tensors(model)
    model.learn(32)
    after = tensors(model)
    frozen = model.strongbox_report.frozen
    assert frozen
    assert all(after[each].equal(before[each]) for each in frozen)
    assert any(not after[each].equal(before[each]) for each in after if each not in frozen)


def test_a_frozen_agent_is_saved_as_any_other() -> None:
    model = strongbox.load(saved(make_agent("ppo")), env=AGENTS["ppo"].make_env(), freeze="policy.mlp_extractor.*")
    model.learn(16)
    file = io.BytesIO(saved(model))
    assert all(parameter.requires_grad for parameter in strongbox.load(file.getvalue()).policy.parameters())
    again = PPO.load(file, env=AGENTS["ppo"].make_env(), device="cpu")
    again.learn(16)


def test_running_statistics_stand_still() -> None:
    name = "policy.actor.latent_pi.0.ra_mean"
    content = saved(make_agent("crossq"))
    assert name in live_tensors(make_agent("crossq"))
    moving = strongbox.load(content, env=AGENTS["crossq"].make_env())
    still = strongbox.load(content, env=AGENTS["crossq"].make_env(), freeze=["policy.actor.latent_pi.*"])
    assert still.strongbox_report.frozen[name] == "it stands still"
    before = tensors(still)
    for model in (moving, still):
        model.learn(64)
    assert tensors(still)[name].equal(before[name])
    assert not tensors(moving)[name].equal(before[name])


@pytest.mark.parametrize(
    ("name", "pattern", "found"),
    [
        ("trpo", "policy.mlp_extractor.*", "found TRPO"),
        ("ars", "policy.*", "found ARS"),
        ("dqn", "policy.q_net_target.*", "target networks alone"),
        ("sac", "policy.critic.*", "leave critic.optimizer something"),
        ("sac", "log_ent_coef", "matches nothing"),
        ("ppo", "policy.optimizer", "matches nothing"),
    ],
)
def test_what_cannot_be_frozen_is_refused(name: str, pattern: str, found: str) -> None:
    with pytest.raises(MismatchError, match=found):
        strongbox.load(saved(make_agent(name)), freeze=pattern)


def test_a_target_network_is_said_to_follow() -> None:
    model = strongbox.load(saved(make_agent("dqn")), env=AGENTS["dqn"].make_env(), freeze="policy.*.0.*")
    told = model.strongbox_report.frozen
    assert told["policy.q_net_target.q_net.0.weight"] == "it follows its network"
    assert told["policy.q_net.q_net.0.weight"] == "it takes no gradient"
