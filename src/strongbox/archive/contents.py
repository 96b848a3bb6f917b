"""What an archive is written from: the agent's parts, ready to be laid into members.

An adapter captures a live agent into :class:`Contents`; the writer knows no framework.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import field
from functools import cached_property
from typing import Any, TypeAlias

from ..records import record
from ..values import Normalization, Opaque, TableSchedule, find_opaque
from .json_text import dump_text

__all__ = ["Contents", "Entry", "Exact", "SaveReport", "Typed"]


@record(frozen=True)
class Exact:
    """An attribute that JSON holds exactly: it stands in ``data`` as it is."""

    value: Any

    @cached_property
    def text(self) -> str:
        """The JSON text that stands in ``data``."""
        return dump_text(self.value)


@record(frozen=True, kw_only=True, eq=False)
class Typed:
    """An attribute that JSON does not hold: its type, its value, its pickle for SB3's reader.

    What an agent has each time it is saved (its spaces, its policy's class) may be given as the same
    object each time, which is then turned into text once.

    ``type`` is ``str(type(attribute))``, ``value`` what the recipes made of it (parts may be
    :class:`~strongbox.values.Opaque`), ``pickle`` the bytes that SB3 will load, ``attributes`` the
    first-level attributes that stand beside it for people to read.
    """

    type: str
    value: Any
    pickle: bytes | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def opaque(self) -> list[tuple[str, Opaque]]:
        """The opaque parts of the value, each with the steps that lead to it."""
        return find_opaque(self.value)


Entry: TypeAlias = Exact | Typed


@record(frozen=True, kw_only=True)
class Contents:
    """Everything that one archive holds.

    ``parameters`` maps the name of a state dict to its tree, ``variables`` the names of other
    tensors; leaves are what :func:`strongbox.tensors.plan_pth` takes. ``environment`` is the id of the one that
    the agent was trained in. ``left_out`` says by name what the agent had and the archive does not hold, and
    why; ``shortened`` where texts in what it does hold were cut down, and why. ``resume`` maps names to values
    with a portable form: what an exact continuation needs besides. ``converted_from`` is the version of SB3 that wrote
    what this was made from. Of an agent of one's own, ``arrays`` names the variables that are numpy's, and ``shared``
    maps other names of the same thing to the one that it is kept under.
    """

    algorithm: str
    data: Mapping[str, Entry]
    parameters: Mapping[str, Any]
    variables: Any = None
    sb3_version: str | None = None
    system_info: str | None = None
    normalization: Normalization | None = None
    environment: str | None = None
    resume: Mapping[str, Any] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    shortened: Mapping[str, str] = field(default_factory=dict)
    converted_from: str = ""
    arrays: Collection[str] = ()
    shared: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def opaque(self) -> dict[str, Opaque]:
        """The opaque parts of data by their path."""
        return {f"{name}{place}": part for name, entry in self._typed() for place, part in entry.opaque}

    @cached_property
    def approximate(self) -> dict[str, TableSchedule]:
        """The functions that were written as a table, by name."""
        return {name: entry.value for name, entry in self._typed() if isinstance(entry.value, TableSchedule)}

    def _typed(self) -> Iterator[tuple[str, Typed]]:
        return ((name, entry) for name, entry in self.data.items() if isinstance(entry, Typed))


@record(frozen=True, kw_only=True)
class SaveReport:
    """What was written: the file and its size in bytes, and everything that is not exactly the agent's.

    ``left_out`` maps names to the reason, ``opaque`` paths to the opaque part, ``approximate`` names
    to the table that stands for a function, ``shortened`` the texts that were cut down to the reason.
    """

    path: str | None
    size: int
    left_out: Mapping[str, str]
    opaque: Mapping[str, Opaque]
    approximate: Mapping[str, TableSchedule]
    shortened: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{self.path or 'archive'}: {self.size:,} bytes"]
        lines += [f"  left out     {name}: {reason}" for name, reason in self.left_out.items()]
        lines += [f"  shortened    {name}: {reason}" for name, reason in self.shortened.items()]
        lines += [f"  opaque       {path}: {part.type}, {part.reason}" for path, part in self.opaque.items()]
        lines += [
            f"  approximate  {name}: {table.source} as {len(table.values)} points, off by {table.largest_error:.3g}"
            for name, table in self.approximate.items()
        ]
        return "\n".join(lines)
