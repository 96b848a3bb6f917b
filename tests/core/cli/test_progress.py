"""The progress bar: for people, and only for them."""

from __future__ import annotations

import io

from strongbox.cli.progress import Progress
from strongbox.cli.terminal import Terminal
from tests.core.cli.archives import hostile_text


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_the_bar_and_is_clean_afterwards() -> None:
    screen = Screen()
    progress = Progress(Terminal(screen, width=80), 4)
    progress.show(2, "ppo.zip")
    assert screen.getvalue() == f"\r\x1b[K2/4 |{'█' * 12}{' ' * 12}| ppo.zip"
    progress.clear()
    progress.clear()
    assert screen.getvalue().endswith("ppo.zip\r\x1b[K")


def test_the_bar_fits_and_is_harmless() -> None:
    screen = Screen()
    Progress(Terminal(screen, width=60), 4).show(2, hostile_text * 100)
    shown = screen.getvalue().removeprefix("\r\x1b[K")
    assert len(shown) == 59
    assert shown.isprintable()


def test_a_pipe_sees_nothing() -> None:
    pipe = io.StringIO()
    progress = Progress(Terminal(pipe), 4)
    progress.show(1, "ppo.zip")
    progress.clear()
    assert pipe.getvalue() == ""
