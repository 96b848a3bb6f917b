"""What a person who resumes a run should know: one warning, and a report that stays."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import StrongboxWarning

__all__ = ["NotExact", "RunReport", "tell", "warn"]

BETWEEN = frozenset(("strongbox", "stable_baselines3", "sb3_contrib"))
"""Packages whose lines are not the script's."""


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """How a resumed run differs from one that was never interrupted.

    ``step`` is that of the checkpoint it goes on from, None for a new run. ``differences`` are settings that
    the script has otherwise than the checkpoint, ``inexact`` what is not restored to the last bit, each by name
    with the reason; ``swept`` what a crash had left in the run's folder.
    """

    path: str
    step: int | None = None
    differences: Mapping[str, str] = field(default_factory=dict)
    inexact: Mapping[str, str] = field(default_factory=dict)
    swept: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether the run goes on as if it had not been interrupted."""
        return not (self.differences or self.inexact)

    def __str__(self) -> str:
        where = "a new run" if self.step is None else f"goes on from step {self.step:,}"
        lines = [f"{self.path}: {where}"]
        lines += [f"  other setting  {name}: {values}" for name, values in self.differences.items()]
        lines += [f"  inexact        {name}: {reason}" for name, reason in self.inexact.items()]
        lines += [f"  swept          {path}" for path in self.swept]
        return "\n".join(lines)


class NotExact(StrongboxWarning):
    """The one warning of a continuation that is not exact: ``report`` is the whole of it."""

    def __init__(self, report: RunReport) -> None:
        told = ""
        if report.differences:
            listed = "; ".join(f"{name} ({values})" for name, values in report.differences.items())
            told += f"the script's settings count, not the checkpoint's: {listed}. "
        if report.inexact:
            listed = "; ".join(f"{name} ({reason})" for name, reason in report.inexact.items())
            told += f"it does not go on exactly: {listed}. "
        super().__init__(f"{report.path}: {told}run.report has the list.")
        self.report = report


def tell(report: RunReport) -> None:
    """Warn where a continuation is not exact, pointing at the line of the script that has called."""
    if not report.exact:
        warn(NotExact(report))


def warn(warning: str | StrongboxWarning) -> None:
    """Warn, pointing at the line of the script that has called."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in BETWEEN:
        level, frame = level + 1, frame.f_back
    told = warning if isinstance(warning, StrongboxWarning) else StrongboxWarning(warning)
    warnings.warn(told, stacklevel=level + 1)
