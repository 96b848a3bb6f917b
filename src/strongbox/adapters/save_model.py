"""Saving: a live model becomes an archive, whole or not at all."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, BinaryIO

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecNormalize

from ..archive import SaveReport, Typed, write_archive
from ..conversion import REQUIRED
from ..errors import MismatchError
from ..limits import DEFAULT_LIMITS, Limits
from ..values import Normalization
from .capture import attributes_to_save, capture
from .jax import is_on_jax
from .normalization import capture_normalization
from .report import kept_normalization
from .request import read_names

__all__ = ["choose_normalization", "save"]


def save(
    model: Any,
    file: str | os.PathLike[str] | BinaryIO,
    *,
    pickles: bool = True,
    durable: bool = True,
    exclude: str | Collection[str] = (),
    include: str | Collection[str] = (),
    normalization: Normalization | VecNormalize | str | None = "auto",
    limits: Limits = DEFAULT_LIMITS,
) -> SaveReport:
    """Write a live SB3 or sb3-contrib model to an archive, which an unmodified SB3 opens too.

    A path without a suffix gets ``.zip``; the old file is replaced in one step, or stays as it was.
    ``pickles=False`` writes no pickle into data, and raises UnsupportedError naming the attributes
    that have no portable form. ``durable=False`` does not wait for the disk. ``exclude`` leaves out
    attributes by name (MismatchError for a name that the agent does not have, or cannot be built without),
    ``include`` keeps ones that SB3 leaves out. ``normalization`` is the
    statistics to keep with the agent: ``"auto"`` takes those of its environment's VecNormalize, or, where
    it was loaded without an environment, those that it was loaded with. ``limits`` are those of whoever will read
    the archive: the large networks of an agent of sbx, which stand in data, may need higher ones on both sides.

    The report says what was left out, and why, and which functions were written as a table. Memory
    beyond the agent's own stays under 64 MiB.
    """
    if not isinstance(model, BaseAlgorithm):
        raise MismatchError(f"expected a model of Stable-Baselines3, found {type(model).__name__}.")
    _check_excluded(model, read_names(exclude, "exclude"))
    asked = {"exclude": read_names(exclude, "exclude"), "include": read_names(include, "include")}
    shortened: dict[str, str] = {}
    contents = capture(
        model,
        **asked,
        normalization=choose_normalization(model, normalization),
        pickles=pickles,
        known=_parts_on_jax(model, asked, limits, shortened, pickles=pickles) if is_on_jax(type(model)) else None,
        limits=limits,
    )
    contents = replace(contents, shortened={**contents.shortened, **shortened}) if shortened else contents
    return write_archive(file, contents, pickles=pickles, durable=durable, limits=limits)


def _parts_on_jax(
    model: BaseAlgorithm,
    asked: Mapping[str, Collection[str]],
    limits: Limits,
    shortened: dict[str, str],
    *,
    pickles: bool,
) -> dict[str, Typed]:
    from .jax.capture import capture_parts

    attributes = attributes_to_save(model, **asked)
    return capture_parts(attributes, limits=limits, shortened=shortened, pickles=pickles)


def _check_excluded(model: BaseAlgorithm, names: Collection[str]) -> None:
    """Insist that names to leave out are the agent's, and that it can be built without them."""
    known = {
        *vars(model),
        *model._excluded_save_params(),
        *(name for part in model._get_torch_save_params() for name in part),
    }
    for name in names:
        if name in REQUIRED:
            raise MismatchError(
                f"expected names in exclude that an agent can do without, found {name!r}, which it is built with.",
                hint=f"Keep it; whoever loads the archive may replace it, custom_objects={{{name!r}: ...}}.",
            )
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or sorted(known)
            raise MismatchError(
                f"expected names that the agent has in exclude, found {name!r}.",
                hint=f"Names near to it: {', '.join(near[:5])}.",
            )


def choose_normalization(model: BaseAlgorithm, asked: Any = "auto") -> Normalization | None:
    """The statistics to keep with a model: those asked for, its environment's, or those that it was loaded with."""
    if isinstance(asked, Normalization) or asked is None:
        return asked
    if asked == "auto":
        live = model.get_vec_normalize_env()
        return kept_normalization(model) if live is None else capture_normalization(live)
    if isinstance(asked, VecNormalize):
        return capture_normalization(asked)
    raise MismatchError(f'expected a VecNormalize, a Normalization, "auto" or None, found {type(asked).__name__}.')
