"""A progress bar for people at a terminal: one line, rewritten at most ten times a second."""

from __future__ import annotations

import time

from .plot import draw_bar
from .terminal import Terminal

__all__ = ["Progress"]

WIDTH = 24
SECONDS = 0.1


class Progress:
    """A bar that says how many of ``total`` things are done; silent where no person looks on."""

    def __init__(self, terminal: Terminal, total: int) -> None:
        self._terminal = terminal
        self._total = total
        self._written = -SECONDS
        self._shows = False

    def show(self, done: int, label: str) -> None:
        """Say how many are done and what is being worked on."""
        self._show(done / self._total, f"{done}/{self._total} ", label)

    def show_part(self, part: float, label: str) -> None:
        """Say which part of all, 0 to 1, is done and what is being worked on."""
        self._show(part, "", label)

    def _show(self, part: float, count: str, label: str) -> None:
        if self._terminal.is_interactive and time.monotonic() - self._written >= SECONDS:
            self._written, self._shows = time.monotonic(), True
            bar = draw_bar(part, WIDTH, blocks=self._terminal.blocks)
            text = f"{count}|{bar:<{WIDTH}}| {label}"
            self._terminal.rewrite(self._terminal.fit(text, self._terminal.width - 1))

    def clear(self) -> None:
        """Take the bar away, so that other text can be written."""
        if self._shows:
            self._terminal.rewrite("")
            self._shows = False
