"""Every opcode of Python's pickle protocols 0 to 5, and those that no archive may hold.

The numbers and names are those of CPython's ``Lib/pickletools.py``. Which opcodes are obeyed is the
table ``HANDLERS`` in :mod:`.machine`; every other one is refused with the reason given here.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["REASONS", "Opcode"]


class Opcode(IntEnum):
    """The opcodes by pickletools' names; the value is the byte."""

    MARK = ord("(")
    STOP = ord(".")
    POP = ord("0")
    POP_MARK = ord("1")
    DUP = ord("2")
    FLOAT = ord("F")
    INT = ord("I")
    BININT = ord("J")
    BININT1 = ord("K")
    LONG = ord("L")
    BININT2 = ord("M")
    NONE = ord("N")
    PERSID = ord("P")
    BINPERSID = ord("Q")
    REDUCE = ord("R")
    STRING = ord("S")
    BINSTRING = ord("T")
    SHORT_BINSTRING = ord("U")
    UNICODE = ord("V")
    BINUNICODE = ord("X")
    APPEND = ord("a")
    BUILD = ord("b")
    GLOBAL = ord("c")
    DICT = ord("d")
    EMPTY_DICT = ord("}")
    APPENDS = ord("e")
    GET = ord("g")
    BINGET = ord("h")
    INST = ord("i")
    LONG_BINGET = ord("j")
    LIST = ord("l")
    EMPTY_LIST = ord("]")
    OBJ = ord("o")
    PUT = ord("p")
    BINPUT = ord("q")
    LONG_BINPUT = ord("r")
    SETITEM = ord("s")
    TUPLE = ord("t")
    EMPTY_TUPLE = ord(")")
    SETITEMS = ord("u")
    BINFLOAT = ord("G")
    # Protocol 2
    PROTO = 0x80
    NEWOBJ = 0x81
    EXT1 = 0x82
    EXT2 = 0x83
    EXT4 = 0x84
    TUPLE1 = 0x85
    TUPLE2 = 0x86
    TUPLE3 = 0x87
    NEWTRUE = 0x88
    NEWFALSE = 0x89
    LONG1 = 0x8A
    LONG4 = 0x8B
    # Protocol 3
    BINBYTES = ord("B")
    SHORT_BINBYTES = ord("C")
    # Protocol 4
    SHORT_BINUNICODE = 0x8C
    BINUNICODE8 = 0x8D
    BINBYTES8 = 0x8E
    EMPTY_SET = 0x8F
    ADDITEMS = 0x90
    FROZENSET = 0x91
    NEWOBJ_EX = 0x92
    STACK_GLOBAL = 0x93
    MEMOIZE = 0x94
    FRAME = 0x95
    # Protocol 5
    BYTEARRAY8 = 0x96
    NEXT_BUFFER = 0x97
    READONLY_BUFFER = 0x98


TEXT_PROTOCOL = "it belongs to the text protocol 0, which Python 3 writes only when asked to"
OLD_CONTAINER = "it belongs to protocol 0, and pickles of protocol 2 and later build containers otherwise"
PYTHON_2_STRING = "it is a string of Python 2, whose encoding the file does not tell"
PYTHON_2_INSTANCE = "it makes an instance of an old-style class of Python 2"
REGISTRY = "it names a class by its number in a registry that is not in the file"
OUT_OF_BAND = "it stands for data that is not in the file"
UNUSED = "no pickler of Python 3 writes it"

REASONS: dict[Opcode, str] = {
    Opcode.INT: TEXT_PROTOCOL,
    Opcode.LONG: TEXT_PROTOCOL,
    Opcode.FLOAT: TEXT_PROTOCOL,
    Opcode.STRING: TEXT_PROTOCOL,
    Opcode.UNICODE: TEXT_PROTOCOL,
    Opcode.GET: TEXT_PROTOCOL,
    Opcode.PUT: TEXT_PROTOCOL,
    Opcode.PERSID: TEXT_PROTOCOL,
    Opcode.LIST: OLD_CONTAINER,
    Opcode.DICT: OLD_CONTAINER,
    Opcode.BINSTRING: PYTHON_2_STRING,
    Opcode.SHORT_BINSTRING: PYTHON_2_STRING,
    Opcode.INST: PYTHON_2_INSTANCE,
    Opcode.OBJ: PYTHON_2_INSTANCE,
    Opcode.EXT1: REGISTRY,
    Opcode.EXT2: REGISTRY,
    Opcode.EXT4: REGISTRY,
    Opcode.NEXT_BUFFER: OUT_OF_BAND,
    Opcode.READONLY_BUFFER: OUT_OF_BAND,
    Opcode.DUP: UNUSED,
    Opcode.PROTO: "it may stand at the start of a pickle only",
}
"""Why the opcodes that are not obeyed are refused."""
