"""A function by value as a table of its results, where all that it does is arithmetic on its argument.

The function is worked out at 1,025 points of the progress that remains; half way between these it is worked out again,
which says how good the table is. Where its code may be in two bytecodes, both must give the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy

from ....errors import FormatError
from ....pickles import Global, Node
from ...names import current_name
from ...schedules import TableSchedule, tabulate
from ..code import CLOUDPICKLE, GENERATOR_FLAGS, Code, Function, called
from .arithmetic import MATH, MATHEMATICS
from .dialects import Dialect, find_dialects
from .instructions import read_instructions
from .machine import Machine

__all__ = ["MOST_STEPS", "Evaluate", "read_evaluators", "tabulate_function"]

Evaluate: TypeAlias = Callable[[float], float]

MOST_STEPS = 300_000
"""Instructions that one table may take; one of real schedules takes 20,000 to 100,000."""
LARGEST_STACK = 64
STARRED_FLAGS = 0x04 | 0x08
"""Flags of functions that take any number of arguments."""


def tabulate_function(function: Function) -> TableSchedule:
    """The table of a function by value; raises FormatError where it does anything but arithmetic."""
    source = f"{function.module}.{function.qualified_name}"
    tables, problems = [], []
    for evaluate in read_evaluators(function):
        try:
            tables.append(tabulate(evaluate, source=source))
        except FormatError as error:
            problems.append(error)
    if not tables:
        raise problems[0]
    if any(not numpy.array_equal(table.values, tables[0].values) for table in tables):
        raise FormatError("expected bytecode of one Python, found that it means two things")
    return tables[0]


def read_evaluators(function: Function) -> list[Evaluate]:
    """What works a function out, for each bytecode that it may be in.

    Raises FormatError where it is no function of one argument, or has instructions that are not of arithmetic.
    """
    code = function.code
    if code.flags & (GENERATOR_FLAGS | STARRED_FLAGS) or code.keyword_count or code.cell_names or code.exceptions:
        raise FormatError("expected an ordinary function of its arguments alone, found another")
    if len(function.defaults) < code.argument_count - 1 or code.argument_count < 1:
        raise FormatError(f"expected a function of one argument, found one of {code.argument_count}")
    if code.stack_size > LARGEST_STACK or code.argument_count > len(code.variables):
        raise FormatError("expected a function with a small stack, found another")
    found, problems = [], []
    for dialect in find_dialects(code):
        try:
            found.append(_evaluator(function, dialect))
        except FormatError as error:
            problems.append(error)
    if not found:
        raise problems[0]
    return found


def _evaluator(function: Function, dialect: Dialect) -> Evaluate:
    code = function.code
    machine = Machine(
        read_instructions(code, dialect),
        dialect,
        constants=code.constants,
        names=code.names,
        free=[function.cells[name] for name in code.free_names],
        globals=function.globals,
        lookup=_look_up,
        variables=len(code.variables),
        stack_size=code.stack_size,
        most_steps=MOST_STEPS,
    )
    return _guarded(machine, [_look_up(node) for node in _last(function.defaults, code)])


def _last(defaults: Sequence[Node], code: Code) -> Sequence[Node]:
    """The defaults of all arguments but the first."""
    count = code.argument_count - 1
    return defaults[len(defaults) - count :]


def _guarded(machine: Machine, defaults: Sequence[Any]) -> Evaluate:
    """The function, whose every failure is a FormatError."""

    def evaluate(progress: float) -> float:
        try:
            result = machine.run([progress, *defaults])
        except (ArithmeticError, IndexError, TypeError, ValueError) as error:
            if isinstance(error, FormatError):
                raise
            problem = f"expected a function of every progress, found that it raises {type(error).__name__}"
            raise FormatError(problem) from error
        if type(result) not in (float, int, bool):
            raise FormatError("expected a function that gives a number, found one that does not")
        return float(result)

    return evaluate


def _look_up(node: Node) -> Any:
    """What a node stands for in arithmetic: a number, None, math, or one of its functions."""
    if node is None or type(node) in (float, int, bool):
        return node
    if called(node) == (CLOUDPICKLE, "subimport") and node.arguments == ("math",):
        return MATH
    if type(node) is Global:
        module, name = current_name(node.module, node.name)
        if module == "math" and name in MATHEMATICS:
            return MATHEMATICS[name]
    raise FormatError("expected a number or a function of arithmetic, found something else")
