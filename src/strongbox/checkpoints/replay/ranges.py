"""Where the rows of a ring stand: ranges of segments, one after the other from the ring's first place.

A row that is written again covers what stood at its place: the ranges under it are cut, or dropped where nothing
of them is left. So there are never more ranges than rows in the ring, whatever is written in whatever order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Range", "cut", "length", "newest_small", "overlay", "places", "runs_of"]


@dataclass(frozen=True)
class Range:
    """Rows ``first`` to ``first + count`` of the segment called ``segment``."""

    segment: str
    first: int
    count: int


def length(ranges: Iterable[Range]) -> int:
    """The rows that ranges hold together."""
    return sum(part.count for part in ranges)


def cut(ranges: Iterable[Range], start: int, stop: int) -> Iterator[Range]:
    """What of the ranges stands at the places from ``start`` up to ``stop``."""
    for place, part in places(ranges):
        low, high = max(start, place), min(stop, place + part.count)
        if low < high:
            yield Range(part.segment, part.first + low - place, high - low)


def places(ranges: Iterable[Range]) -> Iterator[tuple[int, Range]]:
    """Each range with the place of its first row."""
    place = 0
    for part in ranges:
        yield place, part
        place += part.count


def overlay(ranges: Sequence[Range], place: int, new: Sequence[Range]) -> tuple[Range, ...]:
    """The ranges after rows were written at ``place``, which is at most one behind the last of them."""
    stop = place + length(new)
    return tuple(join([*cut(ranges, 0, place), *new, *cut(ranges, stop, max(stop, length(ranges)))]))


def newest_small(ranges: Iterable[Range], newest: int, most: int) -> tuple[int, list[Range]]:
    """The ranges in a row up to the place ``newest`` that have at most ``most`` rows each, and the place of the first.

    None where the row that stands there is in a longer one.
    """
    start, found = 0, list[Range]()
    for place, part in places(cut(ranges, 0, newest + 1)):
        if part.count > most:
            start, found = place + part.count, []
        else:
            found.append(part)
    return start, found


def join(ranges: Iterable[Range]) -> Iterator[Range]:
    """The same rows, with ranges that continue each other made one."""
    last: Range | None = None
    for part in ranges:
        if last is not None and last.segment == part.segment and last.first + last.count == part.first:
            last = Range(last.segment, last.first, last.count + part.count)
            continue
        if last is not None:
            yield last
        last = part
    if last is not None:
        yield last


def runs_of(place: int, count: int, capacity: int) -> list[tuple[int, int, int]]:
    """``(place, first, count)`` of the straight runs that rows take in a ring, in the order of their places.

    ``first`` counts from the oldest of the rows, which stands at ``place``; rows that reach the ring's end go on at 0.
    """
    before_end = min(count, capacity - place)
    runs = [(0, before_end, count - before_end), (place, 0, before_end)]
    return [run for run in runs if run[2]]
