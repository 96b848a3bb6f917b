"""Live random generators and their values.

A state goes into a live generator in place, so that whoever else holds the generator goes on with it, too. Python's
``random.Random`` is the same machine as numpy's RandomState (MT19937 and one left-over normal number), and has the
same value.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy

from ..errors import CheckpointError, UnsupportedError
from ..values import RandomGenerator, SeedSequence
from ..values.generators import BIT_GENERATORS
from .later import Later, settle

__all__ = [
    "LiveGenerator",
    "fill_generator",
    "hold_bits",
    "hold_generator",
    "is_generator",
    "make_bits",
    "make_generator",
    "read_generator",
    "refuse_state",
    "write_generator",
]

LiveGenerator: TypeAlias = numpy.random.Generator | numpy.random.RandomState | random.Random

MAKERS: dict[str, Callable[[numpy.random.SeedSequence], numpy.random.BitGenerator]] = {
    "MT19937": numpy.random.MT19937,
    "PCG64": numpy.random.PCG64,
    "PCG64DXSM": numpy.random.PCG64DXSM,
    "Philox": numpy.random.Philox,
    "SFC64": numpy.random.SFC64,
}
"""numpy's bit generators, each by its name."""

PYTHON_STATE_VERSION = 3
"""The layout of ``random.Random.getstate()`` since Python 3.2."""


def is_generator(live: Any) -> bool:
    """Whether an object is a random generator whose state has a value."""
    return isinstance(live, numpy.random.Generator | numpy.random.RandomState | random.Random)


def read_generator(live: LiveGenerator) -> RandomGenerator:
    """The state of a live generator; raises UnsupportedError for a bit generator that numpy does not have."""
    value: RandomGenerator = settle(hold_generator(live))
    return value


def hold_generator(live: LiveGenerator) -> Later:
    """The state of a live generator, copied, and its value later; raises as :func:`read_generator` does."""
    if isinstance(live, random.Random):
        return Later(_read_python, *live.getstate())
    if isinstance(live, numpy.random.RandomState):
        state: Any = live.get_state(legacy=False)
        return Later(_value, "RandomState", _known(state), state)
    return hold_bits(live.bit_generator.state, _read_seed_sequence(live.bit_generator))


def hold_bits(state: Any, seeds: SeedSequence | None = None) -> Later:
    """A Generator over bits in a state that numpy's ``bit_generator.state`` gave, which is nobody else's."""
    return Later(_value, "Generator", _known(state), state, seeds)


def _value(kind: str, bit_generator: str, state: Any, seeds: SeedSequence | None = None) -> RandomGenerator:
    return RandomGenerator(kind=kind, bit_generator=bit_generator, state=_plain(state), seed_sequence=seeds)


def refuse_state(live: LiveGenerator, value: RandomGenerator) -> str | None:
    """Why a state is none of a live generator's, which is of another kind or over other bits; None where it is one."""
    own = read_generator(live)
    if (own.kind, own.bit_generator) == (value.kind, value.bit_generator):
        return None
    return f"expected the state of a {own.kind} over {own.bit_generator}, found another generator's"


def fill_generator(live: LiveGenerator, value: RandomGenerator) -> LiveGenerator:
    """The live generator in this state, or another one where it is to spawn others from seeds of its own."""
    write_generator(live, value)
    return live if value.seed_sequence is None else make_generator(value)


def write_generator(live: LiveGenerator, value: RandomGenerator) -> None:
    """Put a state into a live generator of the same kind; raises CheckpointError where it is of another."""
    found = (value.kind, value.bit_generator)
    if isinstance(live, random.Random):
        _expect(("RandomState", "MT19937"), found)
        live.setstate(_python_state(value))
    elif isinstance(live, numpy.random.RandomState):
        _expect(("RandomState", live.get_state(legacy=False)["bit_generator"]), found)
        live.set_state(_copy(value.state))
    else:
        _expect(("Generator", live.bit_generator.state["bit_generator"]), found)
        live.bit_generator.state = _copy(value.state)


def make_generator(value: RandomGenerator) -> numpy.random.Generator | numpy.random.RandomState:
    """A new generator of numpy with this state, and with the seeds that others are spawned from."""
    if value.kind == "RandomState":
        made = numpy.random.RandomState(0)
        made.set_state({"has_gauss": 0, "gauss": 0.0, **value.state})
        return made
    return numpy.random.Generator(make_bits(value))


def make_bits(value: RandomGenerator) -> numpy.random.BitGenerator:
    """New bits for a Generator, in this state."""
    bits = MAKERS[value.bit_generator](_make_seed_sequence(value.seed_sequence))
    bits.state = {key: item for key, item in value.state.items() if key not in ("has_gauss", "gauss")}
    return bits


def _make_seed_sequence(value: SeedSequence | None) -> numpy.random.SeedSequence:
    """What the generator was seeded with; it matters to what is spawned from it alone."""
    if value is None:
        return numpy.random.SeedSequence(0)
    return numpy.random.SeedSequence(
        list(value.entropy) if isinstance(value.entropy, tuple) else value.entropy,
        spawn_key=value.spawn_key,
        pool_size=value.pool_size,
        n_children_spawned=value.children,
    )


def _known(state: Any) -> str:
    name = state["bit_generator"]
    if name not in BIT_GENERATORS:
        raise UnsupportedError(f"expected one of numpy's bit generators, found {name}.")
    return str(name)


def _plain(state: Any) -> Any:
    """numpy's state with Python's own numbers, and arrays that are nobody else's."""
    if isinstance(state, dict):
        return {name: _plain(item) for name, item in state.items()}
    if isinstance(state, numpy.ndarray):
        return state.copy()
    return state.item() if isinstance(state, numpy.generic) else state


def _copy(state: dict[str, Any]) -> dict[str, Any]:
    return {name: _copy(item) if isinstance(item, dict) else item for name, item in state.items()}


def _read_seed_sequence(bits: numpy.random.BitGenerator) -> SeedSequence | None:
    """What others are spawned from; only where something has been spawned does it say more than the state."""
    seeds = bits.seed_seq
    if not isinstance(seeds, numpy.random.SeedSequence) or not seeds.n_children_spawned:
        return None
    entropy = seeds.entropy if isinstance(seeds.entropy, int | None) else tuple(int(word) for word in seeds.entropy)
    return SeedSequence(
        entropy=entropy,
        spawn_key=tuple(int(word) for word in seeds.spawn_key),
        pool_size=seeds.pool_size,
        children=seeds.n_children_spawned,
    )


def _read_python(version: int, words: tuple[int, ...], gauss: float | None) -> RandomGenerator:
    if version != PYTHON_STATE_VERSION:
        raise UnsupportedError(
            f"expected a state of Python's random of version {PYTHON_STATE_VERSION}, found {version}."
        )
    state = {
        "bit_generator": "MT19937",
        "state": {"key": numpy.array(words[:-1], numpy.uint32), "pos": words[-1]},
        "has_gauss": int(gauss is not None),
        "gauss": float(gauss or 0.0),
    }
    return RandomGenerator(kind="RandomState", bit_generator="MT19937", state=state)


def _python_state(value: RandomGenerator) -> tuple[Any, ...]:
    inner, gauss = value.state["state"], value.state["gauss"] if value.state["has_gauss"] else None
    return PYTHON_STATE_VERSION, (*inner["key"].tolist(), inner["pos"]), gauss


def _expect(expected: tuple[str, str], found: tuple[str, str]) -> None:
    if found != expected:
        raise CheckpointError(
            f"expected the state of a {' over '.join(expected)}, found one of {' over '.join(found)}."
        )
