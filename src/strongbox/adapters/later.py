"""What is still to be made of what was copied at a clean point.

While training stands still, state is only copied; what has to be computed of a copy (a value that is checked, a digest)
is left to whoever writes it down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Later", "LeftToParent", "settle"]


class Later:
    """A function and its arguments, none of which refers to memory that training changes."""

    __slots__ = ("arguments", "make")

    def __init__(self, make: Callable[..., Any], *arguments: Any) -> None:
        self.make = make
        self.arguments = arguments


class LeftToParent(Later):
    """What a worker process passes over, and its parent makes: once it has come out of the pipe, it is as any other."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return Later, (self.make, *self.arguments)


def settle(tree: Any) -> Any:
    """A tree of dictionaries and lists with everything made; what a function gives is not looked into."""
    if type(tree) is Later:
        return tree.make(*tree.arguments)
    if type(tree) is dict:
        return {name: settle(item) for name, item in tree.items()}
    return [settle(item) for item in tree] if type(tree) is list else tree
