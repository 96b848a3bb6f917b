"""Tensors of an archive held against those of a live model: which are taken, which are cut, which stay behind.

Two steps. :func:`plan_fit` compares names and shapes, touches nothing, and raises where the request does not allow
what it finds. :meth:`Fit.fill` then does what was planned, with the networks of any model of the same build. What an
optimizer keeps for a parameter goes with that parameter: taken with it, cut with it, or begun anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy
import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from ..conversion import Draft, Tree
from ..errors import MismatchError
from ..tensors import Tensor
from .state import Filler, live_optimizers, named_target
from .transfer import Transfer, offered_tensors, rename_tensors, select

__all__ = ["OF_A_PARAMETER", "Fit", "live_tensors", "plan_fit"]

OF_A_PARAMETER = frozenset(("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "square_avg", "momentum_buffer", "grad_avg"))
"""What optimizers keep for each parameter, in the parameter's own shape."""

Block = tuple[slice, ...]


@dataclass(kw_only=True)
class Fit:
    """What goes where.

    ``tensors`` maps names of the model to what they are filled with, ``blocks`` the names among them that are filled
    in part to that part. ``states`` maps optimizers to the state of each of their parameters, by place, and
    ``groups`` to the archive's settings of their groups. The rest is told: see LoadReport.
    """

    tensors: Tree = field(default_factory=dict)
    blocks: dict[str, Block] = field(default_factory=dict)
    states: dict[str, dict[int, Any]] = field(default_factory=dict)
    groups: dict[str, list[Any]] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    cut: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    reset: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    """Tensors of the model that nothing was brought for, with the reason."""

    @property
    def whole(self) -> frozenset[str]:
        """The names of tensors that are filled altogether."""
        return frozenset(self.tensors.keys() - self.blocks.keys())

    def fill(self, model: BaseAlgorithm, filler: Filler, *, settings: bool) -> None:
        """Do what was planned; ``settings`` says whether the groups of optimizers take the archive's settings."""
        live = live_tensors(model)
        for name, tensor in self.tensors.items():
            if name in self.blocks:
                fill_block(live[name], filler.torch_value(tensor), self.blocks[name])
            else:
                filler.fill_tensor(live[name], tensor, name)
        for name, optimizer in live_optimizers(model).items():
            if name in self.states:
                self._fill_optimizer(optimizer, name, filler, settings=settings)

    def _fill_optimizer(self, optimizer: Any, name: str, filler: Filler, *, settings: bool) -> None:
        tree = optimizer.state_dict()
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        tree["state"] = {
            number: {key: _fit_moment(filler.torch_value(value), parameters[number]) for key, value in kept.items()}
            for number, kept in self.states[name].items()
        }
        if settings and name in self.groups:
            tree["param_groups"] = [
                {**filler.torch_value(kept), "params": live["params"]}
                for live, kept in zip(tree["param_groups"], self.groups[name], strict=True)
            ]
        filler.fill_optimizer(optimizer, tree, name)


def fill_block(target: torch.Tensor, source: torch.Tensor, block: Block) -> None:
    """Overwrite the part of a live tensor that another one covers."""
    target.detach()[block].copy_(source[block])


def _fit_moment(value: Any, parameter: torch.Tensor) -> Any:
    """What an optimizer keeps of a parameter, in the parameter's shape: zeros where there was nothing."""
    shape = tuple(parameter.shape)
    if not isinstance(value, torch.Tensor) or value.ndim != len(shape) or tuple(value.shape) == shape or not shape:
        return value
    fitted = torch.zeros(shape, dtype=value.dtype)
    fill_block(fitted, value, common_block(shape, tuple(value.shape)))
    return fitted


def common_block(first: tuple[int, ...], second: tuple[int, ...]) -> Block:
    """The part that two shapes of as many axes have in common."""
    return tuple(slice(0, min(pair)) for pair in zip(first, second, strict=True))


# -- the model ---------------------------------------------------------------------------------------


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
    live, optimizers = live_tensors(model), live_optimizers(model)
    kinds = optimizers.keys() | {name for name, tree in draft.parameters.items() if "param_groups" in tree}
    offered = offered_tensors(draft, kinds)
    brought = [name for name in draft.parameters if name in kinds]
    fit = Fit()
    wanted = _select_offered(transfer, offered, brought, fit)
    anew = select(transfer.reset, [*live, *optimizers], "reset") if transfer.reset else {}
    anew |= {name: None for name in [*live, *optimizers, *given] if _is_named(name, given, optimizers)}
    fit.kept = {name: "skipped" for name in [*live, *optimizers] if _is_named(name, skipped, optimizers)}
    renamed = rename_tensors(list(offered), transfer.rename)
    for name, tensor in offered.items():
        if name in wanted and renamed[name] not in fit.kept:
            _place(fit, name, renamed[name], tensor, live, anew, transfer)
    _explain_rest(fit, live, anew, transfer)
    sources = {new: old for old, new in renamed.items()}
    for name in dict.fromkeys([*brought, *optimizers]):
        _plan_optimizer(fit, name, optimizers.get(name), draft, wanted, anew, _Names(live, sources, offered), transfer)
    return fit


