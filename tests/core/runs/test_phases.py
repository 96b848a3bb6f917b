"""The calls of learn() in a script, and what becomes of each when the script is started again."""

from __future__ import annotations

from typing import Any

import pytest

from strongbox.errors import CheckpointError
from strongbox.runs import Phases, Start


def test_new_phases_are_counted_and_their_steps_add_up() -> None:
    phases = Phases()
    assert phases.begin(0, 100) is Start.NEW
    assert phases.run_steps(40) == 40
    phases.finish(104)
    assert phases.begin(0, 50) is Start.NEW
    assert phases.run_steps(10) == 114
    assert phases.to_list() == [[0, 100, 104], [0, 50, None]]


def test_steps_go_on_where_the_counter_does() -> None:
    phases = Phases()
    phases.begin(1_000, 1_100)
    phases.finish(1_100)
    phases.begin(1_100, 1_200)
    assert phases.run_steps(1_150) == 150


@pytest.mark.parametrize(
    ("recorded", "calls", "expected"),
    [
        ([[0, 100, None]], [(0, 100)], [Start.GOES_ON]),
        ([[0, 100, None]], [(0, 100), (0, 100)], [Start.GOES_ON, Start.NEW]),
        ([[0, 100, 100]], [(0, 100)], [Start.DONE_LAST]),
        ([[0, 100, 100]], [(0, 60)], [Start.DONE_LAST]),
        ([[0, 100, 100]], [(0, 200)], [Start.GOES_FURTHER]),
        ([[0, 100, 60]], [(0, 100)], [Start.DONE_LAST]),
        ([[0, 100, 100], [0, 50, None]], [(0, 100), (0, 50)], [Start.DONE, Start.GOES_ON]),
        ([[0, 100, 100], [0, 50, 50]], [(0, 900), (0, 50)], [Start.DONE, Start.DONE_LAST]),
    ],
)
def test_a_script_that_is_started_again_goes_through_what_was_recorded(
    recorded: list[Any], calls: list[tuple[int, int]], expected: list[Start]
) -> None:
    phases = Phases.from_list(recorded)
    assert [phases.begin(*call) for call in calls] == expected


def test_a_phase_that_goes_further_is_no_longer_finished() -> None:
    phases = Phases.from_list([[0, 100, 104]])
    phases.begin(0, 200)
    assert phases.to_list() == [[0, 200, None]]
    assert phases.run_steps(150) == 150


@pytest.mark.parametrize(
    "listed",
    [
        None,
        [],
        [[0, 100]],
        [[0, 100, 100, 100]],
        [["0", 100, 100]],
        [[0, -1, None]],
        [[0, True, None]],
        [[None, 100, 100]],
        [[0, 100, None], [0, 100, None]],
        [{"start": 0}],
        "phases",
    ],
)
def test_what_is_no_list_of_phases_is_refused(listed: Any) -> None:
    with pytest.raises(CheckpointError):
        Phases.from_list(listed)
