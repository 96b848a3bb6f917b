"""Emitted pickles, loaded by Python's own unpickler with warnings as errors: what comes out is what a load builds."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from stable_baselines3.common.noise import OrnsteinUhlenbeckActionNoise

from strongbox import values
from strongbox.adapters.restore import Restorer
from strongbox.conversion.emission import to_node
from strongbox.conversion.modern import modernise
from strongbox.errors import StrongboxError
from strongbox.pickles import encode
from strongbox.tensors import DTYPES
from tests.core.conversion.examples import EMITTED
from tests.core.values.strategies import generators, spaces
from tests.live.adapters.likeness import differences


def loaded(value: Any) -> Any:
    return pickle.loads(encode(to_node(value)))


def modern(value: Any) -> Any:
    return modernise(value, lambda note: None)


@pytest.mark.parametrize("value", EMITTED, ids=lambda value: type(value).__name__)
def test_an_ordinary_unpickler_makes_of_it_what_a_load_builds(value: Any) -> None:
    if isinstance(value, values.TorchTensor) and value.device != "cpu":
        value = modern(value)
    if isinstance(value, values.NormalNoise | values.OrnsteinUhlenbeckNoise | values.VectorizedNoise):
        value = modern(value)
    live, expected = loaded(value), Restorer()(value)
    assert type(live) is type(expected)
    if isinstance(value, values.RandomGenerator):
        assert live.bit_generator.state == expected.bit_generator.state
    else:
        assert list(differences(live, expected)) == []


@given(spaces)
@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=60)
def test_spaces_are_those_of_gymnasium(space: values.Space) -> None:
    assume(not list(unreal(space)))
    try:
        live = loaded(modern(space))
        expected = Restorer()(modern(space))
    except (StrongboxError, ValueError, AssertionError, TypeError, OverflowError):
        assume(False)
    assert isinstance(live, gymnasium.Space)
    assert str(live) == str(expected)
    assert list(differences(live, expected)) == []


def unreal(space: values.Space) -> Iterator[values.Space]:
    """Spaces that no gymnasium makes: it has one type for MultiBinary, and each character once, in order."""
    inner = [getattr(space, name, None) for name in ("feature_space", "node_space", "edge_space")]
    several = getattr(space, "spaces", ())
    for part in (*inner, *(several.values() if isinstance(several, dict) else several)):
        yield from unreal(part) if part is not None else ()
    if isinstance(space, values.MultiBinary) and space.dtype != numpy.int8:
        yield space
    if isinstance(space, values.Text) and sorted(set(space.characters)) != list(space.characters):
        yield space


@given(generators().filter(lambda value: value.kind == "Generator" or value.bit_generator == "MT19937"))
@settings(deadline=None, max_examples=30)
def test_generators_draw_on_and_spawn_as_they_would_have(value: values.RandomGenerator) -> None:
    live, expected = loaded(value), Restorer()(value)
    assert type(live) is type(expected)
    assert numpy.array_equal(live.random(3), expected.random(3))
    if value.seed_sequence is not None and value.seed_sequence.entropy is not None and value.kind == "Generator":
        assert numpy.array_equal(live.spawn(1)[0].random(3), expected.spawn(1)[0].random(3))


def test_a_process_that_never_ran_starts_where_a_reset_puts_it() -> None:
    noise = values.OrnsteinUhlenbeckNoise(mean=numpy.zeros(2), sigma=numpy.ones(2), theta=0.15, dt=0.01)
    live = loaded(modern(noise))
    assert isinstance(live, OrnsteinUhlenbeckActionNoise)
    assert live().shape == (2,)
    assert live().dtype == numpy.float32


@pytest.mark.parametrize("dtype", sorted(dtype.name for dtype in DTYPES.values() if dtype.storage_class))
def test_tensors_of_every_type(dtype: str) -> None:
    held = "float32" if dtype == "bfloat16" else dtype
    for array in (numpy.arange(6).reshape(2, 3), numpy.array(1), numpy.zeros((0, 2))):
        value = values.TorchTensor(array=array.astype(held), dtype=dtype)
        live = loaded(value)
        assert live.dtype is getattr(torch, dtype)
        assert torch.equal(live, Restorer()(value))
