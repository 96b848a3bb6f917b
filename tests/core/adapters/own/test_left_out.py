"""What is no part of an agent is left out by name, and what is too much is an error."""

from __future__ import annotations

import array
import io
import itertools
import json
import threading
from collections import deque
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

import strongbox
from strongbox.errors import LimitError, MismatchError, StrongboxWarning
from tests.core.adapters.own.agents import (
    QLearner,
    Small,
    saved,
    trained,
)


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
    with pytest.warns(StrongboxWarning, match=r"left out of the file: masked \(.*\); texts \(.*\)\. Its class may say"):
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
    with pytest.warns(StrongboxWarning):
        content = saved(agent)
    other = strongbox.load(content, into=Hoarder())
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


@pytest.mark.parametrize(
    "state", [array.array("d", [1.0]), itertools.count(3), timedelta(1), deque([SimpleNamespace()])], ids=repr
)
def test_what_is_state_and_has_no_form_is_warned_of(state: Any) -> None:
    with pytest.warns(StrongboxWarning, match=r"left out of the file: state \(it is a .*, whose state is not known\)"):
        saved(SimpleNamespace(state=state, number=1))


class Worker(threading.Thread):
    """An agent that is a thread, and counts how often it ran."""

    def __init__(self) -> None:
        super().__init__()
        self.runs, self.goes_on = 0, threading.Event()

    def run(self) -> None:
        self.goes_on.wait()
        self.runs += 1


def test_a_thread_is_filled_with_what_is_its_own() -> None:
    done = Worker()
    done.goes_on.set()
    done.start()
    done.join()
    live = strongbox.load(saved(done), into=Worker())
    live.start()
    assert live.is_alive()
    live.goes_on.set()
    live.join()
    assert live.runs == 2
