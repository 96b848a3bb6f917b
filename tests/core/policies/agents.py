"""Agents made by hand: archives with the weights, spaces and settings that a test asks for."""

from __future__ import annotations

import io
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy
from hypothesis import settings

from strongbox.archive import Contents, Exact, Typed, write_archive
from strongbox.policies import Policy, open_policy
from strongbox.values import Box, ClassReference, Discrete, Normalization, Opaque
from tests.draws import drawn

__all__ = [
    "ARCHIVES",
    "BOX",
    "EXAMPLES",
    "PPO",
    "VECTOR",
    "actor_critic",
    "box",
    "linear",
    "make_agent",
    "make_policy",
    "mlp",
    "nature",
]

EXAMPLES = settings(max_examples=drawn(100), deadline=None, derandomize=True, database=None)
ARCHIVES = Path(__file__).resolve().parents[2] / "data" / "archives"

PPO = ClassReference("stable_baselines3.common.policies", "ActorCriticPolicy")


def box(*shape: int, low: float = -1.0, high: float = 1.0, dtype: str = "float32") -> Box:
    """A box with the same bounds everywhere."""
    kind = numpy.dtype(dtype)
    return Box(low=numpy.full(shape, low, kind), high=numpy.full(shape, high, kind), shape=shape, dtype=kind)


VECTOR = box(4, low=-9, high=9)
BOX = box(2)


def linear(prefix: str, inputs: int, outputs: int, *, bias: bool = True, seed: int = 0) -> dict[str, Any]:
    """Weights of a linear layer."""
    generator = numpy.random.default_rng([seed, *map(ord, prefix)])
    weights = {f"{prefix}.weight": generator.standard_normal((outputs, inputs), numpy.float32)}
    if bias:
        weights[f"{prefix}.bias"] = generator.standard_normal(outputs, numpy.float32)
    return weights


def mlp(prefix: str, *sizes: int) -> dict[str, Any]:
    """Weights of linear layers of these sizes, with a gap for an activation after each."""
    weights: dict[str, Any] = {}
    for number, (inputs, outputs) in enumerate(pairwise(sizes)):
        weights |= linear(f"{prefix}.{2 * number}", inputs, outputs)
    return weights


def actor_critic(inputs: int = 4, outputs: int = 3, hidden: int = 6) -> dict[str, Any]:
    """The weights of an actor-critic with one hidden layer on each side."""
    return {
        **mlp("mlp_extractor.policy_net", inputs, hidden),
        **mlp("mlp_extractor.value_net", inputs, hidden),
        **linear("action_net", hidden, outputs),
        **linear("value_net", hidden, 1),
    }


def nature(flat: int = 256) -> dict[str, Any]:
    """The weights of an actor-critic with NatureCNN for images of three channels, ``flat`` numbers after it."""
    shapes = ((32, 3, 8, 8), (64, 32, 4, 4), (64, 64, 3, 3))
    weights = actor_critic()
    for number, shape in enumerate(shapes):
        weights[f"features_extractor.cnn.{2 * number}.weight"] = numpy.zeros(shape, numpy.float32)
        weights[f"features_extractor.cnn.{2 * number}.bias"] = numpy.zeros(shape[0], numpy.float32)
    return weights | linear("features_extractor.linear.0", flat, 4)


def make_agent(
    weights: Mapping[str, Any],
    *,
    policy: Any = PPO,
    observation: Any = VECTOR,
    action: Any = None,
    settings: Any = None,
    data: Mapping[str, Any] | None = None,
    normalization: Normalization | None = None,
) -> bytes:
    """An archive with this policy and nothing else."""
    values = {
        "policy_class": policy,
        "observation_space": observation,
        "action_space": Discrete(n=3) if action is None else action,
        "policy_kwargs": {} if settings is None else settings,
    }
    file = io.BytesIO()
    entries = {name: Typed(type=_type(value), value=value) for name, value in values.items()}
    plain = {name: Exact(value) for name, value in (data or {}).items()}
    contents = Contents(
        algorithm="stable_baselines3.ppo.ppo.PPO",
        data={**entries, **plain},
        parameters={"policy": dict(weights)},
        normalization=normalization,
    )
    write_archive(file, contents)
    return file.getvalue()


def _type(value: Any) -> str:
    return value.type if isinstance(value, Opaque) else "<class 'x'>"


def make_policy(weights: Mapping[str, Any], **parts: Any) -> Policy:
    """The policy of such an archive."""
    return open_policy(make_agent(weights, **parts))
