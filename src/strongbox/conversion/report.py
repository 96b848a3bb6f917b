"""What a conversion did: every change by name, with the reason, and everything that it could not bring along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..values import Opaque, TableSchedule

__all__ = ["Change", "ConvertReport", "Notes"]


@dataclass(frozen=True)
class Change:
    """One thing that is otherwise than in the old file: what it is about, what was done, and why."""

    subject: str
    change: str
    reason: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.change}; {self.reason}"


@dataclass(frozen=True)
class Notes:
    """What is told while a conversion goes on: changes, and by name what was left out or cut down, with the reason.

    ``passed`` are files beside the archive that were not brought in; the new archive does not speak of them.
    """

    changes: list[Change] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    shortened: dict[str, str] = field(default_factory=dict)
    passed: dict[str, str] = field(default_factory=dict)

    def change(self, subject: str, change: str, reason: str) -> None:
        """Tell one change."""
        self.changes.append(Change(subject, change, reason))


@dataclass(frozen=True, kw_only=True)
class ConvertReport:
    """What one archive became.

    ``source`` and ``path`` are the old and the new file (None where they were no files), ``size`` the new
    one's bytes, ``algorithm`` the full name of the agent's class, ``sb3_version`` the SB3 that wrote the old
    file, as far as it says. ``changes`` is empty where the old file was one of today already. ``left_out``
    maps names to the reason, ``opaque`` paths to what is carried along without being understood,
    ``approximate`` the names of functions to the table that stands for each.
    """

    source: str | None
    path: str | None
    size: int
    algorithm: str
    sb3_version: str | None
    changes: tuple[Change, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    opaque: Mapping[str, Opaque] = field(default_factory=dict)
    approximate: Mapping[str, TableSchedule] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{self.source or 'archive'} -> {self.path or 'archive'}: {self.size:,} bytes"]
        lines += [f"  changed      {change}" for change in self.changes]
        lines += [f"  left out     {name}: {reason}" for name, reason in self.left_out.items()]
        lines += [f"  opaque       {path}: {part.type}, {part.reason}" for path, part in self.opaque.items()]
        lines += [
            f"  approximate  {name}: {table.source} as {len(table.values)} points, off by {table.largest_error:.3g}"
            for name, table in self.approximate.items()
        ]
        return "\n".join(lines)
