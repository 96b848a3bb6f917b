"""Containers of an agent's come back as what they were, whatever is in them by now."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

import strongbox
from tests.core.adapters.own.agents import saved


class Holder:
    """An agent of one container."""

    def __init__(self, content: Any) -> None:
        self.content = content


def loaded(kept: Any, live: Any) -> Any:
    """What stands in a live agent when it has been filled from another's."""
    return strongbox.load(saved(Holder(kept)), into=Holder(live)).content


def visits() -> Any:
    return defaultdict(lambda: defaultdict(int))


def test_a_table_of_tables_goes_on_making_what_it_lacks() -> None:
    kept = visits()
    kept["state"]["left"] = 3
    found = loaded(kept, visits())
    found["state"]["right"] += 1
    found["other"]["left"] += 1
    assert found == {"state": {"left": 3, "right": 1}, "other": {"left": 1}}


def test_dictionaries_inside_of_others_stay_of_their_kind() -> None:
    kept = {"counts": Counter("aab"), "rows": [defaultdict(int, {1: 2})]}
    found = loaded(kept, {"counts": Counter(), "rows": [defaultdict(int)]})
    assert found["counts"].most_common(1) == [("a", 2)]
    assert found["rows"][0][5] == 0
    assert found == {"counts": {"a": 2, "b": 1}, "rows": [{1: 2, 5: 0}]}


class Row(list[Any]):
    def __init__(self, *items: Any) -> None:
        super().__init__(items)
        self.weight, self.array = 1.0, numpy.zeros(2)


class Table(dict[str, Any]):
    def __init__(self, **items: Any) -> None:
        super().__init__(items)
        self.weight, self.array = 1.0, numpy.zeros(2)


@pytest.mark.parametrize("kind", [lambda part: Row(part), lambda part: Table(part=part)], ids=["list", "dict"])
def test_a_container_of_a_class_of_ones_own_keeps_its_attributes(kind: Any) -> None:
    kept, live = kind(SimpleNamespace(number=2)), kind(SimpleNamespace(number=0))
    kept.weight = 5.0
    kept.array[:] = 7.0
    found = loaded(kept, live)
    assert found is live
    assert found.weight == 5.0
    assert found.array.tolist() == [7.0, 7.0]
    assert [item.number for item in (found.values() if isinstance(found, dict) else found)] == [2]


def test_of_a_dictionary_only_what_cannot_be_kept_is_left_out() -> None:
    def settings(rate: float) -> dict[str, Any]:
        logs = {"folder": str(Path.home() / f"runs-{rate}"), "every": rate}
        return {"rate": rate, "act": lambda: rate, "logs": logs, "rows": [1, rate]}

    archive = strongbox.open(saved(Holder(settings(0.5))))
    assert archive.data["content"] == {"rate": 0.5, "logs": {"every": 0.5}, "rows": [1, 0.5]}
    assert list(archive.left_out) == ["content.act", "content.logs.folder"]
    live = settings(0.1)
    found = strongbox.load(archive, into=Holder(live)).content
    assert found is live
    assert (found["rate"], found["rows"], found["logs"]["every"]) == (0.5, [1, 0.5], 0.5)
    assert (found["act"](), found["logs"]["folder"]) == (0.1, str(Path.home() / "runs-0.1"))


TABLES: dict[str, dict[Any, Any]] = {
    "nothing": {},
    "some": {"a": numpy.zeros(2), "b": numpy.ones(2)},
    "others": {"b": numpy.full(2, 2.0), "c": numpy.full(2, 3.0)},
    "integers": {1: numpy.zeros(2)},
    "very many": {f"state_{number}": numpy.full(2, float(number)) for number in range(5000)},
}


@pytest.mark.parametrize("live", TABLES)
@pytest.mark.parametrize("kept", TABLES)
def test_a_table_of_arrays_takes_the_names_that_were_kept(kept: str, live: str) -> None:
    holder = Holder({key: array.copy() for key, array in TABLES[live].items()})
    content = holder.content
    strongbox.load(saved(Holder(TABLES[kept])), into=holder)
    assert holder.content is content
    assert {key: array.tolist() for key, array in content.items()} == {
        key: array.tolist() for key, array in TABLES[kept].items()
    }
    assert all(type(array) is numpy.ndarray for array in content.values())


def test_a_table_may_stand_where_nothing_was() -> None:
    found = loaded({"a": numpy.ones(2), "b": numpy.zeros(1)}, None)
    assert {key: array.tolist() for key, array in found.items()} == {"a": [1, 1], "b": [0]}
    assert loaded(None, {"a": numpy.ones(2)}) is None


def test_names_of_a_table_may_be_left_alone() -> None:
    live = {"a": numpy.zeros(2), "gone": numpy.zeros(2), "b": numpy.zeros(2)}
    content = saved(Holder({"a": numpy.ones(2), "b": numpy.ones(2), "new": numpy.ones(2)}))
    found = strongbox.load(content, into=Holder(live), skip=["content.new", "content.gone", "content.a"]).content
    assert {key: array.tolist() for key, array in found.items()} == {"a": [0, 0], "gone": [0, 0], "b": [1, 1]}
    other = Holder({"a": numpy.zeros(2), "gone": numpy.zeros(2)})
    strongbox.load(content, into=other, skip="content")
    assert {key: array.tolist() for key, array in other.content.items()} == {"a": [0, 0], "gone": [0, 0]}
    parts = strongbox.load(content, skip="content")
    assert (parts.data, parts.variables) == ({}, {})


def test_tables_stand_in_tables_and_rows_of_them_grow() -> None:
    kept = {"observations": {"image": numpy.ones((2, 2)), "speed": numpy.zeros(2)}, "size": 2}
    for live in ({}, {"observations": {}, "size": 0}, {"observations": {"other": numpy.ones(1)}, "gone": [1]}, None):
        found = loaded(kept, live)
        assert found["size"] == 2
        assert list(found) in (["observations", "size"], ["size", "observations"])
        assert {name: array.tolist() for name, array in found["observations"].items()} == {
            "image": [[1, 1], [1, 1]],
            "speed": [0, 0],
        }
    episodes = loaded([{"rewards": numpy.ones(3)}, {"rewards": numpy.zeros(1)}], [])
    assert [episode["rewards"].tolist() for episode in episodes] == [[1, 1, 1], [0]]