def _is_named(name: str, given: Collection[str], optimizers: Collection[str]) -> bool:
    """Whether a name is among those given, or is a tensor of a network that is."""
    return name in given or (name not in optimizers and any(name.startswith(f"{each}.") for each in given))


def _select_offered(transfer: Transfer, offered: Tree, optimizers: list[str], fit: Fit) -> dict[str, None]:
    names = [*offered, *optimizers]
    if transfer.parameters is None:
        return dict.fromkeys(names)
    wanted = select(transfer.parameters, names, "parameters")
    fit.left.update({name: "not asked for" for name in names if name not in wanted})
    return wanted


def _place(
    fit: Fit,
    name: str,
    new: str,
    tensor: Any,
    live: Mapping[str, torch.Tensor],
    anew: Collection[str],
    transfer: Transfer,
) -> None:
    """Decide on one tensor of the archive."""
    if new != name:
        fit.renamed[name] = new
    if new in anew:
        fit.left[name] = "it is made anew, as asked"
        return
    target, found = live.get(new), _shape(tensor)
    if target is None:
        _refuse(fit, transfer, name, f"the model has no tensor of the name {new}", live)
    elif found is None:
        _refuse(fit, transfer, name, f"it is no tensor, but {type(tensor).__name__}", live)
    elif found == tuple(target.shape):
        fit.tensors[new] = tensor
        fit.taken.append(new)
    elif transfer.on_mismatch == "overlap" and len(found) == target.ndim:
        fit.tensors[new] = tensor
        fit.blocks[new] = common_block(tuple(target.shape), found)
        fit.cut[new] = f"{found} in the archive, {tuple(target.shape)} in the model"
    else:
        _refuse(fit, transfer, name, f"it is of {found}, and the model's of {tuple(target.shape)}", live)


def _refuse(fit: Fit, transfer: Transfer, name: str, reason: str, live: Collection[str]) -> None:
    """Leave a tensor behind, or raise where all of them have to fit."""
    if transfer.on_mismatch != "error":
        fit.left[name] = reason
        return
    raise MismatchError(
        f"expected tensors that fit the model, found {name}: {reason}.",
        hint='on_mismatch="overlap" takes what two shapes have in common, "skip" leaves such tensors out'
        + (f"; the model has {', '.join(list(live)[:8])}." if "no tensor" in reason else "."),
    )


def _explain_rest(fit: Fit, live: Mapping[str, torch.Tensor], anew: Collection[str], transfer: Transfer) -> None:
    """Say of each tensor of the model that nothing is brought for, why; one may be there under several names."""
    filled = {_memory(live[name]) for name in fit.tensors}
    for name, tensor in live.items():
        if name in fit.tensors or name in fit.kept or _memory(tensor) in filled:
            continue
        if name in anew:
            fit.reset[name] = "as asked"
        elif transfer.parameters is None and transfer.on_mismatch == "error":
            raise MismatchError(
                f"expected everything that the model has, found no {name} in the archive.",
                hint='on_mismatch="skip" leaves the model\'s own; rename={...} takes it from another name.',
            )
        else:
            fit.kept[name] = "nothing is taken for it"


def _memory(tensor: torch.Tensor) -> tuple[int, tuple[int, ...]]:
    """What tells the same tensor under two names."""
    return (tensor.data_ptr() if tensor.numel() else id(tensor)), tuple(tensor.shape)


def _shape(value: Any) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, Tensor | numpy.ndarray) else None


# -- optimizers ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Names:
    """Which tensor of the model each parameter of an optimizer is, and what it is called in the archive."""

    live: Mapping[str, torch.Tensor]
    sources: Mapping[str, str]
    offered: Tree

    def of(self, parameter: torch.Tensor) -> list[str]:
        """The names of a parameter in the model."""
        return [name for name, tensor in self.live.items() if tensor is parameter]

    def in_order(self, parameters: list[torch.Tensor]) -> bool:
        """Whether parameters stand in the archive in the order of here: a place is all the name that their state has."""
        place = {name: number for number, name in enumerate(self.offered)}
        called = [[place[self.sources[n]] for n in self.of(each) if n in self.sources] for each in parameters]
        places = [min(each) for each in called if each]
        return places == sorted(places)


