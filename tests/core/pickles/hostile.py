"""Pickles made to hurt their reader, by name; each must end in a value or a StrongboxError, cheaply.

Run as a program, this decodes all of them in one process whose memory and time the operating system
limits. For each it prints the name, the audit events that were raised meanwhile (imports, compilation,
files, sockets: there must be none), the class of what came out, and its words.
"""

from __future__ import annotations

import gc
import pickle as p
import resource
import struct
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

__all__ = ["HOSTILE", "main"]

MEMORY = 320 << 20
"""Bytes above what the process holds when it starts; the worst of these takes 250 million."""
SECONDS = 120
"""Of computing, for all of them; they take about ten."""
HARMLESS = ("builtins.id",)
"""Asking for the identity of an object is an audit event, too."""

START = b"\x80\x05"
NAME = p.GLOBAL + b"os\nsystem\n"
CALL = NAME + p.EMPTY_TUPLE + p.REDUCE
ONE = p.BININT1 + b"\x01"


def row(*parts: bytes) -> bytes:
    """A pickle of these opcodes."""
    return START + b"".join(parts) + p.STOP


def get(index: int) -> bytes:
    """Push an entry of the memo."""
    return p.BINGET + bytes([index])


def pushed(items: Iterable[bytes]) -> bytes:
    """A dictionary with these keys, each a piece of code that pushes it."""
    return p.EMPTY_DICT + p.MARK + b"".join(item + p.NONE for item in items) + p.SETITEMS


def doubled(levels: int) -> bytes:
    """Tuples of which each holds the one before twice."""
    return ONE + p.TUPLE1 + (p.BINPUT + b"\x00" + get(0) + p.TUPLE2) * levels


def colliding_integer(number: int) -> bytes:
    """Multiples of 2**61 - 1: Python's hash of every one is 0."""
    return p.LONG1 + b"\x10" + (number * (2**61 - 1)).to_bytes(16, "little")


def colliding_tuple(number: int) -> bytes:
    """Tuples of -1 and -2, which have the same hash."""
    bits = (get(number >> shift & 1) for shift in range(20))
    return p.MARK + b"".join(bits) + p.TUPLE


def calls_that_hold_each_other(count: int) -> bytes:
    """Every one of so many calls has all of them in its state."""
    make = p.EMPTY_LIST + b"".join(CALL + p.BINPUT + bytes([n]) + p.APPEND for n in range(count))
    every = p.MARK + b"".join(get(n) for n in range(count)) + p.TUPLE
    return make + b"".join(get(n) + every + p.BUILD + p.POP for n in range(count))


