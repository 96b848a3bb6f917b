"""Lists that only grow: what Monitor remembers of every episode there ever was.

A run may have a hundred thousand episodes, and training must not stand still for longer the more there were. So only
what is new since the last capture is copied at the clean point, behind what was copied before. A list that was
emptied, replaced or cut is told by its first and its newest old item, which must be the very same objects, and copied
anew. An older item that was changed by hand is found when the copy is held against the list, in the background.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import is_not
from typing import Any
from weakref import WeakKeyDictionary

from ..later import Later
from ..loaded import loaded_classes
from .plain import MOST_PARTS, NotPlain, copy_plain

__all__ = ["hold_growing"]

NAMES = ("episode_returns", "episode_lengths", "episode_times")
"""Monitor's lists with one number for each episode."""

_COPIES: WeakKeyDictionary[Any, Mapping[str, _Growing]] = WeakKeyDictionary()


class _Growing:
    """A list and the copy of what it held when it was last looked at; the copy only grows."""

    def __init__(self, live: list[Any]) -> None:
        self.live = live
        self.items: list[Any] = []

    def goes_on(self, live: Any) -> bool:
        """Whether a list is the one that was copied, with more behind it."""
        items = self.items
        same_list = live is self.live and len(live) >= len(items)
        return same_list and (not items or (live[0] is items[0] and live[len(items) - 1] is items[-1]))

    def take(self, copied: list[Any], count: int) -> list[Any]:
        """The first items as they were; where some of them have changed since they were copied, as they are."""
        items, now = copied[:count], self.live[:count]
        if len(now) == count and count and now[-1] is items[-1] and any(map(is_not, now, items)):
            self.items = []  # The next capture copies all of it again.
            return list(copy_plain(now))
        return items


def hold_growing(live: Any) -> dict[str, Later]:
    """The lists of a Monitor by name, their new items copied; nothing for any other object."""
    if not isinstance(live, loaded_classes("stable_baselines3.common.monitor", "Monitor")):
        return {}
    lists = {name: vars(live).get(name) for name in NAMES}
    known = _COPIES.get(live, {})
    if not all(name in known and known[name].goes_on(lists[name]) for name in NAMES):
        if not all(type(items) is list for items in lists.values()):
            return {}
        known = _COPIES[live] = {name: _Growing(items) for name, items in lists.items() if items is not None}
    try:
        return {name: _hold(known[name]) for name in NAMES}
    except NotPlain:
        del _COPIES[live]
        return {}


def _hold(growing: _Growing) -> Later:
    count = len(growing.live)
    if count > MOST_PARTS:
        raise NotPlain("longer than what is captured of an attribute")
    growing.items.extend(copy_plain(growing.live[len(growing.items) : count]))
    return Later(growing.take, growing.items, count)
