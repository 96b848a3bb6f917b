"""Columns whose earlier rows may change: which rows differ from what was written.

An episode's length is known when the episode ends, and is taken back when its first row is written over. Such
columns are small; a copy of them as they were last written is kept and compared.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy

from ...values.checks import Array
from .sharing import as_words

__all__ = ["changed_rows", "changed_runs"]

SMALL_GAP = 64
"""Unchanged rows between two changed ones that are written along, so that there are fewer ranges."""


def changed_rows(written: Mapping[str, Array], found: Mapping[str, Array], known: int) -> Array:
    """Which rows of ``found`` (rows, environments, …) differ bit for bit; those from ``known`` on count as changed."""
    count = len(next(iter(found.values())))
    changed = numpy.zeros(count, numpy.bool_)
    changed[known:] = True
    for name, array in found.items() if count else ():
        now, before = (as_words(rows.reshape(count, -1)) for rows in (array, written[name][:count]))
        changed |= (now != before).any(axis=1)
    return changed


def changed_runs(changed: Array) -> list[tuple[int, int]]:
    """``(start, stop)`` of the runs of changed rows, those with a small gap between them joined."""
    indices = numpy.flatnonzero(changed)
    if not len(indices):
        return []
    breaks = numpy.flatnonzero(numpy.diff(indices) > SMALL_GAP)
    starts = indices[numpy.concatenate([[0], breaks + 1])]
    stops = indices[numpy.concatenate([breaks, [len(indices) - 1]])] + 1
    return [(int(start), int(stop)) for start, stop in zip(starts, stops, strict=True)]
