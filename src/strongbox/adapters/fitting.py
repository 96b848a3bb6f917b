"""Tensors of an archive held against those of a live model: which are taken, which are cut, which stay behind.

Two steps. :func:`plan_fit` compares names and shapes, touches nothing, and raises where the request does not allow
what it finds. :meth:`Fit.fill` then does what was planned, with the networks of any model of the same build.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from ..conversion import Draft, Tree
from ..errors import MismatchError
from .blocks import Block, InputParts, common_blocks, fill_blocks, is_gated
from .moments import ParameterNames, find_problem, fit_moment, moments, optimized, shape_of
from .state import Filler, live_optimizers, named_target
from .transfer import Transfer, offered_tensors, rename_tensors, select

__all__ = ["Fit", "live_tensors", "plan_fit"]


@dataclass(kw_only=True)
class Fit:
    """What goes where.

    ``tensors`` maps names of the model to what they are filled with, ``blocks`` the names among them that are filled
    in part to these parts. ``states`` maps optimizers to what they keep for each place, ``cuts`` to the parts of
    what is cut of it, ``groups`` to the archive's settings of their groups. The rest is told: see LoadReport.
    """

    tensors: Tree = field(default_factory=dict)
    blocks: dict[str, list[Block]] = field(default_factory=dict)
    states: dict[str, dict[int, Any]] = field(default_factory=dict)
    cuts: dict[str, dict[int, list[Block]]] = field(default_factory=dict)
    groups: dict[str, list[Any]] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    cut: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    reset: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)

    @property
    def whole(self) -> frozenset[str]:
        """The names of tensors that are filled altogether."""
        return frozenset(self.tensors.keys() - self.blocks.keys())

    def fill(self, model: BaseAlgorithm, filler: Filler, *, settings: bool) -> None:
        """Do what was planned; ``settings`` says whether the groups of optimizers take the archive's settings."""
        live = live_tensors(model)
        for name, tensor in self.tensors.items():
            if name in self.blocks:
                fill_blocks(live[name], filler.torch_value(tensor), self.blocks[name])
            else:
                filler.fill_tensor(live[name], tensor, name)
        for name, optimizer in live_optimizers(model).items():
            if name in self.states:
                self._fill_optimizer(optimizer, name, filler, settings=settings)

    def _fill_optimizer(self, optimizer: torch.optim.Optimizer, name: str, filler: Filler, *, settings: bool) -> None:
        tree, parameters, cuts = optimizer.state_dict(), optimized(optimizer), self.cuts.get(name, {})
        tree["state"] = {
            place: {
                key: fit_moment(key, filler.torch_value(value), parameters[place], cuts.get(place))
                for key, value in kept.items()
            }
            for place, kept in self.states[name].items()
        }
        if settings and name in self.groups:
            tree["param_groups"] = [
                {**filler.torch_value(kept), "params": live["params"]}
                for live, kept in zip(tree["param_groups"], self.groups[name], strict=True)
            ]
        filler.fill_optimizer(optimizer, tree, name)


def live_tensors(model: BaseAlgorithm) -> dict[str, torch.Tensor]:
    """The tensors of a model's networks, and its variables, by full name."""
    found: dict[str, torch.Tensor] = {}
    states, variables = model._get_torch_save_params()
    for name in states:
        target = named_target(model, name)
        if isinstance(target, torch.nn.Module):
            # The parameters themselves, so that an optimizer's can be found among them.
            tensors = target.state_dict(keep_vars=True)
            found.update({f"{name}.{key}": each for key, each in tensors.items() if isinstance(each, torch.Tensor)})
    found.update({name: each for name in variables if isinstance(each := getattr(model, name, None), torch.Tensor)})
    return found


# -- the plan ------------------------------------------------------------------------------------------


def plan_fit(
    model: BaseAlgorithm,
    draft: Draft,
    transfer: Transfer,
    *,
    given: Collection[str] = (),
    skipped: Collection[str] = (),
) -> Fit:
    """Compare a draft with a model; raises MismatchError where the request does not allow what is found.

    ``given`` are names of state dicts and variables that are made anew whatever the archive brings,
    ``skipped`` those that a draft was read without.
    """
    return _Planner(model, draft, transfer).plan(given, skipped)


