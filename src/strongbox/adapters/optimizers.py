"""The state of an optimizer, held against a live one before it is taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy
import torch

from ..errors import MismatchError
from ..tensors import Tensor
from .moments import OF_A_PARAMETER

__all__ = ["check_optimizer"]


def check_optimizer(optimizer: torch.optim.Optimizer, tree: Mapping[Any, Any], name: str) -> None:
    """Compare groups and shapes, which torch itself does not before it takes an optimizer's state.

    Raises MismatchError, with ``name`` in it, where they are others.
    """
    groups, state = tree.get("param_groups"), tree.get("state")
    if not isinstance(groups, list) or not isinstance(state, Mapping):
        raise MismatchError(f"expected the state of an optimizer in {name}, found none.")
    live = [group["params"] for group in optimizer.param_groups]
    found = [group.get("params") if isinstance(group, Mapping) else None for group in groups]
    if not all(isinstance(numbers, list) for numbers in found) or list(map(len, live)) != [len(n or ()) for n in found]:
        raise MismatchError(f"expected {sum(map(len, live))} parameters in {name}, found others.")
    numbers = [number for group in found for number in group or ()]
    parameters = dict(zip(numbers, (parameter for group in live for parameter in group), strict=True))
    for number, kept in state.items():
        _check_moments(parameters.get(number), kept, f"{name}, parameter {number}")


def _check_moments(parameter: torch.Tensor | None, kept: Any, where: str) -> None:
    if parameter is None or not isinstance(kept, Mapping):
        raise MismatchError(f"expected the state of one of the optimizer's parameters in {where}, found another.")
    for key, value in kept.items():
        if key in OF_A_PARAMETER and value is not None and _shape(value) != tuple(parameter.shape):
            raise MismatchError(
                f"expected {key} of {tuple(parameter.shape)} in {where}, found {_shape(value) or type(value).__name__}."
            )


def _shape(value: Any) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, Tensor | numpy.ndarray) else None
