"""Copies of lists that only grow, as what is remembered of every episode and every evaluation does.

Training must not stand still for longer the more there were. So only what is new since the last capture is copied at
the clean point, behind what was copied before. A list that was emptied, replaced or cut is told by its first and its
newest old item, which must be the very same objects, and copied anew. An older item that was changed by hand is found
when the copy is held against the list, in the background: by value, so that 1 in place of 1.0 is no change.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .later import Later

__all__ = ["GrowingCopy"]


class GrowingCopy:
    """A list and the copy of what it held when it was last looked at; the copy only grows.

    ``copy`` makes a list that holds nothing of another one that training changes. ``mark`` tells this copy from every
    other one, in whatever process.
    """

    def __init__(self, live: list[Any], copy: Callable[[list[Any]], list[Any]]) -> None:
        self.items: list[Any] = []
        self.mark = os.urandom(16).hex()
        self._live = live
        self._copy = copy
        self._first: Any = None
        self._newest: Any = None
        self._process = os.getpid()
        self._is_stale = False

    def goes_on(self, live: Any) -> bool:
        """Whether a list is the one that was copied, with more behind it; in a forked process it is another one."""
        count = len(self.items)
        if live is not self._live or len(live) < count or self._is_stale or self._process != os.getpid():
            return False
        return not count or (live[0] is self._first and live[count - 1] is self._newest)

    def grow(self) -> int:
        """Copy what is new, and give how many items there are; raises what ``copy`` raises, with nothing changed."""
        count = len(self._live)
        self.items.extend(self._copy(self._live[len(self.items) : count]))
        if count:
            self._first, self._newest = self._live[0], self._live[count - 1]
        return count

    def hold(self) -> Later:
        """The items as they are now, with what is new copied, and the rest of the work later."""
        count = self.grow()
        return Later(self._take, count, self._newest)

    def is_true(self) -> bool:
        """Whether the list still holds what was copied, all of it compared; right after :meth:`grow`."""
        return _equal(self._live, self.items)

    def _take(self, count: int, newest: Any) -> list[Any]:
        """The first items as they were; where some of them have changed since they were copied, as they are."""
        items, now = self.items[:count], self._live[:count]
        if len(now) == count and count and now[-1] is newest and not _equal(now, items):
            self._is_stale = True  # The next capture copies all of it again.
            return self._copy(now)
        return items


def _equal(left: list[Any], right: list[Any]) -> bool:
    try:
        return left == right
    except Exception:  # noqa: BLE001 - arrays, or objects of a script's own, may have no truth value
        return False
