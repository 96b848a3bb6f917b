"""Outlines: two graphs of nodes are the same where their outlines are equal."""

from __future__ import annotations

from typing import Any

from hypothesis import settings

from strongbox.pickles import Call, Decoded, Global, Node, PersistentId, children
from strongbox.pickles.keys import key_order
from tests.draws import drawn

__all__ = ["EXAMPLES", "outline"]

EXAMPLES = settings(max_examples=drawn(300), deadline=None, derandomize=True, database=None)
"""The same examples in every run."""


def outline(node: Node) -> list[Any]:
    """What a graph holds, in order: exact types and float bits, and which containers are the same object."""
    numbers: dict[int, int] = {}
    lines: list[Any] = []
    waiting: list[Node] = [*reversed(node.popped), node.root] if isinstance(node, Decoded) else [node]
    while waiting:
        node = waiting.pop()
        kind = type(node)
        if kind is float:
            lines.append((kind, "nan" if node != node else node.hex()))
        elif kind in (type(None), bool, int, str, bytes):
            lines.append((kind, node))
        elif kind is Global:
            lines.append((kind, node.module, node.name))
        elif kind in (tuple, frozenset) and not node:
            lines.append(kind)
        elif id(node) in numbers:
            lines.append(("again", numbers[id(node)]))
        else:
            numbers[id(node)] = len(numbers)
            lines.append((kind, *_heading(node)))
            waiting.extend(reversed(_parts(node)))
    return lines


def _heading(node: Node) -> tuple[Any, ...]:
    if type(node) is bytearray:
        return (bytes(node),)
    if type(node) is Call:
        names = tuple(node.keywords)
        return (node.kind, len(node.arguments), names, len(node.appended), len(node.items), node.has_state)
    return (1,) if type(node) is PersistentId else (len(node),)


def _parts(node: Node) -> list[Node]:
    if isinstance(node, set | frozenset):
        return sorted(node, key=key_order)
    return list(children(node))
