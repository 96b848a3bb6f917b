"""Agents of numpy alone: kept, looked at and put back without torch, gymnasium or SB3."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import strongbox
from strongbox.errors import LimitError, MismatchError, StrongboxError, UnsupportedError
from strongbox.values import same


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


def test_an_agent_goes_on_as_if_it_had_never_stopped() -> None:
    agent, other = trained(1, 9), trained(7, 4)
    content = saved(agent)
    table, rng, memory, visits = other.table, other.rng, other.memory, other.visits
    assert strongbox.load(content, into=other) is other
    assert other.table is table
    assert other.rng is rng
    assert other.shared_rng is rng
    assert other.memory is memory
    assert other.visits is visits
    assert numpy.shares_memory(other.view, other.table)
    assert saved(other) == content
    for _ in range(5):
        agent.step()
        other.step()
    assert saved(other) == saved(agent)
    assert saved(other) != content
    assert type(other.memory[0]) is Move
    assert type(other.counts) is Counter
    assert type(other.config) is AttributeDict
    assert other.config.__dict__["rate"] == agent.config["rate"]
    assert other.visits[(99, 0)].shape == (2,)


def test_a_class_makes_an_agent_of_what_its_constructor_takes() -> None:
    agent = QLearner(states=6, seed=3)
    agent.step()
    content = saved(agent)
    made = strongbox.load(content, cls=QLearner)
    assert made.table.shape == (6, 2)
    assert saved(made) == content
    assert "table" in made.strongbox_report.taken
    assert saved(made) == content, "the report is no part of the agent"


def test_what_an_archive_holds_is_there_by_name() -> None:
    agent = trained(1, 3)
    archive = strongbox.open(saved(agent))
    assert archive.algorithm == f"{__name__}.QLearner"
    assert archive.is_own
    assert list(archive.parameters) == ["statistics"]
    assert archive.variables is not None
    assert set(archive.variables) == {"swapped", "table", "view", "weights.hidden", "weights.output"}
    assert numpy.array_equal(archive.variables["table"], agent.table)
    assert archive.data["settings.names"] == ("a", "b")
    assert archive.shared == {"shared_rng": "rng"}
    assert archive.manifest is not None
    assert set(archive.manifest.arrays) == set(archive.variables)
    assert archive.sb3_version is None
    assert strongbox.check(saved(agent)).clean


def test_without_an_agent_the_parts_are_given_and_save_the_same_again() -> None:
    agent = trained(1, 5)
    content = saved(agent)
    kept = strongbox.load(content)
    assert isinstance(kept, strongbox.Agent)
    assert kept.algorithm == f"{__name__}.QLearner"
    assert numpy.array_equal(kept.variables["table"], agent.table)
    assert kept.variables["table"].flags.writeable
    assert kept.data["rng"].random() == trained(1, 5).rng.random()
    assert kept.data["steps"] == 5
    assert kept.parameters["statistics"]["count"] == 5.0
    again = strongbox.load(saved(strongbox.load(content)))
    assert same(again.data["memory"], kept.data["memory"])
    assert strongbox.diff(content, saved(strongbox.load(content))).equal


def test_a_record_of_parts_is_saved_as_it_is_given() -> None:
    agent = strongbox.Agent(
        algorithm="my.Bandit",
        data={"seed": 3, "arms": (1, 2)},
        parameters={"net": {"weight": numpy.ones((2, 2), numpy.float32)}},
        variables={"values": numpy.arange(3)},
    )
    kept = strongbox.load(saved(agent, exclude="seed"))
    assert kept.data == {"arms": (1, 2)}
    assert kept.left_out == {"seed": "it was left out on request"}
    assert numpy.array_equal(kept.variables["values"], [0, 1, 2])
    with pytest.raises(UnsupportedError, match="two under 'values'"):
        saved(strongbox.Agent(algorithm="a", data={"values": 1}, variables={"values": numpy.ones(1)}))
    with pytest.raises(UnsupportedError, match="a tensor or an array for 'x', found int"):
        saved(strongbox.Agent(algorithm="a", variables={"x": 1}))
    with pytest.raises(MismatchError, match="'none', which matches nothing"):
        saved(agent, exclude="none")


WITHOUT_FRAMEWORKS = """
import sys

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "gymnasium", "stable_baselines3", "cloudpickle"):
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Hide())
import strongbox
from tests.core.adapters.own.test_tabular import QLearner, saved, trained
content = saved(trained(1, 9))
other = strongbox.load(content, into=trained(7, 4))
assert saved(other) == content == saved(strongbox.load(content, cls=QLearner))
assert strongbox.load(content).variables["table"].any()
print("done")
"""


def test_numpy_is_enough() -> None:
    root = Path(__file__).resolve().parents[4]
    done = subprocess.run([sys.executable, "-c", WITHOUT_FRAMEWORKS], cwd=root, capture_output=True, text=True)
    assert done.stdout == "done\n", done.stderr


# -- what does not fit ---------------------------------------------------------------------------------


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


MISFITS: dict[str, tuple[dict[str, Any], str]] = {
    "another name": ({"other": 1}, "with other, which this agent does not have"),
    "another shape": ({"array": numpy.ones(4)}, r"expected float64 of \(3,\) for 'array', found float64 of \(4,\)"),
    "another type of elements": ({"array": numpy.ones(3, numpy.float32)}, "expected float64 of"),
    "text for a number": ({"number": "2"}, "expected a number, found text, for 'number'"),
    "a number for text": ({"text": 2}, "expected text, found a number, for 'text'"),
    "a number for a row": ({"row": 2}, "expected a row of values, found a number"),
    "a number for a generator": ({"rng": 2}, "expected a random generator, found a number"),
    "another generator": ({"rng": numpy.random.Generator(numpy.random.MT19937(1))}, "found another generator's"),
    "a generator for a number": ({"number": numpy.random.default_rng(1)}, "expected a number, found a random gen"),
    "a list for an array": ({"array": [1.0, 2.0, 3.0]}, "expected a tensor for 'array', found something else"),
    "an array for a number": ({"number": numpy.ones(1)}, "expected plain data for 'number', found something else"),
    "another class": ({"kind": Phase}, "expected the class .*Small, found the name of another"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_is_refused_and_changes_nothing(case: str) -> None:
    changes, message = MISFITS[case]
    content = saved(small(**{"number": 7, "row": [9], **changes}))
    agent = Small()
    before = saved(agent)
    with pytest.raises(MismatchError, match=message):
        strongbox.load(content, into=agent)
    assert saved(agent) == before


def test_what_was_nothing_yet_takes_anything_and_what_was_empty_any_shape() -> None:
    early, late = small(text=None, array=numpy.zeros(0)), small(number=numpy.arange(3), array=numpy.arange(2.0))
    early.number = None  # type: ignore[assignment]
    content = saved(early)
    loaded = strongbox.load(saved(late), into=early)
    assert (loaded.text, loaded.number.tolist(), loaded.array.tolist()) == ("one", [0, 1, 2], [0.0, 1.0])
    loaded = strongbox.load(content, into=late)
    assert (loaded.text, loaded.number, loaded.array.shape) == (None, None, (0,))


def test_what_is_missing_is_refused_unless_it_is_skipped() -> None:
    content = saved(small(number=7))
    agent = small(extra=numpy.ones(2))
    with pytest.raises(MismatchError, match=r"without extra.*skip=\['extra'\]"):
        strongbox.load(content, into=agent)
    assert agent.number == 1
    strongbox.load(content, into=agent, skip=["ext*", "text"])
    assert agent.number == 7
    assert agent.strongbox_report.left == {  # type: ignore[attr-defined]
        "extra": "left out on request",
        "text": "left out on request",
    }
    with pytest.raises(MismatchError, match="'nothing', which matches nothing"):
        strongbox.load(content, into=agent, skip="nothing")


class Other(Small):
    """The same attributes under another name."""


def test_an_agent_of_another_class_is_refused() -> None:
    with pytest.raises(MismatchError, match=r"expected an agent of .*Other, found one of .*Small"):
        strongbox.load(saved(Small()), into=Other())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"env": object()}, "with env=, found one of"),
        ({"trust": "pickle"}, "with trust="),
        ({"learning_rate": 1.0}, "with learning_rate="),
        ({"freeze": ["a"]}, "with freeze="),
        ({"cls": Small, "into": Small()}, "no cls beside into"),
        ({"into": Small(), "device": "cpu"}, "no device beside into"),
        ({"cls": Small, "device": "cpu"}, "no device, which Small does not take"),
        ({"cls": 3}, "expected a class in cls, found int"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(MismatchError, match=message):
        strongbox.load(saved(Small()), **options)


def test_a_constructor_that_takes_more_than_data_has_is_refused() -> None:
    class Needy(Small):
        def __init__(self, network: object) -> None:
            super().__init__()

    with pytest.raises(MismatchError, match=r"expected network in the archive's data.*into=Needy"):
        strongbox.load(saved(Small()), cls=Needy)


def test_acting_and_converting_are_the_matter_of_other_agents(tmp_path: Path) -> None:
    content = saved(Small())
    with pytest.raises(UnsupportedError, match="whose own code acts"):
        strongbox.policy(content)
    with pytest.raises(UnsupportedError, match="which SB3 cannot open"):
        strongbox.convert(content, tmp_path / "new.zip")
    with pytest.raises(MismatchError, match="expected no normalization"):
        strongbox.save(Small(), tmp_path / "new.zip", normalization=3)
    assert not (tmp_path / "new.zip").exists()


# -- what is left out ------------------------------------------------------------------------------------


class Hoarder:
    """An agent that holds what no archive can."""

    __strongbox_exclude__ = ("cache", "inner.scratch")

    def __init__(self) -> None:
        self.number = 1
        self.cache = numpy.ones(100)
        self.inner = SimpleNamespace(scratch=[1], kept=2)
        self.function = lambda: None
        self.module = json
        self.file = io.StringIO()
        self.unknown = object()
        self.folder = str(Path.home() / "runs")
        self.texts = numpy.array([object()])
        self.masked = numpy.ma.array([1.0], mask=[True])
        self.address = "/cart/items"


def test_what_cannot_be_kept_is_left_out_by_name_with_the_reason() -> None:
    report = strongbox.save(Hoarder(), io.BytesIO())
    assert report.left_out == {
        "cache": "the class Hoarder leaves it out",
        "file": "it is a _io.StringIO, which belongs to the running process",
        "folder": "it holds a path of this machine",
        "function": "it is a function, which the agent's own code makes",
        "inner.scratch": "the class Hoarder leaves it out",
        "masked": "it is a numpy.ma.MaskedArray, whose state is not known",
        "module": "it is a module, which the agent's own code imports",
        "texts": "it is an array of object, which has no form for every machine",
        "unknown": "it is a builtins.object, which belongs to the running process",
    }
    agent = Hoarder()
    agent.number, agent.inner.kept, agent.address = 5, 6, "/cart/paid"
    other = strongbox.load(saved(agent), into=Hoarder())
    assert (other.number, other.inner.kept, other.address) == (5, 6, "/cart/paid")
    assert other.inner.scratch == [1]
    assert set(other.strongbox_report.left) == set(report.left_out)


def test_names_may_be_left_out_on_request() -> None:
    archive = strongbox.open(saved(trained(1, 2), exclude=["settings.*", "table"]))
    assert not any(name.startswith("settings") for name in archive.data)
    assert archive.left_out["table"] == "it was left out on request"
    assert strongbox.load(saved(trained(1, 2), exclude="table"), into=QLearner()).steps == 2
    with pytest.raises(MismatchError, match=r"found 'tabel'\. It has config, counts"):
        saved(trained(1, 2), exclude="tabel")


def test_what_is_more_than_a_reader_takes_is_an_error_and_not_a_loss() -> None:
    agent = Small()
    agent.row = {(number, 0): 1 for number in range(5000)}  # type: ignore[assignment]
    with pytest.raises(LimitError, match=r"at most 4096 tuples as keys.*exclude=\[\"row\"\]"):
        saved(agent)


@pytest.mark.parametrize("thing", [3, "text", [1], None, {"a": 1}, int])
def test_what_is_no_agent_is_refused(thing: Any) -> None:
    with pytest.raises(MismatchError, match=r"expected an agent, an object of a class of yours.*strongbox\.Agent"):
        saved(thing)


# -- objects that say themselves what they are -------------------------------------------------------------


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


def test_the_same_agent_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = trained(3, 4), trained(3, 4)
    attributes = dict(reversed(list(vars(second).items())))
    vars(second).clear()
    vars(second).update(attributes)
    assert saved(first) == saved(second)
    report = strongbox.save(first, tmp_path / "agent")
    assert report.path == str(tmp_path / "agent.zip")
    assert (tmp_path / "agent.zip").read_bytes() == saved(first)


# -- any data ------------------------------------------------------------------------------------------

TEXT = st.text(max_size=8)
KEYS = (
    st.none() | st.booleans() | st.integers(-(2**59), 2**59) | TEXT | st.binary(max_size=8) | st.floats(allow_nan=False)
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats()
    | TEXT
    | st.binary(max_size=8)
    | st.builds(numpy.float32, st.floats(width=32))
    | st.builds(
        lambda numbers: numpy.array(numbers, numpy.int64), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3)
    )
    | st.sampled_from(Phase)
    | st.builds(Move, st.integers(0, 9), st.integers(0, 9), st.floats())
    | st.complex_numbers()
)
DATA: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.builds(deque, st.lists(inner, max_size=3), st.none() | st.integers(0, 9))
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.dictionaries(TEXT, inner, max_size=3).map(OrderedDict)
        | st.sets(KEYS, max_size=3)
        | st.frozensets(KEYS, max_size=3)
    ),
    max_leaves=12,
)


class Box:
    """An agent of one attribute."""

    def __init__(self, content: Any) -> None:
        self.content = content


@given(DATA)
def test_any_data_comes_back_as_it_was(content: Any) -> None:
    archive = saved(Box(content))
    report = strongbox.open(archive)
    if report.left_out:
        assert "path of this machine" in report.left_out["content"]
        return
    try:
        made = strongbox.load(archive, into=Box(None))
    except StrongboxError as error:
        raise AssertionError(str(error)) from error
    assert saved(made) == archive
    assert type(made.content) is type(content)
