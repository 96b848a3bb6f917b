"""The golden actions of real archives: what SB3 2.9.2 answered on another machine.

Discrete actions hold exactly, continuous ones within 1e-5 where float32 is that certain. In a few rows
large numbers nearly cancel, and float32 in another order of addition gives another action: SB3 itself
is off from its own golden actions on another processor. Such rows are told by what rounding may do to
them, on any processor (:mod:`tests.core.policies.float64`).
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache
from typing import Any

import numpy
import pytest

from strongbox.errors import StrongboxError
from strongbox.policies import Policy, open_policy
from strongbox.policies.graph import Graph
from strongbox.policies.layers import Linear
from tests.core.policies.float64 import exact_action, uncertainty
from tests.zoo import ZOO, requires_zoo

pytestmark = requires_zoo

NAMES = sorted(path.stem for path in ZOO.glob("*.npz"))
CONTINUOUS = 1e-5


@cache
def golden(name: str) -> tuple[Policy, Any, Any]:
    content = numpy.load(ZOO / f"{name}.npz")
    keys = [key.removeprefix("obs/") for key in content if key.startswith("obs/")]
    observation: Any = {key: content[f"obs/{key}"] for key in keys} if keys else content["obs"]
    return open_policy(ZOO / f"{name}.zip", normalize=False), observation, content["action"]


def rows(observation: Any) -> list[Any]:
    if isinstance(observation, dict):
        return [dict(zip(observation, parts, strict=True)) for parts in zip(*observation.values(), strict=True)]
    return list(observation)


def tolerance(policy: Policy, observation: Any, action: Any) -> Any:
    """How far from the golden action each number may be."""
    if action.dtype.kind != "f":
        return 0
    return numpy.maximum(CONTINUOUS * (1 + numpy.abs(action)), uncertainty(policy.graph, by_name(observation)))


def by_name(observation: Any) -> dict[str, Any]:
    """An observation as the inputs of a graph."""
    if isinstance(observation, dict):
        return {f"observation.{key}": part for key, part in observation.items()}
    return {"observation": observation}


@pytest.mark.parametrize("name", NAMES)
def test_golden_actions_of_a_batch(name: str) -> None:
    policy, observation, expected = golden(name)
    found, state = policy.predict(observation)
    assert state is None
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert (numpy.abs(found - expected) <= tolerance(policy, observation, expected)).all()


@pytest.mark.parametrize("name", NAMES)
def test_golden_actions_one_by_one(name: str) -> None:
    policy, observation, expected = golden(name)
    found = numpy.stack([policy.predict(row)[0] for row in rows(observation)])
    assert found.dtype == expected.dtype
    assert (numpy.abs(found - expected) <= tolerance(policy, observation, expected)).all()


def test_nearly_all_rows_hold_without_that_allowance() -> None:
    """How many do not is a matter of the numbers and of no processor, so that the allowance hides no mistake."""
    uncertain = total = 0
    for name in NAMES:
        policy, observation, expected = golden(name)
        if expected.dtype.kind == "f":
            allowed = tolerance(policy, observation, expected) > CONTINUOUS * (1 + numpy.abs(expected))
            uncertain += int(allowed.any(axis=1).sum())
            total += len(expected)
    assert total > 2000
    assert uncertain < total / 20


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_weight_is_noticed(name: str) -> None:
    """A thousandth on every weight of the last layer is more than rounding does, however uncertain some rows are."""
    policy, observation, expected = golden(name)
    if expected.dtype.kind == "f":
        wrong = exact_action(with_last_weights_off(policy.graph), by_name(observation))
        assert (numpy.abs(wrong - expected) > tolerance(policy, observation, expected)).any()


def with_last_weights_off(graph: Graph) -> Graph:
    layers = [node.layer for node in graph.for_outputs(("action",)).nodes]
    last = [layer for layer in layers if isinstance(layer, Linear)][-1]
    off = replace(last, weight=last.weight * numpy.float32(1.001))
    nodes = (replace(node, layer=off) if node.layer is last else node for node in graph.nodes)
    return replace(graph, nodes=tuple(nodes))


@pytest.mark.parametrize("name", sorted(path.stem for path in ZOO.glob("*.zip")))
def test_every_archive_acts_on_raw_observations(name: str) -> None:
    """Those without golden actions too, and with their statistics where there are any."""
    statistics = ZOO / f"{name}.vecnormalize.pkl"
    try:
        policy = open_policy(ZOO / f"{name}.zip", normalize=statistics if statistics.exists() else None)
    except StrongboxError as error:
        pytest.fail(str(error))
    if (ZOO / f"{name}.npz").exists():
        _, observation, _ = golden(name)
        action, _ = policy.predict(observation)
        assert numpy.isfinite(action).all()


def test_acting_needs_neither_torch_nor_sb3_nor_gymnasium() -> None:
    program = f"""
import sys, numpy
from strongbox.policies import open_policy
policy = open_policy({str(ZOO / "sac-Walker2d-v3_1-Walker2d-v3.zip")!r})
action, _ = policy.predict(numpy.zeros(17))
assert action.shape == (6,)
loaded = {{name.split(".")[0] for name in sys.modules}}
assert not loaded & {{"torch", "stable_baselines3", "sb3_contrib", "gymnasium", "gym", "cloudpickle"}}
"""
    subprocess.run([sys.executable, "-c", program], check=True)
