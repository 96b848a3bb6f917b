"""Things of Python that are kept by name: classes, functions, enum members, named tuples, partial calls."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from ..records import record
from . import checks
from .equality import same

__all__ = ["ClassReference", "EnumMember", "FunctionReference", "NamedTuple", "Partial"]


@record(frozen=True)
class ClassReference:
    """A class by its module and qualified name; a name, never looked up by the reader."""

    module: str
    name: str

    def __post_init__(self) -> None:
        checks.text(self.module, "a module's name")
        checks.text(self.name, "a class's name")

    @property
    def path(self) -> str:
        """The dotted name, such as ``torch.nn.modules.activation.ReLU``."""
        return f"{self.module}.{self.name}"

    def __repr__(self) -> str:
        return f"ClassReference({self.path})"


@record(frozen=True)
class FunctionReference:
    """A function by its module and qualified name; a name, never looked up by the reader."""

    module: str
    name: str

    def __post_init__(self) -> None:
        checks.text(self.module, "a module's name")
        checks.text(self.name, "a function's name")

    @property
    def path(self) -> str:
        """The dotted name, such as ``torch.nn.init.orthogonal_``."""
        return f"{self.module}.{self.name}"

    def __repr__(self) -> str:
        return f"FunctionReference({self.path})"


@record(frozen=True)
class EnumMember:
    """A member of an enum: the enum by name, the member by its value."""

    enum: ClassReference
    value: int | str

    def __post_init__(self) -> None:
        checks.instance(self.enum, ClassReference, "a reference to an enum")
        checks.check(type(self.value) in (int, str), "expected a member's value to be a whole number or text")

    def __repr__(self) -> str:
        return f"EnumMember({self.enum.path}, {self.value!r})"


@record(frozen=True, eq=False)
class NamedTuple:
    """A named tuple: its class by name, and its items in order (``TrainFreq(4, step)``)."""

    type: ClassReference
    items: tuple[Any, ...]

    def __post_init__(self) -> None:
        checks.instance(self.type, ClassReference, "a reference to a class")
        checks.tuple_of(self.items, object, "the items")

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return hash((self.type, len(self.items)))

    def __repr__(self) -> str:
        return f"{self.type.name}{self.items!r}"


@record(frozen=True, kw_only=True, eq=False)
class Partial:
    """A function or class with some of its arguments given (``functools.partial``)."""

    function: ClassReference | FunctionReference
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checks.instance(self.function, (ClassReference, FunctionReference), "a reference")
        checks.tuple_of(self.arguments, object, "the arguments")
        checks.instance(self.keywords, dict, "a mapping of keywords")
        for name in self.keywords:
            checks.text(name, "a keyword")

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return hash(self.function)
