"""Signals that a machine sends before it is taken away: heard, and acted on at the next clean point."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Collection
from types import FrameType
from typing import Any

__all__ = ["Preemption"]

NUMBERS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGUSR1") if hasattr(signal, name))
"""What Slurm, Kubernetes and cloud machines send; SIGUSR1 is not there on Windows."""


MISSING: Any = object()


class Preemption:
    """Listens to SIGTERM and SIGUSR1 while it is open; ``signal`` names the first that came since then.

    A second signal does what it would have done without. Signals are heard in the main thread only, as
    Python has it; in any other thread nothing is heard.
    """

    def __init__(self) -> None:
        self.signal: str | None = None
        self._before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}

    def open(self, let_outlive: Callable[[Collection[int]], None]) -> None:
        """Begin to listen, with nothing heard yet; ``let_outlive`` tells worker processes of these signals' numbers.

        A machine sends them to every process. One that had to answer this process, and was gone, would take the
        checkpoint with it.
        """
        self.close()
        self.signal = None
        if threading.current_thread() is threading.main_thread():
            let_outlive(NUMBERS)
            for number in NUMBERS:
                self._before[number] = signal.signal(number, self._hear)

    def close(self) -> None:
        """Give the signals back to whom they belonged; more than once does nothing."""
        for number in list(self._before):
            # A signal that is heard meanwhile comes here, too.
            before = self._before.pop(number, MISSING)
            if before is not MISSING:
                signal.signal(number, signal.SIG_DFL if before is None else before)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.signal = signal.Signals(number).name
        self.close()
