"""The table of opcodes that are obeyed, and what each one does to the machine.

A handler takes the machine and the position after its opcode, and returns the position after its
arguments. It need not check what the loop in :mod:`.decoding` notices by itself: an empty stack
(IndexError), arguments that end too early (struct.error), text that is not UTF-8. The loop also adds
the offset to every error.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, TypeAlias

from ..errors import FormatError, LimitError, RefusedError
from .keys import check_keys
from .machine import Machine
from .names import NAME_LENGTH
from .nodes import Call, Node, PersistentId
from .opcodes import REASONS, Opcode

__all__ = ["DISPATCH", "HANDLERS", "Handler"]

Handler: TypeAlias = Callable[[Machine, int], int]

KEYWORDS = 64
"""Keyword arguments of one call; they are copied, so that nothing is put among them later."""

# ---- scalars


def constant(value: Node) -> Handler:
    """Push an immutable value."""

    def handle(machine: Machine, position: int) -> int:
        machine.stack.append(value)
        return position

    return handle


def fresh(make: Callable[[], Node]) -> Handler:
    """Push a new, empty container."""

    def handle(machine: Machine, position: int) -> int:
        machine.stack.append(make())
        return position

    return handle


def number(layout: str) -> Handler:
    """Push a number of fixed size."""
    unpack, size = _structure(layout)

    def handle(machine: Machine, position: int) -> int:
        machine.stack.append(unpack(machine.data, position)[0])
        return position + size

    return handle


def measured(layout: str, convert: Callable[[Machine, int, int], Node]) -> Handler:
    """Push what ``convert`` makes of the bytes, from start to end, that follow their own length."""
    unpack, size = _structure(layout)

    def handle(machine: Machine, position: int) -> int:
        start = position + size
        end: int = start + unpack(machine.data, position)[0]
        if end > machine.end:
            raise machine.shortage()
        if end < start:
            raise FormatError("expected a length, found a negative number.")
        machine.stack.append(convert(machine, start, end))
        return end

    return handle


def _structure(layout: str) -> tuple[Callable[[memoryview, int], tuple[Any, ...]], int]:
    structure = struct.Struct(layout)
    return structure.unpack_from, structure.size


def to_text(machine: Machine, start: int, end: int) -> str:
    """Text as pickle encodes it: UTF-8, where a lone surrogate may stand."""
    return str(machine.data[start:end], "utf-8", "surrogatepass")


def to_bytes(machine: Machine, start: int, end: int) -> bytes:
    """A copy of the bytes."""
    return bytes(machine.data[start:end])


def to_bytearray(machine: Machine, start: int, end: int) -> bytearray:
    """A copy of the bytes that can be changed."""
    return bytearray(machine.data[start:end])


def to_integer(machine: Machine, start: int, end: int) -> int:
    """A whole number in two's complement; its sign may take a byte more than the limit."""
    limit = machine.limits.long_bytes
    if end - start <= limit + 1:
        value = int.from_bytes(machine.data[start:end], "little", signed=True)
        if value.bit_length() <= 8 * limit:
            return value
    raise LimitError(f"expected an integer of at most {limit} bytes, found one of {end - start}.")


# ---- tuples, lists, dictionaries, sets


def fixed_tuple(count: int) -> Handler:
    """Replace the last ``count`` values by a tuple of them."""

    def handle(machine: Machine, position: int) -> int:
        items = tuple(machine.pop_many(count))
        machine.stack.append(items)
        return position

    return handle


def mark(machine: Machine, position: int) -> int:
    """Cut the stack here."""
    machine.marks.append(machine.stack)
    machine.stack = []
    return position


def make_tuple(machine: Machine, position: int) -> int:
    """Replace everything since the MARK by a tuple of it."""
    items = machine.pop_mark()
    machine.stack.append(tuple(items))
    return position


def make_frozenset(machine: Machine, position: int) -> int:
    """Replace everything since the MARK by a frozen set of it."""
    items = machine.pop_mark()
    check_keys(items, machine.budget)
    machine.stack.append(frozenset(items))
    return position


def append(machine: Machine, position: int) -> int:
    """Append the last value to the list before it."""
    value = machine.stack.pop()
    _extend(machine.stack[-1], [value])
    return position


def append_many(machine: Machine, position: int) -> int:
    """Append everything since the MARK to the list before it."""
    items = machine.pop_mark()
    _extend(machine.stack[-1], items)
    return position


