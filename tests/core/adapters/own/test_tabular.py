"""Agents of numpy alone: kept, looked at and put back without torch, gymnasium or SB3."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy
import pytest

import strongbox
from strongbox.errors import MismatchError, UnsupportedError
from strongbox.values import same
from tests.core.adapters.own.agents import (
    AttributeDict,
    Move,
    QLearner,
    saved,
    trained,
)


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
    assert archive.algorithm == f"{QLearner.__module__}.QLearner"
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
    assert kept.algorithm == f"{QLearner.__module__}.QLearner"
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
from tests.core.adapters.own.agents import QLearner, saved, trained
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
