"""Random generators: the layouts of their pickles, and states that would crash numpy."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from strongbox.errors import FormatError
from strongbox.pickles import Call, Global
from strongbox.values import Discrete, Opaque, RandomGenerator, SeedSequence, same, to_value
from tests.core.values.fixtures import call, new, reason_of

PICKLE = "numpy.random._pickle"
PLAIN = (3, "<", None, None, None, -1, -1, 0)
NAMES = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")


def words(values: Any, dtype: str) -> Call:
    content = numpy.asarray(values, dtype)
    return call(
        "numpy._core.numeric._frombuffer",
        content.tobytes(),
        call("numpy.dtype", content.dtype.str[1:], False, True, state=PLAIN),
        content.shape,
        "C",
    )


def as_nodes(state: Any) -> Any:
    """A state of numpy as a pickle would hold it."""
    if isinstance(state, dict):
        return {name: as_nodes(part) for name, part in state.items()}
    return words(state, state.dtype.name) if isinstance(state, numpy.ndarray) else state


def generator(name: str) -> numpy.random.Generator:
    made = numpy.random.Generator(getattr(numpy.random, name)(numpy.random.SeedSequence(11)))
    made.integers(10, dtype="int32")
    return made


def twister(**changes: Any) -> Call:
    inner = {"key": words(numpy.zeros(624), "uint32"), "pos": 624}
    state = {"bit_generator": "MT19937", "state": {**inner, **changes}, "has_gauss": 0, "gauss": 0.0}
    return call(f"{PICKLE}.__randomstate_ctor", "MT19937", state=state)


@pytest.mark.parametrize("name", NAMES)
def test_the_layout_of_numpy_1_17(name: str) -> None:
    state = generator(name).bit_generator.state
    value = to_value(call(f"{PICKLE}.__generator_ctor", name, state=as_nodes(state)))
    assert same(value, RandomGenerator(kind="Generator", bit_generator=name, state=dict(state)))


@pytest.mark.parametrize("name", NAMES)
def test_the_layout_of_numpy_1_24(name: str) -> None:
    state = generator(name).bit_generator.state
    constructor = Global(PICKLE, "__bit_generator_ctor")
    value = to_value(call(f"{PICKLE}.__generator_ctor", name, constructor, state=as_nodes(state)))
    assert same(value, RandomGenerator(kind="Generator", bit_generator=name, state=dict(state)))


@pytest.mark.parametrize("name", NAMES)
def test_the_layout_of_numpy_2(name: str) -> None:
    state = generator(name).bit_generator.state
    kind = Global("numpy.random._pcg64", "SeedSequence")
    seed = call("numpy.random.bit_generator.__pyx_unpickle_SeedSequence", kind, 65708578, None)
    seed.state, seed.has_state = (11, 2, words([1, 2, 3, 4], "uint32"), 4, (7,)), True
    inner = call(f"{PICKLE}.__bit_generator_ctor", Global("numpy.random._pcg64", name), state=(as_nodes(state), seed))
    value = to_value(call(f"{PICKLE}.__generator_ctor", inner))
    assert same(
        value,
        RandomGenerator(
            kind="Generator",
            bit_generator=name,
            state=dict(state),
            seed_sequence=SeedSequence(entropy=11, spawn_key=(7,), children=2),
        ),
    )


def test_the_tuple_of_numpy_1_16() -> None:
    state = numpy.random.RandomState(3).get_state()
    assert isinstance(state, tuple)
    name, key, position, has_gauss, gauss = state
    node = call("numpy.random.__RandomState_ctor", state=(name, words(key, "uint32"), position, has_gauss, gauss))
    value = to_value(node)
    assert isinstance(value, RandomGenerator)
    restored = numpy.random.RandomState()
    restored.set_state(value.state)
    assert restored.random_sample() == numpy.random.RandomState(3).random_sample()


def test_the_order_of_a_state_does_not_matter() -> None:
    state = dict(generator("PCG64").bit_generator.state)
    turned = dict(reversed(state.items()))
    made = [RandomGenerator(kind="Generator", bit_generator="PCG64", state=part) for part in (state, turned)]
    assert made[0] == made[1]


BAD: list[tuple[Any, str]] = [
    (twister(pos=625), "expected state.state.pos from 0 to 624, found 625"),
    (twister(pos=10**9), "expected state.state.pos from 0 to 624, found 1000000000"),
    (twister(pos=-1), "expected state.state.pos from 0 to 624, found -1"),
    (twister(pos=True), "expected state.state.pos to be a whole number, found a bool"),
    (twister(key=words(numpy.zeros(623), "uint32")), "to have the shape (624,), found (623,)"),
    (twister(key=words(numpy.zeros(624), "uint64")), "to be of uint32, found uint64"),
    (twister(key=words(numpy.zeros(624), "float32")), "an array of other elements"),
    (twister(key=[0] * 624), "expected state.state.key to be an array, found a list"),
    (twister(more=1), "expected state.state to hold key, pos"),
    (call(f"{PICKLE}.__randomstate_ctor", "MT19937"), "expected the state of a generator, found none"),
    (call(f"{PICKLE}.__randomstate_ctor", "MT19937", state={"state": 1}), "expected state to hold"),
    (call(f"{PICKLE}.__randomstate_ctor", "MT19937", state="state"), "the state of a generator, found a str"),
    (call(f"{PICKLE}.__generator_ctor", "XKCD", state={}), "the name of one of numpy's bit generators"),
    (call(f"{PICKLE}.__generator_ctor", Global("my.code", "PCG64"), state={}), "one of numpy's bit generators"),
    (call(f"{PICKLE}.__generator_ctor", call("os.system", "x")), "expected a bit generator of numpy"),
    (call(f"{PICKLE}.__generator_ctor", "PCG64", Global("os", "system"), state={}), "numpy's constructor"),
    (
        call(f"{PICKLE}.__generator_ctor", "PCG64", state=as_nodes(generator("SFC64").bit_generator.state)),
        "expected state.state to hold state, inc",
    ),
]


@pytest.mark.parametrize(("node", "reason"), BAD, ids=lambda item: repr(item)[:50])
def test_a_state_that_numpy_would_trust(node: Any, reason: str) -> None:
    assert reason in reason_of(node)


@pytest.mark.parametrize(
    "seed",
    [
        {"entropy": -1},
        {"entropy": 1.5},
        {"entropy": (1, "2")},
        {"entropy": tuple(range(5000))},
        {"entropy": None, "spawn_key": [1]},
        {"entropy": None, "pool_size": 10**9},
        {"entropy": None, "children": -1},
    ],
    ids=repr,
)
def test_a_seed_sequence_that_is_none(seed: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        SeedSequence(**seed)


def test_a_space_whose_generator_is_not_understood_is_still_a_space() -> None:
    value = to_value(new("gym.spaces.discrete.Discrete", n=2, _np_random=twister(pos=10**9)))
    assert isinstance(value, Discrete)
    assert isinstance(value.random_state, Opaque)
    assert value.random_state.type == "numpy.random.RandomState"
