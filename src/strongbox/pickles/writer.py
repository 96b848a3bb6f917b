"""How each kind of node is written in protocol 4.

One method writes one kind; :meth:`Writer.write` finds it, or refers to what has been written before.
Methods call one another as deep as the graph is, and no deeper than ``LEVELS``. The rules that they
keep are told in :mod:`.encoding`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterable
from typing import Any, ClassVar, TypeAlias

from ..errors import LimitError, UnsupportedError
from ..limits import Limits
from .budget import Budget
from .graph import LEAVES, children
from .keys import check_keys, key_order
from .names import check_name
from .nodes import Call, Decoded, Encoded, Global, Node, PersistentId
from .opcodes import Opcode
from .sharing import NEVER, find_shared, share_key

__all__ = ["Method", "Writer"]

LEVELS = 160
"""How deep containers and calls are written inside one another, popped calls included: far above what
Limits.depth allows in a graph, and well below what Python's own stack bears."""

Method: TypeAlias = Callable[[Any, Any], None]
Widths: TypeAlias = tuple[tuple[Opcode, int], ...]
"""Opcodes for content of any length, each with the bytes that its length takes."""

TEXTS: Widths = ((Opcode.SHORT_BINUNICODE, 1), (Opcode.BINUNICODE, 4), (Opcode.BINUNICODE8, 8))
BYTES: Widths = ((Opcode.SHORT_BINBYTES, 1), (Opcode.BINBYTES, 4), (Opcode.BINBYTES8, 8))
BYTEARRAYS: Widths = ((Opcode.BYTEARRAY8, 8),)
LONGS: Widths = ((Opcode.LONG1, 1), (Opcode.LONG4, 4))

TUPLES = (Opcode.EMPTY_TUPLE, Opcode.TUPLE1, Opcode.TUPLE2, Opcode.TUPLE3)
"""Opcodes for tuples that need no MARK, by length."""


