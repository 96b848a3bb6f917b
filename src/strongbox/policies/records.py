"""Frozen dataclasses that are cheap to define.

``dataclasses.dataclass`` compiles each method of each class from text when its module is imported. With
dozens of classes that is a third of what a cold process needs to its first action. The decorator here
registers the same fields, so that ``fields`` and ``replace`` of :mod:`dataclasses` work, and shares
methods that were compiled with this module. To a type checker it is ``dataclass`` itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["record"]

Class = TypeVar("Class", bound=type)


def _initialise(self: Any, *values: Any, **named: Any) -> None:
    """Set each field from the arguments or its default; the names and their number are those of the fields."""
    places = iter(values)
    for item in fields(self):
        value: Any = MISSING if item.kw_only else next(places, MISSING)
        if value is MISSING:
            value = named.pop(item.name, item.default)
        factory: Any = item.default_factory
        if value is MISSING and factory is not MISSING:
            value = factory()
        if value is MISSING:
            raise TypeError(f"{type(self).__name__} needs {item.name!r}")
        object.__setattr__(self, item.name, value)
    if named or next(places, MISSING) is not MISSING:
        raise TypeError(f"{type(self).__name__} takes {[item.name for item in fields(self)]} alone, each once")


def _represent(self: Any) -> str:
    parts = (f"{item.name}={getattr(self, item.name)!r}" for item in fields(self) if item.repr)
    return f"{type(self).__qualname__}({', '.join(parts)})"


def _refuse_to_set(self: Any, name: str, value: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(*, frozen: bool, eq: bool, kw_only: bool = False) -> Callable[[Class], Class]:
        """As ``dataclass(frozen=True, eq=False)``, which is the only kind that there is."""
        if not frozen or eq:
            raise TypeError("a record is frozen, and equal to itself alone")

        def decorate(cls: Class) -> Class:
            cls.__init__ = _initialise
            cls.__repr__ = _represent
            cls.__setattr__ = _refuse_to_set
            cls.__delattr__ = _refuse_to_delete
            return dataclass(init=False, repr=False, eq=False, kw_only=kw_only)(cls)

        return decorate
