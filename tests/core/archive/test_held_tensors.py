"""Tensors that stand in data: found by name, compared one by one, and taken out of what is compared as data."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy
import pytest

from strongbox.archive import (
    Contents,
    Typed,
    find_states,
    held_tensors,
    open_archive,
    without_tensors,
    write_archive,
)
from strongbox.archive.difference import compare_archives
from strongbox.values import ClassReference, JaxArray, JaxPolicy, TrainState

ARCHIVES = Path(__file__).resolve().parents[2] / "data" / "sbx"


def archive_of(kernel: Any, **settings: Any) -> bytes:
    """An agent on JAX whose policy has one state with one array."""
    state = TrainState(
        type=ClassReference("flax.training.train_state", "TrainState"),
        step=7,
        params={"kernel": JaxArray(array=numpy.asarray(kernel, "float32"))},
        opt_state=(),
        others={},
    )
    policy = JaxPolicy(type=ClassReference("sbx.dqn.policies", "DQNPolicy"), attributes={"qf_state": state, **settings})
    file = io.BytesIO()
    data = {"policy": Typed(type="<class 'DQNPolicy'>", value=policy)}
    write_archive(file, Contents(algorithm="sbx.dqn.dqn.DQN", data=data, parameters={}))
    return file.getvalue()


def test_the_states_of_an_archive() -> None:
    with open_archive(ARCHIVES / "sac.zip") as archive:
        assert list(find_states(archive.data)) == ["policy.actor_state", "policy.qf_state", "ent_coef_state"]
        tensors = dict(held_tensors(archive.data))
    tensor = tensors["policy.actor_state", "params.params.Dense_0.kernel"]
    assert (tensor.dtype, tensor.shape, tensor.nbytes) == ("float32", (3, 8), 96)
    assert ("ent_coef_state", "opt_state.0.mu.log_ent_coef") in tensors


def test_one_tensor_is_a_difference_by_name() -> None:
    found = compare_archives(archive_of([1.0, 2.0]), archive_of([1.0, 2.5]))
    assert [(each.state_dict, each.name, each.differing) for each in found.tensors] == [
        ("policy.qf_state", "params.kernel", 1)
    ]
    assert not found.data
    assert found.equal_data == 1


def test_a_setting_of_a_policy_is_a_difference_of_data() -> None:
    found = compare_archives(archive_of([1.0], n_units=8), archive_of([1.0], n_units=9))
    assert list(found.data) == ["policy"]
    assert not found.tensors


@pytest.mark.parametrize("kernel", [[1.0], [1.0, 2.0, 3.0]])
def test_tensors_of_other_shapes(kernel: list[float]) -> None:
    found = compare_archives(archive_of([1.0, 2.0]), archive_of(kernel))
    assert not found.tensors[0].is_comparable


def test_the_same_agent() -> None:
    assert compare_archives(ARCHIVES / "ppo.zip", ARCHIVES / "ppo.zip").equal


def test_without_tensors_a_value_keeps_its_settings() -> None:
    with open_archive(ARCHIVES / "dqn.zip") as archive:
        policy = archive.data["policy"]
    bare = without_tensors(policy)
    assert bare.attributes["n_units"] == 8
    assert bare.states["qf_state"].trees == {"params": {}, "target_params": {}, "opt_state": ()}
    assert bare.states["qf_state"].step == policy.states["qf_state"].step
    assert without_tensors(3) == 3
