"""The bytecodes of Python 3.6 to 3.13: which number stands for which instruction, and what lies between instructions.

A code object does not say which Python compiled it. The number of its parts tells three groups apart; inside of
these its line table (3.10's covers all of the code, earlier ones end before it) and the instruction that it begins with
(3.13 renumbered them) tell more. Between 3.11 and 3.12 nothing does: both are tried, and inline caches, which
must be empty, let one of them fail, unless both come to the same.

Source: ``Lib/opcode.py``, ``Lib/dis.py`` and ``Python/ceval.c`` of each version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from ....records import record
from ..code import Code

__all__ = ["DIALECTS", "Dialect", "find_dialects"]

BINARY_OPERATIONS = ("POWER", "MULTIPLY", "MODULO", "ADD", "SUBTRACT", "FLOOR_DIVIDE", "TRUE_DIVIDE")
RESUME_3_13, COPY_FREE_VARS_3_13 = 149, 62


@record(frozen=True)
class Dialect:
    """One bytecode: ``names`` of instructions by number, and the ``caches`` (in units of two bytes) behind some.

    ``unit`` is how many bytes the argument of a jump counts; ``comparison`` how many low bits of a comparison's
    argument are no part of its number. ``has_cells_apart`` says that free variables are numbered by themselves,
    not after the locals; ``has_flags`` that LOAD_GLOBAL keeps a flag in the lowest bit of its argument,
    ``has_method_flags`` that LOAD_ATTR does.
    """

    version: str
    names: Mapping[int, str]
    caches: Mapping[str, int] = field(default_factory=dict)
    unit: int = 2
    comparison: int = 0
    has_cells_apart: bool = False
    has_flags: bool = True
    has_method_flags: bool = False


def _counted(text: str) -> dict[str, int]:
    """``"NOP 9, POP_TOP 1"`` as a dictionary."""
    return {name: int(number) for name, number in (pair.split() for pair in text.split(","))}


def _numbered(*tables: Mapping[str, int]) -> dict[int, str]:
    return {number: name for table in tables for name, number in table.items()}


_COMMON = {
    **_counted("UNARY_POSITIVE 10, UNARY_NEGATIVE 11, UNARY_NOT 12, LOAD_CONST 100, LOAD_ATTR 106, COMPARE_OP 107"),
    **_counted("IMPORT_NAME 108, JUMP_FORWARD 110, LOAD_GLOBAL 116, LOAD_FAST 124, STORE_FAST 125, EXTENDED_ARG 144"),
    **_counted("RETURN_VALUE 83, NOP 9, POP_TOP 1"),
}

_BEFORE_3_11 = _numbered(
    _COMMON,
    _counted("ROT_TWO 2, ROT_THREE 3, DUP_TOP 4, DUP_TOP_TWO 5, ROT_FOUR 6, ROT_N 99"),
    {f"BINARY_{name}": number for name, number in zip(BINARY_OPERATIONS, (19, 20, 22, 23, 24, 26, 27), strict=True)},
    {f"INPLACE_{name}": number for name, number in zip(BINARY_OPERATIONS, (67, 57, 59, 55, 56, 28, 29), strict=True)},
    _counted("LOAD_DEREF 136, CALL_FUNCTION 131, LOAD_METHOD 160, CALL_METHOD 161"),
    _counted("JUMP_ABSOLUTE 113, POP_JUMP_IF_FALSE 114, POP_JUMP_IF_TRUE 115"),
    _counted("JUMP_IF_FALSE_OR_POP 111, JUMP_IF_TRUE_OR_POP 112"),
)
_LOOPS_BEFORE_3_8 = _numbered(_counted("SETUP_LOOP 120, BREAK_LOOP 80, CONTINUE_LOOP 119, POP_BLOCK 87"))

_SINCE_3_11 = {
    **_COMMON,
    **_counted("PUSH_NULL 2, SWAP 99, COPY 120, BINARY_OP 122, LOAD_DEREF 137, JUMP_BACKWARD 140, COPY_FREE_VARS 149"),
    **_counted("RESUME 151, CALL 171"),
}

DIALECTS = {
    dialect.version: dialect
    for dialect in (
        Dialect("3.6", {**_BEFORE_3_11, **_LOOPS_BEFORE_3_8}, unit=1, has_cells_apart=True, has_flags=False),
        Dialect("3.8", _BEFORE_3_11, unit=1, has_cells_apart=True, has_flags=False),
        Dialect("3.10", _BEFORE_3_11, has_cells_apart=True, has_flags=False),
        Dialect(
            "3.11",
            _numbered(
                _SINCE_3_11,
                _counted("LOAD_METHOD 160, PRECALL 166, JUMP_IF_FALSE_OR_POP 111, JUMP_IF_TRUE_OR_POP 112"),
                _counted("POP_JUMP_FORWARD_IF_FALSE 114, POP_JUMP_FORWARD_IF_TRUE 115"),
                _counted("POP_JUMP_BACKWARD_IF_FALSE 175, POP_JUMP_BACKWARD_IF_TRUE 176"),
            ),
            caches=_counted("BINARY_OP 1, COMPARE_OP 2, LOAD_GLOBAL 5, LOAD_ATTR 4, LOAD_METHOD 10, CALL 4, PRECALL 1"),
        ),
        Dialect(
            "3.12",
            _numbered(
                _SINCE_3_11,
                _counted("RETURN_CONST 121, LOAD_FAST_CHECK 127, CALL_INTRINSIC_1 173"),
                _counted("POP_JUMP_FORWARD_IF_FALSE 114, POP_JUMP_FORWARD_IF_TRUE 115"),
            ),
            caches=_counted("BINARY_OP 1, COMPARE_OP 1, LOAD_GLOBAL 4, LOAD_ATTR 9, CALL 3"),
            comparison=4,
            has_method_flags=True,
        ),
        Dialect(
            "3.13",
            _numbered(
                _counted("NOP 30, POP_TOP 32, SWAP 115, COPY 61, UNARY_NEGATIVE 42, UNARY_NOT 43, BINARY_OP 45"),
                _counted("COMPARE_OP 58, RETURN_VALUE 36, RETURN_CONST 103, LOAD_CONST 83, LOAD_FAST 85"),
                _counted("STORE_FAST 110, LOAD_FAST_CHECK 87, LOAD_FAST_LOAD_FAST 88, STORE_FAST_LOAD_FAST 111"),
                _counted("STORE_FAST_STORE_FAST 112, TO_BOOL 40, IMPORT_NAME 75, CALL_INTRINSIC_1 55"),
                _counted("LOAD_DEREF 84, LOAD_GLOBAL 91, LOAD_ATTR 82, CALL 53, PUSH_NULL 34"),
                _counted("JUMP_FORWARD 79, JUMP_BACKWARD 77, EXTENDED_ARG 71, RESUME 149, COPY_FREE_VARS 62"),
                _counted("POP_JUMP_FORWARD_IF_FALSE 97, POP_JUMP_FORWARD_IF_TRUE 100"),
            ),
            caches={
                **_counted("BINARY_OP 1, COMPARE_OP 1, LOAD_GLOBAL 4, LOAD_ATTR 9, CALL 3, JUMP_BACKWARD 1, TO_BOOL 3"),
                **_counted("POP_JUMP_FORWARD_IF_FALSE 1, POP_JUMP_FORWARD_IF_TRUE 1"),
            },
            comparison=5,
            has_method_flags=True,
        ),
    )
}
"""By the first version that has it."""


def find_dialects(code: Code) -> tuple[Dialect, ...]:
    """The bytecodes that a code object may be in."""
    if code.parts == 15:
        versions: tuple[str, ...] = ("3.6",)
    elif code.parts == 16:
        versions = ("3.10",) if sum(code.line_table[::2]) == len(code.bytecode) else ("3.8",)
    else:
        start = 2 if code.bytecode[:1] == bytes([COPY_FREE_VARS_3_13]) else 0
        versions = ("3.13",) if code.bytecode[start : start + 1] == bytes([RESUME_3_13]) else ("3.11", "3.12")
        # 149 is COPY_FREE_VARS to 3.11 and 3.12, where RESUME follows: there its argument is never 0.
        if versions == ("3.13",) and start == 0 and code.bytecode[1:2] != b"\0":
            versions = ("3.11", "3.12")
    return tuple(DIALECTS[version] for version in versions)
