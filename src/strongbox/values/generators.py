"""States of random generators, kept as plain numbers.

The layouts are those of numpy's ``bit_generator.state`` and ``RandomState.get_state(legacy=False)``
(https://numpy.org/doc/stable/reference/random/bit_generators/). A state is checked strictly, since
numpy trusts it: an MT19937 state with a position of 10^9 reads outside of its own memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from functools import partial
from typing import Any, TypeAlias

import numpy

from ..errors import FormatError
from ..records import record
from . import checks
from .equality import same

__all__ = ["BIT_GENERATORS", "RandomGenerator", "SeedSequence"]

Check: TypeAlias = Callable[[Any, str], Any]
Layout: TypeAlias = dict[str, Any]

MOST_SEEDS = 4096
"""Numbers in a seed or a spawn key; numpy's own tools write a handful."""


def _words(value: Any, what: str, *, dtype: str, count: int) -> None:
    checks.array(value, what, shape=(count,), kinds="u")
    checks.check(value.dtype == numpy.dtype(dtype), f"expected {what} to be of {dtype}, found {value.dtype}")


def _up_to(high: int) -> Check:
    return partial(checks.whole, low=0, high=high)


HALF_WORD: Layout = {"has_uint32": _up_to(1), "uinteger": _up_to(2**32 - 1)}
"""A 64-bit word of which one half is still to be used."""
PCG: Layout = {"state": {"state": _up_to(2**128 - 1), "inc": _up_to(2**128 - 1)}, **HALF_WORD}

BIT_GENERATORS: dict[str, Layout] = {
    "MT19937": {"state": {"key": partial(_words, dtype="uint32", count=624), "pos": _up_to(624)}},
    "PCG64": PCG,
    "PCG64DXSM": PCG,
    "Philox": {
        "state": {
            "counter": partial(_words, dtype="uint64", count=4),
            "key": partial(_words, dtype="uint64", count=2),
        },
        "buffer": partial(_words, dtype="uint64", count=4),
        "buffer_pos": _up_to(4),
        **HALF_WORD,
    },
    "SFC64": {"state": {"state": partial(_words, dtype="uint64", count=4)}, **HALF_WORD},
}
"""What the state of each of numpy's bit generators holds."""

KINDS: dict[str, Layout] = {"Generator": {}, "RandomState": {"has_gauss": _up_to(1), "gauss": checks.number}}
"""What numpy's classes that draw from a bit generator add to its state."""


@record(frozen=True, kw_only=True)
class SeedSequence:
    """What a generator was seeded with (numpy.random.SeedSequence); needed only to spawn others from it."""

    entropy: int | tuple[int, ...] | None
    spawn_key: tuple[int, ...] = ()
    pool_size: int = 4
    children: int = 0

    def __post_init__(self) -> None:
        seeds = self.entropy if isinstance(self.entropy, tuple) else (self.entropy,) * (self.entropy is not None)
        for name, numbers in (("the entropy", seeds), ("the spawn key", self.spawn_key)):
            checks.check(len(checks.tuple_of(numbers, int, name)) <= MOST_SEEDS, f"expected {name} to be short")
            for number in numbers:
                checks.whole(number, name, 0, None)
        checks.whole(self.pool_size, "the pool size", 4, 256)
        checks.whole(self.children, "the number of children", 0, 2**32 - 1)


@record(frozen=True, kw_only=True, eq=False)
class RandomGenerator:
    """The state of one numpy generator.

    ``kind`` is ``"Generator"`` or ``"RandomState"`` (numpy's classes of these names, gym's and
    gymnasium's subclasses included), ``bit_generator`` the algorithm's name (``"PCG64"``,
    ``"MT19937"``, …), ``state`` what numpy's ``bit_generator.state`` property returns, checked for
    type, size and range: a mapping of names to ints, uint32 or uint64 arrays and mappings of these.
    """

    kind: str
    bit_generator: str
    state: dict[str, Any] = field(repr=False)
    seed_sequence: SeedSequence | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        checks.check(self.kind in KINDS, "expected a Generator or a RandomState")
        checks.check(self.bit_generator in BIT_GENERATORS, "expected one of numpy's bit generators")
        layout = {"bit_generator": checks.text, **BIT_GENERATORS[self.bit_generator], **KINDS[self.kind]}
        object.__setattr__(self, "state", _arrange(self.state, layout, "state"))
        checks.check(self.state["bit_generator"] == self.bit_generator, "expected one bit generator, found two names")
        checks.instance(self.seed_sequence, (SeedSequence, type(None)), "a seed sequence")

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return id(self)


def _arrange(state: Any, layout: Layout, what: str) -> dict[str, Any]:
    """A state in the order of its layout; raises FormatError unless it holds exactly that."""
    if type(state) is not dict or set(state) != set(layout):
        raise FormatError(f"expected {what} to hold {', '.join(layout)}")
    arranged: dict[str, Any] = {}
    for name, inner in layout.items():
        if isinstance(inner, dict):
            arranged[name] = _arrange(state[name], inner, f"{what}.{name}")
        else:
            inner(state[name], f"{what}.{name}")
            arranged[name] = state[name]
    return arranged
