"""A checkpoint, read: everything in it that a continuation puts back, held against the model before any of it is.

What is read here was written by somebody, perhaps by a stranger: each part is of the kind that is expected, or
the run is not continued.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from ...archive import Archive
from ...conversion import Draft
from ...errors import MismatchError, locate
from ..capture import capture
from ..into import check_into
from ..preserving import read_rows
from .agent import AgentState, read_agent
from .expected import Expected
from .settings import compare_settings

__all__ = ["PARTS", "Saved", "read_saved"]

PARTS = ("agent", "callbacks", "environments", "log", "random", "run")
"""The resume state of a checkpoint of a training run."""


@dataclass(kw_only=True)
class Saved:
    """A checkpoint that fits a model.

    ``parts`` is the resume state by name, ``differences`` the settings in which the script and the
    checkpoint differ, ``inexact`` what is not restored to the last bit, each by name with the reason.
    """

    archive: Archive
    draft: Draft
    agent: AgentState
    parts: Mapping[str, Any]
    differences: Mapping[str, str]
    inexact: dict[str, str] = field(default_factory=dict)

    @property
    def iterations(self) -> int:
        """Rollouts of the call of ``learn()`` that were complete."""
        return int(self.parts["run"]["iterations"])

    @property
    def rows(self) -> Mapping[str, int]:
        """The lines that CSV files had, by name."""
        return read_rows(self.archive)

    @property
    def elapsed(self) -> int:
        """Nanoseconds for which that call had learned, as SB3 counts them."""
        return int(self.parts["run"]["elapsed"])


def read_saved(model: BaseAlgorithm, expected: Expected, archive: Archive) -> Saved:
    """Read a checkpoint's archive and compare it with a model and what was noted of it; neither is changed.

    Raises MismatchError where the algorithm, a space, a network or a part of the state is another's, and what
    reading a damaged archive raises.
    """
    draft = check_into(model, archive)
    with locate(path=archive.path):
        parts = {name: _part(archive, name) for name in PARTS}
        parts["networks"] = _part(archive, "networks") if "networks" in archive.resume else {}
        for name in ("iterations", "elapsed"):
            _count(parts["run"], name)
        state = read_agent(model, expected, archive)
        differences = compare_settings(model, capture(model), archive)
    return Saved(
        archive=archive,
        draft=draft,
        agent=state,
        parts=parts,
        differences=differences,
        inexact=dict(state.inexact),
    )


def _part(archive: Archive, name: str) -> Mapping[str, Any]:
    if name not in archive.resume:
        raise MismatchError(
            f"expected the checkpoint of a training run, with resume/{name}.json, found none.",
            hint="Is it an agent that was saved without a run? Load it in make_model: strongbox.load(...).",
        )
    part = archive.resume[name]
    if name != "environments" and not isinstance(part, Mapping):
        raise MismatchError(f"expected a mapping in resume/{name}.json, found {type(part).__name__}.")
    return part  # type: ignore[no-any-return]


def _count(run: Mapping[str, Any], name: str) -> None:
    if type(run.get(name)) is not int or run[name] < 0:
        raise MismatchError(f"expected a whole number for {name} in resume/run.json, found {run.get(name)!r}.")
