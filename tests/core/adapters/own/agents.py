"""The agents of these tests, made with numpy alone, and what saves and trains them."""

from __future__ import annotations

import io
import random
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from enum import Enum
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy

import strongbox

__all__ = [
    "AttributeDict",
    "Move",
    "Phase",
    "QLearner",
    "Schedule",
    "Small",
    "Statistics",
    "saved",
    "small",
    "trained",
]


class Phase(Enum):
    EXPLORE = "explore"
    EXPLOIT = "exploit"


class Move(NamedTuple):
    state: int
    action: int
    reward: float


@dataclass(frozen=True)
class Schedule:
    start: float = 1.0
    history: list[float] = field(default_factory=list)
    position: int = 0


class Statistics:
    """Running statistics that give and take a state dict of arrays."""

    def __init__(self) -> None:
        self.mean, self.count = numpy.zeros(3), numpy.float64(0.0)

    def state_dict(self) -> dict[str, Any]:
        return {"mean": self.mean, "count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        assert state["mean"].shape == (3,)
        self.mean, self.count = state["mean"], state["count"]


class AttributeDict(dict[str, Any]):
    """A dictionary whose items are attributes, too."""

    def __init__(self, **items: Any) -> None:
        super().__init__(items)
        self.__dict__ = self


class QLearner:
    """An agent with everything that a table and a loop may need."""

    def __init__(self, states: int = 4, seed: int = 0) -> None:
        self.states = states
        self.table = numpy.zeros((states, 2))
        self.view = self.table[1]
        self.visits: Any = defaultdict(lambda: numpy.zeros(2, numpy.int64))
        self.counts: Counter[int] = Counter()
        self.rng = numpy.random.default_rng(seed)
        self.python = random.Random(seed)
        self.legacy = numpy.random.RandomState(seed)
        self.shared_rng = self.rng
        self.memory: list[Move] = []
        self.recent: deque[Any] = deque(maxlen=3)
        self.phase = Phase.EXPLORE
        self.schedule = Schedule()
        self.settings = SimpleNamespace(rate=0.1, names=("a", "b"), nested={"x": {1, 2}})
        self.statistics = Statistics()
        self.weights = {"hidden": numpy.ones((2, 2), numpy.float32), "output": numpy.ones(2)}
        self.large = 1 << 200
        self.config = AttributeDict(rate=1.0)
        self.swapped = numpy.zeros(2, ">f8")
        self.steps = 0

    def step(self) -> None:
        """One step, in which everything changes."""
        state = int(self.rng.integers(self.states))
        reward = self.python.random() + self.legacy.normal()
        self.table[state, self.steps % 2] += reward
        self.visits[(state, self.steps % 2)][0] += 1
        self.counts[state] += 1
        self.memory.append(Move(state, self.steps % 2, reward))
        self.recent.append((state, numpy.float32(reward)))
        self.phase = Phase.EXPLOIT
        self.config["rate"] /= 2
        self.swapped += reward
        self.schedule.history.append(reward)
        object.__setattr__(self.schedule, "position", self.schedule.position + 1)
        self.settings.rate *= 0.9
        self.statistics.mean += reward
        self.statistics.count = self.statistics.count + 1.0
        self.weights["hidden"] *= numpy.float32(1.5)
        self.steps += 1


def saved(agent: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    strongbox.save(agent, file, **options)
    return file.getvalue()


def trained(seed: int, steps: int) -> QLearner:
    agent = QLearner(seed=seed)
    for _ in range(steps):
        agent.step()
    return agent


class Small:
    """An agent of a few attributes, each of another kind."""

    def __init__(self) -> None:
        self.number, self.text, self.row = 1, "one", [1, 2]
        self.array = numpy.zeros(3)
        self.rng = numpy.random.default_rng(0)
        self.phase = Phase.EXPLORE
        self.kind: type = Small
        self.moves = [Move(0, 1, 2.0)]


def small(**changes: Any) -> Small:
    agent = Small()
    for name, value in changes.items():
        setattr(agent, name, value)
    return agent
