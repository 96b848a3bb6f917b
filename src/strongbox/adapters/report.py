"""What a load did that a person should know of, kept beside the live model and never in it.

SB3 saves everything in a model's ``__dict__``, so a report kept there would go into archives, and
make files that SB3 writes depend on Strongbox. It is held here instead, for as long as the model
lives, and ``model.strongbox_report`` looks it up through a read-only property on SB3's base class.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from ..errors import StrongboxWarning
from ..values import Normalization

__all__ = ["LeftBehind", "LoadReport", "attach_report", "find_report", "keep_normalization", "kept_normalization"]

PROPERTY = "strongbox_report"


@dataclass(frozen=True, kw_only=True)
class LoadReport:
    """How a live model differs from its archive, and what was done to make it.

    ``left`` maps names that stayed behind to the reason, ``migrated`` says what an old file needed,
    ``replaced`` are names taken from ``custom_objects``, ``skipped`` names left out on request, ``notes``
    what else there is to know. Names in ``left`` that the archive itself lacks are those that the save left out.

    Of tensors and optimizers: ``taken`` are the model's names that were filled as they are, ``renamed`` maps the
    archive's names to them, ``cut`` says which were filled in part, ``reset`` what was made or begun anew, ``kept``
    for what of a model nothing was taken. ``overridden`` has settings that were given anew, before and after;
    ``frozen`` what training leaves alone.
    """

    path: str | None
    algorithm: str
    left: Mapping[str, str] = field(default_factory=dict)
    migrated: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    cut: Mapping[str, str] = field(default_factory=dict)
    reset: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    overridden: Mapping[str, str] = field(default_factory=dict)
    frozen: Mapping[str, str] = field(default_factory=dict)

    def rows(self) -> list[tuple[str, str, str]]:
        """The report as a table: what was done, to what, and why or how; tensors taken as they are, in one row each."""
        told = [("overridden", self.overridden), ("renamed", self.renamed), ("cut", self.cut), ("reset", self.reset)]
        told += [("kept", self.kept), ("left behind", self.left), ("frozen", self.frozen)]
        rows = [("taken", name, "") for name in self.taken]
        rows += [(what, name, how) for what, names in told for name, how in names.items()]
        rows += [("replaced", name, "") for name in self.replaced] + [("skipped", name, "") for name in self.skipped]
        return rows + [("migrated", what, "") for what in self.migrated] + [("note", what, "") for what in self.notes]

    def __str__(self) -> str:
        rows = self.rows()
        width = max((len(name) for _, name, how in rows if how), default=0)
        lines = [f"  {what:<12} {name:<{width}}  {how}" if how else f"  {what:<12} {name}" for what, name, how in rows]
        return "\n".join([f"{self.path or 'archive in memory'}: {self.algorithm}", *lines])


class LeftBehind(StrongboxWarning):
    """The one warning of a load: ``report`` is the whole of it, ``names`` what stayed behind and why.

    ``quiet`` names are in the report alone: nothing stands in for them that would make another agent.
    """

    def __init__(self, report: LoadReport, *, quiet: Collection[str] = ()) -> None:
        names = {name: reason for name, reason in report.left.items() if name not in quiet}
        listed = "; ".join(f"{name} ({reason})" for name, reason in names.items())
        where = f"{report.path}: " if report.path else ""
        super().__init__(
            f"{where}{len(names)} of the agent's attributes stayed behind: {listed}. "
            "SB3's defaults stand in for them; model.strongbox_report has the list."
        )
        self.report = report
        self.names = names


_REPORTS: WeakKeyDictionary[Any, LoadReport] = WeakKeyDictionary()
_NORMALIZATIONS: WeakKeyDictionary[Any, Normalization] = WeakKeyDictionary()


def keep_normalization(model: Any, normalization: Normalization) -> None:
    """Keep the statistics of an agent that was loaded without an environment to put them on.

    ``set_env`` warns from then on where this agent is given an environment that normalizes nothing.
    """
    _NORMALIZATIONS[model] = normalization
    from stable_baselines3.common.base_class import BaseAlgorithm

    if not hasattr(BaseAlgorithm.set_env, "__wrapped__"):
        setattr(BaseAlgorithm, "set_env", _watch(BaseAlgorithm.set_env))  # noqa: B010


def _watch(set_env: Callable[..., None]) -> Callable[..., None]:
    """SB3's own ``set_env``, and a word where it makes an agent see what it was not trained on."""

    @functools.wraps(set_env)
    def watched(model: Any, *arguments: Any, **keywords: Any) -> None:
        set_env(model, *arguments, **keywords)
        if model in _NORMALIZATIONS and model.get_vec_normalize_env() is None:
            warnings.warn(_NotNormalized(), stacklevel=_level_of_caller())

    return watched


class _NotNormalized(StrongboxWarning):
    """An agent of normalized observations on an environment of raw ones."""

    def __init__(self) -> None:
        super().__init__(
            "The agent was trained with VecNormalize, and this environment does not normalize. "
            "Load the agent with the environment, env=..., which puts its statistics back."
        )


def kept_normalization(model: Any) -> Normalization | None:
    """The statistics that were kept for a model, or None."""
    return _NORMALIZATIONS.get(model)


def find_report(model: Any) -> LoadReport:
    """The report of a model that Strongbox loaded; raises AttributeError for any other."""
    try:
        return _REPORTS[model]
    except KeyError:
        raise AttributeError(f"{type(model).__name__} was not loaded by Strongbox and has no {PROPERTY!r}") from None


def attach_report(model: Any, report: LoadReport, *, quiet: Collection[str] = ()) -> None:
    """Keep a report for as long as the model lives, and warn where something stayed behind."""
    from stable_baselines3.common.base_class import BaseAlgorithm

    if PROPERTY not in vars(BaseAlgorithm):
        setattr(BaseAlgorithm, PROPERTY, property(find_report, doc=find_report.__doc__))
    _REPORTS[model] = report
    warning = LeftBehind(report, quiet=quiet)
    if warning.names:
        warnings.warn(warning, stacklevel=_level_of_caller())


def _level_of_caller() -> int:
    """How many frames up the code is that called Strongbox, so that the warning points there."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "strongbox":
        level, frame = level + 1, frame.f_back
    return level
