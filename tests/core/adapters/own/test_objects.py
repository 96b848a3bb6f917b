"""Objects that say themselves what they are, that refuse, and that stand in several places."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

import strongbox
from strongbox.errors import MismatchError
from tests.core.adapters.own.agents import (
    Small,
    Statistics,
    saved,
    trained,
)


class Ring:
    """A queue that keeps its content in an order of its own."""

    def __init__(self, content: list[int]) -> None:
        self._left, self._right = content[: len(content) // 2], content[len(content) // 2 :]
        self.rng = numpy.random.default_rng(len(content))
        self.given: dict[str, Any] = {}

    def __strongbox_state__(self) -> dict[str, Any]:
        return {"content": self._left + self._right, "array": numpy.array(self._right), "rng": self.rng}

    def __strongbox_restore__(self, state: dict[str, Any]) -> None:
        self.given = dict(state)
        self._left, self._right = state["content"], []


class Holder:
    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.tail: tuple[Any, ...] = (1, Ring([1, 2]), numpy.random.default_rng(1))


def test_an_object_gives_and_takes_its_own_state() -> None:
    holder, other = Holder(Ring([1, 2, 3, 4])), Holder(Ring([9, 8, 7, 6]))
    holder.ring.rng.random()
    holder.tail = (5, *holder.tail[1:])
    content = saved(holder)
    archive = strongbox.open(content)
    assert archive.data["ring.content"] == [1, 2, 3, 4]
    assert "ring._left" not in archive.data
    ring, rng = other.ring, other.ring.rng
    strongbox.load(content, into=other)
    assert other.ring is ring
    assert ring.given["content"] == [1, 2, 3, 4]
    assert ring.given["array"].tolist() == [3, 4]
    assert ring.given["rng"] is rng
    assert rng.random() == holder.ring.rng.random()
    assert other.tail[0] == 5
    assert type(other.tail) is tuple


class Refusing(Statistics):
    """An object that takes no other state."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.mean = state["mean"]
        if state["count"] != 1.0:
            raise ValueError("it is full")
        self.count = state["count"]


class Pair:
    def __init__(self, count: float) -> None:
        self.first, self.second = Statistics(), Refusing()
        self.first.mean[:] = count
        self.second.mean[:] = count
        self.second.count = numpy.float64(count)
        self.number = count


def test_a_class_that_refuses_its_state_leaves_everything_as_it_was() -> None:
    agent = Pair(1.0)
    before = saved(agent)
    with pytest.raises(MismatchError, match=r"expected second to fit this agent.*ValueError: it is full"):
        strongbox.load(saved(Pair(2.0)), into=agent)
    assert saved(agent) == before


class Node:
    """A node of a ring of objects."""

    __slots__ = ("_Node__secret", "__weakref__", "array", "following")

    def __init__(self, number: int) -> None:
        self.array = numpy.full(2, number)
        self._Node__secret = number
        self.following: Node = self


def test_objects_in_a_circle_are_each_kept_once() -> None:
    first, second = Node(1), Node(2)
    first.following, second.following = second, first
    archive = strongbox.open(saved(first))
    assert archive.shared == {}
    assert set(archive.data) == {"_Node__secret", "following._Node__secret"}
    one, two = Node(5), Node(6)
    one.following, two.following = two, one
    strongbox.load(saved(first), into=one)
    assert (one._Node__secret, two._Node__secret, two.array.tolist()) == (1, 2, [2, 2])
    assert one.following.following is one


def test_what_was_one_and_what_is_one() -> None:
    """An archive fills what is two here from the one it has; what is one here takes no two."""
    apart, together = Small(), Small()
    together.other = together.array  # type: ignore[attr-defined]
    together.array[:] = 3
    apart.other = numpy.zeros(3)  # type: ignore[attr-defined]
    assert strongbox.open(saved(together)).shared == {"other": "array"}
    strongbox.load(saved(together), into=apart)
    assert apart.other.tolist() == [3, 3, 3]  # type: ignore[attr-defined]
    with pytest.raises(MismatchError, match=r"expected 'other' and 'array' to be one.*found two"):
        strongbox.load(saved(apart), into=together)


class Outer:
    """An agent whose settings stand in two places, or in each place others."""

    def __init__(self, *, together: bool) -> None:
        self.settings = SimpleNamespace(rate=1.0, table=numpy.zeros(2), inner=SimpleNamespace(deep=[1]))
        self.user = SimpleNamespace(settings=self.settings if together else copy.deepcopy(self.settings))


def test_an_object_in_two_places_fills_two_objects_and_not_the_other_way_round() -> None:
    together, apart = Outer(together=True), Outer(together=False)
    together.settings.rate, together.settings.inner.deep = 3.0, [7]
    together.settings.table[:] = 5
    content = saved(together)
    assert strongbox.open(content).shared == {"user.settings": "settings"}
    assert saved(strongbox.load(content, into=Outer(together=True))) == content
    strongbox.load(content, into=apart)
    assert apart.user.settings is not apart.settings
    assert (apart.user.settings.rate, apart.user.settings.inner.deep) == (3.0, [7])
    assert apart.user.settings.table.tolist() == [5, 5]
    with pytest.raises(MismatchError, match=r"with user\.settings\.inner\.deep, .*which this agent does not have"):
        strongbox.load(saved(apart), into=together)


def test_the_same_agent_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = trained(3, 4), trained(3, 4)
    attributes = dict(reversed(list(vars(second).items())))
    vars(second).clear()
    vars(second).update(attributes)
    assert saved(first) == saved(second)
    report = strongbox.save(first, tmp_path / "agent")
    assert report.path == str(tmp_path / "agent.zip")
    assert (tmp_path / "agent.zip").read_bytes() == saved(first)
