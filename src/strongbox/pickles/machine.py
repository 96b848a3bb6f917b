"""The state of a pickle machine: stack, marks, memo, and what was named, called and thrown away.

The stack is cut at every MARK: what was pushed before it is out of reach until the MARK is used up.
"""

from __future__ import annotations

from ..errors import FormatError, LimitError, StrongboxError
from ..limits import Limits, how_to_raise
from .budget import Budget
from .names import check_name
from .nodes import Call, Global, Node

__all__ = ["Machine"]


class Machine:
    """One decoding in progress; ``end`` is where its bytes end, ``cut`` says that a limit ended them."""

    __slots__ = (
        "budget",
        "called",
        "cut",
        "data",
        "end",
        "limits",
        "marks",
        "memo",
        "named",
        "persistent",
        "popped",
        "stack",
    )

    def __init__(self, data: memoryview, *, limits: Limits, budget: Budget, persistent: bool, cut: bool) -> None:
        self.data = data
        self.end = len(data)
        self.cut = cut
        self.limits = limits
        self.budget = budget
        self.persistent = persistent
        self.stack: list[Node] = []
        self.marks: list[list[Node]] = []
        self.memo: dict[int, Node] = {}
        self.named: dict[tuple[str, str], Global] = {}
        self.called: dict[Global, None] = {}
        self.popped: list[Call] = []

    def shortage(self) -> StrongboxError:
        """The error to raise where the bytes end too early."""
        if self.cut:
            return LimitError(
                f"expected a pickle of at most {self.limits.pickle_bytes} bytes, found a longer one.",
                hint=how_to_raise("pickle_bytes"),
            )
        return FormatError("expected more of the pickle, found the end of its bytes.", hint="The file is cut short.")

    def pop_mark(self) -> list[Node]:
        """Take what was pushed since the last MARK off the stack, the MARK too."""
        if not self.marks:
            raise FormatError("expected a MARK on the stack, found none.")
        items = self.stack
        self.stack = self.marks.pop()
        return items

    def pop_many(self, count: int) -> list[Node]:
        """Take ``count`` values off the stack."""
        stack = self.stack
        if len(stack) < count:
            raise FormatError(f"expected {count} values on the stack, found {len(stack)}.")
        items = stack[-count:]
        del stack[-count:]
        return items

    def memoize(self, index: int) -> None:
        """Remember the value on top of the stack under ``index``."""
        memo = self.memo
        memo[index] = self.stack[-1]
        if len(memo) > self.limits.pickle_memo:
            raise LimitError(
                f"expected at most {self.limits.pickle_memo} entries in a pickle's memo, found more.",
                hint=how_to_raise("pickle_memo"),
            )

    def recall(self, index: int) -> None:
        """Push what was remembered under ``index``."""
        try:
            self.stack.append(self.memo[index])
        except KeyError:
            raise FormatError(f"expected memo entry {index} to be set, found it empty.") from None

    def name(self, module: Node, name: Node) -> None:
        """Push the Global of this name; the same name gives the same node."""
        if type(module) is not str or type(name) is not str:
            raise FormatError("expected a name as two strings, found other values.")
        known = self.named.get((module, name))
        if known is None:
            check_name(module, name)
            known = self.named[module, name] = Global(module, name)
        self.stack.append(known)

    def call(self, function: Node, arguments: Node, kind: str) -> None:
        """Push the Call that says what an ordinary unpickler would have called here."""
        if type(function) is Global:
            self.called[function] = None
        elif type(function) is not Call:
            raise FormatError(f"expected a name to call, found a value of type {type(function).__name__}.")
        if type(arguments) is not tuple:
            raise FormatError(f"expected a tuple of arguments, found a value of type {type(arguments).__name__}.")
        self.stack.append(Call(function, arguments, kind=kind))
