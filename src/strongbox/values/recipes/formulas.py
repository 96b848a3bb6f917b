"""The functions by value that are known to be schedules.

Two tables. KNOWN are the functions of Stable-Baselines3 and rl-zoo3, told by the module that they were
defined in, their qualified name, the names they use, the constants in them and their cells.

People also write these few formulas themselves (``lambda f: f * 2.5e-4``), in modules and under names
that prove nothing. PROVEN holds every bytecode that Pythons 3.6 to 3.13 make of them: a function whose
bytecode is one of these, with one argument, is that formula whatever it is called. Cells are meant by
index there (``FREE_VALUES``), a constant by its place in the code's constants, which is 1.

Nothing is executed: a schedule is made from the cells or the constant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from ...records import record
from ..schedules import ConstantSchedule, LinearSchedule
from .code import GENERATOR_FLAGS, Code, Function
from .numbers import to_float
from .schedules import as_float

__all__ = ["Make", "recognise"]

Make: TypeAlias = Callable[..., Any]


def constant(value: Any) -> ConstantSchedule:
    """``return value``"""
    return ConstantSchedule(value=to_float(value))


def proportional(start: Any) -> LinearSchedule:
    """``return progress_remaining * start``"""
    return LinearSchedule(start=to_float(start), end=0.0)


def linear(end: Any, end_fraction: Any, start: Any) -> LinearSchedule:
    """From start to end, with the cells in the order of their names."""
    return LinearSchedule(start=to_float(start), end=to_float(end), end_fraction=to_float(end_fraction))


@record(frozen=True)
class Known:
    """A known function: where it is defined and what it uses; ``cells`` in the order of their names."""

    modules: frozenset[str]
    qualified_name: str
    cells: tuple[str, ...]
    make: Make
    names: tuple[str, ...] = ()
    constants: frozenset[float] = frozenset()

    def fits(self, function: Function) -> bool:
        """Whether a function is this one."""
        code = function.code
        numbers = [part for part in code.constants if part is not None and type(part) is not str]
        return (
            function.module in self.modules
            and function.qualified_name == self.qualified_name
            and code.names == self.names
            and tuple(sorted(code.free_names)) == self.cells
            and all(type(part) in (int, float) and part in self.constants for part in numbers)
        )


SB3 = frozenset({"stable_baselines3.common.utils", "stable_baselines3.common.schedules"})
ZOO = frozenset({"utils", "utils.utils", "zoo.utils", "rl_zoo.utils", "rl_zoo3.utils"})
ZOO_FUNCTION = "linear_schedule.<locals>.func"

KNOWN = (
    Known(SB3, "constant_fn.<locals>.func", ("val",), constant),
    Known(SB3, "get_linear_fn.<locals>.func", ("end", "end_fraction", "start"), linear, constants=frozenset({1})),
    Known(SB3, "get_schedule_fn.<locals>.<lambda>", ("value_schedule",), as_float, names=("float",)),
    Known(ZOO, ZOO_FUNCTION, ("initial_value",), proportional),
    Known(ZOO, ZOO_FUNCTION, ("initial_value_",), proportional),
)

FREE_VALUES: dict[Make, tuple[str, ...]] = {
    constant: ("88005300", "9501970089015300", "3e01950054012400"),
    proportional: (
        *("7c00880014005300", "950197007c0089017a0500005300", "3e019500550054012d0500002400"),
        *("88007c0014005300", "9501970089017c007a0500005300", "3e019500540155002d0500002400"),
    ),
    linear: (
        "64017c00180088016b04721088005300880264017c001800880088021800140088011b001700530064005300",
        "64017c00180088016b04721088005300880264017c001800880088021800140088011b0017005300",
        "64017c00180088016b04720888005300880264017c001800880088021800140088011b0017005300",
        "9503970064017c007a0a000089026b0400000000720289015300890364017c007a0a0000890189037a0a00007a050000"
        "89027a0b00007a0000005300",
        "9503970064017c007a0a000089026b440000720289015300890364017c007a0a0000890189037a0a00007a050000"
        "89027a0b00007a0000005300",
        "3e039500530155002d0a000054023a94000061020000540124005403530155002d0a0000540154032d0a00002d050000"
        "54022d0b00002d0000002400",
    ),
}
CONSTANT_VALUE: dict[Make, tuple[str, ...]] = {
    constant: ("64015300", "970064015300", "97007901", "95006701"),
    proportional: (
        *("7c00640114005300", "97007c0064017a0500005300", "9500550053012d0500002400"),
        *("64017c0014005300", "970064017c007a0500005300", "9500530155002d0500002400"),
    ),
}
PROVEN_BY_CELLS = {bytes.fromhex(code): make for make, codes in FREE_VALUES.items() for code in codes}
PROVEN_BY_CONSTANT = {bytes.fromhex(code): make for make, codes in CONSTANT_VALUE.items() for code in codes}
CELL_COUNTS = {constant: 1, proportional: 1, linear: 3}


def recognise(function: Function) -> tuple[Make, list[Any]] | None:
    """What makes the schedule that a function is, and the nodes to make it from; None where it is none."""
    if function.code.argument_count != 1 or function.code.flags & GENERATOR_FLAGS:
        return None
    for known in KNOWN:
        if known.fits(function):
            return known.make, [function.cells[name] for name in known.cells]
    return _prove(function.code, function.cells)


def _prove(code: Code, cells: dict[str, Any]) -> tuple[Make, list[Any]] | None:
    make = PROVEN_BY_CELLS.get(code.bytecode)
    if make is not None and len(code.free_names) == len(cells) == CELL_COUNTS[make]:
        one = code.constants[1:2] == (1,) or make is not linear
        return (make, [cells[name] for name in code.free_names]) if one else None
    make = PROVEN_BY_CONSTANT.get(code.bytecode)
    if make is not None and not code.free_names and len(code.constants) == 2:
        return make, [code.constants[1]]
    return None
