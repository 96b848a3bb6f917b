"""Optimizers by the names of what they keep."""

from __future__ import annotations

from typing import Any

import pytest

from strongbox.archive import open_archive
from strongbox.cli.optimizers import is_optimizer, read_optimizer
from strongbox.tensors import StateDict
from tests.core.cli.archives import ARCHIVES

ADAM = {"lr": 0.001, "betas": (0.9, 0.999), "amsgrad": False, "params": [0, 1]}


@pytest.mark.parametrize(
    ("state", "group", "kind"),
    [
        ({0: {"exp_avg": 0.0, "exp_avg_sq": 0.0, "step": 3}}, ADAM, "Adam"),
        ({}, ADAM, "Adam"),
        ({}, {**ADAM, "decoupled_weight_decay": True}, "AdamW"),
        ({0: {"square_avg": 0.0}}, {}, "RMSprop"),
        ({}, {"alpha": 0.99, "centered": False}, "RMSprop"),
        ({0: {"momentum_buffer": 0.0}}, {}, "SGD with momentum"),
        ({}, {"momentum": 0, "nesterov": False}, "SGD"),
        ({0: {"sum": 0.0}}, {}, "Adagrad"),
        ({}, {}, None),
        ("no state", {"params": "none", "lr": "low"}, None),
    ],
)
def test_kinds(state: Any, group: dict[str, Any], kind: str | None) -> None:
    assert read_optimizer("o", StateDict({"state": state, "param_groups": [group, "no group"]})).kind == kind


def test_what_an_optimizer_tells() -> None:
    states = {0: {"step": 3, "exp_avg": 0.0, "exp_avg_sq": 0.0}, 1: {"step": 5.0}, 2: {"step": True}, 3: "none"}
    optimizer = read_optimizer("o", StateDict({"state": states, "param_groups": [ADAM, {**ADAM, "lr": float("nan")}]}))
    assert (optimizer.steps, optimizer.tensors, optimizer.learning_rates) == (5, 4, (0.001,))


def test_real_ones() -> None:
    with open_archive(ARCHIVES / "sac.zip") as archive:
        assert [name for name in archive.parameters if is_optimizer(archive.parameters[name])] == [
            "actor.optimizer",
            "critic.optimizer",
            "ent_coef_optimizer",
        ]
        optimizer = read_optimizer("actor.optimizer", archive.parameters["actor.optimizer"])
    assert (optimizer.kind, optimizer.steps, optimizer.learning_rates) == ("Adam", 44, (0.0003,))
