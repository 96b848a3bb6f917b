"""Plots of schedules: shape, gaps, and numbers that a stranger chose."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongbox.cli.plot import draw_bar, draw_plot, number_text, sample
from tests.core.cli.archives import EXAMPLES


def test_a_falling_line() -> None:
    assert draw_plot([3.0, 2.0, 1.0, 0.0], rows=2) == ["█▃  ", "██▆▁"]


def test_without_block_characters() -> None:
    assert draw_plot([3.0, 2.0, 1.0, 0.0], rows=2, blocks=False) == ["#.  ", "##:."]


def test_training_runs_from_left_to_right() -> None:
    assert sample(lambda progress: progress, 5) == [1.0, 0.75, 0.5, 0.25, 0.0]


@pytest.mark.parametrize("failing", [lambda progress: 1 / 0, lambda progress: 10.0**400, lambda progress: float("x")])
def test_a_schedule_that_fails_leaves_gaps(failing: object) -> None:
    assert all(math.isnan(value) for value in sample(failing, 3))  # type: ignore[arg-type]


def test_a_constant_still_shows() -> None:
    assert draw_plot([0.5, 0.5], rows=2) == ["  ", "▁▁"]


@EXAMPLES
@given(st.lists(st.floats(), min_size=1, max_size=20), st.integers(1, 5))
def test_any_numbers_give_a_plot_of_the_right_size(values: list[float], rows: int) -> None:
    lines = draw_plot(values, rows=rows)
    assert [len(line) for line in lines] == [len(values)] * rows
    for column, value in enumerate(values):
        assert (lines[-1][column] == " ") == (not math.isfinite(value))


@pytest.mark.parametrize(
    ("fraction", "bar"), [(0.0, ""), (0.001, "█"), (0.5, "█████"), (1.0, "██████████"), (2.0, "█" * 10)]
)
def test_bars(fraction: float, bar: str) -> None:
    assert draw_bar(fraction, 10) == bar


@pytest.mark.parametrize(
    ("value", "text"), [(0.0003, "0.0003"), (1.0, "1"), (12, "12"), (1e-9, "1e-09"), (math.nan, "nan")]
)
def test_numbers(value: float, text: str) -> None:
    assert number_text(value) == text
