"""Random pickles that are mostly right: a generator that knows what each opcode needs on the stack.

It keeps a rough picture of the stack (what kind of value is where) and mostly picks opcodes that fit;
now and then it picks any opcode at all, or a wrong argument.
"""

from __future__ import annotations

import pickle
import random
import struct

__all__ = ["make_program"]

SCALARS = (
    pickle.NONE,
    pickle.NEWTRUE,
    pickle.NEWFALSE,
    pickle.BININT1 + b"\x07",
    pickle.BININT2 + b"\x07\x01",
    pickle.BININT + b"\xff\xff\xff\xff",
    pickle.LONG1 + b"\x03\x00\x00\x80",
    pickle.LONG4 + struct.pack("<i", 2) + b"\xff\x7f",
    pickle.BINFLOAT + struct.pack(">d", 0.1),
    pickle.SHORT_BINUNICODE + b"\x05state",
    pickle.BINUNICODE + b"\x02\x00\x00\x00\xc3\xa9",
    pickle.BINUNICODE8 + struct.pack("<Q", 1) + b"a",
    pickle.SHORT_BINBYTES + b"\x02\x00\xff",
    pickle.BINBYTES + b"\x01\x00\x00\x00x",
    pickle.BINBYTES8 + struct.pack("<Q", 0),
)
NAMES = (
    pickle.GLOBAL + b"collections\nOrderedDict\n",
    pickle.GLOBAL + b"os\nsystem\n",
    pickle.SHORT_BINUNICODE + b"\x03gym" + pickle.SHORT_BINUNICODE + b"\x03Box" + pickle.STACK_GLOBAL,
)
EMPTY = {"list": pickle.EMPTY_LIST, "dict": pickle.EMPTY_DICT, "set": pickle.EMPTY_SET, "tuple": pickle.EMPTY_TUPLE}
FILLED = ("list", "dict", "set", "call")


class _Program:
    def __init__(self, chance: random.Random, faults: float) -> None:
        self.chance = chance
        self.faults = faults
        self.output = bytearray(pickle.PROTO + b"\x05")
        self.kinds: list[str] = []
        self.memo: list[str] = []

    def add(self, code: bytes, kind: str | None = None) -> None:
        self.output += code
        if kind is not None:
            self.kinds.append(kind)

    def push(self, level: int) -> None:
        """Write one value of any kind, on top of what there is."""
        if self.chance.random() < self.faults:
            self.fault()
        choices = [self.push_scalar, self.push_scalar, self.push_memo]
        if level > 0:
            choices += [self.push_tuple, self.push_container, self.push_container, self.push_call, self.push_popped]
        self.chance.choice(choices)(level - 1)
        if self.chance.random() < 0.4:
            self.add(pickle.MEMOIZE)
            self.memo.append(self.kinds[-1])

    def push_scalar(self, level: int) -> None:
        self.add(self.chance.choice(SCALARS), "scalar")

    def push_memo(self, level: int) -> None:
        if not self.memo:
            self.push_scalar(level)
            return
        index = self.chance.randrange(len(self.memo))
        self.add(pickle.BINGET + bytes([index % 256]), self.memo[index % 256])

    def push_tuple(self, level: int) -> None:
        size = self.chance.randrange(5)
        codes = {1: pickle.TUPLE1, 2: pickle.TUPLE2, 3: pickle.TUPLE3}
        if size not in codes:
            self.add(pickle.MARK)
        for _ in range(size):
            self.push(level)
        self.add(codes.get(size, pickle.TUPLE))
        del self.kinds[len(self.kinds) - size :]
        self.kinds.append("tuple")

    def push_container(self, level: int) -> None:
        kind = self.chance.choice(("list", "dict", "set"))
        self.add(EMPTY[kind], kind)
        if self.chance.random() < 0.3:
            self.add(pickle.MEMOIZE)
            self.memo.append(kind)
        self.fill(kind, level)

    def fill(self, kind: str, level: int) -> None:
        """Put something into the container or call on top of the stack."""
        depth = len(self.kinds)
        way = self.chance.choice(("one", "many"))
        count = 1 if way == "one" else self.chance.randrange(4)
        if kind == "set" or way == "many":
            self.add(pickle.MARK)
        for _ in range(count):
            if kind in ("dict", "set"):
                self.push_scalar(level)
            if kind != "set":
                self.push(level)
        codes = {"list": (pickle.APPEND, pickle.APPENDS), "dict": (pickle.SETITEM, pickle.SETITEMS)}
        self.add(pickle.ADDITEMS if kind == "set" else codes[kind][way == "many"])
        del self.kinds[depth:]

    def push_call(self, level: int) -> None:
        self.add(self.chance.choice(NAMES), "name")
        self.push_tuple(level)
        code = self.chance.choice((pickle.REDUCE, pickle.NEWOBJ, pickle.NEWOBJ_EX))
        if code == pickle.NEWOBJ_EX:
            self.add(pickle.EMPTY_DICT, "dict")
            self.kinds.pop()
        self.add(code)
        del self.kinds[-2:]
        self.kinds.append("call")
        for kind in ("list", "dict"):
            if self.chance.random() < 0.3:
                self.fill(kind, level)
        if self.chance.random() < 0.4:
            self.push(level)
            self.add(pickle.BUILD)
            self.kinds.pop()

    def push_popped(self, level: int) -> None:
        self.push_call(level)
        self.add(pickle.POP)
        self.kinds.pop()
        self.push_scalar(level)

    def fault(self) -> None:
        """Write something that need not fit."""
        self.add(bytes([self.chance.randrange(256)]) + self.chance.randbytes(self.chance.randrange(3)))


def make_program(seed: int, *, faults: float = 0.0) -> bytes:
    """A pickle by its seed; ``faults`` is how often something wrong is put before a value."""
    program = _Program(random.Random(seed), faults)
    program.push(4)
    program.add(pickle.STOP)
    return bytes(program.output)
