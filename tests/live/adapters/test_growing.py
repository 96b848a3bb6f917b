"""A list that only grows is copied once, and what was held of it is what it was."""

from __future__ import annotations

import os
from typing import Any

import numpy
import pytest

from strongbox.adapters.growing import GrowingCopy
from strongbox.adapters.later import settle


class Refused(Exception):
    """What a copy raises that cannot be made."""


def copied(items: list[Any]) -> list[Any]:
    """A copy of a list and of the lists in it."""
    if None in items:
        raise Refused
    return [list(item) if type(item) is list else item for item in items]


def test_what_is_new_is_copied_behind_what_was_there() -> None:
    live = [[1.0], [2.0, 3.0]]
    growing = GrowingCopy(live, copied)
    first = growing.hold()
    old = growing.items[0]
    live.append([4.0])
    assert growing.goes_on(live)
    assert settle(growing.hold()) == live
    assert growing.items[0] is old
    assert settle(first) == live[:2]
    live[2].append(5.0)
    assert growing.items[2] == [4.0]


@pytest.mark.parametrize(
    "change",
    [
        lambda live: live.clear(),
        lambda live: live.pop(),
        lambda live: live.pop(0),
        lambda live: live.reverse(),
        lambda live: live.__setitem__(-1, [3.0]),
        lambda live: live.__setitem__(0, [1.0]),
    ],
    ids=["emptied", "cut", "begins later", "turned round", "another newest", "another first"],
)
def test_a_list_that_is_not_the_one_of_before_with_more_behind_it(change: Any) -> None:
    live = [[1.0], [2.0], [3.0]]
    growing = GrowingCopy(live, copied)
    held = growing.hold()
    change(live)
    assert not growing.goes_on(live)
    assert settle(held) == [[1.0], [2.0], [3.0]]


def test_another_list_is_never_gone_on_with() -> None:
    growing = GrowingCopy([], copied)
    assert not growing.goes_on([])


@pytest.mark.parametrize("inside", [True, False])
def test_an_older_item_that_was_changed_by_hand_is_found(inside: bool) -> None:
    live = [[1.0], [2.0], [3.0]]
    growing = GrowingCopy(live, copied)
    growing.grow()
    assert growing.is_true()
    if inside:
        live[1][0] = 7.0
    else:
        live[1] = [7.0]
    assert growing.goes_on(live)
    assert not growing.is_true()
    assert settle(growing.hold()) == [[1.0], [7.0], [3.0]]
    assert not growing.goes_on(live)


def test_items_that_cannot_be_compared_count_as_changed() -> None:
    live: list[Any] = [0, numpy.zeros(2), 1]
    growing = GrowingCopy(live, lambda items: [numpy.array(item) for item in items])
    growing.grow()
    assert not growing.is_true()
    live[1][:] = 3
    assert settle(growing.hold())[1].tolist() == [3, 3]


def test_a_copy_that_fails_leaves_the_one_of_before() -> None:
    live: list[Any] = [1.0]
    growing = GrowingCopy(live, copied)
    growing.grow()
    live.append(None)
    with pytest.raises(Refused):
        growing.hold()
    assert growing.items == [1.0]
    live[1] = 2.0
    assert settle(growing.hold()) == [1.0, 2.0]


def test_a_forked_process_has_lists_of_its_own() -> None:
    live = [1.0]
    growing = GrowingCopy(live, copied)
    growing.grow()
    child = os.fork()
    if child == 0:
        os._exit(growing.goes_on(live))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert growing.goes_on(live)


def test_no_two_copies_have_one_mark() -> None:
    live: list[Any] = []
    assert GrowingCopy(live, copied).mark != GrowingCopy(live, copied).mark
