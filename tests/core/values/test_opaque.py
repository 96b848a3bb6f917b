"""Opaque parts are found wherever they are, each with a path of its own."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy
import pytest

from strongbox.values import ClassReference, Dict, Discrete, NamedTuple, Opaque, Partial, find_opaque

THING = Opaque("my.code.Thing", "no recipe knows it")
RELU = ClassReference("torch.nn.modules.activation", "ReLU")


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (THING, "data"),
        ([1, THING], "data[1]"),
        ((THING,), "data[0]"),
        ({"a": {"b": THING}}, "data['a']['b']"),
        ({3: THING}, "data[3]"),
        (deque([THING]), "data[0]"),
        (NamedTuple(RELU, (1, THING)), "data.items[1]"),
        (Partial(function=RELU, keywords={"a": THING}), "data.keywords['a']"),
        (Dict(spaces={"a": Discrete(n=2, random_state=THING)}), "data.spaces['a'].random_state"),
    ],
    ids=lambda item: repr(item)[:40],
)
def test_find_opaque(value: Any, path: str) -> None:
    assert find_opaque(value, "data") == [(path, THING)]


@pytest.mark.parametrize("value", [None, 1, [], {"a": [numpy.zeros(2)]}, Discrete(n=2), RELU], ids=repr)
def test_nothing_opaque(value: Any) -> None:
    assert find_opaque(value) == []


def test_a_long_key_is_cut_and_still_tells_one_part_from_another() -> None:
    value = {"k" * 200_000 + end: [THING] * 1000 for end in ("a", "b")}
    paths = [path for path, _ in find_opaque(value)]
    assert len(set(paths)) == 2000
    assert max(map(len, paths)) < 100
