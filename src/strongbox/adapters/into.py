"""An archive goes into a live model, in place: parameters, optimizers and variables.

The model is the caller's and stays what it is: its class, its networks, its settings. Everything is compared
before the first number is changed (the class, the spaces, every name and shape, the checksum of every
member), so that a model is either as the archive has it or as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy
import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from ..archive import Archive
from ..conversion import Draft, migrate, read_draft
from ..errors import MismatchError, locate
from ..tensors import Tensor
from ..values import Space, describe
from .algorithms import class_path
from .attributes import known_base
from .build import check_tensors, fill_tensors
from .moments import OF_A_PARAMETER
from .restore import Restorer
from .state import Filler, named_target

__all__ = ["check_into", "check_spaces", "fill_into", "verify_tensors"]


def check_into(model: BaseAlgorithm, archive: Archive) -> Draft:
    """Compare an archive with a live model; gives what :func:`fill_into` puts in, and changes nothing.

    Raises MismatchError where the class, a space, a name or a shape is another, and FormatError where the
    archive is damaged.
    """
    with locate(path=archive.path):
        _check_class(model, archive)
        draft = read_draft(archive, class_path(known_base(type(model))), replaced={}, skipped=frozenset())
        migrate(draft)
        check_spaces(model, draft)
        check_tensors(model, draft, frozenset(), Filler(archive.release_memory))
        for name in draft.parameters:
            _check_optimizer(named_target(model, name), draft.parameters[name], name)
        _check_variables(model, draft)
        verify_tensors(archive)
    return draft


def fill_into(model: BaseAlgorithm, archive: Archive, draft: Draft) -> None:
    """Overwrite the tensors of a model with those of an archive that :func:`check_into` has compared with it."""
    with locate(path=archive.path):
        fill_tensors(model, draft, Filler(archive.release_memory))


def verify_tensors(archive: Archive) -> None:
    """Check the checksum of every member that holds tensors; raises FormatError where one is damaged."""
    for member in archive.members:
        if member.endswith(".pth"):
            archive.members.verify(member)


def _check_class(model: BaseAlgorithm, archive: Archive) -> None:
    live = class_path(type(model))
    if archive.algorithm != live:
        raise MismatchError(
            f"expected an agent of {live}, as the model is, found one of {archive.algorithm or 'an unknown class'} "
            f"({archive.algorithm_evidence})."
        )


def check_spaces(model: BaseAlgorithm, draft: Draft) -> None:
    """Raise MismatchError where a space of a draft is another than the model's."""
    for name in ("observation_space", "action_space"):
        kept, live = draft.data.get(name), getattr(model, name)
        if not isinstance(kept, Space) or Restorer()(kept) != live:
            raise MismatchError(f"expected {name} to be {live}, as the model's is, found {describe(kept)}.")


def _check_optimizer(optimizer: Any, tree: Mapping[Any, Any], name: str) -> None:
    """Compare groups and shapes, which torch itself does not before it takes an optimizer's state."""
    if not isinstance(optimizer, torch.optim.Optimizer):
        return
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


def _check_variables(model: BaseAlgorithm, draft: Draft) -> None:
    for name in model._get_torch_save_params()[1]:
        live, kept = named_target(model, name), draft.variables.get(name)
        if isinstance(live, torch.Tensor) and _shape(kept) != tuple(live.shape):
            raise MismatchError(f"expected the variable {name} of {tuple(live.shape)}, found {_shape(kept)}.")


def _shape(value: Any) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, Tensor | numpy.ndarray) else None