class _Planner:
    """One comparison: what the model has, what the archive offers, what is wanted of it, and what begins anew."""

    def __init__(self, model: BaseAlgorithm, draft: Draft, transfer: Transfer) -> None:
        self._live, self._optimizers = live_tensors(model), live_optimizers(model)
        self._draft, self._transfer = draft, transfer
        states = {name for name, tree in draft.parameters.items() if "param_groups" in tree}
        self._brought = [name for name in draft.parameters if name in states | self._optimizers.keys()]
        self._offered = offered_tensors(draft, self._brought)
        self._parts = InputParts(model, draft)
        self._anew: set[str] = set()
        self._fit = Fit()

    def plan(self, given: Collection[str], skipped: Collection[str]) -> Fit:
        """The whole comparison; see :func:`plan_fit`."""
        wanted = self._wanted()
        self._begin_anew(given)
        self._fit.kept = dict.fromkeys(self._named(skipped), "skipped")
        renamed = rename_tensors([name for name in self._offered if name in wanted], self._transfer.rename)
        for name, new in renamed.items():
            if new not in self._fit.kept:
                self._place(name, new)
        self._explain_rest()
        sources = {name: name for name in self._offered if name not in wanted}
        names = ParameterNames(self._live, sources | {new: old for old, new in renamed.items()}, self._offered)
        for name in dict.fromkeys([*self._brought, *self._optimizers]):
            self._place_optimizer(name, names, asked=name in wanted)
        return self._fit

    def _wanted(self) -> Collection[str]:
        names = [*self._offered, *self._brought]
        if self._transfer.parameters is None:
            return dict.fromkeys(names)
        wanted = select(self._transfer.parameters, names, "parameters")
        self._fit.left.update({name: "not asked for" for name in names if name not in wanted})
        return wanted

    def _named(self, given: Collection[str]) -> list[str]:
        """What of the model has one of these names, or is a tensor of a network that has."""
        tensors = [name for name in self._live if any(name.startswith(f"{each}.") for each in given)]
        return [*tensors, *(name for name in [*self._live, *self._optimizers] if name in given)]

    def _begin_anew(self, given: Collection[str]) -> None:
        anew = {*given, *self._named(given)}
        if self._transfer.reset:
            anew.update(select(self._transfer.reset, [*self._live, *self._optimizers], "reset"))
        # The same tensor may stand under other names, too.
        memories = {_memory(self._live[name]) for name in anew if name in self._live}
        self._anew = anew | {name for name, tensor in self._live.items() if _memory(tensor) in memories}

    def _place(self, name: str, new: str) -> None:
        """Decide on one tensor of the archive, which is called ``new`` in the model."""
        fit, tensor, target = self._fit, self._offered[name], self._live.get(new)
        found = shape_of(tensor)
        if new != name:
            fit.renamed[name] = new
        if new in self._anew:
            fit.left[name] = "it begins anew"
        elif target is None:
            self._refuse(name, f"the model has no tensor of the name {new}", list(self._live))
        elif found is None:
            self._refuse(name, f"it is no tensor, but {type(tensor).__name__}")
        else:
            self._place_shape(name, new, tuple(target.shape), found)

    def _place_shape(self, name: str, new: str, live: tuple[int, ...], found: tuple[int, ...]) -> None:
        """Decide on a tensor that has a place in the model, by its shape and by what its columns stand for."""
        fit = self._fit
        layer = new.rpartition(".")[0]
        parts = self._parts.of(new, live, found, normalized=f"{layer}.scale" in self._live)
        same = live == found and (parts is None or parts[1][0] == parts[1][1])
        told = f"{found} in the archive, {live} in the model"
        if same:
            fit.tensors[new] = self._offered[name]
            fit.taken.append(new)
        elif is_gated(new, live, found):
            self._refuse(name, f"its rows are those of several gates, {told}")
        elif self._transfer.on_mismatch == "overlap" and len(found) == len(live):
            fit.tensors[new] = self._offered[name]
            fit.blocks[new] = common_blocks(live, found, *(parts or ()))
            fit.cut[new] = told
        else:
            self._refuse(name, f"it is of {found}, and the model's of {live}, or stands for other inputs")

    def _refuse(self, name: str, reason: str, choice: Collection[str] = ()) -> None:
        """Leave a part of the archive behind, or raise where all of them have to fit."""
        if self._transfer.on_mismatch != "error":
            self._fit.left[name] = reason
            return
        listed = f" The model has {', '.join(list(choice)[:8])}…" if choice else ""
        raise MismatchError(
            f"expected tensors that fit the model, found {name}: {reason}.",
            hint='on_mismatch="overlap" takes what two shapes have in common, "skip" leaves such tensors out.' + listed,
        )

    def _explain_rest(self) -> None:
        """Say of each tensor of the model that nothing is brought for, why; one may be there under several names."""
        fit, transfer = self._fit, self._transfer
        filled = {_memory(self._live[name]) for name in fit.tensors}
        for name, tensor in self._live.items():
            if name in fit.tensors or name in fit.kept or _memory(tensor) in filled:
                continue
            if name in self._anew:
                fit.reset[name] = "as asked"
            elif transfer.parameters is None and transfer.on_mismatch == "error":
                raise MismatchError(
                    f"expected everything that the model has, found no {name} in the archive.",
                    hint='on_mismatch="skip" leaves the model\'s own; rename={...} takes it from another name.',
                )
            else:
                fit.kept[name] = "nothing is taken for it"

    # -- optimizers -------------------------------------------------------------------------------------

    def _place_optimizer(self, name: str, names: ParameterNames, *, asked: bool) -> None:
        """Decide on what one optimizer keeps."""
        fit, transfer, optimizer = self._fit, self._transfer, self._optimizers.get(name)
        tree = self._draft.parameters.get(name)
        if name in fit.kept:
            return
        if name in self._anew:
            fit.states[name] = {}
            (fit.left if optimizer is None else fit.reset)[name] = "as asked"
        elif tree is None:
            if transfer.on_mismatch == "error" and transfer.parameters is None:
                hint = f'Begin it anew: reset=["{name}"].'
                raise MismatchError(f"expected the state of {name}, found none.", hint=hint)
            fit.kept[name] = "the archive brings nothing for it"
        elif optimizer is None:
            if asked:
                self._refuse(name, "the model has no such optimizer", list(self._optimizers))
        elif not asked:
            fit.kept[name] = "not asked for"
        else:
            self._align(name, optimizer, tree, names)

    def _align(self, name: str, optimizer: torch.optim.Optimizer, tree: Tree, names: ParameterNames) -> None:
        """Give each parameter what was kept for it, where all of it is what it should be."""
        fit = self._fit
        problem = find_problem(optimizer, tree, names, ordered=bool(self._transfer.rename))
        if problem is not None:
            if self._transfer.on_mismatch == "error":
                raise MismatchError(f"expected {problem} in {name}.", hint=f'Begin it anew: reset=["{name}"].')
            fit.states[name] = {}
            fit.reset[name] = f"what it kept does not fit: expected {problem}"
            return
        parameters, kept = optimized(optimizer), moments(tree)
        known = {place: each for place, each in enumerate(kept) if each}
        taken = {place: each for place, each in known.items() if names.one_of(parameters[place], fit.tensors)}
        cut = {place: names.one_of(parameters[place], fit.blocks) for place in taken}
        fit.cuts[name] = {place: fit.blocks[each] for place, each in cut.items() if each}
        fit.states[name], fit.groups[name] = taken, list(tree["param_groups"])
        fit.taken.append(name)
        if len(taken) < len(known):
            lost = len(known) - len(taken)
            fit.reset[name] = f"for {lost} of {len(parameters)} parameters, whose tensors are not taken"
        if fit.cuts[name]:
            fit.cut[name] = f"cut like their tensors for {len(fit.cuts[name])} of {len(parameters)} parameters"


def _memory(tensor: torch.Tensor) -> tuple[int, tuple[int, ...]]:
    """What tells the same tensor under two names."""
    return (tensor.data_ptr() if tensor.numel() else id(tensor)), tuple(tensor.shape)
