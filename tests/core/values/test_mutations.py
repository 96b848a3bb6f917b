"""Real pickles with parts exchanged: always a value, opaque where it must be, never anything else."""

from __future__ import annotations

import random
from typing import Any

import pytest

from strongbox.errors import LimitError, StrongboxError
from strongbox.pickles import Call, Decoded, Global, PersistentId, walk
from strongbox.values import describe, find_opaque, from_portable, read_normalization, same, to_portable, to_value
from tests.core.values.fixtures import FIXTURES, call
from tests.draws import drawn

GROUPS = sorted({fixture.name for fixture in FIXTURES if type(fixture.decode().root) is not Global})


def replacement(choose: random.Random, parts: list[Any]) -> Any:
    """Another node: a scalar, a container, a call, or a part from elsewhere in the same pickle."""
    return choose.choice(
        [
            *(None, True, -1, 0, 2**63, 10**30, 0.5, float("nan"), "", "text", "\ud800", b"", b"\0" * 8, bytearray(4)),
            *([], {}, (), {1: 2}, [None] * 3, (1, 2), {"a": [1]}, {1, 2}, frozenset()),
            *(Global("os", "system"), Global("numpy", "float32"), PersistentId(("storage",))),
            *(call("os.system", "x"), call("numpy.dtype", "f8", False, True), call("collections.deque", (), 3)),
            *choose.sample(parts, min(3, len(parts))),
        ]
    )


def mutate(decoded: Decoded, choose: random.Random) -> None:
    """Exchange one part of one list, dictionary or call for another, in place."""
    parts = list(walk(decoded))
    places = [part for part in parts if type(part) in (Call, list, dict) and (type(part) is Call or part)]
    place = choose.choice(places)
    new = replacement(choose, parts)
    if type(place) is list:
        place[choose.randrange(len(place))] = new
    elif type(place) is dict:
        place[choose.choice(list(place))] = new
    else:
        mutate_call(place, choose, new)


def mutate_call(made: Call, choose: random.Random, new: Any) -> None:
    what = choose.randrange(6)
    if what == 0 and made.arguments:
        index = choose.randrange(len(made.arguments))
        made.arguments = (*made.arguments[:index], new, *made.arguments[index + 1 :])
    elif what == 1:
        made.arguments = (*made.arguments, new) if choose.random() < 0.5 else made.arguments[:-1]
    elif what == 2 and type(made.state) is tuple and made.state:
        index = choose.randrange(len(made.state))
        made.state = (*made.state[:index], new, *made.state[index + 1 :])
    elif what == 3:
        made.state, made.has_state = new, True
    elif what == 4:
        made.appended = [new]
    else:
        made.items = [("key", new)]


@pytest.mark.parametrize("name", GROUPS)
def test_a_value_or_a_limit(name: str) -> None:
    choose = random.Random(name)
    fixtures = [fixture for fixture in FIXTURES if fixture.name == name]
    for _ in range(drawn(60)):
        decoded = choose.choice(fixtures).decode()
        for _ in range(choose.randrange(1, 4)):
            mutate(decoded, choose)
        try:
            value = to_value(decoded)
        except LimitError:
            continue
        assert describe(value).isprintable()
        if not find_opaque(value):
            assert same(from_portable(to_portable(value)), value)


@pytest.mark.parametrize("name", [name for name in GROUPS if name.startswith("normalizations")])
def test_statistics_or_an_error(name: str) -> None:
    choose = random.Random(name)
    fixture = next(fixture for fixture in FIXTURES if fixture.name == name)
    for _ in range(drawn(300)):
        decoded = fixture.decode()
        for _ in range(choose.randrange(1, 4)):
            mutate(decoded, choose)
        try:
            statistics = read_normalization(decoded)
        except StrongboxError:
            continue
        assert same(from_portable(to_portable(statistics)), statistics)
