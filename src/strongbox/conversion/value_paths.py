"""Absolute paths of a machine, cut out of values: keys, elements of sets, paths and text inside of text."""

from __future__ import annotations

import functools
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from ..values import NamedTuple, Partial
from .paths import shorten_keys, shorten_text, without_machine

__all__ = ["note_shortened", "without_paths"]

SHORTENED = "a path of this machine; this is kept of it"

MOST_NOTES = 20
"""Paths that are told one by one for each attribute."""


def without_paths(value: Any, found: list[str]) -> Any:
    """A value without paths of a machine, each of which is added to ``found``; the same object where there is none."""
    kind = type(value)
    if kind is str:
        return _note(value, shorten_text(value), found)
    if kind in (PurePosixPath, PureWindowsPath):
        short = _note(str(value), shorten_text(str(value)), found)
        return value if short == str(value) else kind(short)
    if kind in (list, tuple):
        return _unless_same(value, [without_paths(item, found) for item in value], kind)
    if kind is deque:
        items = [without_paths(item, found) for item in value]
        return _unless_same(value, items, functools.partial(deque, maxlen=value.maxlen))
    if kind in (set, frozenset):
        names = shorten_keys(value, lambda key: without_paths(key, found))
        return kind(names.get(item, item) for item in value) if names else value
    if kind in (dict, OrderedDict):
        return _mapping(value, found)
    if kind is NamedTuple:
        return replace(value, items=without_paths(value.items, found))
    if kind is Partial:
        given = without_paths(value.arguments, found), without_paths(value.keywords, found)
        return replace(value, arguments=given[0], keywords=given[1])
    return value


def _mapping(value: Any, found: list[str]) -> Any:
    names = shorten_keys(value, lambda key: without_paths(key, found))
    items = [(names.get(key, key), without_paths(item, found)) for key, item in value.items()]
    same = all(new[0] is key and new[1] is item for new, (key, item) in zip(items, value.items(), strict=True))
    return value if same else type(value)(items)


def _unless_same(old: Any, items: list[Any], make: Any) -> Any:
    return old if all(new is item for new, item in zip(items, old, strict=True)) else make(items)


def _note(text: str, short: str, found: list[str]) -> str:
    if short is not text:
        found.append(text)
    return short


def note_shortened(name: str, found: Iterable[str], shortened: dict[str, str]) -> None:
    """Say what was cut down in an attribute, by what is left of it."""
    for number, text in enumerate(dict.fromkeys(found)):
        if number == MOST_NOTES:
            shortened[f"{name}: …"] = "more paths of this machine"
            return
        short = without_machine(shorten_text(text))[:100]
        key = f"{name}: {short}"
        shortened[key if key not in shortened else f"{key} (#{number + 1})"] = SHORTENED
