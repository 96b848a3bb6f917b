"""What the networks and optimizers of a model hold besides their state dicts.

A features extractor of one's own may hold a generator, a counter, a buffer that no state dict has; a callback may
freeze a layer, or change the rate of a dropout. The classes of torch and SB3 are known to change nothing of their own
besides tensors, so of their objects it is enough to see that they hold the same things as before; only objects of other
classes are looked into. What is as it was when the model was made is a setting, and the script's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, compress, count
from operator import attrgetter, is_not
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.distributions import Distribution

from ...errors import StrongboxError
from ..environments.notes import Notes
from ..environments.objects import capture_object, remember_object, restore_object
from ..environments.parts import is_harmless, package_of, stored_names
from ..environments.plain import NotPlain, copy_plain, refuse, revive
from ..environments.torch_state import hold_torch, restore_torch, shorten_torch

__all__ = ["Networks"]

KNOWN = frozenset(("torch", "stable_baselines3", "sb3_contrib"))
"""Packages whose networks and optimizers change nothing of theirs but what state dicts hold."""
INTERNAL = frozenset(vars(torch.nn.Module()))
CONTAINERS = (
    *("_modules", "_parameters", "_buffers", "_non_persistent_buffers_set"),
    *("_state_dict_hooks", "_state_dict_pre_hooks"),
)
"""What state dicts are made of; hooks may put anything into them."""
ASKS = attrgetter("requires_grad")
EMPTY: Mapping[str, Any] = {}


class Networks:
    """The networks and optimizers of one model, watched from when it was made."""

    def __init__(self, model: BaseAlgorithm) -> None:
        self._model = model
        self._tree = _Tree(model)
        self._made = {id(module): (module, dict(vars(module))) for module in self._tree.modules.values()}
        self._asked = dict(zip(self._tree.parameters, map(ASKS, self._tree.parameters.values()), strict=True))
        self._buffers = hold_torch(self._tree.buffers)[0]
        self._changed: list[tuple[str, str]] = []
        for live in self._tree.foreign.values():
            remember_object(live, harmless=self._tree.covered(live))

    def look(self) -> object:
        """What stands for all that they are made of: the same object as before where all of it is the very same."""
        if not self._tree.stands(self._model):
            self._tree = _Tree(self._model)
            self._changed = list(self._differences())
        return self._tree

    def capture(self) -> tuple[dict[str, Any], dict[str, str]]:
        """What they hold, copied, and what of it cannot be kept, by name with the reason; right after :meth:`look`."""
        tree, notes = self._tree, Notes()
        buffers, left_out = hold_torch(tree.buffers)
        for name, reason in left_out.items():
            notes.add(name, reason)
        asking = list(map(ASKS, tree.parameters.values()))
        state = {
            "objects": {
                name: capture_object(live, name, notes, harmless=tree.covered(live))
                for name, live in tree.foreign.items()
            },
            "attributes": self._attributes(notes),
            "buffers": shorten_torch(buffers, self._buffers),
            "training": [name for name, module in tree.modules.items() if module.training],
            "frozen": list(compress(tree.parameters, map(is_not, asking, [True] * len(asking)))),
            "frozen as made": [name for name, asked in self._asked.items() if not asked],
        }
        return state, notes.inexact

    def _differences(self) -> Iterator[tuple[str, str]]:
        """The attributes of networks of known classes that are others than when the model was made."""
        for name, module in self._tree.modules.items():
            if id(module) not in self._made or name in self._tree.foreign:
                continue
            made = self._made[id(module)][1]
            changed = (attribute for attribute, value in vars(module).items() if made.get(attribute, self) is not value)
            yield from ((name, attribute) for attribute in changed if _may_change(attribute))

    def _attributes(self, notes: Notes) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for name, attribute in self._changed:
            value = vars(self._tree.modules[name]).get(attribute)
            try:
                found.setdefault(name, {})[attribute] = copy_plain(value)
            except NotPlain as reason:
                if not self._tree.is_covered(value):
                    notes.add(f"{name}.{attribute}", f"it has changed since the model was made, and is {reason}")
        return found

    # -- putting it back ------------------------------------------------------------------------------------

    def restore(self, state: Mapping[str, Any]) -> dict[str, str]:
        """Put back what a checkpoint holds; gives what does not fit, by name with the reason."""
        tree, notes = _Tree(self._model), Notes()
        objects = _mapping(state.get("objects"))
        for name, live in tree.foreign.items():
            try:
                restore_object(live, objects.get(name, {}), name, notes, harmless=tree.covered(live))
            except StrongboxError as error:
                notes.add(name, error.problem)
        for name, attributes in _mapping(state.get("attributes")).items():
            for attribute, value in _mapping(attributes).items():
                problem = _put(tree.modules.get(name), attribute, value)
                if problem:
                    notes.add(f"{name}.{attribute}", problem)
        restore_torch(None, tree.buffers, state.get("buffers"), self._buffers, "", notes)
        if "frozen" in state:
            self._freeze(tree, _names(state["frozen"]), _names(state.get("frozen as made")), notes)
        if "training" in state:
            training = _names(state["training"])
            for name, module in tree.modules.items():
                module.training = name in training
        return notes.inexact

    def _freeze(self, tree: _Tree, frozen: frozenset[str], made: frozenset[str], notes: Notes) -> None:
        """Freeze what was frozen while it learned; what was frozen when it was made is the script's to say."""
        for name, parameter in tree.parameters.items():
            if (name in frozen) != (name in made):
                parameter.requires_grad_(name not in frozen)
            elif (name in made) == self._asked.get(name, True):
                here, there = ("trained", "frozen") if name in made else ("frozen", "trained")
                notes.add(name, f"a setting of the script: {here} here, {there} in the checkpoint")


