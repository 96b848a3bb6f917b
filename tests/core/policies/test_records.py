"""Records are frozen dataclasses in all that matters."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, field, fields, is_dataclass, replace
from typing import Any

import pytest

from strongbox.policies.records import record


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


def test_there_is_no_other_kind() -> None:
    with pytest.raises(TypeError, match="frozen"):
        record(frozen=False, eq=False)
    with pytest.raises(TypeError, match="frozen"):
        record(frozen=True, eq=True)