def set_item(machine: Machine, position: int) -> int:
    """Set the last two values, key and value, in the dictionary before them."""
    pair = machine.pop_many(2)
    _update(machine, machine.stack[-1], pair)
    return position


def set_many(machine: Machine, position: int) -> int:
    """Set everything since the MARK, keys and values in turn, in the dictionary before it."""
    items = machine.pop_mark()
    _update(machine, machine.stack[-1], items)
    return position


def add_many(machine: Machine, position: int) -> int:
    """Add everything since the MARK to the set before it."""
    items = machine.pop_mark()
    target = machine.stack[-1]
    if type(target) is not set:
        raise RefusedError(f"expected a set to add to, found a {type(target).__name__}.")
    check_keys(items, machine.budget)
    target.update(items)
    return position


def _extend(target: Node, items: list[Node]) -> None:
    kind = type(target)
    if kind is list:
        target.extend(items)
    elif kind is not Call:
        raise RefusedError(f"expected a list to append to, found a {kind.__name__}.")
    elif target.items or target.has_state:
        raise RefusedError("expected appending to come before items and state, found it after.")
    else:
        target.appended.extend(items)


def _update(machine: Machine, target: Node, items: list[Node]) -> None:
    keys, values = items[::2], items[1::2]
    if len(keys) != len(values):
        raise FormatError("expected a value for every key, found none for the last.")
    check_keys(keys, machine.budget)
    kind = type(target)
    if kind is dict:
        target.update(zip(keys, values, strict=True))
    elif kind is not Call:
        raise RefusedError(f"expected a dictionary to set items in, found a {kind.__name__}.")
    elif target.has_state:
        raise RefusedError("expected items to be set before the state, found it after.")
    else:
        target.items.extend(zip(keys, values, strict=True))


# ---- memo and stack


def put(layout: str) -> Handler:
    """Remember the last value under a number."""
    unpack, size = _structure(layout)

    def handle(machine: Machine, position: int) -> int:
        machine.memoize(unpack(machine.data, position)[0])
        return position + size

    return handle


def get(layout: str) -> Handler:
    """Push the value remembered under a number."""
    unpack, size = _structure(layout)

    def handle(machine: Machine, position: int) -> int:
        machine.recall(unpack(machine.data, position)[0])
        return position + size

    return handle


def memoize(machine: Machine, position: int) -> int:
    """Remember the last value under the next number."""
    machine.memoize(len(machine.memo))
    return position


def pop(machine: Machine, position: int) -> int:
    """Throw the last value away; a call is kept aside, since it would have been made."""
    _discard(machine, [machine.stack.pop()])
    return position


def pop_to_mark(machine: Machine, position: int) -> int:
    """Throw everything since the MARK away."""
    _discard(machine, machine.pop_mark())
    return position


def _discard(machine: Machine, items: list[Node]) -> None:
    machine.popped.extend(item for item in items if type(item) is Call)


def frame(machine: Machine, position: int) -> int:
    """Check that a frame lies inside the bytes; it has no other meaning here."""
    start = position + 8
    if start + int.from_bytes(machine.data[position:start], "little") > machine.end or start > machine.end:
        raise machine.shortage()
    return start


# ---- names and calls


def name_text(machine: Machine, position: int) -> int:
    """Push a name written as two lines of text."""
    module, position = _read_line(machine, position)
    name, position = _read_line(machine, position)
    machine.name(module, name)
    return position


def _read_line(machine: Machine, position: int) -> tuple[str, int]:
    window = bytes(machine.data[position : position + NAME_LENGTH + 1])
    length = window.find(b"\n")
    if length >= 0:
        return window[:length].decode("latin-1"), position + length + 1
    if position + len(window) == machine.end:
        raise machine.shortage()
    raise LimitError(f"expected names of at most {NAME_LENGTH} characters, found a longer one.")


def name_stack(machine: Machine, position: int) -> int:
    """Replace two strings by the name that they are."""
    module, name = machine.pop_many(2)
    machine.name(module, name)
    return position


def reduce(machine: Machine, position: int) -> int:
    """Write down a call of a function with a tuple of arguments."""
    function, arguments = machine.pop_many(2)
    machine.call(function, arguments, "reduce")
    return position


def new(machine: Machine, position: int) -> int:
    """Write down a call of a class's ``__new__``."""
    function, arguments = machine.pop_many(2)
    machine.call(function, arguments, "new")
    return position


def new_keywords(machine: Machine, position: int) -> int:
    """Write down a call of a class's ``__new__`` with keyword arguments."""
    function, arguments, keywords = machine.pop_many(3)
    machine.call(function, arguments, "new")
    machine.stack[-1].keywords = _check_keywords(keywords)
    return position


