"""Inert nodes: what a pickle says, written down and not done.

A decoded pickle is a tree (or graph, where the memo shares parts) of

- ``None``, ``bool``, ``int``, ``float``, ``str``, ``bytes``, ``bytearray``: themselves;
- ``list``, ``dict``, ``set``, ``frozenset``, ``tuple``: exactly these builtin types;
- :class:`Global`, :class:`Call` and :class:`PersistentId`: the stand-ins below, where a pickle names
  a class or function, calls one, or refers to something kept outside of it.

A stand-in is hashed and compared by identity, is never shared between two decodings, and holds no
reference to any class or function of this process: reading one cannot run anything. Within one
decoding there is one Global for each name.

Keys of dictionaries and elements of sets are scalars, stand-ins, or tuples of these at most two deep.

Cycles: a part of the graph may contain itself only by way of what a pickle does to a call *after*
making it, its ``appended``, ``items`` and ``state`` (an object that refers to itself). Without these
three the graph never has a cycle; whoever follows them must remember the calls already seen, and
``Decoded.cyclic`` tells whether there is any cycle at all. Whoever builds something of a node's size
(an array, a text) for every place that refers to it must remember nodes too: a pickle can refer to
one large blob from many places.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from ..records import record

__all__ = ["Call", "Decoded", "Encoded", "Global", "Node", "PersistentId"]

Node = Any
"""A builtin value, container or stand-in; see the head of this file."""


class Global:
    """A reference by name to a class or function, never looked up.

    What it names is told by the pair of ``module`` and ``name``; ``path`` is for people, since two
    pairs can have the same path.
    """

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    @property
    def path(self) -> str:
        """The dotted name, such as ``collections.OrderedDict``."""
        return f"{self.module}.{self.name}"

    def __repr__(self) -> str:
        return f"Global({self.path})"


class Call:
    """A call that an ordinary unpickler would have made, and what it would have done to the result.

    ``kind`` is ``"reduce"`` for ``function(*arguments)`` and ``"new"`` for
    ``function.__new__(function, *arguments, **keywords)``. ``appended`` and ``items`` are what the
    pickle appends to the result and sets on it by key; ``state`` is what it hands to
    ``__setstate__`` (``has_state`` tells a state of None from none at all). They happen in this
    order, each once: a pickle that does otherwise is refused.
    """

    __slots__ = ("appended", "arguments", "function", "has_state", "items", "keywords", "kind", "state")

    def __init__(
        self,
        function: Node,
        arguments: tuple[Node, ...],
        *,
        keywords: dict[str, Node] | None = None,
        kind: str = "reduce",
    ) -> None:
        self.function = function
        self.arguments = arguments
        self.keywords = keywords or {}
        self.kind = kind
        self.state: Node = None
        self.has_state = False
        self.appended: list[Node] = []
        self.items: list[tuple[Node, Node]] = []

    @property
    def path(self) -> str:
        """The dotted name of what is called, or an empty string where that is itself a call."""
        return self.function.path if isinstance(self.function, Global) else ""

    def __repr__(self) -> str:
        return f"Call({self.path or self.function!r}, {len(self.arguments)} arguments)"


class PersistentId:
    """A reference to something kept outside of the pickle: in a ``.pth`` file, a storage."""

    __slots__ = ("value",)

    def __init__(self, value: Node) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "PersistentId(...)"


@record(frozen=True, eq=False)
class Decoded:
    """One pickle, decoded.

    ``globals`` are the names in it and ``calls`` those of them that an ordinary unpickler would have
    called, both in order of first appearance. ``popped`` are calls whose result the pickle throws
    away, in the order they would have been made: cloudpickle sets the state of a function or class
    this way, ``_function_setstate(function, (state, slotstate))``, where ``function`` is a Call
    that stands elsewhere in the graph. ``protocol`` is the number that the pickle starts with.
    """

    root: Node
    globals: tuple[Global, ...] = ()
    calls: tuple[Global, ...] = ()
    popped: tuple[Call, ...] = ()
    protocol: int = 4
    cyclic: bool = False

    def statements_on(self, call: Call) -> list[Call]:
        """The popped calls whose first argument is ``call``, in order."""
        return self._statements.get(id(call), [])

    @cached_property
    def _statements(self) -> dict[int, list[Call]]:
        # Looked up once: going through all of them for each call is quadratic.
        statements: dict[int, list[Call]] = {}
        for popped in self.popped:
            if popped.arguments:
                statements.setdefault(id(popped.arguments[0]), []).append(popped)
        return statements


class Encoded:
    """A part of a graph that has been encoded before, by :func:`.encode_part`: written as it is.

    Only ever made to be written; a decoding has none.
    """

    __slots__ = ("content", "protocol")

    def __init__(self, content: bytes, protocol: int) -> None:
        self.content = content
        self.protocol = protocol

    def __repr__(self) -> str:
        return f"Encoded({len(self.content)} bytes)"
