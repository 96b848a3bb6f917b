"""Which parts of a graph are referred to more than once, and how they are recognised.

Containers, calls and encoded parts are the same where they are the same object; texts and bytes where they are
equal; names where module and name are. Numbers, the empty text and the empty tuple are always written out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .graph import LEAVES, children
from .nodes import Global, Node

__all__ = ["NEVER", "find_shared", "share_key"]

MAY_BE_EMPTY: frozenset[type] = frozenset({str, tuple})
"""Types whose empty value is always written out."""

NEVER: frozenset[type] = frozenset({type(None), bool, int, float})
"""Types that are always written out."""

SPELT: frozenset[type] = frozenset({Global, bytes})
"""Types that may take more to write than themselves."""


def share_key(node: Node) -> Any:
    """What a node is recognised by when it comes again; for a container or call, an int."""
    kind = type(node)
    if kind is str:
        return node
    if kind is bytes:
        return bytes, node
    return (node.module, node.name) if kind is Global else id(node)


def find_shared(roots: list[Node], written_with: Callable[[Node], tuple[Node, ...]]) -> set[Any]:
    """The keys of all nodes that are referred to more than once and worth sharing.

    ``written_with`` gives what has to be written, besides its parts, to write a name or bytes.
    """
    once: set[Any] = set()
    shared: set[Any] = set()
    waiting: list[Node] = [roots]
    while waiting:
        parts = list(children(waiting.pop()))
        for part in parts:
            kind = type(part)
            if kind in NEVER or (kind in MAY_BE_EMPTY and not part):
                continue
            key = share_key(part)
            first = key not in once
            (once if first else shared).add(key)
            if first and kind not in LEAVES:
                waiting.append(part)
            elif first and kind in SPELT:
                parts.extend(written_with(part))
    return shared
