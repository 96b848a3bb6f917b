"""The calls of ``learn()`` in a script, as a run counts them: which were done, which goes on, which is new.

A script that is started again makes the same calls in the same order. A call that was finished is passed over, the
one that was interrupted goes on to the same end, and a last one that now asks for more steps goes on from where it
ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from ..errors import CheckpointError

__all__ = ["Phase", "Phases", "Start"]

MOST_PHASES = 100_000


class Start(Enum):
    """How a call of ``learn()`` begins."""

    NEW = "it is new"
    GOES_ON = "it was interrupted at the start of a rollout"
    GOES_FURTHER = "it was finished, and now asks for more steps"
    DONE_LAST = "it was finished, and nothing was done after it"
    DONE = "it was finished, and another came after it"


@dataclass(frozen=True)
class Phase:
    """One call of ``learn()``: SB3's counter of steps where it began, where it is to end, and where it ended."""

    start: int
    total: int
    end: int | None = None

    @property
    def finished(self) -> bool:
        """Whether ``learn()`` has returned."""
        return self.end is not None

    def to_list(self) -> list[int | None]:
        """The phase as it stands in a checkpoint."""
        return [self.start, self.total, self.end]


class Phases:
    """The phases of a run: those that a checkpoint recorded, and those of this process."""

    def __init__(self, recorded: Sequence[Phase] = ()) -> None:
        self._phases = list(recorded)
        self._current = -1
        self._last_recorded = len(self._phases) - 1
        self.moved: tuple[int, int] | None = None
        """The steps that the call which goes on was asked for in the checkpoint, and other ones now."""

    def begin(self, start: int, total: int) -> Start:
        """Take notice of a call of ``learn()`` from one counter of steps to another; says how it begins."""
        self._current += 1
        if self._current > self._last_recorded:
            self._phases.append(Phase(start, total))
            return Start.NEW
        recorded = self._phases[self._current]
        if self._current < self._last_recorded:
            return Start.DONE
        if total != recorded.total:
            self.moved = recorded.total - recorded.start, total - recorded.start
        if not recorded.finished:
            self._phases[self._current] = replace(recorded, total=total)
            return Start.GOES_ON
        if total > recorded.total:
            self._phases[self._current] = replace(recorded, total=total, end=None)
            return Start.GOES_FURTHER
        return Start.DONE_LAST

    @property
    def broken_off(self) -> bool:
        """Whether the last call of ``learn()`` was left by an exception: the model is at no point of any phase then."""
        return self.begun and self._current >= self._last_recorded and not self.current.finished

    @property
    def begun(self) -> bool:
        """Whether a call of ``learn()`` was made in this process."""
        return self._current >= 0

    @property
    def current(self) -> Phase:
        """The phase that goes on."""
        return self._phases[self._current]

    def finish(self, steps: int) -> None:
        """Take notice that ``learn()`` ends, at this counter of steps."""
        self._phases[self._current] = replace(self.current, end=steps)

    def run_steps(self, steps: int) -> int:
        """The steps of the run as a whole, from SB3's counter, which may begin anew with each phase."""
        return self._before + steps - self.current.start

    def counter(self, run_steps: int) -> int:
        """The other way round: SB3's counter in the current phase, from the steps of the run as a whole."""
        return run_steps - self._before + self.current.start

    @property
    def _before(self) -> int:
        """The steps of the phases before the current one."""
        return sum((phase.end or phase.start) - phase.start for phase in self._phases[: self._current])

    def to_list(self) -> list[list[int | None]]:
        """The phases up to the current one, as they stand in a checkpoint."""
        return [phase.to_list() for phase in self._phases[: self._current + 1]]

    @classmethod
    def from_list(cls, listed: Any) -> Phases:
        """Read the phases of a checkpoint; raises CheckpointError where they are none."""
        if not isinstance(listed, list) or not 0 < len(listed) <= MOST_PHASES:
            raise CheckpointError("expected a list of phases in the checkpoint, found none.")
        phases = [_phase(item) for item in listed]
        if not all(phase.finished for phase in phases[:-1]):
            raise CheckpointError("expected every phase but the last to be finished, found one that is not.")
        return cls(phases)


def _phase(item: Any) -> Phase:
    if isinstance(item, list) and len(item) == 3:
        start, total, end = item
        counts = (start, total) if end is None else item
        if all(type(count) is int and count >= 0 for count in counts):
            return Phase(start, total, end)
    raise CheckpointError(f"expected three counters of steps for a phase, found {ascii(item)[:100]}.")