class _Tree:
    """The networks and optimizers of a model by name, and what they hold: the very same objects until it changes."""

    def __init__(self, model: BaseAlgorithm) -> None:
        roots = _roots_of(model)
        self._roots = list(roots.values())
        self.modules: dict[str, torch.nn.Module] = {}
        seen: set[torch.nn.Module] = set()
        for root, live in roots.items():
            for name, module in live.named_modules(seen, root) if isinstance(live, torch.nn.Module) else ():
                self.modules[name.replace("._orig_mod", "")] = module
        optimizers = {name: live for name, live in roots.items() if isinstance(live, torch.optim.Optimizer)}
        self.parameters = dict(self._tensors("_parameters"))
        self.buffers = {
            f"{name}.{key}": module._buffers[key]
            for name, module in self.modules.items()
            for key in sorted(module._non_persistent_buffers_set)
            if module._buffers.get(key) is not None
        }
        parts = chain(self.modules.items(), optimizers.items())
        self.foreign: dict[str, Any] = {name: live for name, live in parts if package_of(type(live)) not in KNOWN}
        known = (self.modules.values(), optimizers.values(), self.parameters.values(), self._tensors_alone())
        self._covered = {id(item): item for item in chain(*known)}
        self._containers: list[Any] = []
        for module in self.modules.values():
            self._containers += [vars(module), *(getattr(module, name) for name in CONTAINERS)]
        # The views follow what the dictionaries hold.
        self._views = [each.values() if isinstance(each, dict) else each for each in self._containers]
        self._sizes = list(map(len, self._containers))
        self._names = list(chain.from_iterable(self._containers))
        self._flags, self._items = self._training_flags(), list(self._values())

    def stands(self, model: BaseAlgorithm) -> bool:
        """Whether the networks hold the very same objects, but for whether each of them is in training."""
        roots = list(_roots_of(model).values())
        if len(roots) != len(self._roots) or any(map(is_not, roots, self._roots)):
            return False
        if list(map(len, self._containers)) != self._sizes:
            return False
        if any(map(is_not, chain.from_iterable(self._containers), self._names)):
            return False
        return self._flags.issuperset(compress(count(), map(is_not, self._values(), self._items)))

    def _values(self) -> Iterator[Any]:
        return chain.from_iterable(self._views)

    def _training_flags(self) -> frozenset[int]:
        """The places of the flags among all values."""
        return frozenset(index for index, name in enumerate(self._names) if name == "training")

    def _tensors(self, kind: str) -> Iterator[tuple[str, torch.Tensor]]:
        for name, module in self.modules.items():
            yield from ((f"{name}.{key}", item) for key, item in getattr(module, kind).items() if item is not None)

    def _tensors_alone(self) -> Iterator[torch.Tensor]:
        return (tensor for _, tensor in self._tensors("_buffers"))

    def covered(self, live: Any) -> frozenset[str]:
        """The attributes of a network or an optimizer that are kept elsewhere."""
        base = stored_names(torch.optim.Optimizer) if isinstance(live, torch.optim.Optimizer) else INTERNAL
        return base | {name for name, value in vars(live).items() if self.is_covered(value)}

    def is_covered(self, value: Any) -> bool:
        """Whether an attribute holds what networks are made of, or a distribution, which each step makes anew."""
        if isinstance(value, list | tuple) and value:
            return all(map(self.is_covered, value))
        return id(value) in self._covered or isinstance(value, Distribution)


def _roots_of(model: BaseAlgorithm) -> dict[str, Any]:
    """The policy, and whatever else of a model has a state dict, by name."""
    names = model._get_torch_save_params()[0]
    return {"policy": model.policy, **{name: attrgetter(name)(model) for name in names}}


def _may_change(attribute: str) -> bool:
    return not attribute.startswith("_") and attribute not in INTERNAL


def _put(module: Any, attribute: str, value: Any) -> str | None:
    """Set a plain attribute of a network that has one of the same kind; gives what is against it."""
    live = {} if module is None else vars(module)
    if not _may_change(attribute) or attribute not in live or is_harmless(live[attribute]):
        return "there is no such attribute here"
    try:
        copy_plain(live[attribute])
    except NotPlain as reason:
        return f"expected no plain data, found some in place of {reason}"
    problem = refuse(live[attribute], value, strict=True)
    if problem is None:
        setattr(module, attribute, revive(value, live[attribute]))
    return problem


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) and all(type(name) is str for name in value) else EMPTY


def _names(value: Any) -> frozenset[str]:
    return frozenset(name for name in value if type(name) is str) if isinstance(value, list) else frozenset()
