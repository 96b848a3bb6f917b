"""ONNX files in tract, an engine without protobuf or C++ that robots and phones embed, beside the numpy policy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
import pytest
import tract  # type: ignore[import-untyped]

from strongbox.policies import Policy, open_policy
from strongbox.policies.comparison import draw_inputs
from tests.core.policies.agents import ARCHIVES
from tests.live.policies.agents import agent_of, names
from tests.live.policies.comparisons import assert_same, assert_same_state

ARCHIVED = sorted(path.stem for path in ARCHIVES.glob("*.zip") if path.stem != "ppo-own-code")
GRID = [name for name in names() if not name.startswith(("recurrent", "maskable"))]


def run_file(file: Path, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What tract answers, by the names of the outputs."""
    model = tract.onnx().load(str(file))
    given = [inputs[model.input_name(index)] for index in range(model.input_count())]
    outputs = [model.output_name(index) for index in range(model.output_count())]
    found = model.into_model().into_runnable().run(given)
    return {name: tensor.to_numpy() for name, tensor in zip(outputs, found, strict=True)}


def assert_acts_alike(policy: Policy, folder: Path, rows: int) -> None:
    policy.export(folder / "policy.onnx", durable=False)
    inputs = draw_inputs(policy.graph, policy.spec.observation_space, rows, numpy.random.default_rng(rows))
    observation = {item.key: inputs[item.name] for item in policy.graph.inputs if item.name.startswith("observation")}
    state = (inputs["hidden"], inputs["cell"]) if policy.spec.recurrent else None
    masks = inputs.get("action_masks")
    expected, after = policy.predict(
        observation.get(None, observation), state, inputs.get("episode_start"), action_masks=masks
    )
    found = run_file(folder / "policy.onnx", inputs)
    assert_same(found["action"], expected)
    states = tuple(found[name] for name in ("next_hidden", "next_cell") if name in found)
    assert_same_state(states or None, after)


@pytest.mark.parametrize("rows", [1, 7])
@pytest.mark.parametrize("name", ARCHIVED)
def test_archives(name: str, rows: int, tmp_path: Path) -> None:
    assert_acts_alike(open_policy(ARCHIVES / f"{name}.zip"), tmp_path, rows)


@pytest.mark.parametrize("name", GRID)
def test_the_grid(name: str, tmp_path: Path) -> None:
    assert_acts_alike(agent_of(name)[1], tmp_path, 3)
