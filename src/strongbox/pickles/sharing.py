"""Which parts of a graph are referred to more than once, and how they are recognised.

Containers and calls are the same where they are the same object; texts and bytes where they are
equal; names where module and name are. Numbers, short texts and the empty tuple are always written out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .graph import LEAVES, children
from .nodes import Call, Global, Node, PersistentId

__all__ = ["count_references", "share_key"]

SHORTEST = 4
"""Texts and bytes of fewer characters are written out each time."""

KEYS: dict[type, Callable[[Any], Any]] = {
    **dict.fromkeys((list, dict, set, frozenset, bytearray, Call, PersistentId), id),
    tuple: lambda node: id(node) if node else None,
    str: lambda node: node if len(node) >= SHORTEST else None,
    bytes: lambda node: (bytes, node) if len(node) >= SHORTEST else None,
    Global: lambda node: (node.module, node.name),
}


def share_key(node: Node) -> Any:
    """What a node is recognised by when it comes again: an int for its identity; None where it never is."""
    find_key = KEYS.get(type(node))
    return None if find_key is None else find_key(node)


def count_references(roots: list[Node], written_with: Callable[[Node, bool], tuple[Node, ...]]) -> dict[Any, int]:
    """How often every node is referred to, by its key.

    ``written_with(node, first)`` gives the nodes that have to be written, besides its parts, to write
    a node for the first time, or again: the texts of a name.
    """
    counts: dict[Any, int] = {}
    waiting: list[Node] = [roots]
    seen: set[int] = set()
    while waiting:
        parts = list(children(waiting.pop()))
        for part in parts:
            key = share_key(part)
            if key is not None:
                counts[key] = counts.get(key, 0) + 1
                parts.extend(written_with(part, counts[key] == 1))
            if type(part) not in LEAVES and id(part) not in seen:
                seen.add(id(part))
                waiting.append(part)
    return counts
