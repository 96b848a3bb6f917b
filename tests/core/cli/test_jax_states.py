"""Agents on JAX on the page and as data: networks layer by layer, optimizers, what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy

from strongbox.archive import open_archive
from strongbox.cli.jax_states import read_jax_networks, read_jax_optimizers
from strongbox.cli.optimizers import Optimizer
from strongbox.cli.summary import summarize
from strongbox.values import ClassReference, JaxArray, NamedTuple, TrainState

ARCHIVES = Path(__file__).resolve().parents[2] / "data" / "sbx"


def test_networks_layer_by_layer() -> None:
    with open_archive(ARCHIVES / "sac.zip") as archive:
        summary = summarize(archive)
    networks = {(network.state_dict, network.name): network for network in summary.networks}
    actor = networks["policy.actor_state", "params"]
    assert [(layer.name, layer.kind, layer.form, layer.parameters) for layer in actor.layers] == [
        ("params.params.Dense_0", "Dense", "3 → 8", 32),
        ("params.params.Dense_1", "Dense", "8 → 1", 9),
        ("params.params.Dense_2", "Dense", "8 → 1", 9),
    ]
    critics = networks["policy.qf_state", "params"]
    assert critics.layers[0].form == "4 → 8, 2 times"
    assert networks["policy.qf_state", "target_params"].parameters == critics.parameters == 98
    assert summary.parameters == 247
    assert summary.problems == []


def test_optimizers() -> None:
    with open_archive(ARCHIVES / "ppo.zip") as archive:
        actor, critic = summarize(archive).optimizers
    assert (actor.name, actor.kind, actor.steps, actor.tensors) == ("policy.actor_state", "Adam", 8, 4)
    assert numpy.allclose(critic.learning_rates, [0.0003])


def test_an_optimizer_of_another_kind() -> None:
    state = TrainState(
        type=ClassReference("flax.training.train_state", "TrainState"),
        step=JaxArray(array=numpy.array([3])),
        params=(JaxArray(array=numpy.ones(2)), 4),
        opt_state=NamedTuple(ClassReference("mine", "State"), (JaxArray(array=numpy.ones(2)),)),
        others={},
    )
    assert read_jax_optimizers({"a": state, "b": 1}) == (
        Optimizer(name="a", kind=None, learning_rates=(), steps=3, tensors=1, size=16),
    )
    assert [network.parameters for network in read_jax_networks({"a": state})] == [2]


def test_the_optimizer_is_not_missing() -> None:
    with open_archive(ARCHIVES / "dqn.zip") as archive:
        assert "optimizer state" not in {missing.name for missing in summarize(archive).missing}
