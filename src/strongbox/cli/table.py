"""Pieces of a page: headings, wrapped texts, and rows of a name and a text in aligned columns.

No table is longer than a person would read: a stranger's file may hold any number of names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from itertools import islice
from typing import Any, TypeVar

from ..values import describe
from .terminal import Line, Span, Terminal, wrap

__all__ = ["heading", "name_width", "rest", "rows", "some", "values", "wrapped"]

Item = TypeVar("Item")

MOST_ROWS = 200
LONGEST_NAME = 48


def heading(text: str, note: str = "") -> Line:
    """The first line of a section."""
    return [Span(text, "heading"), Span(f"  {note}" if note else "", "dim")]


def wrapped(text: str, terminal: Terminal, *, indent: int, style: str = "") -> Iterator[Line]:
    """A text over as many lines as it needs."""
    for line in wrap(text, terminal.width - indent):
        yield [Span(" " * indent), Span(line, style)]


def rows(title: str, texts: Mapping[str, str], terminal: Terminal) -> Iterator[Line]:
    """A section of names and texts, each text wrapped in a column of its own; nothing where there are none."""
    if texts:
        yield heading(title)
    width = name_width(texts, terminal)
    for name, text in some(texts.items()):
        for index, line in enumerate(wrap(text, terminal.width - width - 4)):
            shown = terminal.fit(name, width) if not index else ""
            yield [Span(f"  {shown:<{width}}  ", "" if not index else "dim"), Span(line)]
    yield from rest(texts)


def values(title: str, named: Mapping[str, Any], terminal: Terminal) -> Iterator[Line]:
    """A section of names and values, each value described on one line."""
    room = terminal.width - name_width(named, terminal) - 4
    texts = {name: terminal.fit(describe(value, width=room), room) for name, value in some(named.items())}
    yield from rows(title, texts, terminal)
    yield from rest(named)


def some(items: Iterable[Item]) -> Iterator[Item]:
    """As many items as a table shows."""
    return islice(items, MOST_ROWS)


def rest(items: Sized) -> Iterator[Line]:
    """Say how many items a table does not show, where it does not show all."""
    if len(items) > MOST_ROWS:
        yield [Span(f"  and {len(items) - MOST_ROWS:,} more; --json has them all", "dim")]


def name_width(names: Iterable[str], terminal: Terminal) -> int:
    """The width of a column of names; longer ones are cut."""
    return min(max(map(len, some(names)), default=0), LONGEST_NAME, terminal.width // 2)