class Writer:
    """One encoding in progress. ``share_all`` memoises every container and call, needed or not."""

    protocol = 4
    methods: ClassVar[dict[type, Method]]

    def __init__(self, limits: Limits, *, share_all: bool) -> None:
        self.limits = limits
        self.share_all = share_all
        self.budget = Budget(limits)
        self.output = bytearray()
        self.memo: dict[Any, int] = {}
        self.shared: set[Any] = set()
        self.level = 0
        self.statements: dict[int, list[Call]] = {}
        self.stated: set[int] = set()

    def write_all(self, decoded: Decoded) -> bytes:
        """The whole pickle."""
        loose = self._sort_statements(decoded.popped)
        self.shared = find_shared([decoded.root, *decoded.popped], self.written_with)
        self._write_statements(loose)
        self.write(decoded.root)
        # A popped call on something that stands nowhere else was not met on the way.
        self._write_statements(decoded.popped)
        self.emit(Opcode.STOP)
        return bytes([Opcode.PROTO, self.protocol]) + self.output

    def write_part(self, node: Node) -> bytes:
        """One node by itself, with nothing memoised, to be put anywhere into any pickle."""
        self.write(node)
        return bytes(self.output)

    def write(self, node: Node) -> None:
        """Write any node: in full, or by reference where it has been written before."""
        index = self.memo.get(share_key(node))
        if index is not None:
            self._refer(index)
            return
        kind = type(node)
        method = self.methods.get(kind)
        if method is None:
            raise UnsupportedError(f"expected a node to write, found a {kind.__module__}.{kind.__qualname__}.")
        if kind in LEAVES:
            method(self, node)
            return
        self.level += 1
        if self.level > LEVELS:
            raise LimitError(f"expected values and functions nested at most {LEVELS} deep, found more.")
        method(self, node)
        self.level -= 1

    def written_with(self, node: Node) -> tuple[Node, ...]:
        """What has to be written, besides its parts, to write a node."""
        return (node.module, node.name) if type(node) is Global else ()

    # ---- output

    def emit(self, opcode: Opcode, arguments: bytes = b"") -> None:
        """Write one opcode."""
        self.output.append(opcode)
        if arguments:
            self.output += arguments

    def emit_measured(self, content: bytes | bytearray, choices: Widths) -> None:
        """Write bytes after their length, with the first opcode whose length is wide enough."""
        for opcode, width in choices:
            if len(content) < 1 << 8 * width:
                self.emit(opcode, len(content).to_bytes(width, "little"))
                self.output += content
                return
        raise UnsupportedError(f"expected a value that fits its opcode, found one of {len(content)} bytes.")

    def emit_index(self, index: int, short: Opcode, long: Opcode) -> None:
        """Write an opcode about the memo with its number."""
        if index < 256:
            self.output += bytes((short, index))
        else:
            self.emit(long, struct.pack("<I", index))

    # ---- memo

    def memoize(self, index: int) -> None:
        """Give a number to what is on top of the stack; this opcode counts by itself."""
        self.emit(Opcode.MEMOIZE)

    def _recall(self, node: Node) -> bool:
        """Refer to the node where it has been written before."""
        index = self.memo.get(share_key(node))
        if index is None:
            return False
        self._refer(index)
        return True

    def _refer(self, index: int) -> None:
        self.emit_index(index, Opcode.BINGET, Opcode.LONG_BINGET)

    def remember(self, node: Node) -> None:
        """Memoise the node on top of the stack, where it will be referred to again."""
        key = share_key(node)
        if key not in self.shared and not (self.share_all and type(key) is int):
            return
        index = self.memo[key] = len(self.memo)
        if index >= self.limits.pickle_memo:
            raise LimitError(f"expected at most {self.limits.pickle_memo} shared parts in a pickle, found more.")
        self.memoize(index)

    # ---- scalars

    def write_none(self, node: None) -> None:
        """Write None."""
        self.emit(Opcode.NONE)

    def write_bool(self, node: bool) -> None:
        """Write a truth value."""
        self.emit(Opcode.NEWTRUE if node else Opcode.NEWFALSE)

    def write_float(self, node: float) -> None:
        """Write a float, all its bits."""
        self.output += struct.pack(">Bd", Opcode.BINFLOAT, node)

    def write_int(self, node: int) -> None:
        """Write a whole number in the shortest way."""
        if 0 <= node < 1 << 8:
            self.output += bytes((Opcode.BININT1, node))
        elif 0 <= node < 1 << 16:
            self.emit(Opcode.BININT2, struct.pack("<H", node))
        elif -(1 << 31) <= node < 1 << 31:
            self.emit(Opcode.BININT, struct.pack("<i", node))
        else:
            self.write_long(node)

    def write_long(self, node: int) -> None:
        """Write a whole number of more than 32 bits in two's complement."""
        limit = self.limits.long_bytes
        if node.bit_length() > 8 * limit:
            raise LimitError(f"expected an integer of at most {limit} bytes, found one of {node.bit_length()} bits.")
        size = (node if node >= 0 else ~node).bit_length() // 8 + 1
        self.emit_measured(node.to_bytes(size, "little", signed=True), LONGS)

    def write_text(self, node: str) -> None:
        """Write text, lone surrogates included."""
        self.emit_measured(node.encode("utf-8", "surrogatepass"), TEXTS)
        self.remember(node)

    def write_bytes(self, node: bytes) -> None:
        """Write bytes."""
        self.emit_measured(node, BYTES)
        self.remember(node)

    def write_bytearray(self, node: bytearray) -> None:
        """Write bytes that can be changed; protocol 5 is the first that has them."""
        self.protocol = 5
        self.emit_measured(node, BYTEARRAYS)
        self.remember(node)

    # ---- containers

    def write_list(self, node: list[Node]) -> None:
        """Write a list."""
        self.emit(Opcode.EMPTY_LIST)
        self.remember(node)
        self.fill(node, Opcode.APPENDS, single=Opcode.APPEND)

    def write_dict(self, node: dict[Node, Node]) -> None:
        """Write a dictionary, in its order."""
        check_keys(node, self.budget)
        self.emit(Opcode.EMPTY_DICT)
        self.remember(node)
        self.fill(children(node), Opcode.SETITEMS, single=Opcode.SETITEM, width=2)

    def write_set(self, node: set[Node]) -> None:
        """Write a set, in canonical order."""
        check_keys(node, self.budget)
        self.emit(Opcode.EMPTY_SET)
        self.remember(node)
        self.fill(sorted(node, key=key_order), Opcode.ADDITEMS)

    def write_frozenset(self, node: frozenset[Node]) -> None:
        """Write a frozen set, in canonical order."""
        check_keys(node, self.budget)
        self.emit(Opcode.MARK)
        self._write_each(sorted(node, key=key_order))
        if not self._replaced(node, None):
            self.emit(Opcode.FROZENSET)
            self.remember(node)

    def write_tuple(self, node: tuple[Node, ...]) -> None:
        """Write a tuple, and memoise it where it is shared."""
        close = self._write_items(node)
        if not self._replaced(node, len(node) if len(node) < len(TUPLES) else None):
            self.emit(close)
            if node:
                self.remember(node)

    def fill(self, parts: Collection[Node], many: Opcode, *, single: Opcode | None = None, width: int = 1) -> None:
        """Put parts into the container on top of the stack, ``width`` of them being one item."""
        if single is not None and len(parts) == width:
            self._write_each(parts)
            self.emit(single)
        elif parts:
            self.emit(Opcode.MARK)
            self._write_each(parts)
            self.emit(many)

    def _write_items(self, node: tuple[Node, ...]) -> Opcode:
        """Write what makes a tuple, and return the opcode that is missing."""
        if len(node) >= len(TUPLES):
            self.emit(Opcode.MARK)
        self._write_each(node)
        return TUPLES[len(node)] if len(node) < len(TUPLES) else Opcode.TUPLE

    def _write_each(self, parts: Iterable[Node]) -> None:
        methods, memo = self.methods, self.memo
        for part in parts:
            kind = type(part)
            if kind in NEVER:
                methods[kind](self, part)
            elif kind is str and part in memo:
                self._refer(memo[part])
            else:
                self.write(part)

    def _replaced(self, node: Node, count: int | None) -> bool:
        """Where the node was met, and written, among its own parts: refer to that, and drop these parts."""
        if not self.share_all or share_key(node) not in self.memo:
            return False
        self.drop(count)
        return self._recall(node)

    def drop(self, count: int | None) -> None:
        """Throw away values from the stack: so many, or for None all since the MARK."""
        for _ in range(count or 0):
            self.emit(Opcode.POP)
        if count is None:
            self.emit(Opcode.POP_MARK)

    # ---- stand-ins

    def write_global(self, node: Global) -> None:
        """Write a name."""
        check_name(node.module, node.name)
        self.write(node.module)
        self.write(node.name)
        self.emit(Opcode.STACK_GLOBAL)
        self.remember(node)

    def write_persistent(self, node: PersistentId) -> None:
        """Write a reference to something outside of the pickle."""
        self.write(node.value)
        if not self._replaced(node, 1):
            self.emit(Opcode.BINPERSID)
            self.remember(node)

    def write_encoded(self, node: Encoded) -> None:
        """Write what has been encoded before."""
        if node.protocol > self.protocol:
            raise UnsupportedError(f"expected a part of protocol {self.protocol}, found one of {node.protocol}.")
        self.output += node.content
        self.remember(node)

    def write_call(self, node: Call) -> None:
        """Write a call, what is done to its result, and the popped calls about it."""
        if type(node.function) not in (Global, Call) or type(node.arguments) is not tuple:
            raise UnsupportedError("expected a call of a name with a tuple of arguments, found another call.")
        self.write(node.function)
        self.emit(self._write_items(node.arguments))
        if node.keywords:
            self.write(node.keywords)
        if not self._replaced(node, 3 if node.keywords else 2):
            self.emit_call(node)
            self.remember(node)
            self._complete(node)

    def emit_call(self, node: Call) -> None:
        """Write the opcode of a call whose function and arguments are on the stack."""
        if node.kind == "new":
            self.emit(Opcode.NEWOBJ_EX if node.keywords else Opcode.NEWOBJ)
        elif node.kind == "reduce" and not node.keywords:
            self.emit(Opcode.REDUCE)
        else:
            raise UnsupportedError(f"expected a call that pickle can write, found one of kind {node.kind!r}.")

    def _complete(self, node: Call) -> None:
        """Write what is done to the result of a call that is on top of the stack."""
        if node.appended:
            self.fill(node.appended, Opcode.APPENDS, single=Opcode.APPEND)
        if node.items:
            check_keys([key for key, _ in node.items], self.budget)
            self.fill([part for pair in node.items for part in pair], Opcode.SETITEMS, single=Opcode.SETITEM, width=2)
        if node.has_state:
            self.write(node.state)
            self.emit(Opcode.BUILD)
        if self.statements:
            self._write_statements(self.statements.get(id(node), ()))

    # ---- popped calls

    def _sort_statements(self, popped: Iterable[Call]) -> list[Call]:
        """Put popped calls beside the calls that they are about, and return the others."""
        loose = []
        for call in popped:
            if call.arguments and type(call.arguments[0]) is Call:
                self.statements.setdefault(id(call.arguments[0]), []).append(call)
            else:
                loose.append(call)
        return loose

    def _write_statements(self, calls: Iterable[Call]) -> None:
        for call in calls:
            if id(call) not in self.stated:
                self.stated.add(id(call))
                self.write(call)
                self.drop(1)


Writer.methods = {
    type(None): Writer.write_none,
    bool: Writer.write_bool,
    int: Writer.write_int,
    float: Writer.write_float,
    str: Writer.write_text,
    bytes: Writer.write_bytes,
    bytearray: Writer.write_bytearray,
    list: Writer.write_list,
    dict: Writer.write_dict,
    set: Writer.write_set,
    frozenset: Writer.write_frozenset,
    tuple: Writer.write_tuple,
    Global: Writer.write_global,
    Call: Writer.write_call,
    PersistentId: Writer.write_persistent,
    Encoded: Writer.write_encoded,
}
