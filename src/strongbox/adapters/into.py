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
from .optimizers import check_optimizer
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
        check_spaces(model, draft.data)
        check_tensors(model, draft, frozenset(), Filler(archive.release_memory))
        for name in draft.parameters:
            target = named_target(model, name)
            if isinstance(target, torch.optim.Optimizer):
                check_optimizer(target, draft.parameters[name], name)
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


def check_spaces(live: Any, data: Mapping[str, Any]) -> None:
    """Raise MismatchError where a space in data is another than the one that a model, or what stands for it, has."""
    for name in ("observation_space", "action_space"):
        kept, own = data.get(name), getattr(live, name)
        if not isinstance(kept, Space) or Restorer()(kept) != own:
            raise MismatchError(f"expected {name} to be {own}, as the model's is, found {describe(kept)}.")


def _check_variables(model: BaseAlgorithm, draft: Draft) -> None:
    for name in model._get_torch_save_params()[1]:
        live, kept = named_target(model, name), draft.variables.get(name)
        if isinstance(live, torch.Tensor) and _shape(kept) != tuple(live.shape):
            raise MismatchError(f"expected the variable {name} of {tuple(live.shape)}, found {_shape(kept)}.")


def _shape(value: Any) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, Tensor | numpy.ndarray) else None
