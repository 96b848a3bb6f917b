"""Counters and means of training out of data that a stranger wrote."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongbox.cli.training import read_training
from tests.core.cli.archives import EXAMPLES


def test_the_last_episodes() -> None:
    episodes = deque([{"r": 10.0, "l": 5, "t": 0.1}, {"r": numpy.float32(20.0), "l": numpy.int64(7)}], maxlen=100)
    training = read_training(
        {"num_timesteps": 12, "ep_info_buffer": episodes, "ep_success_buffer": deque([True, False])}
    )
    assert training.counters == {"num_timesteps": 12}
    assert (training.episodes, training.mean_return, training.mean_length) == (2, 15.0, 6.0)
    assert training.success_rate == 0.5


def test_what_is_no_number_is_left_out() -> None:
    episodes = [{"r": float("nan"), "l": "long"}, {"r": 1.0}, "episode", None, {}]
    training = read_training({"ep_info_buffer": episodes})
    assert (training.episodes, training.mean_return, training.mean_length) == (3, 1.0, None)


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (1_614_000_000_000_000_000, "2021-02-22 13:20:00 UTC"),
        (1_614_000_000.5, "2021-02-22 13:20:00 UTC"),
        (0, None),
        (None, None),
        (-(2**100), None),
        (2**100, None),
        (1e300, None),
        ("yesterday", None),
    ],
)
def test_the_start(start: Any, text: str | None) -> None:
    assert read_training({"start_time": start}).started == text


scalars = st.none() | st.booleans() | st.integers(-(2**127), 2**127) | st.floats() | st.text(max_size=3)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("rlt"), inner)
)


@EXAMPLES
@given(anything, anything, anything)
def test_nothing_fails(episodes: Any, successes: Any, start: Any) -> None:
    read_training({"ep_info_buffer": episodes, "ep_success_buffer": successes, "start_time": start})