def _check_keywords(keywords: Node) -> dict[str, Node]:
    if type(keywords) is not dict:
        raise FormatError(f"expected keyword arguments as a dictionary, found a {type(keywords).__name__}.")
    if len(keywords) > KEYWORDS:
        raise LimitError(f"expected at most {KEYWORDS} keyword arguments, found {len(keywords)}.")
    if any(type(name) is not str for name in keywords):
        raise FormatError("expected keyword arguments by name, found other keys.")
    return dict(keywords)


def build(machine: Machine, position: int) -> int:
    """Write down the state that the last call's result is given."""
    state = machine.stack.pop()
    target = machine.stack[-1]
    if type(target) is not Call:
        raise RefusedError(f"expected the state of something called, found that of a {type(target).__name__}.")
    if target.has_state:
        raise RefusedError("expected one state for each call, found a second.")
    target.state = state
    target.has_state = True
    return position


def persistent(machine: Machine, position: int) -> int:
    """Replace the last value by a reference to something outside of the pickle."""
    if not machine.persistent:
        raise RefusedError("opcode BINPERSID is not allowed here: only the pickle of a .pth file refers outside of it.")
    machine.stack.append(PersistentId(machine.stack.pop()))
    return position


HANDLERS: dict[Opcode, Handler] = {
    Opcode.NONE: constant(None),
    Opcode.NEWTRUE: constant(True),
    Opcode.NEWFALSE: constant(False),
    Opcode.BININT: number("<i"),
    Opcode.BININT1: number("<B"),
    Opcode.BININT2: number("<H"),
    Opcode.BINFLOAT: number(">d"),
    Opcode.LONG1: measured("<B", to_integer),
    Opcode.LONG4: measured("<i", to_integer),
    Opcode.SHORT_BINUNICODE: measured("<B", to_text),
    Opcode.BINUNICODE: measured("<I", to_text),
    Opcode.BINUNICODE8: measured("<Q", to_text),
    Opcode.SHORT_BINBYTES: measured("<B", to_bytes),
    Opcode.BINBYTES: measured("<I", to_bytes),
    Opcode.BINBYTES8: measured("<Q", to_bytes),
    Opcode.BYTEARRAY8: measured("<Q", to_bytearray),
    Opcode.EMPTY_TUPLE: constant(()),
    Opcode.EMPTY_LIST: fresh(list),
    Opcode.EMPTY_DICT: fresh(dict),
    Opcode.EMPTY_SET: fresh(set),
    Opcode.MARK: mark,
    Opcode.TUPLE: make_tuple,
    Opcode.TUPLE1: fixed_tuple(1),
    Opcode.TUPLE2: fixed_tuple(2),
    Opcode.TUPLE3: fixed_tuple(3),
    Opcode.FROZENSET: make_frozenset,
    Opcode.APPEND: append,
    Opcode.APPENDS: append_many,
    Opcode.SETITEM: set_item,
    Opcode.SETITEMS: set_many,
    Opcode.ADDITEMS: add_many,
    Opcode.BINPUT: put("<B"),
    Opcode.LONG_BINPUT: put("<I"),
    Opcode.BINGET: get("<B"),
    Opcode.LONG_BINGET: get("<I"),
    Opcode.MEMOIZE: memoize,
    Opcode.POP: pop,
    Opcode.POP_MARK: pop_to_mark,
    Opcode.FRAME: frame,
    Opcode.GLOBAL: name_text,
    Opcode.STACK_GLOBAL: name_stack,
    Opcode.REDUCE: reduce,
    Opcode.NEWOBJ: new,
    Opcode.NEWOBJ_EX: new_keywords,
    Opcode.BUILD: build,
    Opcode.BINPERSID: persistent,
}
"""The opcodes that are obeyed; PROTO and STOP, the first and the last, are the loop's."""


def refuse(machine: Machine, position: int) -> int:
    """Say why this opcode is not allowed, or that it is none."""
    byte = machine.data[position - 1]
    try:
        opcode = Opcode(byte)
    except ValueError:
        raise FormatError(f"expected a pickle opcode, found byte 0x{byte:02x}, which is none.") from None
    raise RefusedError(f"opcode {opcode.name} is not allowed: {REASONS[opcode]}.")


DISPATCH: list[Handler] = [refuse] * 256
for _opcode, _handler in HANDLERS.items():
    DISPATCH[_opcode] = _handler
