"""What rows share is found from bytes and is what a comparison of every row finds."""

from __future__ import annotations

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongbox.checkpoints.replay import sharing
from strongbox.checkpoints.replay.sharing import differs_from_next, find_planes, plane_axis, split_planes
from strongbox.values.checks import Array
from tests.core.checkpoints.replay.ring import Ring


@given(
    rows=st.integers(1, 12),
    environments=st.integers(1, 3),
    shape=st.sampled_from([(), (1,), (3,), (2, 5)]),
    kind=st.sampled_from(["|b1", "|u1", "<i2", "<f4", "<f8", "<c16"]),
    seed=st.integers(0, 1 << 16),
)
def test_an_entry_differs_from_the_next_where_any_bit_does(
    rows: int, environments: int, shape: tuple[int, ...], kind: str, seed: int
) -> None:
    random = numpy.random.default_rng(seed)
    leaders = random.integers(0, 2, (rows, environments, *shape)).astype(kind)
    followers = numpy.concatenate([leaders[1:], leaders[:1]])
    changed = random.integers(0, 3, (rows, environments)) == 0
    followers[changed] = followers[changed] == 0
    expected = [
        [
            row == rows - 1 or followers[row, one].tobytes() != leaders[row + 1, one].tobytes()
            for one in range(environments)
        ]
        for row in range(rows)
    ]
    assert differs_from_next(followers, leaders).tolist() == expected


def test_bits_are_compared_and_not_numbers() -> None:
    leaders = numpy.array([0.0, 0.0, numpy.nan, numpy.nan]).reshape(4, 1, 1)
    followers = numpy.array([-0.0, numpy.nan, numpy.nan, 1.0]).reshape(4, 1, 1)
    assert differs_from_next(followers, leaders)[:, 0].tolist() == [True, False, False, True]


def stacks(axis: int, rows: int = 60, environments: int = 2) -> tuple[Array, Array]:
    ring = Ring(rows, environments, axis=axis, seed=3)
    ring.add(rows)
    return ring.columns["frames"], ring.columns["next_frames"]


@pytest.mark.parametrize("axis", [0, 2])
def test_every_plane_of_a_stack_is_kept_once(axis: int) -> None:
    frames, following = stacks(axis)
    assert plane_axis(frames) == axis
    split, others = split_planes(frames, axis), split_planes(following[differs_from_next(following, frames)], axis)
    planes = find_planes(split, others)
    assert planes is not None
    assert (planes.table[planes.numbers] == split).all()
    assert (planes.table[planes.others] == others).all()
    different = {plane.tobytes() for plane in (*split.reshape(-1, 256), *others.reshape(-1, 256))}
    assert len(planes.table) == len(different)


@pytest.mark.parametrize("moved", [1, 3])
def test_stacks_of_several_planes_a_frame(moved: int) -> None:
    """Colour: a frame is three planes, and a stack moves on by three."""
    frames = numpy.random.default_rng(0).integers(0, 256, (30 * moved + 9, 16, 16), numpy.uint8)
    rows = numpy.stack([frames[moved * row : moved * row + 9] for row in range(30)])[:, None]
    planes = find_planes(split_planes(rows, 0), split_planes(rows[:0, 0], 0))
    assert planes is not None
    assert len(planes.table) == 29 * moved + 9
    assert (planes.table[planes.numbers] == split_planes(rows, 0)).all()


def test_planes_with_the_same_hash_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the hash says: here it says of all rows that they are the same."""
    monkeypatch.setattr(sharing, "MULTIPLIER", 0)
    frames, _ = stacks(0)
    split = split_planes(frames, 0)
    planes = find_planes(split, split[:0, 0])
    assert planes is not None
    assert (planes.table[planes.numbers] == split).all()


def test_images_that_share_nothing_have_no_planes() -> None:
    noise = numpy.random.default_rng(0).integers(0, 256, (40, 1, 4, 16, 16), numpy.uint8)
    assert plane_axis(noise) is None
    assert find_planes(split_planes(noise, 0), split_planes(noise[:0, 0], 0)) is None


@pytest.mark.parametrize("shape", [(3,), (4, 84), (4, 4, 4), (1, 84, 84)])
def test_what_is_no_stack_of_images_has_no_planes(shape: tuple[int, ...]) -> None:
    assert plane_axis(numpy.zeros((10, 1, *shape), numpy.uint8)) is None


def test_large_comparisons_are_made_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    frames, following = stacks(0)
    whole = find_planes(split_planes(frames, 0), split_planes(following[:, 0], 0))
    differs = differs_from_next(following, frames)
    monkeypatch.setattr(sharing, "CHUNK", 1000)
    pieces = find_planes(split_planes(frames, 0), split_planes(following[:, 0], 0))
    assert whole is not None
    assert pieces is not None
    assert (whole.table == pieces.table).all()
    assert (whole.numbers == pieces.numbers).all()
    assert (differs == differs_from_next(following, frames)).all()
