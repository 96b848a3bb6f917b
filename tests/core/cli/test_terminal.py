"""What goes to a terminal is harmless, fits, and can be written by its stream."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongbox.cli.terminal import LONGEST_TEXT, Span, Terminal, escape, size_text, wrap
from tests.core.cli.archives import EXAMPLES


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain text", "plain text"),
        ("größe → 4×4", "größe → 4×4"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x9b31m", "\\x9b31m"),
        ("\x07\x00\x7f", "\\x07\\x00\\x7f"),
        ("\ud800", "\\ud800"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\u2028\u200b\ufeff", "\\u2028\\u200b\\ufeff"),
        ("\U000e0041", "\\U000e0041"),
        ("", ""),
    ],
)
def test_escape(text: str, escaped: str) -> None:
    assert escape(text) == escaped


@EXAMPLES
@given(st.text(st.characters(exclude_categories=())))
def test_escaped_text_always_prints_on_one_line(text: str) -> None:
    assert escape(text).isprintable()


@EXAMPLES
@given(st.text(st.characters(exclude_categories=())), st.integers(1, 60))
def test_wrapped_lines_fit_and_lose_nothing_but_spaces(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == escape(text).replace(" ", "")


def test_endless_text_is_cut() -> None:
    assert sum(map(len, wrap("x" * 10_000_000, 80))) == LONGEST_TEXT + 3


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (36_659, "35.8 KiB"),
        (1023 * 1024, "1023 KiB"),
        (1 << 20, "1 MiB"),
        (5 << 30, "5 GiB"),
        (3 << 50, "3072 TiB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert size_text(count) == text


def test_colours_only_on_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    screen, pipe = Screen(), io.StringIO()
    for stream in (screen, pipe):
        Terminal(stream).print([Span("bad", "bad"), Span(" plain")])
    assert screen.getvalue() == "\x1b[31mbad\x1b[0m plain\n"
    assert pipe.getvalue() == "bad plain\n"


@pytest.mark.parametrize(("name", "setting"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_turned_off(monkeypatch: pytest.MonkeyPatch, name: str, setting: str) -> None:
    monkeypatch.setenv(name, setting)
    screen = Screen()
    Terminal(screen).print([Span("bad", "bad")])
    assert screen.getvalue() == "bad\n"


def test_colours_never_come_from_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    Terminal(screen).print([Span("\x1b[32mgood", "bad")])
    assert screen.getvalue() == "\x1b[31m\\x1b[32mgood\x1b[0m\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "utf-8"])
def test_every_stream_takes_every_text(encoding: str) -> None:
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, encoding=encoding, newline="")
    Terminal(stream).print("4 → 64, kernel 8×8 … 箱 \ud800")
    stream.flush()
    assert content.getvalue().decode(encoding).endswith("\\ud800\n")


def test_our_own_signs_have_plain_forms() -> None:
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, encoding="ascii", newline="")
    terminal = Terminal(stream)
    terminal.print("4 → 64, 8×8")
    stream.flush()
    assert not terminal.blocks
    assert content.getvalue() == b"4 -> 64, 8x8\n"


@pytest.mark.parametrize(("columns", "width"), [("120", 120), ("7", 60), ("0", 100), ("wide", 100), ("", 100)])
def test_width_of_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: str, width: int) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert Terminal(io.StringIO()).width == width


def test_texts_are_cut_to_fit() -> None:
    terminal = Terminal(io.StringIO())
    assert terminal.fit("observation_space", 17) == "observation_space"
    assert terminal.fit("observation_space", 10) == "observati…"
    assert len(terminal.fit("\x1b" * 50, 20)) == 20
