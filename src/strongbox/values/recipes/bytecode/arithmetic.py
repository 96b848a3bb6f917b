"""What the machine may do to numbers: Python's own operators, and the functions that may be called by name."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

__all__ = [
    "BINARY",
    "BUILTINS",
    "COMPARISONS",
    "FUNCTIONS",
    "INTEGER_BITS",
    "LARGEST_EXPONENT",
    "MATH",
    "MATHEMATICS",
    "NULL",
    "NUMBERED",
    "UNARY_POSITIVE",
]

INTEGER_BITS = 128
LARGEST_EXPONENT = 64
"""Of a whole number that is raised to a whole power."""

NULL = object()
"""What lies on the stack beside a function that is no method."""
MATH = object()
"""The module math."""
MATH_NAMES = (
    *("acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "copysign", "cos", "cosh", "degrees", "e"),
    *("erf", "erfc", "exp", "expm1", "fabs", "floor", "fmod", "gamma", "hypot", "inf", "ldexp", "lgamma", "log"),
    *("log10", "log1p", "log2", "nan", "pi", "pow", "radians", "sin", "sinh", "sqrt", "tan", "tanh", "tau", "trunc"),
)
MATHEMATICS: dict[str, Any] = {name: vars(math)[name] for name in MATH_NAMES}
"""The functions and constants of math that may be used, by name."""
BUILTINS: dict[str, Any] = {"abs": abs, "float": float, "max": max, "min": min}
FUNCTIONS = frozenset(id(part) for part in (*MATHEMATICS.values(), *BUILTINS.values()) if callable(part))

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "ADD": operator.add,
    "FLOOR_DIVIDE": operator.floordiv,
    "MODULO": operator.mod,
    "MULTIPLY": operator.mul,
    "POWER": operator.pow,
    "SUBTRACT": operator.sub,
    "TRUE_DIVIDE": operator.truediv,
}
NUMBERED = {0: "ADD", 2: "FLOOR_DIVIDE", 5: "MULTIPLY", 6: "MODULO", 8: "POWER", 10: "SUBTRACT", 11: "TRUE_DIVIDE"}
"""Arguments of BINARY_OP; those that work in place are 13 more."""
COMPARISONS = (operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge)
UNARY_POSITIVE = 5
"""The argument of CALL_INTRINSIC_1."""
