"""Ranges under changes: as a list with one entry for each place would be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from strongbox.checkpoints.replay.ranges import Range, cut, length, newest_small, overlay, places, runs_of

WRITES = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), max_size=12)


def spelled_out(ranges: tuple[Range, ...]) -> list[tuple[str, int]]:
    return [(part.segment, part.first + index) for part in ranges for index in range(part.count)]


@given(WRITES)
def test_what_is_written_last_stands_at_its_places(writes: list[tuple[int, int]]) -> None:
    ranges: tuple[Range, ...] = ()
    model: list[tuple[str, int]] = []
    for number, (place, count) in enumerate(writes):
        place = min(place, len(model))
        ranges = overlay(ranges, place, [Range(str(number), 0, count)])
        model[place : place + count] = [(str(number), index) for index in range(count)]
        assert spelled_out(ranges) == model
        assert length(ranges) == len(model)
        assert len(ranges) <= min(2 * number + 1, len(model))


@given(WRITES, st.integers(0, 40), st.integers(0, 40))
def test_a_cut_is_a_slice(writes: list[tuple[int, int]], start: int, stop: int) -> None:
    ranges = tuple(Range(str(number), first, count) for number, (first, count) in enumerate(writes))
    assert spelled_out(tuple(cut(ranges, start, stop))) == spelled_out(ranges)[start:stop]
    assert [place for place, _ in places(ranges)] == [length(ranges[:index]) for index in range(len(ranges))]


def test_neighbours_of_one_segment_become_one_range() -> None:
    whole = (Range("a", 0, 10),)
    assert overlay(whole, 4, [Range("a", 4, 2)]) == whole
    assert overlay(whole, 10, [Range("a", 10, 1)]) == (Range("a", 0, 11),)


@given(st.integers(1, 20), st.data())
def test_runs_go_round_the_ring(capacity: int, data: st.DataObject) -> None:
    place, count = data.draw(st.integers(0, capacity - 1)), data.draw(st.integers(0, capacity))
    found = {where + index: first + index for where, first, n in runs_of(place, count, capacity) for index in range(n)}
    assert found == {(place + index) % capacity: index for index in range(count)}
    assert [run[0] for run in runs_of(place, count, capacity)] == sorted(
        run[0] for run in runs_of(place, count, capacity)
    )


def test_the_newest_small_ranges() -> None:
    ranges = [Range(str(number), 0, count) for number, count in enumerate((1, 5, 2, 3, 1, 9))]
    assert newest_small(ranges, 11, 3) == (6, ranges[2:5])
    assert newest_small(ranges, 11, 5) == (0, ranges[:5])
    assert newest_small(ranges, 20, 3) == (21, [])
    assert newest_small(ranges, 0, 3) == (0, ranges[:1])
    assert newest_small([], 7, 3) == (0, [])
    assert newest_small(ranges, 11, 0) == (12, [])