def _plan_optimizer(
    fit: Fit,
    name: str,
    optimizer: torch.optim.Optimizer | None,
    draft: Draft,
    wanted: Collection[str],
    anew: Collection[str],
    names: _Names,
    transfer: Transfer,
) -> None:
    """Decide on what one optimizer keeps, for each of its parameters."""
    tree = draft.parameters.get(name)
    if name in anew:
        fit.states[name] = {}
        fit.reset[name] = "as asked"
    elif optimizer is None:
        _refuse(fit, transfer, name, "the model has no tensor of the name, and no optimizer", names.live)
    elif name in fit.kept:
        pass
    elif tree is None:
        if transfer.on_mismatch == "error" and transfer.parameters is None:
            raise MismatchError(f"expected the state of {name}, found none.", hint=f'Begin it anew: reset=["{name}"].')
        fit.kept[name] = "the archive brings nothing for it"
    elif name not in wanted:
        fit.kept[name] = "not asked for"
    else:
        _align(fit, name, optimizer, tree, names, transfer)


def _align(
    fit: Fit, name: str, optimizer: torch.optim.Optimizer, tree: Mapping[Any, Any], names: _Names, transfer: Transfer
) -> None:
    """Give each parameter what the optimizer kept for it, by its place, where all of these hold what they should."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    problem = _compare_groups(optimizer, tree)
    pairs = [] if problem else list(_pairs(parameters, tree))
    for number, (parameter, kept) in enumerate(pairs):
        problem = problem or _compare_moments(number, parameter, kept, names)
    if problem is None and transfer.rename and not names.in_order(parameters):
        problem = "parameters in the archive's order, found them in another after renaming"
    if problem is None:
        fit.groups[name] = list(tree["param_groups"])
        states = {n: kept for n, (parameter, kept) in enumerate(pairs) if _is_filled(parameter, fit, names) and kept}
        fit.states[name] = states
        lost = sum(bool(kept) for _, kept in pairs) - len(states)
        fit.taken.append(name)
        if lost:
            fit.reset[name] = f"for {lost} of {len(parameters)} parameters, whose tensors are not taken"
        cut = sum(any(each in fit.blocks for each in names.of(parameters[number])) for number in states)
        if cut:
            fit.cut[name] = f"cut like their tensors for {cut} of {len(parameters)} parameters"
    elif transfer.on_mismatch == "error":
        raise MismatchError(f"expected {problem}.", hint=f'Begin it anew: reset=["{name}"].')
    else:
        fit.states[name] = {}
        fit.reset[name] = f"what it kept does not fit: expected {problem}"


def _compare_groups(optimizer: torch.optim.Optimizer, tree: Mapping[Any, Any]) -> str | None:
    """What is wrong with the groups of an optimizer's state, or None."""
    groups, state = tree.get("param_groups"), tree.get("state")
    if not (isinstance(groups, list) and isinstance(state, Mapping)):
        return "the state of an optimizer, found none"
    if not all(isinstance(group, Mapping) and isinstance(group.get("params"), list) for group in groups):
        return "groups of parameters, found something else"
    live, found = [len(g["params"]) for g in optimizer.param_groups], [len(g["params"]) for g in groups]
    if live != found:
        return f"{sum(live)} parameters in {len(live)} groups, found {sum(found)} in {len(found)}"
    if not state.keys() <= {number for group in groups for number in group["params"]}:
        return "the state of the optimizer's own parameters, found that of others"
    settings = set(optimizer.defaults) - {"params"}
    if not all({"lr"} <= group.keys() for group in groups) or not settings & set(groups[0] if groups else settings):
        return f"the settings of {type(optimizer).__name__}, found others"
    return None


def _pairs(parameters: list[torch.Tensor], tree: Mapping[Any, Any]) -> Iterator[tuple[torch.Tensor, Any]]:
    numbers = [number for group in tree["param_groups"] for number in group["params"]]
    for number, parameter in zip(numbers, parameters, strict=True):
        yield parameter, tree["state"].get(number)


def _compare_moments(number: int, parameter: torch.Tensor, kept: Any, names: _Names) -> str | None:
    """What is wrong with what was kept for a parameter, or None: it has to be of the archive's own tensor."""
    if kept is None:
        return None
    if not isinstance(kept, Mapping):
        return f"the state of parameter {number} of the optimizer, found {type(kept).__name__}"
    called = [names.sources[name] for name in names.of(parameter) if name in names.sources]
    shapes = {_shape(names.offered[name]) for name in called} or {tuple(parameter.shape)}
    for key, value in kept.items():
        if key in OF_A_PARAMETER and value is not None and _shape(value) not in shapes:
            shown = f"{_shape(value)}" if _shape(value) is not None else type(value).__name__
            return f"{key} of {min(map(str, shapes))} for parameter {number} of the optimizer, found {shown}"
    return None


def _is_filled(parameter: torch.Tensor, fit: Fit, names: _Names) -> bool:
    return any(name in fit.tensors for name in names.of(parameter))
