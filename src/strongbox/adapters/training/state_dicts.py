"""The state dicts of one live model, copied into buffers while training stands still.

Walking through modules and optimizers, and through what they give, takes longer than copying the numbers. From one
checkpoint to the next nothing but the numbers changes, mostly: the same modules hold the same tensors, in the same
memory. Where that is seen to be so, and the class is known to give nothing else, the tensors are copied again from
where they lay, and the walk is left out. Anything else is walked through anew.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable
from itertools import chain
from operator import attrgetter, is_
from typing import Any, TypeAlias

import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from .networks import CONTAINERS
from .staging import CHANGELESS, Staging

__all__ = ["StateDicts"]


class StateDicts:
    """Copies of a model's state dicts; each copy overwrites the one before."""

    def __init__(self) -> None:
        self._whole = Staging()
        self._parts: dict[str, _Part] = {}

    def copy(self, model: BaseAlgorithm, *, modules: object) -> dict[str, Any]:
        """What the model's ``get_parameters()`` gives, with every tensor in a buffer.

        ``modules`` stands for what all modules are made of: it is another object where any of that is another.
        """
        if type(model).get_parameters is not BaseAlgorithm.get_parameters or "get_parameters" in vars(model):
            copied: dict[str, Any] = self._whole.copy(model.get_parameters())
            return copied
        live = {name: attrgetter(name)(model) for name in model._get_torch_save_params()[0]}
        self._parts = {name: self._part(name, getattr(part, "_orig_mod", part)) for name, part in live.items()}
        return {name: part.copy(modules) for name, part in self._parts.items()}

    def _part(self, name: str, live: Any) -> _Part:
        known = self._parts.get(name)
        return known if known is not None and known.live is live else _Part(live)


class _Part:
    """A module or an optimizer, or whatever else has a state dict."""

    def __init__(self, live: Any) -> None:
        self.live = live
        self._staging = Staging()
        self._structure: _Structure | None = None
        self._modules: object = None

    def copy(self, modules: object) -> Any:
        """The state dict, with every tensor in a buffer."""
        live = self.live
        groups = live.param_groups if isinstance(live, torch.optim.Optimizer) else []
        same = modules is self._modules or not isinstance(live, torch.nn.Module)
        if self._structure is None or not same or not self._structure.stands() or not _are_settings(groups):
            copied = self._staging.copy(live.state_dict())
            self._structure = _structure_of(live) if self._staging.may_repeat else None
            self._modules = modules
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
    """What a state dict was made of: containers that held the same objects, and tensors that lay where they lie.

    ``places`` are dictionaries and keys under which containers stand, ``inner`` more dictionaries, which are in these,
    and ``tensors`` those that are in none of them.
    """

    def __init__(
        self,
        places: Iterable[tuple[dict[str, Any], str]] = (),
        inner: Iterable[dict[Any, Any]] = (),
        tensors: Iterable[torch.Tensor] = (),
    ) -> None:
        self._owners = list(places)
        self._owned = self._containers_there()
        containers = [*self._owned, *inner]
        self._containers: list[Collection[Any]] = containers
        # Views follow what their dictionaries hold.
        self._views = [each.values() for each in containers if isinstance(each, dict)]
        self._sizes = list(map(len, containers))
        self._items = list(chain.from_iterable(containers))
        self._values = list(chain.from_iterable(self._views))
        self._tensors = [*tensors, *(value for value in self._values if isinstance(value, torch.Tensor))]
        self._memory, self._looks = self._where(), self._look()

    def stands(self) -> bool:
        """Whether all of it is as it was; a tensor has to be the very same one, since equal ones may part."""
        return (
            all(map(is_, self._containers_there(), self._owned))
            and list(map(len, self._containers)) == self._sizes
            and all(map(is_, chain.from_iterable(self._containers), self._items))
            and all(map(is_, chain.from_iterable(self._views), self._values))
            and self._where() == self._memory
            and self._look() == self._looks
        )

    def _containers_there(self) -> list[Any]:
        return [owner.get(name) for owner, name in self._owners]

    def _where(self) -> list[int]:
        return list(map(torch.Tensor.data_ptr, self._tensors))

    def _look(self) -> list[Any]:
        """How the tensors look at their memory."""
        return [*map(FORM, self._tensors), *map(torch.Tensor.stride, self._tensors)]


FORM = attrgetter("shape", "dtype")


def _structure_of(live: Any) -> _Structure | None:
    """What a module or optimizer is made of; None where its state dict may have more in it than these say."""
    if isinstance(live, torch.nn.Module):
        return _structure_of_module(live)
    return _structure_of_optimizer(live) if isinstance(live, torch.optim.Optimizer) else None


Names: TypeAlias = tuple[str, ...]

MODULE = ("state_dict", "_save_to_state_dict", "get_extra_state")
HOOKS = ("_state_dict_hooks", "_state_dict_pre_hooks")
OPTIMIZER_HOOKS = ("_optimizer_state_dict_pre_hooks", "_optimizer_state_dict_post_hooks")
OPTIMIZER_CONTAINERS = ("state", "param_groups", *OPTIMIZER_HOOKS)
KINDS = (dict, OrderedDict, defaultdict, set, list)
"""What these containers are; those of compiled code are others, and of their own kinds."""


def _structure_of_module(live: torch.nn.Module) -> _Structure | None:
    """Modules whose state dict is their parameters and buffers; what they are made of is looked at by ``networks``."""
    if not all(_is_plain(module, torch.nn.Module, MODULE, HOOKS, CONTAINERS) for module in live.modules()):
        return None
    return _Structure(tensors=[*live.parameters(), *live.buffers()])


def _structure_of_optimizer(live: torch.optim.Optimizer) -> _Structure | None:
    """Optimizers whose state is tensors by parameter."""
    if not _is_plain(live, torch.optim.Optimizer, ("state_dict",), OPTIMIZER_HOOKS, OPTIMIZER_CONTAINERS):
        return None
    states = list(live.state.values())
    if not all(type(state) is dict and all(map(_is_tensor, state.values())) for state in states):
        return None
    places = [(vars(live), name) for name in OPTIMIZER_CONTAINERS]
    return _Structure([*places, *((group, "params") for group in live.param_groups)], states)


def _is_plain(live: Any, base: type, methods: Names, hooks: Names, containers: Names) -> bool:
    """Whether a state dict is made by the base class's own methods, with no hook, of containers that are known."""
    kind, own = type(live), vars(live)
    methods_of_base = all(getattr(kind, name) is getattr(base, name) and name not in own for name in methods)
    known = all(type(own.get(name)) in KINDS for name in containers)
    return methods_of_base and known and not any(own[name] for name in hooks)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def _is_changeless(value: Any) -> bool:
    return type(value) in CHANGELESS or (type(value) is tuple and all(map(_is_changeless, value)))
