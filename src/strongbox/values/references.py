"""Things of Python that are kept by name: classes, functions, enum members, named tuples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["ClassReference", "EnumMember", "FunctionReference", "NamedTuple"]


@dataclass(frozen=True)
class ClassReference:
    """A class by its module and qualified name; a name, never looked up by the reader."""

    module: str
    name: str

    @property
    def path(self) -> str:
        """The dotted name, such as ``torch.nn.modules.activation.ReLU``."""
        return f"{self.module}.{self.name}"

    def __repr__(self) -> str:
        return f"ClassReference({self.path})"


@dataclass(frozen=True)
class FunctionReference:
    """A function by its module and qualified name; a name, never looked up by the reader."""

    module: str
    name: str

    @property
    def path(self) -> str:
        """The dotted name, such as ``torch.nn.init.orthogonal_``."""
        return f"{self.module}.{self.name}"

    def __repr__(self) -> str:
        return f"FunctionReference({self.path})"


@dataclass(frozen=True)
class EnumMember:
    """A member of an enum: the enum by name, the member by its value."""

    enum: ClassReference
    value: int | str

    def __repr__(self) -> str:
        return f"EnumMember({self.enum.path}, {self.value!r})"


@dataclass(frozen=True)
class NamedTuple:
    """A named tuple: its class by name, and its items in order (``TrainFreq(4, step)``)."""

    type: ClassReference
    items: tuple[Any, ...]

    def __repr__(self) -> str:
        return f"{self.type.name}{self.items!r}"
