"""What Monitor remembers of every episode there ever was: copied once, and sent once by a worker to its parent.

Here the lists are copied as :mod:`strongbox.adapters.growing` says. A worker process has no background: training waits
while it copies, pickles and sends. So the parent, too, keeps a copy of each list, and says how many items it has of
which copy in the worker, by a mark that no two copies have; the worker answers with the items behind these. Where its
list is not the one of before with more behind it, it makes another copy, which the parent knows nothing of, and sends
everything. An older item that was changed by hand is looked for before the answer: to compare two lists that hold the
same objects takes a nanosecond or a few for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from ..growing import GrowingCopy
from ..later import Later, LeftToParent
from ..loaded import loaded_classes
from .plain import MOST_PARTS, NotPlain, copy_plain

__all__ = ["NewItems", "hold_growing", "join_items", "only_new"]

NAMES = ("episode_returns", "episode_lengths", "episode_times")
"""Monitor's lists with one number for each episode."""

_COPIES: WeakKeyDictionary[Any, dict[str, GrowingCopy]] = WeakKeyDictionary()


def hold_growing(live: Any) -> dict[str, Later]:
    """The lists of a Monitor by name, their new items copied; nothing for any other object."""
    if not isinstance(live, loaded_classes("stable_baselines3.common.monitor", "Monitor")):
        return {}
    lists = {name: vars(live).get(name) for name in NAMES}
    if not all(type(items) is list for items in lists.values()):
        return {}
    copies, answer = _COPIES.setdefault(live, {}), _ANSWER.get()
    try:
        return {name: _hold(copies, name, items, answer) for name, items in lists.items()}
    except NotPlain:
        del _COPIES[live]
        return {}


def _hold(copies: dict[str, GrowingCopy], name: str, live: Any, answer: _Answer | None) -> Later:
    if len(live) > MOST_PARTS:
        raise NotPlain("longer than what is captured of an attribute")
    if name not in copies or not copies[name].goes_on(live):
        copies[name] = GrowingCopy(live, copy_plain)
    if answer is None:
        return copies[name].hold()
    copies[name].grow()
    if not copies[name].is_true():
        copies[name] = GrowingCopy(live, copy_plain)
        copies[name].grow()
    return answer.add(copies[name])


# -- from a worker to its parent ------------------------------------------------------------------------------


class NewItems:
    """What a list has behind the items that the parent has of it."""

    def __init__(self, mark: str, start: int, items: list[Any]) -> None:
        self.mark = mark
        self.start = start
        self.count = start + len(items)
        self.items = items

    def join(self, known: list[Any]) -> list[Any]:
        """Put the items behind those that are known, and give the list that they now stand in."""
        known.extend(self.items)
        self.items = known
        return known

    def whole(self) -> list[Any]:
        """The list as it was in the worker, once the items are joined to those before them."""
        return self.items[: self.count]


@dataclass
class _Answer:
    """How many items the parent has, by the mark of the copy, and what it is answered with."""

    known: Mapping[str, int]
    news: list[NewItems] = field(default_factory=list)

    def add(self, copy: GrowingCopy) -> Later:
        start = self.known.get(copy.mark, 0)
        self.news.append(NewItems(copy.mark, start, copy.items[start:]))
        return LeftToParent(self.news[-1].whole)


_ANSWER: ContextVar[_Answer | None] = ContextVar("strongbox_answer", default=None)


@contextmanager
def only_new(known: Mapping[str, int]) -> Iterator[list[NewItems]]:
    """In a worker: let :func:`hold_growing` hold what the parent does not have yet; gives what there is of it.

    ``known`` says how many items the parent has, by the mark of the copy. The list goes along with the state, in one
    pickle, so that the parent's :func:`join_items` finds in it the very objects of which the state is made.
    """
    answer = _Answer(known)
    token = _ANSWER.set(answer)
    try:
        yield answer.news
    finally:
        _ANSWER.reset(token)


def join_items(news: list[NewItems], known: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """In the parent: join what is new to the copies that are kept here, by their marks; other copies are not kept."""
    return {new.mark: new.join(known[new.mark] if new.start else []) for new in news}
