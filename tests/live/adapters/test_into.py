"""An archive goes into a live model, whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import torch

import strongbox
from strongbox.adapters.into import check_into, fill_into
from strongbox.errors import FormatError, MismatchError, StrongboxError
from tests.live.adapters.likeness import differences
from tests.live.adapters.tiny import AGENTS, Agent, make_agent


def tensors(model: Any) -> Any:
    names = model._get_torch_save_params()[1]
    return model.get_parameters(), [getattr(model, name) for name in names]


def saved(model: Any) -> bytes:
    file = io.BytesIO()
    strongbox.save(model, file)
    return file.getvalue()


def untrained(agent: Agent) -> Any:
    algorithm: Any = agent.algorithm
    options = {**agent.options, "policy_kwargs": dict(agent.policy_options)}
    return algorithm(agent.policy, agent.make_env(), seed=9, **options)


@pytest.mark.parametrize("name", AGENTS)
def test_a_model_takes_networks_optimizers_and_variables(name: str) -> None:
    trained, model = make_agent(name), untrained(AGENTS[name])
    kept = [id(parameter) for parameter in model.policy.parameters()]
    with strongbox.open(saved(trained)) as archive:
        fill_into(model, archive, check_into(model, archive))
    assert list(differences(tensors(trained), tensors(model), "tensors")) == []
    assert [id(parameter) for parameter in model.policy.parameters()] == kept


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ("a2c", "expected an agent of stable_baselines3.ppo.ppo.PPO"),
        ("ppo-box-sde", "expected action_space to be"),
    ],
)
def test_another_agent_is_refused_and_nothing_is_changed(other: str, found: str) -> None:
    model = untrained(AGENTS["ppo"])
    before = saved(model)
    with strongbox.open(saved(make_agent(other))) as archive, pytest.raises(MismatchError, match=found):
        check_into(model, archive)
    assert saved(model) == before


def test_moments_of_another_shape_are_refused(tmp_path: Path) -> None:
    trained, model = AGENTS["ppo"].make(), untrained(AGENTS["ppo"])
    state = trained.policy.optimizer.state
    first = next(iter(state))
    state[first]["exp_avg"] = torch.zeros(1)
    with strongbox.open(saved(trained)) as archive, pytest.raises(MismatchError, match="expected exp_avg of"):
        check_into(model, archive)


def test_an_optimizer_of_other_groups_is_refused() -> None:
    trained, model = AGENTS["ppo"].make(), untrained(AGENTS["ppo"])
    optimizer = trained.policy.optimizer
    del optimizer.state[optimizer.param_groups[0]["params"].pop()]
    with (
        strongbox.open(saved(trained)) as archive,
        pytest.raises(MismatchError, match="parameters in policy"),
    ):
        check_into(model, archive)


def test_a_damaged_tensor_is_found_before_anything_is_changed() -> None:
    model = untrained(AGENTS["ppo"])
    content = bytearray(saved(make_agent("ppo")))
    with strongbox.open(bytes(content)) as archive:
        member = archive.members["policy.pth"]
    content[member.start + member.size // 2] ^= 1
    before = saved(model)
    with strongbox.open(bytes(content)) as archive, pytest.raises(StrongboxError) as caught:
        check_into(model, archive)
    assert isinstance(caught.value, FormatError | MismatchError)
    assert saved(model) == before
