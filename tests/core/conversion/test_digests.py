"""A conversion writes the same bytes under every Python and numpy, so what opens under one opens under all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.core.conversion.archives import NAMES
from tests.core.conversion.digests import GOLDEN, member_digests

EXPECTED = json.loads(GOLDEN.read_text())


def test_every_small_archive_is_among_them() -> None:
    assert sorted(EXPECTED) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_the_same_everywhere(name: str, tmp_path: Path) -> None:
    assert member_digests(name, tmp_path) == EXPECTED[name]
