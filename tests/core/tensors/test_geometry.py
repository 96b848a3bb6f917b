"""Every geometry inside a storage is allowed, and none that reaches out of it."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongbox.errors import FormatError, LimitError, StrongboxError
from strongbox.tensors import Geometry, contiguous_strides
from tests.draws import drawn

SIZES = st.lists(st.integers(0, 4), max_size=4)


@settings(max_examples=drawn(300), deadline=None, derandomize=True)
@given(st.data(), SIZES, st.integers(0, 6), st.integers(0, 40))
def test_check_agrees_with_looking_at_every_element(data: Any, sizes: list[int], offset: int, numel: int) -> None:
    strides = data.draw(st.lists(st.integers(0, 6), min_size=len(sizes), max_size=len(sizes)))
    places = [
        offset + sum(index * stride for index, stride in zip(indices, strides, strict=True))
        for indices in product(*(range(size) for size in sizes))
    ]
    inside = all(place < numel for place in places)
    geometry = Geometry(tuple(sizes), tuple(strides), offset)
    assert geometry.count == len(places)
    if inside:
        geometry.check(numel=numel, itemsize=4)
    else:
        with pytest.raises(FormatError, match="ends inside its storage"):
            geometry.check(numel=numel, itemsize=4)


@pytest.mark.parametrize(
    ("shape", "strides", "offset", "error"),
    [
        ((2,) * 9, (0,) * 9, 0, LimitError),
        ((1,) * 1000, (1,) * 1000, 0, LimitError),
        ((2, 2), (2,), 0, FormatError),
        ((-1,), (1,), 0, FormatError),
        ((1,), (-1,), 0, FormatError),
        ((1,), (1,), -1, FormatError),
        ((2**64 + 1,), (1,), 0, FormatError),
        ((2,), (2**64,), 0, FormatError),
        ((2**62,), (0,), 0, FormatError),
        ((2**31, 2**31, 2), (0, 0, 0), 0, FormatError),
        ((0, 2**31, 2**31, 2), (0, 0, 0, 0), 0, FormatError),
        ((0,), (1,), 2**62, FormatError),
        ((1,), (1,), 4, FormatError),
        ((3, 2), (2, 1), -(2**63), FormatError),
        ((True,), (1,), 0, FormatError),
        ((1.0,), (1,), 0, FormatError),
        ((1,), (None,), 0, FormatError),
        ([1], (1,), 0, FormatError),
        ((1,), "1", 0, FormatError),
        ((1,), (1,), "0", FormatError),
        ((1,), (1,), True, FormatError),
    ],
)
def test_refused(shape: Any, strides: Any, offset: Any, error: type[StrongboxError]) -> None:
    with pytest.raises(error):
        Geometry(shape, strides, offset).check(numel=4, itemsize=4)


def test_stride_reads_out_of_bounds() -> None:
    """GHSA-jg6j-8w4h-2pg2: a small tensor whose strides step far outside of its storage."""
    with pytest.raises(FormatError, match="reaches element 1,000,000"):
        Geometry((2,), (1_000_000,), 0).check(numel=2, itemsize=4)


@pytest.mark.parametrize(
    ("shape", "strides"),
    [((), ()), ((3,), (1,)), ((2, 3), (3, 1)), ((2, 0, 3), (3, 3, 1)), ((4, 1, 5), (5, 5, 1))],
)
def test_contiguous_strides_are_those_of_torch(shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
    assert contiguous_strides(shape) == strides
    assert Geometry(shape, strides, 0).is_contiguous


@pytest.mark.parametrize(
    ("shape", "strides", "contiguous"),
    [((2, 3), (1, 2), False), ((1, 3), (99, 1), True), ((0, 3), (5, 7), True), ((3,), (0,), False)],
)
def test_contiguity(shape: tuple[int, ...], strides: tuple[int, ...], contiguous: bool) -> None:
    assert Geometry(shape, strides, 0).is_contiguous is contiguous
