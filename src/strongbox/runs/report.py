"""What a person who resumes a run should know: one warning, and a report that stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import StrongboxWarning

__all__ = ["NotExact", "RunReport"]


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
        parts = [f"{name}: {values}" for name, values in report.differences.items()]
        told = f"{len(parts)} settings differ: {'; '.join(parts)}. The script's count. " if parts else ""
        lost = [f"{name} ({reason})" for name, reason in report.inexact.items()]
        told += f"{len(lost)} parts do not go on exactly: {'; '.join(lost)}. " if lost else ""
        super().__init__(f"{report.path}: {told}run.report has the list.")
        self.report = report
