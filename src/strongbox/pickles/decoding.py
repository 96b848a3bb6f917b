"""The opcode loop: pickle bytes become inert nodes.

The rules, named as P1 to P11 throughout the project:

- P1  Exactly the opcodes of ``HANDLERS`` are obeyed; any other byte is refused by name.
- P2  A name is an exact pair of an ASCII module and an ASCII name. It is written down, never looked up.
- P3  Calls, names and persistent ids become nodes of our own, made anew by every decoding.
- P4  What appends, sets items or builds acts on exactly a list, dict, set or Call, by its exact type;
      REDUCE and NEWOBJ write a Call down.
- P5  Keys are scalars, stand-ins, or tuples of these at most two deep, so that hashing one is cheap and
      cannot recurse. Integer keys have at most 60 bits and tuples are counted, so that a file cannot
      make many keys collide.
- P6  A length is compared with the bytes that remain before anything is allocated; the memo is a dict.
- P7  One PROTO at the start, one STOP, one value on the stack, every MARK used up. :func:`decode` allows
      nothing after it; :func:`decode_next` returns where the next pickle starts.
- P9  Whatever is wrong raises a StrongboxError with its offset; nothing is ever given back in part.
- P11 A Budget counts opcodes and nodes over all pickles of an archive.

Rules P8 (one parser for all) and P10 (what a recipe checks) are kept by those who call this.
"""

from __future__ import annotations

import struct
from operator import length_hint

from ..errors import FormatError, LimitError, RefusedError, StrongboxError
from ..limits import DEFAULT_LIMITS, Limits, how_to_raise
from .budget import Budget
from .graph import measure, walk
from .handlers import DISPATCH
from .machine import Machine
from .nodes import Call, Decoded, Node
from .opcodes import Opcode

__all__ = ["decode", "decode_next"]

PROTOCOLS = range(2, 6)
PROTO = int(Opcode.PROTO)
STOP = int(Opcode.STOP)

EXPANSION = 4
"""Nodes for each opcode that are counted in the fastest way; with more than these the memo is used much."""


def decode(
    data: bytes | bytearray | memoryview,
    *,
    limits: Limits = DEFAULT_LIMITS,
    budget: Budget | None = None,
    persistent: bool = False,
) -> Decoded:
    """Decode one pickle that fills ``data`` into inert nodes; nothing is imported, called or set.

    ``budget`` is shared by all pickles of one archive (its own limits count for opcodes and nodes);
    ``persistent`` allows references to storages, as the pickle of a ``.pth`` file has them. Raises
    FormatError, RefusedError or LimitError, each with the offset in ``data``.
    """
    decoded, end = decode_next(data, 0, limits=limits, budget=budget, persistent=persistent)
    if end != memoryview(data).nbytes:
        raise FormatError("expected nothing after the pickle, found more bytes.", offset=end)
    return decoded


def decode_next(
    data: bytes | bytearray | memoryview,
    start: int,
    *,
    limits: Limits = DEFAULT_LIMITS,
    budget: Budget | None = None,
    persistent: bool = False,
) -> tuple[Decoded, int]:
    """Decode the pickle that starts at ``start``, and return it with the offset of what follows it.

    For rows of pickles, as the old ``.pth`` layout has them; otherwise as :func:`decode`.
    """
    # Views are released even where an error keeps this frame: the file under them may be closed then.
    with memoryview(data).cast("B") as whole, whole[: start + limits.pickle_bytes] as view:
        machine = Machine(
            view,
            limits=limits,
            budget=budget or Budget(limits),
            persistent=persistent,
            cut=len(view) < len(whole),
        )
        protocol, start = _read_protocol(machine, start)
        before = machine.budget.opcodes
        end = _run(machine, start)
        return _finish(machine, protocol, end, opcodes=machine.budget.opcodes - before), end


def _read_protocol(machine: Machine, start: int) -> tuple[int, int]:
    head = bytes(machine.data[start : start + 2])
    if len(head) < 2:
        error = machine.shortage()
        error.offset = start
        raise error
    if head[0] != PROTO:
        raise RefusedError(
            f"expected a pickle of protocol 2 to 5, which starts with byte 0x80, found byte 0x{head[0]:02x}.",
            offset=start,
            hint="Save the object again with pickle protocol 2 or later.",
        )
    if head[1] not in PROTOCOLS:
        raise RefusedError(f"expected pickle protocol 2 to 5, found {head[1]}.", offset=start)
    return head[1], start + 2


def _run(machine: Machine, position: int) -> int:
    """Obey opcodes up to STOP, and return the position after it."""
    data, dispatch, budget = machine.data, DISPATCH, machine.budget
    allowed = budget.limits.pickle_opcodes
    turns = iter(range(budget.opcodes, allowed))
    try:
        for _ in turns:
            opcode = data[position]
            if opcode == STOP:
                return position + 1
            position = dispatch[opcode](machine, position + 1)
        problem: StrongboxError = LimitError(
            f"expected pickles of at most {allowed} opcodes in all, found more.",
            hint=how_to_raise("pickle_opcodes"),
        )
    except (StrongboxError, IndexError, struct.error, UnicodeDecodeError) as error:
        problem = _explain(machine, error, position)
    finally:
        budget.opcodes = allowed - length_hint(turns)
    problem.offset = position
    raise problem


def _explain(machine: Machine, error: Exception, position: int) -> StrongboxError:
    """The error to raise for what the opcode at ``position`` ran into."""
    if isinstance(error, StrongboxError):
        return error
    if isinstance(error, UnicodeDecodeError):
        return FormatError("expected text in UTF-8, found other bytes.")
    if isinstance(error, struct.error) or position >= machine.end:
        return machine.shortage()
    opcode = Opcode(machine.data[position])
    return FormatError(f"expected a value on the stack for opcode {opcode.name}, found none.")


def _finish(machine: Machine, protocol: int, end: int, *, opcodes: int) -> Decoded:
    """Check that exactly one value is left, and how large it is, in time that the pickle's length allows."""
    if machine.marks:
        raise FormatError("expected every MARK to be used up at STOP, found one open.", offset=end - 1)
    if len(machine.stack) != 1:
        found = len(machine.stack)
        raise FormatError(f"expected one value on the stack at STOP, found {found}.", offset=end - 1)
    root = machine.stack[0]
    nodes, cyclic = measure([root, *machine.popped], machine.limits, quick=EXPANSION * opcodes)
    machine.budget.count_nodes(nodes)
    return Decoded(
        root,
        globals=tuple(machine.named.values()),
        calls=tuple(machine.called),
        popped=_select_statements(root, machine.popped),
        protocol=protocol,
        cyclic=cyclic,
    )


def _select_statements(root: Node, popped: list[Call]) -> tuple[Call, ...]:
    """The popped calls that stand nowhere else, each once; picklers also pop what they wrote twice."""
    if not popped:
        return ()
    seen = {id(node) for node in walk(root)}
    statements = {id(call): call for call in popped if id(call) not in seen}
    return tuple(statements.values())
