"""Where a part stands inside a value, for messages."""

from __future__ import annotations

from typing import Any

__all__ = ["Place"]

LONGEST_STEP = 40
LONGEST = 200


class Place:
    """A step on the way from a whole value to one of its parts.

    It is written out only when there is something to say: a file may hold a long key above a million
    items, and a text for each of them would take their product.
    """

    __slots__ = ("above", "is_field", "step")

    def __init__(self, above: Place | None = None, step: Any = None, *, is_field: bool = False) -> None:
        self.above = above
        self.step = step
        self.is_field = is_field

    def item(self, key: Any) -> Place:
        """The place of an item, by its index or key."""
        return Place(self, key)

    def field(self, name: str) -> Place:
        """The place of a field, by its name."""
        return Place(self, name, is_field=True)

    @property
    def at(self) -> str:
        """The place in a sentence, such as `` at ['policy_kwargs'].low``; nothing for the whole."""
        return f" at {self}" if self.above is not None else ""

    def __str__(self) -> str:
        steps: list[str] = []
        place: Place | None = self
        while place is not None and place.above is not None:
            steps.append(place._shown())
            place = place.above
        text = "".join(reversed(steps))
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"

    def _shown(self) -> str:
        if self.is_field:
            return f".{self.step}"
        key = self.step[:LONGEST_STEP] if isinstance(self.step, str | bytes) else self.step
        return f"[{key!r}]"
