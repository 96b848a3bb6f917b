"""Everything that real programs pickled, under eight Pythons and many releases, is read as what it was."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongbox.values import Opaque, find_opaque, from_portable, read_normalization, same, to_portable, to_value
from tests.core.values.fixtures import FIXTURES, Fixture

NORMALIZATIONS = [fixture for fixture in FIXTURES if fixture.name.startswith("normalizations")]
VALUES = [fixture for fixture in FIXTURES if fixture not in NORMALIZATIONS]


def compare(value: Any, expected: Any) -> None:
    """The value is what the portable form says, its opaque parts are of the type that is expected."""
    if isinstance(expected, dict) and "opaque" in expected:
        assert isinstance(value, Opaque)
        assert (value.type, value.needs_code) == (expected["opaque"], expected["needs_code"])
    elif isinstance(expected, dict) and "$" not in expected:
        assert list(value) == list(expected)
        for name in expected:
            compare(value[name], expected[name])
    else:
        assert same(value, from_portable(expected))


@pytest.mark.parametrize("fixture", VALUES, ids=str)
def test_reads_as_what_it_was(fixture: Fixture) -> None:
    compare(to_value(fixture.decode()), fixture.expected)


@pytest.mark.parametrize("fixture", NORMALIZATIONS, ids=str)
def test_statistics_read_as_what_they_were(fixture: Fixture) -> None:
    compare(read_normalization(fixture.decode()), fixture.expected)


def test_there_are_fixtures_of_every_python() -> None:
    assert {fixture.python.rpartition(".")[0] for fixture in FIXTURES} == {
        *("3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
    }


def test_every_understood_fixture_goes_through_json() -> None:
    for fixture in VALUES:
        value = to_value(fixture.decode())
        if not list(find_opaque(value)):
            assert same(from_portable(json.loads(json.dumps(to_portable(value)))), value), str(fixture)


def test_no_fixture_names_the_machine_that_made_it() -> None:
    for fixture in FIXTURES:
        for word in (b"/root", b"/home", b"/tmp", b"/usr", b"site-packages"):
            assert word not in fixture.pickle, str(fixture)
