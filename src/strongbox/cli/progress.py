"""A progress bar for people at a terminal: one line, rewritten at most ten times a second."""

from __future__ import annotations

import time
from collections.abc import Callable

from .plot import draw_bar
from .terminal import Terminal

__all__ = ["Progress"]

WIDTH = 24
SECONDS = 0.1


class Progress:
    """A bar that says how many of ``total`` things are done; silent where no person looks on.

    ``text`` writes the two numbers: as they are, or as sizes.
    """

    def __init__(self, terminal: Terminal, total: int, *, text: Callable[[int], str] = str) -> None:
        self._terminal = terminal
        self._total = total
        self._text = text
        self._written = -SECONDS
        self._shows = False

    def show(self, done: int, label: str) -> None:
        """Say how many are done and what is being worked on."""
        if self._terminal.is_interactive and time.monotonic() - self._written >= SECONDS:
            self._written, self._shows = time.monotonic(), True
            bar = draw_bar(done / self._total, WIDTH, blocks=self._terminal.blocks)
            text = f"{self._text(done)}/{self._text(self._total)} |{bar:<{WIDTH}}| {label}"
            self._terminal.rewrite(self._terminal.fit(text, self._terminal.width - 1))

    def show_part(self, done: int, total: int, label: str) -> None:
        """The same where only now it is known how many there are in all."""
        self._total = max(total, 1)
        self.show(done, label)

    def clear(self) -> None:
        """Take the bar away, so that other text can be written."""
        if self._shows:
            self._terminal.rewrite("")
            self._shows = False
