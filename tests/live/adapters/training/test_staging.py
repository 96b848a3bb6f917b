"""Copies stay what they were while the model goes on learning."""

from __future__ import annotations

import io
from typing import Any

import pytest

from strongbox.adapters.capture import capture
from strongbox.adapters.training.staging import Staging
from strongbox.archive import Contents, write_archive
from tests.live.adapters.tiny import AGENTS


def written(contents: Contents) -> bytes:
    file = io.BytesIO()
    write_archive(file, contents)
    return file.getvalue()


def change(model: Any) -> None:
    for parameter in model.policy.parameters():
        parameter.data.add_(1)


@pytest.mark.parametrize("name", AGENTS)
def test_a_copy_is_the_model_as_it_was(name: str) -> None:
    model = AGENTS[name].make()
    expected = written(capture(model))
    copied = Staging().copy(capture(model))
    change(model)
    assert written(copied) == expected


def test_buffers_are_used_again() -> None:
    model, staging = AGENTS["sac"].make(), Staging()
    first = staging.copy(capture(model))
    before = written(first)
    change(model)
    second = staging.copy(capture(model))
    assert written(second) == written(capture(model)) != before
    assert written(first) == written(second)
