"""Optimizers as their state dicts show them: kind, steps, learning rates, size of the state.

torch writes no name of the class. The kind is told by what each keeps for a parameter, and before the
first step by the settings of its parameter groups (torch/optim/*.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from ..records import record
from ..tensors import StateDict, Tensor

__all__ = ["Optimizer", "is_optimizer", "read_optimizer"]

BY_STATE = (
    ("Adam", ("exp_avg", "exp_avg_sq")),
    ("Adamax", ("exp_avg", "exp_inf")),
    ("RMSprop", ("square_avg",)),
    ("Adagrad", ("sum",)),
    ("SGD with momentum", ("momentum_buffer",)),
)
BY_SETTINGS = (
    ("Adam", ("betas", "amsgrad")),
    ("RMSprop", ("alpha", "centered")),
    ("SGD", ("momentum", "nesterov")),
)
COMPLEX = ("complex64", "complex128")
MOST_STEPS_READ = 64
"""Counters of steps that are read; they agree unless layers were frozen, and each costs a look into the file."""


@record(frozen=True, kw_only=True)
class Optimizer:
    """One optimizer: how many ``tensors`` it moves, the ``steps`` it made, ``size`` in bytes of its state.

    ``learning_rates`` has one for each group; ``kind`` is None where nothing tells it.
    """

    name: str
    kind: str | None
    learning_rates: tuple[float, ...]
    steps: int | None
    tensors: int
    size: int


def is_optimizer(state_dict: StateDict) -> bool:
    """Whether a state dict is an optimizer's: it has parameter groups."""
    return isinstance(state_dict.raw.get("param_groups"), (list, tuple))


def read_optimizer(name: str, state_dict: StateDict) -> Optimizer:
    """What the state dict of an optimizer tells of it."""
    states, groups = _states(state_dict.raw), _groups(state_dict.raw)
    return Optimizer(
        name=name,
        kind=_kind(states, groups),
        learning_rates=tuple(rate for rate in (_number(group.get("lr")) for group in groups) if rate is not None),
        steps=_steps(states),
        tensors=sum(len(group["params"]) for group in groups if isinstance(group.get("params"), (list, tuple))),
        size=state_dict.nbytes,
    )


def _states(tree: Mapping[Any, Any]) -> list[Mapping[Any, Any]]:
    """The state of each parameter that has one."""
    states = tree.get("state")
    return [state for state in states.values() if isinstance(state, Mapping)] if isinstance(states, Mapping) else []


def _groups(tree: Mapping[Any, Any]) -> list[Mapping[Any, Any]]:
    return [group for group in tree["param_groups"] if isinstance(group, Mapping)]


def _kind(states: list[Mapping[Any, Any]], groups: list[Mapping[Any, Any]]) -> str | None:
    if any(group.get("decoupled_weight_decay") is True for group in groups):
        return "AdamW"
    for known, keys in ((BY_STATE, states), (BY_SETTINGS, groups)):
        for kind, marks in known:
            if any(all(mark in mapping for mark in marks) for mapping in keys):
                return kind
    return None


def _steps(states: list[Mapping[Any, Any]]) -> int | None:
    """The most steps that any parameter has made."""
    numbers = [_number(state.get("step")) for state in states[:MOST_STEPS_READ]]
    return max((int(number) for number in numbers if number is not None), default=None)


def _number(value: Any) -> float | None:
    """A finite number out of a scalar or a tensor of one element."""
    if isinstance(value, Tensor) and value.count == 1 and value.dtype not in COMPLEX:
        value = value.numpy().item()
    if isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value):
        return value
    return None
