"""Records are frozen dataclasses in all that matters."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, field, fields, is_dataclass, replace
from typing import Any

import pytest

from strongbox.records import record


@record(frozen=True, eq=False)
class Point:
    """A place."""

    x: int
    y: int = 2
    notes: list[str] = field(default_factory=list, repr=False)

    @property
    def total(self) -> int:
        return self.x + self.y


@record(frozen=True, eq=False)
class Named(Point):
    """A place with a name."""

    name: str = "here"


@record(frozen=True, eq=False, kw_only=True)
class Options:
    """Named alone."""

    first: int
    second: int = 0


def test_fields_are_set_by_place_or_by_name_or_by_default() -> None:
    assert [getattr(Point(1), item.name) for item in fields(Point)] == [1, 2, []]
    assert (Point(1, 3).y, Point(x=4).x, Point(1).total) == (3, 4, 3)
    assert (Named(1, name="there").name, Named(1).y) == ("there", 2)
    assert (Options(first=1).first, Options(second=5, first=1).second) == (1, 5)
    assert Point(1).notes is not Point(1).notes


def test_they_are_frozen_and_equal_to_themselves_alone() -> None:
    point: Any = Point(1)
    with pytest.raises(FrozenInstanceError):
        point.x = 3
    with pytest.raises(FrozenInstanceError):
        del point.x
    assert point == point
    assert point != Point(1)
    assert len({point, Point(1)}) == 2


def test_what_dataclasses_do_with_them() -> None:
    assert is_dataclass(Point)
    assert replace(Point(1), y=7).y == 7
    assert repr(Point(1)) == "Point(x=1, y=2)"
    assert [item.name for item in fields(Named)] == ["x", "y", "notes", "name"]


@pytest.mark.parametrize(
    ("values", "named"),
    [((), {}), ((1, 2, [], 4), {}), ((1,), {"z": 3}), ((1,), {"x": 1})],
)
def test_calls_that_do_not_fit(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Point(*values, **named)
    with pytest.raises(TypeError):
        Options(1)  # type: ignore[call-arg]


@record(frozen=True)
class Pair:
    """Two things, the second of which does not matter."""

    first: Any
    second: Any = field(default=None, compare=False)
    made: bool = field(init=False, compare=False)


class Other(Pair):
    """The same, and no equal."""


@record(frozen=True, repr=False)
class Own:
    """A record with methods of its own."""

    x: int

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError("below zero")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and other.x % 10 == self.x % 10

    def __hash__(self) -> int:
        return self.x % 10

    def __repr__(self) -> str:
        return "own"


def test_those_that_are_compared_are_equal_by_content() -> None:
    assert Pair(1, 2) == Pair(1, 3)
    assert Pair(1) != Pair(2)
    assert Pair(1) != Other(1)
    assert len({Pair(1, 2), Pair(1, 3), Pair(2)}) == 2
    assert not hasattr(Pair(1), "made")
    with pytest.raises(TypeError):
        Pair(1, made=True)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unhashable"):
        hash(Pair([]))


def test_methods_of_a_class_stay_its_own() -> None:
    assert Own(3) == Own(13)
    assert len({Own(3), Own(13)}) == 1
    assert repr(Own(1)) == "own"
    with pytest.raises(ValueError, match="below"):
        Own(-1)
    with pytest.raises(ValueError, match="below"):
        replace(Own(1), x=-1)


def test_they_are_copied_and_pickled() -> None:
    for again in (copy.deepcopy(Pair([1], 2)), pickle.loads(pickle.dumps(Pair([1], 2)))):
        assert (again.first, again.second) == ([1], 2)


def test_there_is_no_other_kind() -> None:
    with pytest.raises(TypeError, match="frozen"):
        record(frozen=False, eq=False)
