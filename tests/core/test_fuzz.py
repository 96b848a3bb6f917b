"""A short and always equal form of ``make fuzz``: mutated archives give a value or a StrongboxError."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from tests.draws import drawn
from tests.fuzz.mutations import MUTATIONS, Mutation, mutate
from tests.fuzz.reading import read_everything

ARCHIVES = [file.read_bytes() for file in sorted((Path(__file__).parents[1] / "data" / "archives").glob("*.zip"))]


@pytest.mark.parametrize("start", range(0, drawn(400), 50))
def test_mutated_archives_give_a_value_or_a_strongbox_error(start: int) -> None:
    outcomes = Counter[str]()
    for number in range(start, start + 50):
        random = Random(number)
        outcomes[read_everything(mutate(random.choice(ARCHIVES), random))] += 1
    assert 5 < outcomes["whole"] < 45, "the mutations hit too hard, or not at all"


@pytest.mark.parametrize("mutation", list(dict.fromkeys(MUTATIONS)), ids=lambda mutation: mutation.__name__)
def test_a_mutation_changes_the_archive_and_is_always_the_same(mutation: Mutation) -> None:
    archive = ARCHIVES[0]
    assert mutation(archive, Random(1)) == mutation(archive, Random(1))
    assert any(mutation(archive, Random(number)) != archive for number in range(10))


def test_whole_archives_are_read_whole() -> None:
    assert {read_everything(archive) for archive in ARCHIVES} == {"whole"}
