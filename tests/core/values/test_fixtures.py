"""Everything that real programs pickled, under eight Pythons and many releases, is read as what it was."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongbox.errors import RefusedError
from strongbox.values import Opaque, find_opaque, from_portable, same, to_portable, to_value
from tests.core.values.fixtures import FIXTURES, Fixture

REFUSED = {
    # gym 0.23 to 0.25 name a static method of a class, which the decoder refuses as a whole.
    ("spaces: seeded box", "gym==0.23.1"),
    ("spaces: seeded box", "gym==0.25.2"),
}


def is_refused(fixture: Fixture) -> bool:
    return any(fixture.name == name and release in fixture.made_with for name, release in REFUSED)


READ = [fixture for fixture in FIXTURES if not is_refused(fixture)]


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


@pytest.mark.parametrize("fixture", READ, ids=str)
def test_reads_as_what_it_was(fixture: Fixture) -> None:
    compare(to_value(fixture.decode()), fixture.expected)


@pytest.mark.parametrize("fixture", [fixture for fixture in FIXTURES if is_refused(fixture)], ids=str)
def test_what_the_decoder_refuses(fixture: Fixture) -> None:
    with pytest.raises(RefusedError):
        fixture.decode()


def test_there_are_fixtures_of_every_python() -> None:
    assert {fixture.python.rpartition(".")[0] for fixture in FIXTURES} == {
        *("3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
    }


def test_every_understood_fixture_goes_through_json() -> None:
    for fixture in READ:
        value = to_value(fixture.decode())
        if not list(find_opaque(value)):
            assert same(from_portable(json.loads(json.dumps(to_portable(value)))), value), str(fixture)


def test_no_fixture_names_the_machine_that_made_it() -> None:
    for fixture in FIXTURES:
        for word in (b"/root", b"/home", b"/tmp", b"/usr", b"site-packages"):
            assert word not in fixture.pickle, str(fixture)
