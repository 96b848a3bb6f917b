"""What an optimizer keeps for each parameter goes with that parameter: taken with it, cut with it, or begun anew.

An archive knows the parameters of an optimizer by their places alone. That a place means the same parameter here is
not taken on trust: as many groups of as many parameters, in the order of their names, and every array of the shape
that the archive's own tensor of the name has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy
import torch

from ..conversion import Tree
from ..tensors import Tensor
from .blocks import Block, fill_blocks

__all__ = [
    "OF_A_PARAMETER",
    "ParameterNames",
    "find_problem",
    "fit_moment",
    "moments",
    "optimized",
    "shape_of",
]

OF_A_PARAMETER = frozenset(("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "square_avg", "momentum_buffer", "grad_avg"))
"""What optimizers keep for each parameter, in the parameter's own shape."""

KINDS = frozenset(("alpha", "betas", "dampening", "etas", "lambd", "lr_decay", "rho"))
"""Settings that tell one kind of optimizer from another."""

KEEPING = ("amsgrad", "centered", "momentum")
"""Settings that make an optimizer keep something more."""


def fit_moment(key: str, value: Any, parameter: torch.Tensor, blocks: list[Block] | None) -> Any:
    """What an optimizer keeps of a parameter that was cut, cut in the same way: zeros where there was nothing."""
    if blocks is None or key not in OF_A_PARAMETER or not isinstance(value, torch.Tensor):
        return value
    fitted = torch.zeros(parameter.shape, dtype=value.dtype)
    fill_blocks(fitted, value, blocks)
    return fitted


def shape_of(value: Any) -> tuple[int, ...] | None:
    """The shape of a tensor of an archive; None for anything else."""
    return tuple(value.shape) if isinstance(value, Tensor | numpy.ndarray) else None


@dataclass(frozen=True)
class ParameterNames:
    """Which tensor of a model each parameter is, and what it is called in the archive.

    ``sources`` maps names of the model to names of the archive, ``offered`` has the archive's tensors by name.
    """

    live: Mapping[str, torch.Tensor]
    sources: Mapping[str, str]
    offered: Tree

    def of(self, parameter: torch.Tensor) -> list[str]:
        """The names of a parameter in the model; one may stand under several."""
        return [name for name, tensor in self.live.items() if tensor is parameter]

    def called(self, parameter: torch.Tensor) -> list[str]:
        """The names of a parameter in the archive."""
        return [self.sources[name] for name in self.of(parameter) if name in self.sources]

    def one_of(self, parameter: torch.Tensor, names: Collection[str]) -> str | None:
        """The first of a parameter's names that is among those given."""
        return next((name for name in self.of(parameter) if name in names), None)


def optimized(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """The parameters of an optimizer, in the order of their places."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def moments(tree: Mapping[Any, Any]) -> list[Any]:
    """What an archive's optimizer keeps for each place, None for nothing."""
    return [tree["state"].get(number) for group in tree["param_groups"] for number in group["params"]]


def find_problem(
    optimizer: torch.optim.Optimizer, tree: Mapping[Any, Any], names: ParameterNames, *, ordered: bool
) -> str | None:
    """What was expected and found where an archive's state cannot be an optimizer's; None where it can.

    ``ordered`` insists on the archive's order of names, which renaming may have changed.
    """
    problem = _compare_groups(optimizer, tree)
    if problem is not None:
        return problem
    parameters = optimized(optimizer)
    if ordered and not _in_order(parameters, names):
        return "parameters in the archive's order, found them in another after renaming"
    pairs = enumerate(zip(parameters, moments(tree), strict=True))
    problems = (found for number, (parameter, kept) in pairs for found in _compare(number, parameter, kept, names))
    return next(problems, None)


def _compare_groups(optimizer: torch.optim.Optimizer, tree: Mapping[Any, Any]) -> str | None:
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
    return next(
        (
            f"what {type(optimizer).__name__} keeps, found what another optimizer does"
            for mine, others in zip(optimizer.param_groups, groups, strict=True)
            if _differs(mine, others)
        ),
        None,
    )


def _differs(mine: Mapping[Any, Any], others: Mapping[Any, Any]) -> bool:
    """Whether groups are of two kinds of optimizers, or the first keeps what the second did not."""
    return KINDS & mine.keys() != KINDS & others.keys() or any(mine.get(k) and not others.get(k) for k in KEEPING)


def _in_order(parameters: list[torch.Tensor], names: ParameterNames) -> bool:
    place = {name: number for number, name in enumerate(names.offered)}
    places = [min(place[name] for name in called) for each in parameters if (called := names.called(each))]
    return places == sorted(places)


def _compare(number: int, parameter: torch.Tensor, kept: Any, names: ParameterNames) -> Iterator[str]:
    if kept is None:
        return
    if not isinstance(kept, Mapping):
        yield f"the state of parameter {number} of the optimizer, found {type(kept).__name__}"
        return
    shapes = {shape_of(names.offered[name]) for name in names.called(parameter)} or {tuple(parameter.shape)}
    for key, value in kept.items():
        if key in OF_A_PARAMETER and value is not None and shape_of(value) not in shapes:
            shown = type(value).__name__ if shape_of(value) is None else f"one of {shape_of(value)}"
            yield f"{key} of {min(map(str, shapes))} for parameter {number} of the optimizer, found {shown}"
