"""Whether two live agents are the same: parameters, optimizers, attributes, actions."""

from __future__ import annotations

import copy
import functools
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import gymnasium
import numpy
import torch
from stable_baselines3.common.noise import ActionNoise
from stable_baselines3.common.utils import ConstantSchedule, FloatSchedule, LinearSchedule

__all__ = ["actions_of", "assert_same_agent", "differences"]

_BY_ATTRIBUTES = (ActionNoise, ConstantSchedule, FloatSchedule, LinearSchedule)


def differences(left: Any, right: Any, path: str = "") -> Iterator[str]:
    """Where two live objects differ, by path; types count, random states too."""
    if isinstance(left, _BY_ATTRIBUTES) and type(left) is type(right):
        yield from differences(vars(left), vars(right), path)
    elif isinstance(left, functools.partial) and isinstance(right, functools.partial):
        yield from differences((left.func, left.args, left.keywords), (right.func, right.args, right.keywords), path)
    elif type(left) is not type(right):
        yield f"{path}: {type(left).__name__} and {type(right).__name__}"
    elif isinstance(left, gymnasium.Space):
        yield from _space_differences(left, right, path)
    elif isinstance(left, Mapping):
        if list(left) != list(right):
            yield f"{path}: {list(left)} and {list(right)}"
        for key in left.keys() & right.keys():
            yield from differences(left[key], right[key], f"{path}[{key!r}]")
    elif isinstance(left, list | tuple | deque):
        if len(left) != len(right) or getattr(left, "maxlen", 0) != getattr(right, "maxlen", 0):
            yield f"{path}: {len(left)} and {len(right)} items"
        for index, (a, b) in enumerate(zip(left, right, strict=False)):
            yield from differences(a, b, f"{path}[{index}]")
    elif isinstance(left, torch.Tensor):
        if left.dtype != right.dtype or left.shape != right.shape or not torch.equal(left, right):
            yield f"{path}: tensors differ"
    elif isinstance(left, numpy.ndarray):
        if left.dtype != right.dtype or left.shape != right.shape or left.tobytes() != right.tobytes():
            yield f"{path}: arrays differ"
    elif left != right and not (left != left and right != right):
        yield f"{path}: {left!r} and {right!r}"


def _space_differences(left: Any, right: Any, path: str) -> Iterator[str]:
    if left != right or left.dtype != right.dtype:
        yield f"{path}: {left} and {right}"
    for name in ("low", "high"):
        if hasattr(left, name):
            yield from differences(getattr(left, name), getattr(right, name), f"{path}.{name}")
    states = [None if space._np_random is None else space._np_random.bit_generator.state for space in (left, right)]
    yield from differences(states[0], states[1], f"{path} random state")
    if isinstance(left, gymnasium.spaces.Dict):
        yield from differences(dict(left.spaces), dict(right.spaces), path)


def attributes_of(model: Any) -> dict[str, Any]:
    """What SB3 would save of a model, by name."""
    excluded = set(model._excluded_save_params())
    for names in model._get_torch_save_params():
        excluded.update(name.split(".")[0] for name in names)
    return {name: model.__dict__[name] for name in sorted(model.__dict__) if name not in excluded}


def actions_of(model: Any, count: int = 5) -> Any:
    """Deterministic actions on observations that are the same every time."""
    space = copy.deepcopy(model.observation_space)
    space.seed(7)
    return numpy.array([model.predict(space.sample(), deterministic=True)[0] for _ in range(count)])


def assert_same_agent(left: Any, right: Any, *, attributes: bool = True) -> None:
    """Fail, naming every difference, where two agents are not the same."""
    assert type(left) is type(right)
    found = list(differences(left.get_parameters(), right.get_parameters(), "parameters"))
    for name in left._get_torch_save_params()[1]:
        found += differences(getattr(left, name).detach(), getattr(right, name).detach(), name)
    if attributes:
        found += differences(attributes_of(left), attributes_of(right), "data")
    assert not found, "\n".join(found)
    assert numpy.array_equal(actions_of(left), actions_of(right))