HOSTILE: dict[str, Callable[[], bytes]] = {
    "deep tuple as a key": lambda: row(p.EMPTY_DICT, p.EMPTY_TUPLE, p.TUPLE1 * 200_000, p.NONE, p.SETITEM),
    "deep tuple in a set": lambda: row(p.EMPTY_SET, p.MARK, p.EMPTY_TUPLE, p.TUPLE1 * 200_000, p.ADDITEMS),
    "deep tuple in a frozen set": lambda: row(p.MARK, p.EMPTY_TUPLE, p.TUPLE1 * 200_000, p.FROZENSET),
    "deep tuple": lambda: row(p.EMPTY_TUPLE, p.TUPLE1 * 300_000),
    "deep list": lambda: row(p.EMPTY_LIST * 300_000, p.APPEND * 299_999),
    "deep dictionary": lambda: row((p.EMPTY_DICT + p.NONE) * 200_000, p.NONE, p.SETITEM * 200_000),
    "deep arguments": lambda: row(NAME, p.BINPUT, b"\x00", get(0) * 100_000, (p.TUPLE1 + p.REDUCE) * 100_000),
    "deep functions": lambda: row(NAME, (p.EMPTY_TUPLE + p.REDUCE) * 100_000),
    "deep states": lambda: row(CALL * 100_000, p.NONE, p.BUILD * 100_000),
    "deep persistent ids": lambda: row(p.NONE, p.BINPERSID * 100_000),
    "memo index of four thousand million": lambda: row(p.NONE, p.LONG_BINPUT, b"\xff\xff\xff\xff"),
    "bytearray of two thousand million bytes": lambda: row(p.BYTEARRAY8, struct.pack("<Q", 2**31 - 1)),
    "bytes of nine quintillion": lambda: row(p.BINBYTES8, struct.pack("<Q", 2**63 - 1)),
    "text of eighteen quintillion": lambda: row(p.BINUNICODE8, b"\xff" * 8),
    "integer of two thousand million bytes": lambda: row(p.LONG4, struct.pack("<i", 2**31 - 1)),
    "integer of fifteen million bytes": lambda: row(p.LONG4, struct.pack("<i", 15 << 20), b"\x7f" * (15 << 20)),
    "frame of eighteen quintillion bytes": lambda: row(p.FRAME, b"\xff" * 8),
    "number as text": lambda: row(p.INT, b"9" * 1_000_000, b"\n"),
    "doubled sixty times": lambda: row(doubled(60)),
    "doubled in arguments": lambda: row(
        CALL, (p.BINPUT + b"\x00" + p.POP + NAME + get(0) * 2 + p.TUPLE2 + p.REDUCE) * 60
    ),
    "long arguments, often": lambda: row(
        *(p.MARK, p.NONE * 100_000, p.TUPLE, p.BINPUT, b"\x00", p.POP, NAME, p.BINPUT, b"\x01", p.POP),
        *(p.EMPTY_LIST, p.MARK, (get(1) + get(0) + p.REDUCE) * 100_000, p.APPENDS),
    ),
    "long keywords, often": lambda: row(
        *(p.EMPTY_DICT, p.MARK, *(p.SHORT_BINUNICODE + b"\x05" + b"%05d" % n + p.NONE for n in range(60_000))),
        *(p.SETITEMS, p.BINPUT, b"\x00", NAME, p.BINPUT, b"\x01"),
        *((p.EMPTY_TUPLE + get(0) + p.NEWOBJ_EX + p.POP + get(1)) * 100_000, p.EMPTY_TUPLE, p.REDUCE),
    ),
    "long tuple as a key, often": lambda: row(
        *(p.MARK, p.NONE * 100_000, p.TUPLE, p.BINPUT, b"\x00", p.EMPTY_DICT),
        (get(0) + p.NONE + p.SETITEM) * 200_000,
    ),
    "colliding integers": lambda: row(pushed(colliding_integer(n) for n in range(100_000))),
    "colliding tuples": lambda: row(
        *(p.BININT + b"\xff" * 4, p.BINPUT, b"\x00", p.BININT + b"\xfe" + b"\xff" * 3, p.BINPUT, b"\x01"),
        pushed(colliding_tuple(n) for n in range(5_000)),
    ),
    "calls that hold each other": lambda: row(calls_that_hold_each_other(30)),
    "more calls that hold each other": lambda: row(calls_that_hold_each_other(200)),
    "a million sets": lambda: row(p.EMPTY_SET * 999_000),
    "a million marks": lambda: row(p.MARK * 999_000),
    "two million opcodes": lambda: row(p.NONE, (p.NONE + p.POP) * 1_000_000),
    "a large memo": lambda: row(p.NONE, p.MEMOIZE * 900_000),
    "a million memo entries by index": lambda: row(
        p.NONE, *(p.LONG_BINPUT + struct.pack("<I", n << 12) for n in range(500_000))
    ),
    "one call thrown away often": lambda: row(CALL, p.MEMOIZE, (get(0) + p.POP) * 200_000),
    "many calls thrown away": lambda: row(
        *(NAME, p.MEMOIZE, p.POP, p.NONE),
        (get(0) + p.EMPTY_TUPLE + p.REDUCE + p.POP) * 100_001,
    ),
    "many names": lambda: row(p.NONE, *(p.GLOBAL + b"os\nn%d\n0" % n for n in range(100_000))),
    "long name": lambda: row(p.GLOBAL, b"a" * 10_000_000),
    "seventeen million bytes": lambda: row(p.BINBYTES, struct.pack("<I", 17 << 20), bytes(17 << 20)),
    "nothing but bytes": lambda: bytes(range(256)) * 1000,
    "pip by name": lambda: row(p.GLOBAL, b"pip\nmain\n", p.EMPTY_LIST, p.TUPLE1, p.REDUCE),
    "a module below a module": lambda: row(p.GLOBAL, b"idlelib.run\nExecutive\n", p.EMPTY_TUPLE, p.REDUCE),
    "eval of an import": lambda: row(
        *(p.GLOBAL + b"builtins\neval\n", p.SHORT_BINUNICODE + b"\x0c__import__()", p.TUPLE1, p.REDUCE)
    ),
    "a socket": lambda: row(p.GLOBAL, b"socket\nsocket\n", p.EMPTY_TUPLE, p.REDUCE, p.EMPTY_DICT, p.BUILD),
    "a file": lambda: row(p.GLOBAL, b"builtins\nopen\n", p.SHORT_BINUNICODE, b"\x04/etc", p.TUPLE1, p.NEWOBJ),
}


def attempt(content: bytes) -> str:
    """The class of what a pickle decodes to, and its words; what decodes is written too."""
    from strongbox.errors import StrongboxError
    from strongbox.pickles import decode, encode

    try:
        decoded = decode(content, persistent=True)
        result = f"value\t{type(decoded.root).__name__} {[item.path for item in decoded.calls]}"
        encode(decoded)
    except StrongboxError as error:
        result = f"{type(error).__name__}\t{error}"
    return result


def main() -> None:
    """Try each of the pickles, under limits and under watch."""
    events: set[str] = set()
    watching = False
    sys.addaudithook(lambda event, _: events.add(event) if watching and event not in HARMLESS else None)
    attempt(b"")
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    for name, make in HOSTILE.items():
        content = make()
        events.clear()
        watching = True
        result = attempt(content)
        watching = False
        print(name, " ".join(sorted(events)), result, sep="\t", flush=True)
        gc.collect()


if __name__ == "__main__":
    main()
