"""What a capture or a restoring has to say besides its result: what is inexact, and which files go along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Notes"]


@dataclass
class Notes:
    """Collects what is inexact, by place and with the reason, and the sizes of log files in bytes, by path.

    ``copies`` says, when restoring, where a preserved copy of a live log file lies.
    """

    inexact: dict[str, str] = field(default_factory=dict)
    logs: dict[str, int] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)

    def add(self, place: str, reason: str) -> None:
        """Report a place; the first reason for it stays."""
        self.inexact.setdefault(place, reason)
