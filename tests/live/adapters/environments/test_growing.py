"""What Monitor remembers of every episode is copied once, and is what it was whenever it is read."""

from __future__ import annotations

from typing import Any

import gymnasium
import pytest
from stable_baselines3.common.monitor import Monitor

from strongbox.adapters.environments import growing
from strongbox.adapters.environments.growing import NAMES, hold_growing
from strongbox.adapters.later import settle


def monitor(episodes: int = 3) -> Any:
    live = Monitor(gymnasium.make("CartPole-v1"))
    add(live, episodes)
    return live


def add(live: Monitor, episodes: int) -> None:
    for _ in range(episodes):
        count = len(live.episode_returns)
        live.episode_returns.append(count + 0.5)
        live.episode_lengths.append(7)
        live.episode_times.append(count / 8)


def lists(live: Monitor) -> dict[str, list[Any]]:
    return {name: list(getattr(live, name)) for name in NAMES}


def test_what_was_held_stays_while_episodes_are_added() -> None:
    live = monitor()
    before, held = lists(live), hold_growing(live)
    add(live, 2)
    after, again = lists(live), hold_growing(live)
    add(live, 2)
    assert settle(held) == before
    assert settle(again) == after
    assert settle(hold_growing(live)) == lists(live)


def test_what_was_copied_is_not_copied_again() -> None:
    live = monitor()
    hold_growing(live)
    copies = {name: growing._COPIES[live][name].items for name in NAMES}
    add(live, 2)
    hold_growing(live)
    assert copies == lists(live)
    assert all(growing._COPIES[live][name].items is copies[name] for name in NAMES)


def test_lists_that_were_emptied_and_filled_again() -> None:
    live = monitor()
    settle(hold_growing(live))
    for name in NAMES:
        getattr(live, name).clear()
    add(live, 5)
    live.episode_lengths[1] = 8
    assert settle(hold_growing(live)) == lists(live)


def test_lists_in_the_place_of_others() -> None:
    live = monitor()
    settle(hold_growing(live))
    live.episode_lengths = [1, 7, 7, 7]
    assert settle(hold_growing(live)) == lists(live)


def test_an_old_item_that_was_changed_by_hand() -> None:
    live = monitor()
    settle(hold_growing(live))
    live.episode_returns[1] = -1.0
    first, second = hold_growing(live), hold_growing(live)
    assert settle(first) == settle(second) == settle(hold_growing(live)) == lists(live)


def test_lists_that_are_emptied_before_they_are_read() -> None:
    live = monitor()
    before, held = lists(live), hold_growing(live)
    for name in NAMES:
        getattr(live, name).clear()
    assert settle(held) == before


@pytest.mark.parametrize("strange", [None, (1.0,), [object()]])
def test_what_is_no_list_of_numbers_is_not_held_here(strange: Any) -> None:
    live = monitor()
    live.episode_times = strange
    assert hold_growing(live) == {}
    assert hold_growing(gymnasium.make("CartPole-v1")) == {}
