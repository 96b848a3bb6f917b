"""Live objects and values: each goes to the other and back unchanged."""

from __future__ import annotations

import functools
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import gymnasium
import numpy
import pytest
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.noise import (
    NormalActionNoise,
    OrnsteinUhlenbeckActionNoise,
    VectorizedActionNoise,
)
from stable_baselines3.common.type_aliases import TrainFreq, TrainFrequencyUnit
from stable_baselines3.common.utils import ConstantSchedule, FloatSchedule, LinearSchedule
from stable_baselines3.her.goal_selection_strategy import GoalSelectionStrategy

from strongbox import values
from strongbox.adapters.foreign import pickle_bounded, read_nodes
from strongbox.adapters.restore import Restorer
from strongbox.errors import RefusedError, UnsupportedError
from strongbox.values import from_portable, same, to_portable, to_value
from tests.live.adapters.likeness import differences


def value_of(live: Any) -> Any:
    return to_value(read_nodes(pickle_bounded(live))[0])


def seeded(space: gymnasium.Space[Any]) -> gymnasium.Space[Any]:
    space.seed(5)
    space.sample()
    return space


def ornstein() -> OrnsteinUhlenbeckActionNoise:
    noise = OrnsteinUhlenbeckActionNoise(numpy.ones(2), numpy.full(2, 0.5), theta=0.3, dt=0.1, dtype=numpy.float64)
    noise()
    return noise


def vectorized() -> VectorizedActionNoise:
    noise = VectorizedActionNoise(ornstein(), 3)
    noise()
    return noise


LIVE: dict[str, Callable[[], Any]] = {
    "box": lambda: spaces.Box(-1.0, numpy.array([1.0, numpy.inf], numpy.float32), (2,)),
    "box of float64": lambda: spaces.Box(-numpy.inf, numpy.inf, (2, 3), numpy.float64),
    "box of bytes": lambda: spaces.Box(0, 255, (4, 4, 3), numpy.uint8),
    "box of int": lambda: spaces.Box(-5, 5, (2,), numpy.int32),
    "box of one": lambda: spaces.Box(0.5, 0.5, ()),
    "seeded box": lambda: seeded(spaces.Box(-1, 1, (2,))),
    "discrete": lambda: spaces.Discrete(4),
    "discrete from -1": lambda: seeded(spaces.Discrete(3, start=-1)),
    "multi discrete": lambda: seeded(spaces.MultiDiscrete([2, 3])),
    "multi discrete from 1": lambda: spaces.MultiDiscrete([2, 3], start=[1, 1]),
    "multi discrete of int32": lambda: spaces.MultiDiscrete(numpy.array([[2, 3], [4, 5]]), dtype="int32"),
    "multi binary": lambda: seeded(spaces.MultiBinary(3)),
    "multi binary in two": lambda: spaces.MultiBinary((2, 3)),
    "dict": lambda: seeded(spaces.Dict({"b": spaces.Discrete(2), "a": spaces.Box(0, 1, (2,))})),
    "ordered dict": lambda: spaces.Dict(OrderedDict([("z", spaces.Discrete(2)), ("a", spaces.Discrete(3))])),
    "tuple": lambda: seeded(spaces.Tuple((spaces.Discrete(2), spaces.MultiBinary(2)))),
    "text": lambda: spaces.Text(5, min_length=2, charset="xyz"),
    "sequence": lambda: spaces.Sequence(spaces.Discrete(2), stack=True),
    "graph": lambda: spaces.Graph(spaces.Box(0, 1, (2,)), None),
    "one of": lambda: spaces.OneOf((spaces.Discrete(2), spaces.Box(0, 1, (2,)))),
    "constant": lambda: ConstantSchedule(0.1),
    "linear": lambda: LinearSchedule(1.0, 0.1, 0.5),
    "float of constant": lambda: FloatSchedule(0.3),
    "float of linear": lambda: FloatSchedule(LinearSchedule(1.0, 0.1, 0.5)),
    "normal noise": lambda: NormalActionNoise(numpy.zeros(2), numpy.ones(2)),
    "normal noise of numbers": lambda: NormalActionNoise(0.0, 0.5),  # type: ignore[arg-type]
    "ornstein": ornstein,
    "vectorized": vectorized,
    "train freq": lambda: TrainFreq(4, TrainFrequencyUnit.STEP),
    "enum": lambda: GoalSelectionStrategy.FINAL,
    "class": lambda: HerReplayBuffer,
    "contrib class": lambda: MaskableActorCriticPolicy,
    "deque": lambda: deque([{"r": 1.5, "l": 7, "t": 0.1}], maxlen=100),
    "ordered": lambda: OrderedDict([("b", numpy.zeros(2)), ("a", 1)]),
    "policy settings": lambda: {"activation_fn": torch.nn.Tanh, "optimizer_kwargs": {"betas": (0.9, 0.99)}},
    "array": lambda: numpy.arange(6, dtype=numpy.int16).reshape(2, 3),
    "crosswise array": lambda: numpy.arange(6.0).reshape(2, 3).T,
    "number": lambda: numpy.float32(0.1),
    "dtype": lambda: numpy.dtype("float32"),
    "tensor": lambda: torch.arange(4, dtype=torch.float64),
    "part of a tensor": lambda: torch.arange(100)[3:6],
    "half tensor": lambda: torch.ones(2, dtype=torch.bfloat16),
    "parameter": lambda: torch.nn.Parameter(torch.ones(2)),
    "device": lambda: torch.device("cpu"),
    "torch dtype": lambda: torch.float16,
    "size": lambda: torch.Size([2, 3]),
    "generator": lambda: numpy.random.default_rng(3),
    "old generator": lambda: numpy.random.RandomState(3),
    "philox": lambda: numpy.random.Generator(numpy.random.Philox(3)),
    "partial": lambda: functools.partial(torch.nn.LeakyReLU, negative_slope=0.2),
    "set": lambda: {1, 2},
    "frozen set": lambda: frozenset({"a"}),
}


