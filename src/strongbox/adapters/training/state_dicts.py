"""The state dicts of one live model, copied into buffers while training stands still.

Walking through modules and optimizers, and through what they give, takes longer than copying the numbers. From one
checkpoint to the next nothing but the numbers changes, mostly: the same modules hold the same tensors, in the same
memory. Where that is seen to be so, and the class is known to give nothing else, the tensors are copied again from
where they lay, and the walk is left out. Anything else is walked through anew.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable
from itertools import chain
from operator import attrgetter, is_, methodcaller
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from .staging import CHANGELESS, Staging

__all__ = ["StateDicts"]


class StateDicts:
    """Copies of a model's state dicts; each copy overwrites the one before."""

    def __init__(self) -> None:
        self._whole = Staging()
        self._parts: dict[str, _Part] = {}

    def copy(self, model: BaseAlgorithm) -> dict[str, Any]:
        """What the model's ``get_parameters()`` gives, with every tensor in a buffer."""
        if type(model).get_parameters is not BaseAlgorithm.get_parameters or "get_parameters" in vars(model):
            copied: dict[str, Any] = self._whole.copy(model.get_parameters())
            return copied
        live = {name: functools.reduce(getattr, name.split("."), model) for name in model._get_torch_save_params()[0]}
        self._parts = {name: self._part(name, getattr(part, "_orig_mod", part)) for name, part in live.items()}
        return {name: part.copy() for name, part in self._parts.items()}

    def _part(self, name: str, live: Any) -> _Part:
        known = self._parts.get(name)
        return known if known is not None and known.live is live else _Part(live)


class _Part:
    """A module or an optimizer, or whatever else has a state dict."""

    def __init__(self, live: Any) -> None:
        self.live = live
        self._staging = Staging()
        self._structure: _Structure | None = None

    def copy(self) -> Any:
        """The state dict, with every tensor in a buffer."""
        live = self.live
        groups = live.param_groups if isinstance(live, torch.optim.Optimizer) else []
        if self._structure is None or not self._structure.stands() or not _are_settings(groups):
            copied = self._staging.copy(live.state_dict())
            self._structure = _structure_of(live) if self._staging.may_repeat else None
            return copied
        copied = self._staging.repeat()
        if not groups:
            return copied
        # The learning rate changes with every step, and stands among the settings.
        packed = zip(groups, copied["param_groups"], strict=True)
        return {**copied, "param_groups": [_packed(group, before["params"]) for group, before in packed]}


def _packed(group: dict[str, Any], numbers: list[int]) -> dict[str, Any]:
    """A group of parameters as a state dict has it: with their numbers in place of them, last."""
    return {**{name: value for name, value in group.items() if name != "params"}, "params": numbers}


def _are_settings(groups: Iterable[dict[str, Any]]) -> bool:
    """Whether what groups of parameters have besides these is numbers and the like, which nothing changes in place."""
    return all(_is_changeless(value) for group in groups for name, value in group.items() if name != "params")


class _Structure:
    """What a state dict was made of: containers that held the same objects, and tensors that lay where they lie."""

    def __init__(self, dictionaries: Iterable[dict[Any, Any]], others: Iterable[Collection[Any]]) -> None:
        self._dictionaries = list(dictionaries)
        self._containers = [*self._dictionaries, *others]
        self._sizes = list(map(len, self._containers))
        self._items = list(chain.from_iterable(self._containers))
        self._values = list(chain.from_iterable(map(VALUES, self._dictionaries)))
        self._tensors = [value for value in self._values if isinstance(value, torch.Tensor)]
        self._places, self._shapes = self._where(), self._look()

    def stands(self) -> bool:
        """Whether all of it is as it was; a tensor has to be the very same one, since equal ones may part."""
        return (
            list(map(len, self._containers)) == self._sizes
            and all(map(is_, chain.from_iterable(self._containers), self._items))
            and all(map(is_, chain.from_iterable(map(VALUES, self._dictionaries)), self._values))
            and self._where() == self._places
            and self._look() == self._shapes
        )

    def _where(self) -> list[int]:
        return list(map(torch.Tensor.data_ptr, self._tensors))

    def _look(self) -> list[torch.Size]:
        return list(map(SHAPE, self._tensors))


VALUES, SHAPE = methodcaller("values"), attrgetter("shape")


def _structure_of(live: Any) -> _Structure | None:
    """What a module or optimizer is made of; None where its state dict may have more in it than these say."""
    if isinstance(live, torch.nn.Module):
        return _structure_of_module(live)
    return _structure_of_optimizer(live) if isinstance(live, torch.optim.Optimizer) else None


MODULE = ("state_dict", "_save_to_state_dict", "get_extra_state")
HOOKS = ("_state_dict_hooks", "_state_dict_pre_hooks")
OPTIMIZER_HOOKS = ("_optimizer_state_dict_pre_hooks", "_optimizer_state_dict_post_hooks")


def _structure_of_module(live: torch.nn.Module) -> _Structure | None:
    """Modules whose state dict is their parameters and buffers."""
    dictionaries: list[dict[str, Any]] = []
    sets = []
    for module in live.modules():
        if not _is_plain(module, torch.nn.Module, MODULE, HOOKS):
            return None
        dictionaries += [module._parameters, module._buffers, module._modules]
        dictionaries += [getattr(module, name) for name in HOOKS]
        sets.append(module._non_persistent_buffers_set)
    return _Structure(dictionaries, sets)


def _structure_of_optimizer(live: torch.optim.Optimizer) -> _Structure | None:
    """Optimizers whose state is tensors by parameter."""
    if not _is_plain(live, torch.optim.Optimizer, ("state_dict",), OPTIMIZER_HOOKS):
        return None
    states = list(live.state.values())
    if not all(type(state) is dict and all(map(_is_tensor, state.values())) for state in states):
        return None
    hooks = [getattr(live, name) for name in OPTIMIZER_HOOKS]
    return _Structure(
        [live.state, *states, *hooks], [live.param_groups, *(group["params"] for group in live.param_groups)]
    )


def _is_plain(live: Any, base: type, methods: tuple[str, ...], hooks: tuple[str, ...]) -> bool:
    """Whether a state dict is made by the base class's own methods, with no hook."""
    kind = type(live)
    own = all(getattr(kind, name) is getattr(base, name) and name not in vars(live) for name in methods)
    return own and not any(getattr(live, name, True) for name in hooks)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def _is_changeless(value: Any) -> bool:
    return type(value) in CHANGELESS or (type(value) is tuple and all(map(_is_changeless, value)))
