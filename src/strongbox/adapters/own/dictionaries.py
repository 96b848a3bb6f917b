"""Dictionaries of plain data, of which some items cannot be kept: the others are, and those stay what they are."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from .data import MAPPINGS, NotKept, to_data

__all__ = ["items_left", "put_items", "without_items"]


def without_items(live: Any, path: str) -> tuple[Any, dict[str, NotKept]]:
    """A dictionary without the items that have no value, those of inner ones included, and why by path.

    Raises NotKept for anything else that has no value.
    """
    if type(live) not in MAPPINGS or not all(type(key) is str for key in live):
        to_data(live)
        return live, {}
    kept: dict[str, Any] = {}
    left: dict[str, NotKept] = {}
    for key, item in live.items():
        name = f"{path}.{key}"
        try:
            kept[key], inner = without_items(item, name)
            left.update(inner)
        except NotKept as error:
            left[name] = error
    return MAPPINGS[type(live)](kept), left


def items_left(live: Any, path: str, left_out: Collection[str]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The items of a live dictionary, and of those in it, that are left out by name, each with its keys."""
    if isinstance(live, dict):
        for key, item in live.items():
            name = f"{path}.{key}"
            if name in left_out:
                yield (key,), item
            else:
                yield from (((key, *keys), inner) for keys, inner in items_left(item, name, left_out))


def put_items(live: Any, items: Collection[tuple[tuple[str, ...], Any]]) -> None:
    """Put items back into a dictionary that was filled without them."""
    for keys, item in items:
        target = live
        for key in keys[:-1]:
            target = target.get(key) if isinstance(target, dict) else None
        if isinstance(target, dict):
            target.setdefault(keys[-1], item)