@pytest.mark.parametrize("name", LIVE)
def test_a_live_object_becomes_a_value_and_live_again(name: str) -> None:
    live = LIVE[name]()
    value = value_of(live)
    assert not list(values.find_opaque(value))
    for kept in (value, from_portable(to_portable(value))):
        assert same(kept, value)
        restored = Restorer()(kept)
        if isinstance(live, numpy.random.Generator | numpy.random.RandomState):
            assert type(restored) is type(live)
            assert same(value_of(restored), value)
        else:
            assert not list(differences(live, restored))


def test_a_space_draws_on_from_where_it_was() -> None:
    for name in ("seeded box", "discrete from -1", "dict", "tuple", "multi discrete"):
        live = LIVE[name]()
        restored = Restorer()(value_of(live))
        for _ in range(5):
            assert repr(live.sample()) == repr(restored.sample())


def test_a_random_state_of_gym_drives_a_space_of_gymnasium() -> None:
    state = value_of(numpy.random.RandomState(3))
    space = Restorer()(values.Discrete(n=4, random_state=state))
    assert isinstance(space._np_random, numpy.random.Generator)
    assert space._np_random.bit_generator.state["state"]["pos"] == 624
    assert space.contains(space.sample())


def test_a_table_is_numpys_interpolation() -> None:
    table = values.TableSchedule(values=numpy.array([0.0, 1.0, 4.0]), largest_error=0.1, source="square")
    live = Restorer()(table)
    assert isinstance(live, functools.partial)
    assert live(0.75) == 2.5
    assert Restorer()(values.TableSchedule(values=table.values, as_float=True))(0.75) == 2.5


def test_what_is_opaque_is_refused() -> None:
    for value in (values.Opaque("x", "because"), [values.Opaque("x", "because")]):
        with pytest.raises(RefusedError, match="because"):
            Restorer()(value)


def test_what_is_no_value_is_unsupported() -> None:
    with pytest.raises(UnsupportedError):
        Restorer()(object())


def test_copies_are_writable_and_their_own() -> None:
    kept = numpy.arange(3.0)
    kept.flags.writeable = False
    live = Restorer()({"a": kept})["a"]
    live[0] = 9
    assert kept[0] == 0


NUMBERS = st.sampled_from([numpy.float32, numpy.float64, numpy.int64, numpy.uint8, numpy.bool_])


@given(arrays.arrays(NUMBERS, arrays.array_shapes(min_dims=0, max_dims=3, max_side=4)))
def test_any_array(array: Any) -> None:
    assert not list(differences(array, Restorer()(value_of(array))))


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(0, 9), inner, max_size=3)
        | st.builds(lambda items: deque(items, maxlen=4), st.lists(inner, max_size=3))
    ),
    max_leaves=8,
)


@given(PLAIN)
def test_anything_plain(item: Any) -> None:
    assert not list(differences(item, Restorer()(value_of(item))))


# -- paths ------------------------------------------------------------------------------------------


def test_a_path_of_this_system_can_be_opened_and_anothers_stays_a_name() -> None:
    own, other = (PurePosixPath, PureWindowsPath)[:: 1 if isinstance(Path(), PurePosixPath) else -1]
    assert Restorer()([own("logs/best"), other("logs/best")]) == [Path("logs/best"), other("logs/best")]
    assert type(Restorer()(own("logs"))) is type(Path())
    assert type(Restorer()(other("logs"))) is other
    assert Restorer()(value_of({"folder": Path("logs")})) == {"folder": Path("logs")}
