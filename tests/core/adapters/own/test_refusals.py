"""Where a class of the caller's refuses what it is given, the agent is what it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy
import pytest

import strongbox
from strongbox.errors import MismatchError
from tests.core.adapters.own.agents import saved


class Sealed:
    """An object that does not let itself be changed from outside."""

    def __init__(self, number: int = 1) -> None:
        self.__dict__["number"] = number

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("it is sealed")


class Short:
    """An object that takes a few items back, and not many."""

    def __init__(self, number: int = 1) -> None:
        self.items = list(range(number))

    def __strongbox_state__(self) -> Mapping[str, Any]:
        return {"items": list(self.items)}

    def __strongbox_restore__(self, state: Mapping[str, Any]) -> None:
        self.items.clear()
        for item in state["items"]:
            if item > 1:
                raise ValueError("it is full")
            self.items.append(item)


class Agent:
    def __init__(self, part: Any) -> None:
        self.array, self.before, self.part, self.row, self.steps = numpy.zeros(2), (1, 2), part, [1], 0
        self.rng = numpy.random.default_rng(0)


@pytest.mark.parametrize(
    ("kind", "message"),
    [(Sealed, r"part.number to take .* AttributeError: it is sealed.*skip"), (Short, r"part to take .* it is full")],
)
def test_an_object_that_refuses_what_it_is_given_leaves_everything_as_it_was(kind: Any, message: str) -> None:
    agent, live = Agent(kind(7)), Agent(kind())
    agent.array[:], agent.row, agent.steps = 5.0, [2, 3], 9
    agent.rng.random()
    before, array, row = saved(live), live.array, live.row
    with pytest.raises(MismatchError, match=message):
        strongbox.load(saved(agent), into=live)
    assert saved(live) == before
    assert live.array is array
    assert live.row is row
