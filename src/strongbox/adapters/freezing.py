"""Tensors of a live model that training leaves as they are.

A frozen parameter takes no gradient, so that every optimizer passes it over. It stays in the optimizer's groups: an
archive of the model is then one like any other, which SB3 opens. Running statistics stand still because the layer
that holds them is in evaluation mode whenever it is called. Nothing of this is saved; who loads the agent again
freezes again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from ..errors import MismatchError
from .state import live_optimizers, named_target
from .transfer import select

__all__ = ["check_freeze", "freeze"]

REFUSING = {
    "ARS": "it moves all of its weights at once, as one vector",
    "TRPO": "it works out the gradient of every parameter of the actor",
}
"""Algorithms that cannot leave single tensors as they are, with the reason."""

TARGET = "_target."
"""Part of the names of target networks, which follow their networks without an optimizer."""


def check_freeze(model: BaseAlgorithm, patterns: Collection[str]) -> dict[str, str]:
    """The names that patterns freeze, each with what that means; raises MismatchError where they cannot be frozen."""
    if not patterns:
        return {}
    _check_algorithm(type(model))
    live = dict(_freezable(model))
    names = select(patterns, live, "freeze")
    told = {name: "it takes no gradient" if _is_parameter(live[name]) else "it stands still" for name in names}
    following = [name for name in names if TARGET in name]
    if following == list(names):
        raise MismatchError(
            "expected patterns in freeze that match networks, found that they match target networks alone.",
            hint="These follow their networks: freeze the networks.",
        )
    told.update(dict.fromkeys(following, "it follows its network"))
    for name, optimizer in live_optimizers(model).items():
        chosen = {id(live[each]) for each in names}
        if all(id(parameter) in chosen for group in optimizer.param_groups for parameter in group["params"]):
            raise MismatchError(
                f"expected patterns in freeze that leave {name} something to train, found that they leave nothing."
            )
    return told


def freeze(model: BaseAlgorithm, names: Mapping[str, str]) -> None:
    """Freeze what :func:`check_freeze` has found."""
    live = dict(_freezable(model))
    for name in names:
        tensor = live[name]
        if _is_parameter(tensor):
            tensor.requires_grad_(False)
            tensor.grad = None
    still = {id(live[name]) for name in names if not _is_parameter(live[name])}
    for module in _modules(model):
        if any(id(buffer) in still for buffer in module.buffers(recurse=False)):
            module.register_forward_pre_hook(_stand_still)


def _stand_still(module: torch.nn.Module, arguments: Any) -> None:
    """Before a layer is called: its running statistics stay as they are."""
    module.eval()


def _check_algorithm(algorithm: type) -> None:
    for cls in algorithm.__mro__:
        if cls.__name__ in REFUSING:
            raise MismatchError(
                f"expected an algorithm that trains through optimizers for freeze, found {cls.__name__}: "
                f"{REFUSING[cls.__name__]}."
            )


def _modules(model: BaseAlgorithm) -> Iterator[torch.nn.Module]:
    for name in model._get_torch_save_params()[0]:
        target = named_target(model, name)
        if isinstance(target, torch.nn.Module):
            yield from target.modules()


def _freezable(model: BaseAlgorithm) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of networks by full name; variables are trained by what reads them, and are none of these."""
    for name in model._get_torch_save_params()[0]:
        target = named_target(model, name)
        if isinstance(target, torch.nn.Module):
            yield from ((f"{name}.{key}", tensor) for key, tensor in target.state_dict(keep_vars=True).items())


def _is_parameter(tensor: torch.Tensor) -> bool:
    return isinstance(tensor, torch.nn.Parameter)
