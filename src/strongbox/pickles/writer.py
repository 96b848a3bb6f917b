"""How each kind of node is written in protocol 4, iteratively and canonically.

The writer keeps a list of tasks in place of recursion, so the depth of a graph is no danger to it.
A task is a method and its argument; a method that needs parts written first leaves them and its own
ending to be done later. The rules that it keeps are told in :mod:`.encoding`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterable
from typing import Any, ClassVar, TypeAlias

from ..errors import LimitError, UnsupportedError
from ..limits import Limits
from .budget import Budget
from .graph import children
from .keys import check_keys, key_order
from .names import check_name
from .nodes import Call, Decoded, Global, Node, PersistentId
from .opcodes import Opcode
from .sharing import count_references, share_key

__all__ = ["Method", "Writer"]

Task: TypeAlias = tuple[Callable[[Any], None], Any]
Method: TypeAlias = Callable[[Any, Any], None]

TUPLES = {1: Opcode.TUPLE1, 2: Opcode.TUPLE2, 3: Opcode.TUPLE3}
"""Opcodes for tuples that need no MARK."""


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
        self.counts: dict[Any, int] = {}
        self.statements: dict[int, list[Call]] = {}
        self.stated: set[int] = set()
        self.tasks: list[Task] = []

    def write_all(self, decoded: Decoded) -> bytes:
        """The whole pickle."""
        loose = self._sort_statements(decoded.popped)
        self.counts = count_references([decoded.root, *decoded.popped], self.written_with)
        self._run([(self._write_statement, call) for call in loose])
        self._run([(self.write, decoded.root)])
        # A popped call on something that stands nowhere else was not met on the way.
        self._run([(self._write_statement, call) for call in decoded.popped])
        self.emit(Opcode.STOP)
        return bytes([Opcode.PROTO, self.protocol]) + self.output

    def write(self, node: Node) -> None:
        """Write any node: in full, or by reference where it has been written before."""
        method = self.methods.get(type(node))
        if method is None:
            kind = type(node)
            raise UnsupportedError(f"Expected a node to write, found a {kind.__module__}.{kind.__qualname__}.")
        if not self._recall(node):
            method(self, node)

    def written_with(self, node: Node, first: bool) -> tuple[Node, ...]:
        """What must be written to write a node, besides its parts, for the first time or again."""
        return (node.module, node.name) if type(node) is Global and first else ()

    # ---- output and tasks

    def emit(self, opcode: Opcode, arguments: bytes = b"") -> None:
        """Write one opcode."""
        self.output.append(opcode)
        self.output += arguments

    def emit_measured(self, content: bytes | bytearray, *choices: tuple[Opcode, str]) -> None:
        """Write bytes after their length, with the first opcode whose length is wide enough."""
        for opcode, layout in choices:
            if len(content) < 1 << 8 * struct.calcsize(layout):
                self.emit(opcode, struct.pack(layout, len(content)))
                self.output += content
                return
        raise UnsupportedError(f"Expected a value that fits its opcode, found one of {len(content)} bytes.")

    def emit_index(self, index: int, short: Opcode, long: Opcode) -> None:
        """Write an opcode about the memo with its number."""
        if index < 256:
            self.emit(short, struct.pack("<B", index))
        else:
            self.emit(long, struct.pack("<I", index))

    def later(self, *tasks: Task) -> None:
        """Leave these tasks to be done, in order, before all others that wait."""
        self.tasks.extend(reversed(tasks))

    def _run(self, tasks: list[Task]) -> None:
        self.later(*tasks)
        while self.tasks:
            method, argument = self.tasks.pop()
            method(argument)

    # ---- memo

    def memoize(self, index: int) -> None:
        """Give a number to what is on top of the stack; this opcode counts by itself."""
        self.emit(Opcode.MEMOIZE)

    def _recall(self, node: Node) -> bool:
        """Refer to the node where it has been written before."""
        index = self.memo.get(share_key(node))
        if index is None:
            return False
        self.emit_index(index, Opcode.BINGET, Opcode.LONG_BINGET)
        return True

    def remember(self, node: Node) -> None:
        """Memoise the node on top of the stack, where it will be referred to again."""
        key = share_key(node)
        if key is None or not (self.counts.get(key, 0) > 1 or (self.share_all and type(key) is int)):
            return
        index = self.memo[key] = len(self.memo)
        if index >= self.limits.pickle_memo:
            raise LimitError(f"Expected at most {self.limits.pickle_memo} shared parts in a pickle, found more.")
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
        self.emit(Opcode.BINFLOAT, struct.pack(">d", node))

    def write_int(self, node: int) -> None:
        """Write a whole number in the shortest way."""
        if 0 <= node < 1 << 8:
            self.emit(Opcode.BININT1, struct.pack("<B", node))
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
            raise LimitError(f"Expected an integer of at most {limit} bytes, found one of {node.bit_length()} bits.")
        size = (node if node >= 0 else ~node).bit_length() // 8 + 1
        self.emit_measured(node.to_bytes(size, "little", signed=True), (Opcode.LONG1, "<B"), (Opcode.LONG4, "<i"))

    def write_text(self, node: str) -> None:
        """Write text, lone surrogates included."""
        self.emit_measured(
            node.encode("utf-8", "surrogatepass"),
            (Opcode.SHORT_BINUNICODE, "<B"),
            (Opcode.BINUNICODE, "<I"),
            (Opcode.BINUNICODE8, "<Q"),
        )
        self.remember(node)

    def write_bytes(self, node: bytes) -> None:
        """Write bytes."""
        self.emit_measured(node, (Opcode.SHORT_BINBYTES, "<B"), (Opcode.BINBYTES, "<I"), (Opcode.BINBYTES8, "<Q"))
        self.remember(node)

    def write_bytearray(self, node: bytearray) -> None:
        """Write bytes that can be changed; protocol 5 is the first that has them."""
        self.protocol = 5
        self.emit_measured(node, (Opcode.BYTEARRAY8, "<Q"))
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
        self.later(*self._each(sorted(node, key=key_order)), (self._end_frozenset, node))

    def write_tuple(self, node: tuple[Node, ...]) -> None:
        """Write a tuple, and memoise it where it is shared."""
        self._start_tuple(node)
        self.later(*self._each(node), (self._end_tuple, node))

    def write_fresh_tuple(self, node: tuple[Node, ...]) -> None:
        """Write the arguments of a call: a tuple that nothing else refers to."""
        self._start_tuple(node)
        self.later(*self._each(node), (self._emit_tuple, node))

    def fill(self, parts: Collection[Node], many: Opcode, *, single: Opcode | None = None, width: int = 1) -> None:
        """Put parts into the container on top of the stack, ``width`` of them being one item."""
        if single is not None and len(parts) == width:
            self.later(*self._each(parts), (self.emit, single))
        elif parts:
            self.emit(Opcode.MARK)
            self.later(*self._each(parts), (self.emit, many))

    def _each(self, parts: Iterable[Node]) -> list[Task]:
        return [(self.write, part) for part in parts]

    def _start_tuple(self, node: tuple[Node, ...]) -> None:
        if len(node) > len(TUPLES):
            self.emit(Opcode.MARK)

    def _emit_tuple(self, node: tuple[Node, ...]) -> None:
        self.emit(TUPLES.get(len(node), Opcode.TUPLE) if node else Opcode.EMPTY_TUPLE)

    def _end_tuple(self, node: tuple[Node, ...]) -> None:
        if not self._replaced(node, len(node) if len(node) in TUPLES else None):
            self._emit_tuple(node)
            self.remember(node)

    def _end_frozenset(self, node: frozenset[Node]) -> None:
        if not self._replaced(node, None):
            self.emit(Opcode.FROZENSET)
            self.remember(node)

    def _replaced(self, node: Node, count: int | None) -> bool:
        """Where the node was met, and written, among its own parts: refer to that, and drop these parts."""
        if share_key(node) not in self.memo:
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
        self.later((self.write, node.value), (self._end_persistent, node))

    def _end_persistent(self, node: PersistentId) -> None:
        if not self._replaced(node, 1):
            self.emit(Opcode.BINPERSID)
            self.remember(node)

    def write_call(self, node: Call) -> None:
        """Write a call, what is done to its result, and the popped calls about it."""
        if type(node.function) not in (Global, Call) or type(node.arguments) is not tuple:
            raise UnsupportedError("Expected a call of a name with a tuple of arguments, found another call.")
        if node.kind != "new" and (node.kind != "reduce" or node.keywords):
            raise UnsupportedError(f"Expected a call that pickle can write, found one of kind {node.kind!r}.")
        parts: list[Task] = [(self.write, node.function), (self.write_fresh_tuple, node.arguments)]
        if node.keywords:
            parts.append((self.write, node.keywords))
        self.later(*parts, (self._end_call, node))

    def _end_call(self, node: Call) -> None:
        if self._replaced(node, 3 if node.keywords else 2):
            return
        self.emit_call(node)
        self.remember(node)
        self.later((self._append, node), (self._set_items, node), (self._build, node), (self._write_statements, node))

    def emit_call(self, node: Call) -> None:
        """Write the opcode of a call whose function and arguments are on the stack."""
        if node.kind == "reduce":
            self.emit(Opcode.REDUCE)
        else:
            self.emit(Opcode.NEWOBJ_EX if node.keywords else Opcode.NEWOBJ)

    def _append(self, node: Call) -> None:
        self.fill(node.appended, Opcode.APPENDS, single=Opcode.APPEND)

    def _set_items(self, node: Call) -> None:
        check_keys((key for key, _ in node.items), self.budget)
        parts = [part for pair in node.items for part in pair]
        self.fill(parts, Opcode.SETITEMS, single=Opcode.SETITEM, width=2)

    def _build(self, node: Call) -> None:
        if node.has_state:
            self.later((self.write, node.state), (self.emit, Opcode.BUILD))

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

    def _write_statements(self, subject: Call) -> None:
        self.later(*((self._write_statement, call) for call in self.statements.get(id(subject), ())))

    def _write_statement(self, call: Call) -> None:
        if id(call) not in self.stated:
            self.stated.add(id(call))
            self.later((self.write, call), (self.drop, 1))


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
}
