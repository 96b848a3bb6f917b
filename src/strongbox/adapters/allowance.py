"""What the data of one archive may come to in all, so that whatever is saved can be read again.

A reader bounds the text of data, the values in it, and the opcodes and nodes of all pickles of an
archive together. Here the same is counted while an agent is captured, with some room left for what is
not data. Where it becomes too much, the largest of the attributes that no algorithm needs goes, and is
named with the reason; what is needed stays, and the writer refuses the archive.
"""

from __future__ import annotations

import functools
import inspect
import json
from operator import add, le, sub

from ..archive import Entry, Typed, entry_text, measure_depth
from ..conversion import REQUIRED
from ..errors import UnsupportedError
from ..limits import DEFAULT_LIMITS, Limits
from ..pickles import Budget, decode
from ..values import SCHEDULE_NAMES

__all__ = ["Allowance", "needed_names"]

SMALL = 1 << 14
"""Bytes of a pickle up to which its length will do as the number of its opcodes and nodes."""


def room(limits: Limits) -> dict[str, int]:
    """How much all entries may come to. Half of the opcodes and nodes are for the tensors, whose pickles count, too."""
    return {
        "bytes of text": limits.data_bytes * 15 // 16,
        "values": limits.nodes * 15 // 16,
        "opcodes of pickles": limits.pickle_opcodes // 2,
        "nodes of pickles": limits.nodes // 2,
    }


DEPTH = DEFAULT_LIMITS.depth - 2
"""Levels of one entry: data is one itself."""


@functools.lru_cache(maxsize=64)
def needed_names(algorithm: type) -> frozenset[str]:
    """The attributes that an algorithm is built from: they stay, however large they are."""
    names = set(REQUIRED) | SCHEDULE_NAMES
    for cls in algorithm.__mro__:
        if cls.__module__.partition(".")[0] in ("stable_baselines3", "sb3_contrib", "sbx"):
            names.update(inspect.signature(cls).parameters)
    return frozenset(names)


LIMITS_OF_ROOM = ("data_bytes", "nodes", "pickle_opcodes", "nodes")
"""The limit behind each kind of room, in their order."""


class Allowance:
    """The entries of data by name, never more of them than an archive may hold."""

    def __init__(
        self,
        needed: frozenset[str],
        left_out: dict[str, str],
        *,
        pickles: bool = True,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.entries: dict[str, Entry] = {}
        self._needed = needed
        self._left_out = left_out
        self._pickles = pickles
        self._weights: dict[str, tuple[int, ...]] = {}
        self._limits = limits
        self._room = room(limits)
        self._total = [0] * len(self._room)

    def add(self, name: str, entry: Entry) -> None:
        """Take an entry in, and leave out the largest while all together is too much.

        Raises UnsupportedError or LimitError where no archive may hold the entry at all.
        """
        weight = self._weigh(entry)
        self.entries[name], self._weights[name] = entry, weight
        self._total = list(map(add, self._total, weight))
        if all(map(le, self._total, self._room.values())):
            return
        for index, (what, most) in enumerate(self._room.items()):
            while self._total[index] > most and self._leave_out_largest(index, f"{most:,} {what}"):
                pass

    @property
    def lacking(self) -> dict[str, str]:
        """Of what there is too much, though nothing is left that may go: the limit, and how much there may be."""
        triples = zip(self._room.items(), LIMITS_OF_ROOM, self._total, strict=True)
        return {limit: f"{most:,} {what}" for (what, most), limit, total in triples if total > most}

    def _leave_out_largest(self, index: int, room: str) -> bool:
        """Leave out the largest entry that is not needed; False where there is none."""
        names = [name for name in self.entries if name not in self._needed]
        if not names:
            return False
        largest = max(names, key=lambda name: self._weights[name][index])
        weight = self._weights.pop(largest)
        del self.entries[largest]
        self._total = list(map(sub, self._total, weight))
        self._left_out[largest] = (
            f"all attributes together are more than the {room} that an archive may hold, and no algorithm needs it"
        )
        return True

    def _weigh(self, entry: Entry) -> tuple[int, ...]:
        text = entry_text(entry, pickles=self._pickles)
        containers = text.count("[") + text.count("{")
        if containers > DEPTH and measure_depth(json.loads(text), DEPTH) > DEPTH:
            raise UnsupportedError(f"it is nested more than {DEPTH} deep")
        return (len(text), containers + text.count(","), *self._count(entry))

    def _count(self, entry: Entry) -> tuple[int, int]:
        """The opcodes and nodes that a reader counts for an entry's pickle, or more."""
        if not self._pickles or not isinstance(entry, Typed) or entry.pickle is None:
            return 0, 0
        if len(entry.pickle) <= SMALL and not entry.opaque:
            return len(entry.pickle), len(entry.pickle)
        budget = Budget(self._limits)
        decode(entry.pickle, limits=self._limits, budget=budget)
        return budget.opcodes, budget.nodes
