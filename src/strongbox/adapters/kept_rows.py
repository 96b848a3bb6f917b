"""What the rows of a replay buffer were when they were kept, as one number each: whether they still are is seen by it.

The number of a row is the sum of its words of 32 bits or less, each times a random number of 64 bits that belongs to
the word's place, of which the upper 32 bits are kept (multilinear hashing: Lemire and Kaser, "Strongly universal string
hashing is fast", 2014). Two different rows have the same number once in two thousand million times, whatever they hold.
It costs four bytes a row, and about as long as to read the rows; other threads run meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod

import numpy

from ..values.checks import Array

__all__ = ["KeptRows", "OldRows", "changed_reason"]

CHUNK = 4 << 20
"""Bytes of rows that are looked at before the position of the buffer is asked for again."""
LATELY = 128 << 10
"""Bytes of the newest rows that are looked at while training stands still, in about a tenth of a millisecond."""


@dataclass(frozen=True, kw_only=True)
class OldRows:
    """Which rows of a ring were kept before: those ``low`` to ``high`` places behind ``position``, round the ring.

    ``written`` gives the places behind ``position`` that may have been written in the meantime, asked for after
    rows were read: these do not count.
    """

    position: int
    low: int
    high: int
    written: Callable[[], int] = lambda: 0

    def among(self, places: Array, capacity: int) -> Array:
        """Which of some places hold such rows."""
        behind = (places - self.position) % capacity
        among: Array = (behind >= max(self.low, self.written())) & (behind < self.high)
        return among


class KeptRows:
    """The numbers of the rows of one ring with ``capacity`` rows."""

    def __init__(self, capacity: int) -> None:
        self._numbers = numpy.zeros(capacity, numpy.uint32)
        self._factors: dict[tuple[str, int], Array] = {}
        self._next = 0

    @property
    def capacity(self) -> int:
        """Rows of the ring."""
        return len(self._numbers)

    def keep(self, place: int, rows: Mapping[str, Array]) -> None:
        """Take note of rows (n, environments, …) of every column that stand at ``place``, and may go round the end."""
        count = len(next(iter(rows.values())))
        for start, stop in chunks(0, count, rows):
            numbers = self._numbers_of(rows, start, stop)
            self._numbers[(place + numpy.arange(start, stop)) % self.capacity] = numbers

    def changed(self, columns: Mapping[str, Array], old: OldRows, *, most: int) -> Array:
        """The places of old rows that are no longer what was kept, ascending.

        ``columns`` are the buffer's own arrays (capacity, environments, …). About ``most`` bytes of them are looked at,
        from where the last call has ended.
        """
        changed = [numpy.empty(0, numpy.int64)]
        for start, stop in self._turn(columns, most):
            places = numpy.arange(start, stop)
            if old.among(places, self.capacity).any():
                differs = self._differ(columns, start, stop)
                changed.append(places[differs & old.among(places, self.capacity)])
                most -= (stop - start) * row_bytes(columns)
            self._next = stop % self.capacity
            if most <= 0:
                break
        return numpy.unique(numpy.concatenate(changed))

    def reach(self, columns: Mapping[str, Array], old: OldRows) -> int:
        """How many rows back from the newest old one rows were changed of late.

        It looks back as long as it finds some: who changes rows changes the last that were added, mostly, or all.
        """
        step, reached = max(1, LATELY // row_bytes(columns)), 0
        for end in range(old.high, old.low, -step):
            count = min(step, end - old.low)
            differs = numpy.flatnonzero(self._differ_round(columns, old.position + end - count, count))
            if not len(differs):
                break
            reached = old.high - end + count - int(differs[0])
        return reached

    def _differ(self, columns: Mapping[str, Array], start: int, stop: int) -> Array:
        differ: Array = self._numbers_of(columns, start, stop) != self._numbers[start:stop]
        return differ

    def _differ_round(self, columns: Mapping[str, Array], place: int, count: int) -> Array:
        """The same of rows that may go round the ring's end."""
        start, capacity = place % self.capacity, self.capacity
        if start + count <= capacity:
            return self._differ(columns, start, start + count)
        straight = self._differ(columns, start, capacity)
        return numpy.concatenate([straight, self._differ(columns, 0, start + count - capacity)])

    def _turn(self, columns: Mapping[str, Array], most: int) -> Iterator[tuple[int, int]]:
        """Once round the ring, beginning where the last turn has ended."""
        begin = self._next
        yield from chunks(begin, self.capacity, columns, most)
        yield from chunks(0, begin, columns, most)

    def _numbers_of(self, columns: Mapping[str, Array], start: int, stop: int) -> Array:
        numbers = numpy.zeros(stop - start, numpy.uint64)
        for name, array in columns.items():
            words = as_words(array[start:stop])
            # einsum alone converts the words piece by piece, and is three times as fast as a product of matrices.
            numbers += numpy.einsum("ij,j->i", words, self._factors_of(name, words.shape[1]))
        return (numbers >> 32).astype(numpy.uint32)

    def _factors_of(self, name: str, count: int) -> Array:
        if (name, count) not in self._factors:
            self._factors[name, count] = numpy.frombuffer(os.urandom(8 * count), numpy.uint64)
        return self._factors[name, count]


def changed_reason(places: Array) -> str:
    """What to say of a checkpoint that holds rows as they were before they were changed."""
    first, last, count = int(places[0]), int(places[-1]), len(places)
    if count == 1:
        return f"row {first:,} was changed after it was kept; the next checkpoint has it"
    rows = f"rows {first:,} to {last:,}"
    which = rows if count == last - first + 1 else f"{count:,} of the {rows}"
    return f"{which} were changed after they were kept; the next checkpoint has them"


def chunks(start: int, stop: int, columns: Mapping[str, Array], most: int = CHUNK) -> Iterator[tuple[int, int]]:
    """``(start, stop)`` of rows with about ``most`` bytes each, and no more than CHUNK."""
    step = max(1, min(most, CHUNK) // row_bytes(columns))
    for first in range(start, stop, step):
        yield first, min(stop, first + step)


def row_bytes(columns: Mapping[str, Array]) -> int:
    """Bytes of one row of all columns together."""
    return max(1, sum(array[:1].nbytes for array in columns.values()))


def as_words(rows: Array) -> Array:
    """Rows as unsigned integers (n, words) of 32 bits, or fewer where these do not divide a row."""
    flat = numpy.ascontiguousarray(rows).view(numpy.uint8).reshape(len(rows), prod(rows.shape[1:]) * rows.itemsize)
    width = next(width for width in (4, 2, 1) if flat.shape[1] % width == 0)
    return flat.view(numpy.dtype(f"u{width}"))
