"""Bytecode as a list of instructions, each jump with the place in the list that it leads to."""

from __future__ import annotations

from ....errors import FormatError
from ....records import record
from ..code import Code
from .dialects import Dialect

__all__ = ["Instruction", "read_instructions"]

LONGEST = 4096
"""Bytes of bytecode; an arithmetic function has some dozens."""
LARGEST_ARGUMENT = 1 << 16

ABSOLUTE = frozenset(
    (
        *("JUMP_ABSOLUTE", "CONTINUE_LOOP", "POP_JUMP_IF_FALSE", "POP_JUMP_IF_TRUE"),
        *("JUMP_IF_FALSE_OR_POP", "JUMP_IF_TRUE_OR_POP"),
    )
)
FORWARD = frozenset(
    ("JUMP_FORWARD", "SETUP_LOOP", "POP_JUMP_FORWARD_IF_FALSE", "POP_JUMP_FORWARD_IF_TRUE"),
)
BACKWARD = frozenset(("JUMP_BACKWARD", "POP_JUMP_BACKWARD_IF_FALSE", "POP_JUMP_BACKWARD_IF_TRUE"))


@record(frozen=True)
class Instruction:
    """One instruction: its name, and its argument; of a jump, the index of the instruction that it leads to."""

    name: str
    argument: int


def read_instructions(code: Code, dialect: Dialect) -> list[Instruction]:
    """All instructions of a code object; raises FormatError on any that is none of the dialect's."""
    content = code.bytecode
    if len(content) > LONGEST or len(content) % 2:
        raise FormatError(f"expected at most {LONGEST} bytes of code, found {len(content)}")
    places: dict[int, int] = {}
    found: list[tuple[str, int, int]] = []
    position = start = argument = 0
    while position < len(content):
        number, low = content[position], content[position + 1]
        name = dialect.names.get(number)
        if name is None:
            raise FormatError(f"expected an instruction of arithmetic, found number {number}")
        argument = argument << 8 | low
        if argument > LARGEST_ARGUMENT:
            raise FormatError("expected an instruction with a small argument, found a large one")
        position += 2
        if name == "EXTENDED_ARG":
            continue
        position = _skip_caches(content, position, dialect.caches.get(name, 0))
        places[start] = len(found)
        found.append((name, argument, position))
        start, argument = position, 0
    return [_instruction(name, argument, end, places, dialect) for name, argument, end in found]


def _skip_caches(content: bytes, position: int, count: int) -> int:
    end = position + 2 * count
    if content[position:end] != bytes(2 * count):
        raise FormatError("expected an empty cache behind an instruction, found something else")
    return end


def _instruction(name: str, argument: int, end: int, places: dict[int, int], dialect: Dialect) -> Instruction:
    """An instruction, its argument resolved where it is a jump; ``end`` is the place behind it."""
    if name in ABSOLUTE and not (name.endswith("OR_POP") and not dialect.has_cells_apart):
        target = argument * dialect.unit
    elif name in FORWARD or name.endswith("OR_POP"):
        target = end + argument * dialect.unit
    elif name in BACKWARD:
        target = end - argument * dialect.unit
    else:
        return Instruction(name, argument)
    if target not in places:
        raise FormatError("expected a jump to an instruction, found one to somewhere else")
    return Instruction(name, places[target])
