"""Where text goes out: everything that a file says is made harmless here, and nowhere else.

A line is a row of spans, each a text and the name of a style. The text of every span is escaped when
it is written: control characters, lone surrogates, direction marks and all else that does not print
become ``\\x1b`` and the like, so that a hostile file cannot drive the terminal. Styles become colours
only on a terminal, and never where ``NO_COLOR`` is set (https://no-color.org).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TextIO, TypeAlias

from ..records import record

__all__ = ["Line", "Span", "Terminal", "escape", "print_error", "size_text", "wrap"]

STYLES = {
    "title": "1",
    "heading": "1;36",
    "dim": "2",
    "good": "32",
    "warning": "33",
    "bad": "31",
    "plot": "36",
}
"""Names of styles and their SGR codes (ECMA-48, 8.3.117)."""

PLAIN = str.maketrans({"→": "->", "×": "x", "·": "-", "…": "...", "├": "|", "┤": "|", "│": "|"})
"""What stands for our own signs on a stream that cannot encode them."""

DEFAULT_WIDTH = 100
SMALLEST_WIDTH = 60
LONGEST_TEXT = 2000
"""Characters of one text that are shown on a page; a stranger's names and reasons may be of any length."""


@record(frozen=True)
class Span:
    """A piece of a line: its text, unescaped, and the name of its style."""

    text: str
    style: str = ""


Line: TypeAlias = "str | list[Span]"


def escape(text: str) -> str:
    """The text with every character that does not print, line ends included, as its escape sequence."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode("ascii") for char in text
    )


def print_error(text: str) -> None:
    """Say what went wrong in one line on stderr."""
    Terminal(sys.stderr).print(f"strongbox: {text}")


def size_text(count: int) -> str:
    """A number of bytes for people: ``812 B``, ``35.8 KiB``, ``1.20 GiB``."""
    if count < 1024:
        return f"{count} B"
    size, units = count / 1024, iter(("KiB", "MiB", "GiB", "TiB"))
    unit = next(units)
    for larger in units:
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.3g} {unit}" if size < 999.5 else f"{size:.0f} {unit}"


def wrap(text: str, width: int) -> list[str]:
    """The escaped text cut into lines of at most ``width`` characters, at spaces where there are some.

    What goes on for more than a screen of text is cut.
    """
    text, lines = escape(text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}..."), []
    while len(text) > width:
        cut = text.rfind(" ", 1, width + 1)
        cut = cut if cut > 0 else width
        lines.append(text[:cut])
        text = text[cut:].lstrip(" ")
    return [*lines, text] if text or not lines else lines


class Terminal:
    """A text stream with a width, that may or may not take colours and block characters."""

    def __init__(self, stream: TextIO, *, width: int | None = None) -> None:
        self._stream = stream
        self.is_interactive = _is_interactive(stream)
        self.colours = self.is_interactive and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self.width = max(width or _width(stream), SMALLEST_WIDTH)
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self.blocks = _can_write("▁█→·", self._encoding)

    def print(self, line: Line = "") -> None:
        """Write one line, escaped and styled; a text that the stream cannot encode is escaped, too."""
        spans = [Span(line)] if isinstance(line, str) else line
        self._stream.write("".join(self._styled(span) for span in spans).rstrip(" ") + "\n")

    def print_all(self, lines: Iterable[Line]) -> None:
        """Write lines, one after the other."""
        for line in lines:
            self.print(line)

    def fit(self, text: str, width: int) -> str:
        """The escaped text, cut with an ellipsis where it is longer than ``width``."""
        text = escape(text[: width + 1])  # escaping never makes a text shorter
        ellipsis = "…" if self.blocks else "..."
        return text if len(text) <= width else text[: max(width - len(ellipsis), 0)] + ellipsis

    def rewrite(self, text: str) -> None:
        """Replace the line that stands under the cursor; for interactive terminals only."""
        self._stream.write(f"\r\x1b[K{self._encodable(escape(text))}")
        self._stream.flush()

    def _styled(self, span: Span) -> str:
        text = self._encodable(escape(span.text))
        code = STYLES.get(span.style)
        return f"\x1b[{code}m{text}\x1b[0m" if code and self.colours and text.strip() else text

    def _encodable(self, text: str) -> str:
        if text.isascii():
            return text
        text = text if self.blocks else text.translate(PLAIN)
        return text.encode(self._encoding, "backslashreplace").decode(self._encoding)


def _is_interactive(stream: TextIO) -> bool:
    return bool(getattr(stream, "isatty", bool)())


def _width(stream: TextIO) -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or DEFAULT_WIDTH
    except (OSError, ValueError, AttributeError):
        return DEFAULT_WIDTH


def _can_write(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
