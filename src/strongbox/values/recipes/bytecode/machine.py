"""A stack machine for arithmetic on Python's numbers, with a limit on its steps.

Values are ints, floats and truth values, and the few functions that may be called. What an instruction does is
done by Python's own operators, so the result is the one that Python would give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ....errors import FormatError
from .arithmetic import (
    BINARY,
    BUILTINS,
    COMPARISONS,
    FUNCTIONS,
    INTEGER_BITS,
    LARGEST_EXPONENT,
    MATH,
    MATHEMATICS,
    NULL,
    NUMBERED,
    UNARY_POSITIVE,
)
from .dialects import Dialect
from .instructions import Instruction

__all__ = ["Machine"]

UNSET = object()
"""A local variable that has no value yet."""

Step: TypeAlias = Callable[["Machine", int], None]


class Machine:
    """Runs one program; ``steps`` counts its instructions over all runs.

    ``constants`` and ``names`` are those of the code, ``free`` the content of its free variables, ``globals`` what
    names stand for besides the builtins. ``lookup`` turns any of them into a value, or raises FormatError.
    """

    def __init__(
        self,
        program: Sequence[Instruction],
        dialect: Dialect,
        *,
        constants: Sequence[Any],
        names: Sequence[str],
        free: Sequence[Any],
        globals: Mapping[str, Any],
        lookup: Callable[[Any], Any],
        variables: int,
        stack_size: int,
        most_steps: int,
    ) -> None:
        self.program = program
        self.dialect = dialect
        self.constants = constants
        self.names = names
        self.free = free
        self.globals = globals
        self.lookup = lookup
        self.variables = variables
        self.stack_size = stack_size
        self.steps = 0
        self.most_steps = most_steps
        self.stack: list[Any] = []
        self.locals: list[Any] = []
        self.blocks: list[tuple[int, int]] = []
        self.next = 0
        self.result: Any = None
        self.is_done = False

    def run(self, arguments: Sequence[Any]) -> Any:
        """What the program returns; raises FormatError where it does anything but arithmetic."""
        self.stack, self.blocks, self.next, self.is_done = [], [], 0, False
        self.locals = [*arguments, *[UNSET] * (self.variables - len(arguments))]
        while not self.is_done:
            self.steps += 1
            if self.steps > self.most_steps:
                raise FormatError(f"expected a function of at most {self.most_steps:,} steps, found more")
            instruction = self.program[self.next]
            self.next += 1
            STEPS[instruction.name](self, instruction.argument)
            if len(self.stack) > self.stack_size:
                raise FormatError("expected no more values on the stack than the code declares, found more")
        if self.stack:
            raise FormatError("expected nothing on the stack at the end, found something")
        return self.result

    # -- the stack ----------------------------------------------------------------------------------

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def pop(self) -> Any:
        """Take the value from the top of the stack."""
        return self.stack.pop()

    def pop_number(self) -> Any:
        """Take a number from the top of the stack."""
        value = self.stack.pop()
        if type(value) not in (float, int, bool):
            raise FormatError("expected a number, found something else")
        return value

    def push_number(self, value: Any) -> None:
        """Put the result of a computation on the stack."""
        if type(value) not in (float, int, bool):
            raise FormatError(f"expected a number as a result, found {type(value).__name__}")
        if type(value) is int and value.bit_length() > INTEGER_BITS:
            raise FormatError(f"expected a whole number of at most {INTEGER_BITS} bits, found a larger one")
        self.stack.append(value)

    # -- names and variables ------------------------------------------------------------------------

    def load_const(self, argument: int) -> None:
        """A constant of the code."""
        self.push(self.lookup(self.constants[argument]))

    def load_fast(self, argument: int) -> None:
        """A local variable."""
        value = self.locals[argument]
        if value is UNSET:
            raise FormatError("expected a variable with a value, found one without")
        self.push(value)

    def store_fast(self, argument: int) -> None:
        """Set a local variable."""
        self.locals[argument] = self.pop()

    def load_fast_load_fast(self, argument: int) -> None:
        """Two local variables."""
        self.load_fast(argument >> 4)
        self.load_fast(argument & 15)

    def store_fast_load_fast(self, argument: int) -> None:
        """Set one local variable, then load one."""
        self.store_fast(argument >> 4)
        self.load_fast(argument & 15)

    def store_fast_store_fast(self, argument: int) -> None:
        """Set two local variables."""
        self.store_fast(argument >> 4)
        self.store_fast(argument & 15)

    def load_deref(self, argument: int) -> None:
        """A free variable."""
        index = argument if self.dialect.has_cells_apart else argument - self.variables
        if index < 0:
            raise FormatError("expected a free variable, found a local one")
        self.push(self.lookup(self.free[index]))

    def load_global(self, argument: int) -> None:
        """A global variable, or a builtin function that none hides."""
        index = argument >> 1 if self.dialect.has_flags else argument
        function_first = self.dialect.version == "3.13"
        has_null = self.dialect.has_flags and argument & 1
        if has_null and not function_first:
            self.push(NULL)
        name = self.names[index]
        if name in self.globals:
            self.push(self.lookup(self.globals[name]))
        elif name in BUILTINS:
            self.push(BUILTINS[name])
        else:
            raise FormatError(f"expected a number or a function of arithmetic, found {name[:60]}")
        if has_null and function_first:
            self.push(NULL)

    def load_attr(self, argument: int) -> None:
        """A function or constant of math."""
        index = argument >> 1 if self.dialect.has_method_flags else argument
        self._load_attribute(index, as_method=self.dialect.has_method_flags and bool(argument & 1))

    def load_method(self, argument: int) -> None:
        """A function of math that is to be called."""
        self._load_attribute(argument, as_method=True)

    def _load_attribute(self, index: int, *, as_method: bool) -> None:
        name = self.names[index]
        if self.pop() is not MATH or name not in MATHEMATICS:
            raise FormatError(f"expected a name of math, found {name[:60]}")
        self.push(MATHEMATICS[name])
        if as_method:
            self.push(NULL)

    def import_name(self, argument: int) -> None:
        """``import math``."""
        names, level = self.pop(), self.pop()
        if self.names[argument] != "math" or names is not None or level != 0:
            raise FormatError("expected no import but that of math, found another")
        self.push(MATH)

    # -- arithmetic ---------------------------------------------------------------------------------

    def binary(self, name: str) -> None:
        """An operator on the two numbers on top."""
        right, left = self.pop_number(), self.pop_number()
        if name == "POWER" and type(left) is not float and type(right) is not float and abs(right) > LARGEST_EXPONENT:
            raise FormatError("expected a power of a whole number with a small exponent, found a large one")
        self.push_number(BINARY[name](left, right))

    def binary_op(self, argument: int) -> None:
        """An operator told by its number."""
        name = NUMBERED.get(argument) or NUMBERED.get(argument - 13)
        if name is None:
            raise FormatError("expected an operator of arithmetic, found another")
        self.binary(name)

    def compare_op(self, argument: int) -> None:
        """A comparison."""
        index = argument >> self.dialect.comparison
        if index >= len(COMPARISONS):
            raise FormatError("expected a comparison of numbers, found another")
        right, left = self.pop_number(), self.pop_number()
        self.push(COMPARISONS[index](left, right))

    def unary_negative(self, argument: int) -> None:
        """``-x``"""
        self.push_number(-self.pop_number())

    def unary_positive(self, argument: int) -> None:
        """``+x``"""
        self.push_number(+self.pop_number())

    def unary_not(self, argument: int) -> None:
        """``not x``"""
        self.push(not self.pop_number())

    def to_bool(self, argument: int) -> None:
        """``bool(x)``"""
        self.push(bool(self.pop_number()))

    def call_intrinsic(self, argument: int) -> None:
        """``+x``, since 3.12."""
        if argument != UNARY_POSITIVE:
            raise FormatError("expected a sign, found something else")
        self.unary_positive(argument)

    def call(self, argument: int, *, beside: bool = True) -> None:
        """Call a function with so many numbers; ``beside`` says that a NULL lies beside it."""
        arguments = [self.pop_number() for _ in range(argument)][::-1]
        found = [self.pop() for _ in range(2 if beside else 1)]
        called = [part for part in found if part is not NULL]
        if len(called) != 1 or id(called[0]) not in FUNCTIONS:
            raise FormatError("expected a call of a function of arithmetic, found another")
        self.push_number(called[0](*arguments))

    def call_function(self, argument: int) -> None:
        """Call a function, before 3.11."""
        self.call(argument, beside=False)

    # -- order of the stack -------------------------------------------------------------------------

    def rotate(self, count: int) -> None:
        """Put the top value below the next ones."""
        if not 2 <= count <= len(self.stack):
            raise FormatError("expected as many values as are rotated, found fewer")
        self.stack.insert(len(self.stack) - count, self.stack.pop())

    def swap(self, argument: int) -> None:
        """Exchange the top value with the one at a depth."""
        if not 2 <= argument <= len(self.stack):
            raise FormatError("expected as many values as are swapped, found fewer")
        self.stack[-1], self.stack[-argument] = self.stack[-argument], self.stack[-1]

    def copy(self, argument: int) -> None:
        """Put the value at a depth on top once more."""
        if not 1 <= argument <= len(self.stack):
            raise FormatError("expected as many values as are copied, found fewer")
        self.stack.append(self.stack[-argument])

    def copy_two(self, argument: int) -> None:
        """Put the two top values on top once more."""
        self.copy(2)
        self.copy(2)

    # -- jumps --------------------------------------------------------------------------------------

    def jump(self, target: int) -> None:
        """Go on elsewhere."""
        self.next = target

    def jump_if_false(self, target: int) -> None:
        """Take a value, and jump where it is false."""
        if not self.pop_number():
            self.next = target

    def jump_if_true(self, target: int) -> None:
        """Take a value, and jump where it is true."""
        if self.pop_number():
            self.next = target

    def jump_if_false_or_pop(self, target: int) -> None:
        """Jump where the top value is false, otherwise take it."""
        self.copy(1)
        if not self.pop_number():
            self.next = target
        else:
            self.pop()

    def jump_if_true_or_pop(self, target: int) -> None:
        """Jump where the top value is true, otherwise take it."""
        self.copy(1)
        if self.pop_number():
            self.next = target
        else:
            self.pop()

    def setup_loop(self, target: int) -> None:
        """Remember where a loop ends."""
        self.blocks.append((target, len(self.stack)))

    def pop_block(self, argument: int) -> None:
        """Forget the loop that is done."""
        self.blocks.pop()

    def break_loop(self, argument: int) -> None:
        """Leave a loop."""
        self.next, height = self.blocks.pop()
        del self.stack[height:]

    def return_value(self, argument: int) -> None:
        """Return the top value."""
        self.result, self.is_done = self.pop(), True

    def return_const(self, argument: int) -> None:
        """Return a constant."""
        self.result, self.is_done = self.lookup(self.constants[argument]), True

    def nothing(self, argument: int) -> None:
        """Do nothing: the instruction is about how Python runs code."""

    def discard(self, argument: int) -> None:
        """Throw the top value away."""
        self.pop()

    def push_null(self, argument: int) -> None:
        """Put a NULL on the stack."""
        self.push(NULL)


def _operator(name: str) -> Step:
    return lambda machine, argument: machine.binary(name)


def _rotation(count: int) -> Step:
    return lambda machine, argument: machine.rotate(count)


STEPS: dict[str, Step] = {
    **{f"BINARY_{name}": _operator(name) for name in BINARY},
    **{f"INPLACE_{name}": _operator(name) for name in BINARY},
    **{f"ROT_{name}": _rotation(count) for name, count in (("TWO", 2), ("THREE", 3), ("FOUR", 4))},
    "BINARY_OP": Machine.binary_op,
    "BREAK_LOOP": Machine.break_loop,
    "CALL": Machine.call,
    "CALL_FUNCTION": Machine.call_function,
    "CALL_INTRINSIC_1": Machine.call_intrinsic,
    "CALL_METHOD": Machine.call,
    "COMPARE_OP": Machine.compare_op,
    "CONTINUE_LOOP": Machine.jump,
    "COPY": Machine.copy,
    "COPY_FREE_VARS": Machine.nothing,
    "DUP_TOP": lambda machine, argument: machine.copy(1),
    "DUP_TOP_TWO": Machine.copy_two,
    "IMPORT_NAME": Machine.import_name,
    "JUMP_ABSOLUTE": Machine.jump,
    "JUMP_BACKWARD": Machine.jump,
    "JUMP_FORWARD": Machine.jump,
    "JUMP_IF_FALSE_OR_POP": Machine.jump_if_false_or_pop,
    "JUMP_IF_TRUE_OR_POP": Machine.jump_if_true_or_pop,
    "LOAD_ATTR": Machine.load_attr,
    "LOAD_CONST": Machine.load_const,
    "LOAD_DEREF": Machine.load_deref,
    "LOAD_FAST": Machine.load_fast,
    "LOAD_FAST_CHECK": Machine.load_fast,
    "LOAD_FAST_LOAD_FAST": Machine.load_fast_load_fast,
    "LOAD_GLOBAL": Machine.load_global,
    "LOAD_METHOD": Machine.load_method,
    "NOP": Machine.nothing,
    "POP_BLOCK": Machine.pop_block,
    "POP_JUMP_BACKWARD_IF_FALSE": Machine.jump_if_false,
    "POP_JUMP_BACKWARD_IF_TRUE": Machine.jump_if_true,
    "POP_JUMP_FORWARD_IF_FALSE": Machine.jump_if_false,
    "POP_JUMP_FORWARD_IF_TRUE": Machine.jump_if_true,
    "POP_JUMP_IF_FALSE": Machine.jump_if_false,
    "POP_JUMP_IF_TRUE": Machine.jump_if_true,
    "POP_TOP": Machine.discard,
    "PRECALL": Machine.nothing,
    "PUSH_NULL": Machine.push_null,
    "RESUME": Machine.nothing,
    "RETURN_CONST": Machine.return_const,
    "RETURN_VALUE": Machine.return_value,
    "ROT_N": Machine.rotate,
    "SETUP_LOOP": Machine.setup_loop,
    "STORE_FAST": Machine.store_fast,
    "STORE_FAST_LOAD_FAST": Machine.store_fast_load_fast,
    "STORE_FAST_STORE_FAST": Machine.store_fast_store_fast,
    "SWAP": Machine.swap,
    "TO_BOOL": Machine.to_bool,
    "UNARY_NEGATIVE": Machine.unary_negative,
    "UNARY_NOT": Machine.unary_not,
    "UNARY_POSITIVE": Machine.unary_positive,
}
"""What each instruction does."""
