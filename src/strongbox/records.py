"""Frozen dataclasses that are cheap to define.

``dataclasses.dataclass`` compiles each method of each class from text when its module is imported: with more than
a hundred classes that is most of what a cold process would need to open an archive. The decorator here
registers the same fields, so that ``fields``, ``replace`` and ``asdict`` of :mod:`dataclasses` work, and
shares methods that were compiled with this module. To a type checker it is ``dataclass`` itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["record"]

Class = TypeVar("Class", bound=type)


class _Plan:
    """What making an instance takes: the names that have a place, all names, and what stands in for missing ones."""

    __slots__ = ("defaults", "factories", "finish", "known", "names", "placed", "required")

    def __init__(self, kind: type) -> None:
        declared: Any = [item for item in fields(kind) if item.init]
        self.names = tuple(item.name for item in declared)
        self.known = frozenset(self.names)
        self.placed = tuple(item.name for item in declared if not item.kw_only)
        self.defaults = {item.name: item.default for item in declared if item.default is not MISSING}
        self.factories = {item.name: item.default_factory for item in declared if item.default_factory is not MISSING}
        self.required = self.known - self.defaults.keys() - self.factories.keys()
        self.finish: Callable[[Any], None] | None = getattr(kind, "__post_init__", None)


_plan = lru_cache(maxsize=None)(_Plan)
"""Made when the first instance of a class is."""


def _initialise(self: Any, *values: Any, **named: Any) -> None:
    """Set each field from the arguments or its default; the names and their number are those of the fields."""
    kind: Any = type(self)
    plan = _plan(kind)
    if values:
        placed = dict(zip(plan.placed, values, strict=False))
        if len(values) > len(placed) or not placed.keys().isdisjoint(named):
            raise TypeError(f"{kind.__name__} takes {list(plan.names)} alone, each once")
        named |= placed
    if not plan.known.issuperset(named):
        raise TypeError(f"{kind.__name__} takes {list(plan.names)} alone, each once")
    content = self.__dict__
    if len(named) < len(plan.names):
        if not plan.required.issubset(named):
            raise TypeError(f"{kind.__name__} needs {sorted(plan.required.difference(named))}")
        content.update(plan.defaults)
        content.update((name, make()) for name, make in plan.factories.items() if name not in named)
    content.update(named)
    if plan.finish is not None:
        plan.finish(self)


def _represent(self: Any) -> str:
    parts = (f"{item.name}={getattr(self, item.name)!r}" for item in fields(self) if item.repr)
    return f"{type(self).__qualname__}({', '.join(parts)})"


def _compared(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, item.name) for item in fields(self) if item.compare)


def _equals(self: Any, other: object) -> Any:
    return _compared(self) == _compared(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_compared(self))


def _refuse_to_set(self: Any, name: str, value: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


METHODS: dict[str, Any] = {
    "__init__": _initialise,
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
}


if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(*, frozen: bool, eq: bool = True, kw_only: bool = False, repr: bool = True) -> Callable[[Class], Class]:
        """As ``dataclass(frozen=True)``; a method that the class defines itself stays."""
        if not frozen:
            raise TypeError("a record is frozen")
        methods = METHODS | ({"__repr__": _represent} if repr else {})
        methods |= {"__eq__": _equals, "__hash__": _hash} if eq else {}

        def decorate(cls: Class) -> Class:
            for name, method in methods.items():
                if vars(cls).get(name) is None:
                    setattr(cls, name, method)
            return dataclass(init=False, repr=False, eq=False, kw_only=kw_only)(cls)

        return decorate
