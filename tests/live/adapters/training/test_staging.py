"""Copies stay what they were while the model goes on learning."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
import torch

from strongbox.adapters.capture import capture, hold_agent
from strongbox.adapters.environment_id import find_environment_id
from strongbox.adapters.training.staging import Staging
from strongbox.archive import Contents, write_archive
from tests.live.adapters.tiny import AGENTS


def written(contents: Contents) -> bytes:
    file = io.BytesIO()
    write_archive(file, contents)
    return file.getvalue()


def copied(model: Any, staging: Staging) -> Any:
    held = hold_agent(model, environment=find_environment_id(model))
    return replace(held, **staging.copy({"parameters": held.parameters, "variables": held.variables}))


def change(model: Any) -> None:
    for parameter in model.policy.parameters():
        parameter.data.add_(1)


@pytest.mark.parametrize("name", AGENTS)
def test_a_copy_is_the_model_as_it_was(name: str) -> None:
    model = AGENTS[name].make()
    expected = written(capture(model))
    copy = copied(model, Staging())
    change(model)
    assert written(copy.contents()) == expected


def test_buffers_are_used_again() -> None:
    model, staging = AGENTS["sac"].make(), Staging()
    first = copied(model, staging)
    before = written(first.contents())
    change(model)
    second = copied(model, staging)
    assert written(second.contents()) == written(capture(model)) != before
    assert written(first.contents()) == written(second.contents())


def tensors() -> dict[str, torch.Tensor]:
    """One of each kind that a state dict may have."""
    whole = torch.arange(12, dtype=torch.float32)
    return {
        "shared": whole,
        "shared, in another shape": whole.view(3, 4),
        "turned": whole.view(3, 4).t(),
        "a part": whole.view(3, 4)[:2, :3],
        "a part of as many": whole.view(3, 4)[:3, :2],
        "parameter": torch.nn.Parameter(torch.ones(2), requires_grad=False),
        "graded": torch.ones((), requires_grad=True),
        "half": torch.ones(3, dtype=torch.bfloat16),
        "conjugate": torch.tensor([1 + 2j]).conj(),
        "none": torch.empty(0, 4),
    }


def test_every_kind_of_tensor_is_copied() -> None:
    live, staging = tensors(), Staging()
    copies = staging.copy(live)
    for tensor in live.values():
        tensor.data.zero_()
    for name, tensor in tensors().items():
        copy = copies[name]
        assert torch.equal(copy, tensor), name
        assert (type(copy), copy.dtype, copy.requires_grad) == (type(tensor), tensor.dtype, tensor.requires_grad), name
    assert copies["shared"].data_ptr() == copies["shared, in another shape"].data_ptr()


def test_buffers_follow_tensors_of_other_shapes() -> None:
    staging = Staging()
    staging.copy({"first": torch.zeros(2), "second": torch.zeros(3), "third": torch.zeros(4)})
    copies = staging.copy({"first": torch.ones(3), "second": torch.ones(3, dtype=torch.int64)})
    assert torch.equal(copies["first"], torch.ones(3))
    assert torch.equal(copies["second"], torch.ones(3, dtype=torch.int64))


def test_what_else_hangs_in_a_state_dict_is_copied() -> None:
    live: dict[str, Any] = {"groups": [{"betas": (0.5, 0.25)}], "metadata": torch.nn.BatchNorm1d(2).state_dict()}
    copies = Staging().copy(live)
    assert copies["groups"] == live["groups"]
    assert copies["groups"][0] is not live["groups"][0]
    assert copies["metadata"]._metadata == live["metadata"]._metadata
