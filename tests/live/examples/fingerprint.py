"""Everything that an example has come to, by name, so that two runs can be compared to the last bit.

It knows nothing of how Strongbox walks an agent: every attribute of every object is looked at.
"""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

import gymnasium
import numpy
import torch
from gymnasium.vector import VectorEnv

__all__ = ["fingerprint"]

STEPS = 25


def fingerprint(agent: Any, environment: Any) -> dict[str, str]:
    """Names and digests of an agent, of its environment's next steps, and of the next random numbers."""
    found = dict(_digests(agent, "agent", set()))
    found.update(_digests(list(_more_steps(environment)), "environment", set()))
    drawn = [random.random(), numpy.random.random(), torch.rand(2)]
    found.update(_digests(drawn, "random", set()))
    return found


def _more_steps(environment: Any) -> Iterator[Any]:
    """What the environment goes on with, seen from outside."""
    environment.action_space.seed(9)  # which not every example has seeded
    for _ in range(STEPS):
        observation, reward, terminated, truncated, _ = environment.step(environment.action_space.sample())
        yield [observation, reward, terminated, truncated]
        if not isinstance(environment, VectorEnv) and (terminated or truncated):
            yield environment.reset()[0]


def _digests(value: Any, path: str, seen: set[int]) -> Iterator[tuple[str, str]]:
    if isinstance(value, torch.Tensor):
        array = value.detach().cpu().numpy()
        yield path, f"{array.dtype} {array.shape} {_hash(array.tobytes())}"
    elif isinstance(value, numpy.ndarray):
        yield path, f"{value.dtype} {value.shape} {_hash(value.tobytes())}"
    elif isinstance(value, numpy.random.Generator):
        yield path, str(value.bit_generator.state)
    elif isinstance(value, int | float | str | bytes | numpy.generic | type(None)):
        yield path, f"{type(value).__name__} {value!r}"
    elif isinstance(value, Mapping):
        for key in value:
            yield from _digests(value[key], f"{path}.{key}", seen)
    elif isinstance(value, list | tuple | deque):
        yield f"{path}.length", str(len(value))
        for index, item in enumerate(value):
            yield from _digests(item, f"{path}[{index}]", seen)
    elif id(value) not in seen and not isinstance(value, gymnasium.Env | VectorEnv | FunctionType | ModuleType | type):
        seen.add(id(value))
        if callable(getattr(value, "state_dict", None)):
            yield from _digests(value.state_dict(), path, seen)
        elif hasattr(value, "__dict__") and not isinstance(value, gymnasium.Space):
            yield from _digests(vars(value), path, seen)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:20]
