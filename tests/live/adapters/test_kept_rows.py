"""The numbers of rows tell every change, whichever rows are looked at, and no row that is only being written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import pytest

from strongbox.adapters.kept_rows import CHUNK, LATELY, KeptRows, OldRows, changed_reason, row_bytes

CAPACITY = 200


def ring(seed: int = 0, capacity: int = CAPACITY) -> dict[str, Any]:
    """Columns of many kinds and odd widths, for two environments."""
    random = numpy.random.default_rng(seed)
    leading = (capacity, 2)
    return {
        "observations/image": random.integers(0, 256, (*leading, 3, 5), dtype=numpy.uint8),
        "observations/vector": random.standard_normal((*leading, 4)),
        "actions": random.standard_normal((*leading, 3)).astype(numpy.float32),
        "half": random.standard_normal((*leading, 1)).astype(numpy.float16),
        "rewards": random.standard_normal(leading).astype(numpy.float32),
        "flags": random.integers(0, 2, leading).astype(numpy.bool_),
    }


def everything(position: int = 0, capacity: int = CAPACITY) -> OldRows:
    return OldRows(position=position, low=0, high=capacity)


def kept_ring(columns: dict[str, Any]) -> KeptRows:
    kept = KeptRows(len(columns["rewards"]))
    kept.keep(0, columns)
    return kept


def flip_bit(columns: dict[str, Any], random: Any) -> None:
    name = list(columns)[random.integers(len(columns) - 1)]
    bits = columns[name][7].view(numpy.uint8).reshape(-1)
    bits[random.integers(len(bits))] ^= 1 << random.integers(8)


def negate_all(columns: dict[str, Any], random: Any) -> None:
    columns["observations/vector"][7] *= -1


def negate_two(columns: dict[str, Any], random: Any) -> None:
    columns["observations/vector"][7, 0, :2] *= -1


def swap_environments(columns: dict[str, Any], random: Any) -> None:
    columns["rewards"][7] = columns["rewards"][7, ::-1].copy()


def move_between_columns(columns: dict[str, Any], random: Any) -> None:
    columns["rewards"][7], columns["actions"][7, :, 0] = columns["actions"][7, :, 0].copy(), columns["rewards"][7]


def zero_becomes_minus_zero(columns: dict[str, Any], random: Any) -> None:
    columns["rewards"][7] = -0.0


CHANGES = (flip_bit, negate_all, negate_two, swap_environments, move_between_columns, zero_becomes_minus_zero)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_every_change_of_a_row_is_found(change: Callable[[dict[str, Any], Any], None]) -> None:
    random = numpy.random.default_rng(1)
    for seed in range(50):
        columns = ring(seed)
        columns["rewards"][7] = 0 if change is zero_becomes_minus_zero else columns["rewards"][7]
        kept = kept_ring(columns)
        assert not len(kept.changed(columns, everything(), most=CHUNK))
        change(columns, random)
        assert kept.changed(columns, everything(), most=CHUNK).tolist() == [7]


def test_rows_that_go_round_the_end_are_kept_in_their_places() -> None:
    columns = ring()
    kept = kept_ring(columns)
    newer = ring(1)
    order = numpy.arange(CAPACITY - 20, CAPACITY + 10) % CAPACITY
    for name, array in columns.items():
        array[order] = newer[name][:30]
    assert kept.changed(columns, everything(), most=CHUNK).tolist() == sorted(order)
    kept.keep(CAPACITY - 20, {name: array[:30] for name, array in newer.items()})
    assert not len(kept.changed(columns, everything(), most=CHUNK))


def test_each_look_goes_on_where_the_last_one_ended() -> None:
    columns = ring()
    kept = kept_ring(columns)
    columns["flags"] ^= True
    found = [kept.changed(columns, everything(), most=row_bytes(columns) * 30).tolist() for _ in range(7)]
    assert found[0] == list(range(30))
    assert [place for places in found[:6] for place in places] == list(range(180))
    assert set(range(180, CAPACITY)) <= set(found[6])
    assert set(found[6]) - set(range(180, CAPACITY)) == set(range(30)), "round the end"


def test_only_old_rows_count_and_none_that_was_written_meanwhile() -> None:
    columns = ring()
    kept = kept_ring(columns)
    columns["rewards"] += 1
    old = OldRows(position=190, low=5, high=150)
    counted = [place for place in range(CAPACITY) if 5 <= (place - 190) % CAPACITY < 150]
    assert kept.changed(columns, old, most=CHUNK).tolist() == counted
    moved = iter(range(0, 1000, 20))
    writing = OldRows(position=190, low=5, high=150, written=lambda: next(moved))
    found = kept.changed(columns, writing, most=CHUNK)
    assert len(found)
    assert all((place - 190) % CAPACITY >= 20 for place in found)


def test_how_far_back_changes_reach() -> None:
    capacity = 8 * LATELY // row_bytes(ring())
    step = LATELY // row_bytes(ring())
    columns = ring(capacity=capacity)
    kept = kept_ring(columns)
    old = OldRows(position=100, low=0, high=capacity - 10)  # the newest old row is at 89
    assert kept.reach(columns, old) == 0
    columns["rewards"][(89 - step - 50) % capacity] += 1
    assert kept.reach(columns, old) == 0, "it lies behind a piece without changes"
    columns["rewards"][80] += 1
    assert kept.reach(columns, old) == step + 51
    columns["rewards"] *= 2
    assert kept.reach(columns, old) == capacity - 10
    assert kept.reach(columns, OldRows(position=100, low=20, high=capacity - 10)) == capacity - 30
    assert kept.reach(columns, OldRows(position=100, low=0, high=-5)) == 0


@pytest.mark.parametrize(
    ("places", "reason"),
    [
        ([3], "row 3 was changed after it was kept; the next checkpoint has it"),
        (range(3000, 4000), "rows 3,000 to 3,999 were changed after they were kept; the next checkpoint has them"),
        ([5, 9, 1000], "3 of the rows 5 to 1,000 were changed after they were kept; the next checkpoint has them"),
    ],
)
def test_what_is_said_of_changed_rows(places: Any, reason: str) -> None:
    assert changed_reason(numpy.array(places)) == reason
