"""Ways through a graph of nodes: every node once, and how large and deep the graph is.

Nothing here recurses, and nothing takes longer than the number of references in the graph, however
often a shared part occurs once it is expanded.

A text or row of bytes counts as one node, and as one more for every 64 of its characters or bytes,
each time that something refers to it: one blob of a few bytes deflated, used from very many places,
is what whoever builds, shows or writes the values makes anew for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from ..errors import FormatError, LimitError
from ..limits import Limits, how_to_raise
from .nodes import Call, Decoded, Encoded, Global, Node, PersistentId

__all__ = ["children", "measure", "walk"]

QUICK = 10_000

UNIT = 64
"""Characters or bytes that weigh as much as one node."""

SIZED: frozenset[type] = frozenset({str, bytes, bytearray})
LEAVES: frozenset[type] = SIZED | {type(None), bool, int, float, Global, Encoded}


def walk(node: Node) -> Iterator[Node]:
    """Every node of a graph once, scalars included, those of popped calls too for a Decoded.

    A node is handed out before its parts are looked at, so the caller may change it in place: set
    ``call.arguments``, replace a value in a list or dictionary. That is the way to rewrite a graph::

        for node in walk(decoded):
            if isinstance(node, dict) and type(node.get("__file__")) is str:
                node["__file__"] = basename(node["__file__"])
    """
    waiting: list[Node] = [*reversed(node.popped), node.root] if isinstance(node, Decoded) else [node]
    seen: set[int] = set()
    kept: list[Node] = []
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        kept.append(node)  # an object that the caller drops must not hand its id to a new one
        yield node
        if type(node) not in LEAVES:
            waiting.extend(reversed(list(children(node))))


def children(node: Node) -> Collection[Node]:
    """The direct parts of a node, in the order in which a pickle writes them; none for a scalar."""
    return PARTS.get(type(node), _no_parts)(node)


def measure(roots: Iterable[Node], limits: Limits, *, quick: int = QUICK) -> tuple[int, bool]:
    """How many nodes the graph has once shared parts are expanded, and whether it has cycles.

    Texts and bytes weigh by their size, as the head of this file tells. With cycles, what is done to
    each call after making it is counted once. Graphs of up to ``quick`` nodes are counted in the
    fastest way. Raises LimitError where the graph is deeper than ``limits.depth`` or larger than
    ``limits.nodes``, and FormatError where it has a cycle that does not go through what is done to a
    call after making it.
    """
    roots = list(roots)
    total = _expand(roots, min(quick, limits.nodes), limits.depth)
    if total is not None:
        _check_nodes(total, limits)
        return total, False
    survey = _Survey(limits, children)
    total = sum(survey.visit(root) for root in roots)
    if not survey.cyclic:
        _check_nodes(total, limits)
        return total, False
    return _count_with_cycles(roots, limits), True


def _expand(roots: list[Node], nodes: int, depth: int) -> int | None:
    """Count level by level, shared parts as often as they occur; None where it does not come to an end.

    This is the fast way for nearly every graph. One that is too deep, of more than ``nodes`` nodes or
    with cycles is left to the survey, which tells these apart.
    """
    parts, count, weight = roots, len(roots), 0
    for _ in range(depth + 1):
        weight += _weigh(parts)
        branches = [part for part in parts if type(part) not in LEAVES]
        if not branches:
            return count + weight
        parts = []
        for branch in branches:
            parts += children(branch)
            if count + len(parts) > nodes:
                return None
        count += len(parts)
    return None


def _weigh(parts: Collection[Node]) -> int:
    """What the texts and bytes among these parts weigh, besides one for each part."""
    return sum([len(part) // UNIT for part in parts if type(part) in SIZED])


def _count_with_cycles(roots: list[Node], limits: Limits) -> int:
    """Count with shared parts expanded, but what is done to each call after making it only once."""
    waiting = list(roots)

    def early_parts(node: Node) -> Collection[Node]:
        if type(node) is not Call:
            return children(node)
        waiting.extend(_late_call_parts(node))
        return _early_call_parts(node)

    survey = _Survey(limits, early_parts)
    total = 0
    while waiting:
        total += survey.visit(waiting.pop())
        _check_nodes(total, limits)
    if survey.cyclic:
        raise FormatError("expected a value that does not contain itself, found one that does.")
    return total


def _check_nodes(number: int, limits: Limits) -> None:
    if number > limits.nodes:
        raise LimitError(
            f"expected a pickle of at most {limits.nodes} values, found more once shared parts are expanded.",
            hint=how_to_raise("nodes"),
        )


class _Survey:
    """Depth-first over the graph; the size and height of every finished part is kept by its id."""

    def __init__(self, limits: Limits, parts: Callable[[Node], Collection[Node]]) -> None:
        self.limits = limits
        self.parts = parts
        self.finished: dict[int, tuple[int, int]] = {}
        self.references = 0
        self.cyclic = False

    def visit(self, root: Node) -> int:
        """The size of one root, with all that can be reached from it."""
        if type(root) in LEAVES:
            return 1 + _weigh([root])
        top = _Frame(0, [root], 0)
        path, opened, finished = [top], {0}, self.finished
        while path:
            frame = path[-1]
            if not frame.branches:
                path.pop()
                opened.discard(frame.key)
                if path:
                    self._finish(frame, len(path))
                    path[-1].add(frame.nodes, frame.height)
                continue
            branch = frame.branches.pop()
            key = id(branch)
            known = finished.get(key)
            if known is not None:
                frame.add(*known)
            elif key in opened:
                self.cyclic = True
            else:
                path.append(self._enter(key, branch))
                opened.add(key)
                self._check_depth(len(path) - 1)
        return top.nodes

    def _enter(self, key: int, node: Node) -> _Frame:
        parts = self.parts(node)
        self.references += len(parts)
        # Each reference is at least one node of the expanded graph.
        _check_nodes(self.references, self.limits)
        branches = [part for part in parts if type(part) not in LEAVES]
        return _Frame(key, branches, 1 + len(parts) - len(branches) + _weigh(parts))

    def _finish(self, frame: _Frame, depth: int) -> None:
        self._check_depth(depth + frame.height - 1)
        # A size that is too large only grows; it is held back, since with cycles it means nothing.
        frame.nodes = min(frame.nodes, self.limits.nodes + 1)
        self.finished[frame.key] = (frame.nodes, frame.height)

    def _check_depth(self, depth: int) -> None:
        if depth > self.limits.depth:
            raise LimitError(
                f"expected values nested at most {self.limits.depth} deep, found more.",
                hint=how_to_raise("depth"),
            )


class _Frame:
    """A part whose own parts are being visited: those that still wait, and the size so far."""

    __slots__ = ("branches", "height", "key", "nodes")

    def __init__(self, key: int, branches: list[Node], nodes: int) -> None:
        self.key = key
        self.branches = branches
        self.nodes = nodes
        self.height = 1

    def add(self, nodes: int, height: int) -> None:
        """Take the size and height of one of its parts into account."""
        self.nodes += nodes
        if height >= self.height:
            self.height = height + 1


def _early_call_parts(call: Call) -> list[Node]:
    return [call.function, *call.arguments, *call.keywords.values()]


def _late_call_parts(call: Call) -> list[Node]:
    parts = list(call.appended)
    for pair in call.items:
        parts.extend(pair)
    if call.has_state:
        parts.append(call.state)
    return parts


def _no_parts(node: Node) -> Collection[Node]:
    return ()


def _own_parts(node: Collection[Node]) -> Collection[Node]:
    return node


def _dict_parts(node: dict[Node, Node]) -> Collection[Node]:
    return [part for pair in node.items() for part in pair]


def _call_parts(call: Call) -> Collection[Node]:
    return _early_call_parts(call) + _late_call_parts(call)


def _persistent_parts(node: PersistentId) -> Collection[Node]:
    return (node.value,)


PARTS: dict[type, Callable[[Any], Collection[Node]]] = {
    list: _own_parts,
    tuple: _own_parts,
    set: _own_parts,
    frozenset: _own_parts,
    dict: _dict_parts,
    Call: _call_parts,
    PersistentId: _persistent_parts,
}
