"""Values against gymnasium, torch and Stable-Baselines3: what they make is read as it was made."""

from __future__ import annotations

import pathlib
from collections import OrderedDict, deque
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import gymnasium
import numpy
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common import noise, utils
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import TrainFreq, TrainFrequencyUnit
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from stable_baselines3.her.goal_selection_strategy import GoalSelectionStrategy

from strongbox import values
from strongbox.pickles import decode
from strongbox.values import find_opaque, from_portable, read_normalization, same, to_portable, to_value
from strongbox.values.checks import NUMBER_TYPES
from strongbox.values.torch_values import TORCH_DTYPES

EXAMPLES = settings(max_examples=100, derandomize=True, deadline=None, database=None)
POINTS = numpy.linspace(1.0, 0.0, 33)


def read(live: Any) -> Any:
    """The value of a live object, by way of cloudpickle, the decoder and the portable form."""
    value = to_value(decode(cloudpickle.dumps(live)))
    assert not find_opaque(value)
    assert same(from_portable(to_portable(value)), value)
    return value


bounds = st.floats(-1e6, 1e6, width=32)
shapes = st.lists(st.integers(1, 3), max_size=2).map(tuple)


@st.composite
def live_boxes(draw: st.DrawFn) -> spaces.Box:
    """Boxes of floats and of bytes, bounded and not."""
    shape = draw(shapes)
    if draw(st.booleans()):
        return spaces.Box(0, 255, shape, numpy.uint8)
    low = draw(bounds)
    return spaces.Box(draw(st.sampled_from((low, -numpy.inf))), low + draw(st.integers(1, 5)), shape, numpy.float32)


simple = st.one_of(
    live_boxes(),
    st.builds(spaces.Discrete, st.integers(1, 9), start=st.integers(-5, 5)),
    st.builds(spaces.MultiDiscrete, st.lists(st.integers(1, 9), min_size=1, max_size=3)),
    st.builds(spaces.MultiBinary, st.integers(1, 9) | st.lists(st.integers(1, 3), min_size=1, max_size=2)),
    st.builds(spaces.Text, st.integers(1, 9), charset=st.sampled_from(("abc", "zyx"))),
)
live_spaces = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.builds(spaces.Dict, st.dictionaries(st.text(max_size=3), inner, min_size=1, max_size=3)),
        st.builds(spaces.Tuple, st.lists(inner, min_size=1, max_size=3)),
        st.builds(spaces.OneOf, st.lists(inner, min_size=1, max_size=3)),
        st.builds(spaces.Sequence, inner),
    ),
    max_leaves=4,
) | st.builds(spaces.Graph, live_boxes(), st.none() | st.builds(spaces.Discrete, st.integers(1, 9)))


def compare(value: Any, live: Any) -> None:
    """A value is what the live space was constructed with."""
    assert type(value).__name__ == type(live).__name__
    if live._np_random is None:
        assert value.random_state is None
    else:
        compare_generator(value.random_state, live._np_random)
    COMPARE[type(value)](value, live)


def compare_generator(value: values.RandomGenerator, live: numpy.random.Generator) -> None:
    assert value.kind == "Generator"
    restored = getattr(numpy.random, value.bit_generator)()
    restored.state = value.state
    assert same(dict(restored.state), dict(live.bit_generator.state))
    seed: Any = live.bit_generator.seed_seq
    assert value.seed_sequence is not None
    assert (value.seed_sequence.entropy, value.seed_sequence.spawn_key) == (seed.entropy, seed.spawn_key)


def compare_box(value: values.Box, live: spaces.Box) -> None:
    assert same(value.low, live.low)
    assert same(value.high, live.high)
    assert (value.shape, value.dtype) == (live.shape, live.dtype)


def compare_discrete(value: values.Discrete, live: Any) -> None:
    assert (value.n, value.start, value.dtype) == (live.n, live.start, live.dtype)


def compare_multi_discrete(value: values.MultiDiscrete, live: Any) -> None:
    assert same(value.nvec, live.nvec)
    assert same(value.start, live.start)
    assert value.dtype == live.dtype


def compare_multi_binary(value: values.MultiBinary, live: Any) -> None:
    assert value.n == (live.n if isinstance(live.n, int) else tuple(live.n))
    assert value.shape == live.shape


def compare_dict(value: values.Dict, live: Any) -> None:
    assert list(value.spaces) == list(live.spaces)
    for name, inner in value.spaces.items():
        compare(inner, live.spaces[name])


def compare_several(value: Any, live: Any) -> None:
    for inner, live_inner in zip(value.spaces, live.spaces, strict=True):
        compare(inner, live_inner)


def compare_text(value: values.Text, live: Any) -> None:
    assert (value.min_length, value.max_length) == (live.min_length, live.max_length)
    assert spaces.Text(1, charset=value.characters) == spaces.Text(1, charset="".join(live.character_list))


def compare_sequence(value: values.Sequence, live: Any) -> None:
    compare(value.feature_space, live.feature_space)
    assert value.stack is live.stack


def compare_graph(value: values.Graph, live: Any) -> None:
    compare(value.node_space, live.node_space)
    if live.edge_space is None:
        assert value.edge_space is None
    else:
        compare(value.edge_space, live.edge_space)


COMPARE: dict[type, Any] = {
    values.Box: compare_box,
    values.Discrete: compare_discrete,
    values.MultiDiscrete: compare_multi_discrete,
    values.MultiBinary: compare_multi_binary,
    values.Dict: compare_dict,
    values.Tuple: compare_several,
    values.OneOf: compare_several,
    values.Text: compare_text,
    values.Sequence: compare_sequence,
    values.Graph: compare_graph,
}


@EXAMPLES
@given(live_spaces, st.booleans())
def test_spaces(live: Any, seeded: bool) -> None:
    if seeded:
        live.seed(7)
        live.sample()
    compare(read(live), live)


def test_a_stacked_sequence() -> None:
    live = spaces.Sequence(spaces.Box(0, 1, (2,)), stack=True)
    compare(read(live), live)


def test_every_space_of_gymnasium_is_here() -> None:
    here = {kind.__name__ for kind in COMPARE} | {"Space"}
    assert {name for name in spaces.__all__ if isinstance(getattr(spaces, name), type)} - here == {"GraphInstance"}


@pytest.mark.parametrize("name", ["MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"])
def test_generators(name: str) -> None:
    live = numpy.random.Generator(getattr(numpy.random, name)(3))
    live.integers(10, dtype="int32")
    compare_generator(read(live), live)


@pytest.mark.parametrize("live", [numpy.random.RandomState(5), numpy.random.RandomState(numpy.random.PCG64(5))])
def test_random_states(live: numpy.random.RandomState) -> None:
    live.normal()
    value = read(live)
    restored = numpy.random.RandomState(getattr(numpy.random, value.bit_generator)())
    restored.set_state(value.state)
    assert restored.normal() == live.normal()


@pytest.mark.parametrize(
    "live",
    [
        utils.ConstantSchedule(0.5),
        utils.LinearSchedule(1.0, 0.1, 0.4),
        utils.FloatSchedule(3),
        utils.FloatSchedule(utils.LinearSchedule(1.0, 0.1, 0.4)),
    ],
    ids=repr,
)
def test_schedules(live: Any) -> None:
    value = read(live)
    assert [value(point) for point in POINTS] == [live(point) for point in POINTS]
    assert value.as_float == isinstance(live, utils.FloatSchedule)


@pytest.mark.filterwarnings("ignore:.*is deprecated")
def test_schedules_that_are_functions() -> None:
    for live in (utils.constant_fn(0.5), utils.get_linear_fn(1.0, 0.1, 0.4), utils.get_schedule_fn(0.25)):
        value = read(live)
        assert [value(point) for point in POINTS] == [live(point) for point in POINTS]
    scale = 0.125
    value = read(lambda progress_remaining: progress_remaining * scale)
    assert value == values.LinearSchedule(start=0.125, end=0.0)


def test_functions_that_are_no_known_schedule() -> None:
    value = to_value(decode(cloudpickle.dumps(lambda progress_remaining: progress_remaining**2)))
    assert isinstance(value, values.Opaque)
    assert value.needs_code
    assert value.type.startswith("function test_functions_that_are_no_known_schedule.<locals>.<lambda> of ")


def test_noises() -> None:
    two, tenth = numpy.zeros(2), numpy.full(2, 0.1)
    normal = noise.NormalActionNoise(two, tenth)
    process = noise.OrnsteinUhlenbeckActionNoise(two, tenth)
    process()
    expected = values.NormalNoise(mean=two, sigma=tenth, dtype=numpy.dtype("float32"))
    assert read(normal) == expected
    assert read(noise.VectorizedActionNoise(normal, 3)) == values.VectorizedNoise(base=expected, noises=(expected,) * 3)
    value = read(process)
    assert same(value.previous, process.noise_prev)
    assert (value.theta, value.dt, value.initial) == (0.15, 0.01, None)


def test_names_and_small_things() -> None:
    frequency = read(TrainFreq(4, TrainFrequencyUnit.STEP))
    assert frequency.items[0] == 4
    assert frequency.items[1].value == "step"
    assert [read(strategy).value for strategy in GoalSelectionStrategy] == [
        item.value for item in GoalSelectionStrategy
    ]
    assert read(ActorCriticPolicy).path == "stable_baselines3.common.policies.ActorCriticPolicy"
    assert read(ReplayBuffer).path == "stable_baselines3.common.buffers.ReplayBuffer"
    assert read(torch.nn.ReLU) == values.ClassReference("torch.nn.modules.activation", "ReLU")
    assert isinstance(read(torch.nn.init.orthogonal_), values.FunctionReference)
    assert read(float) == values.ClassReference("builtins", "float")
    assert read(torch.device("cuda:1")) == values.Device("cuda:1")
    assert read(torch.bfloat16) == values.TorchDtype("bfloat16")
    assert read(torch.Size([2, 3])) == values.TorchSize((2, 3))
    assert read(pathlib.Path("/logs/run")) == pathlib.PurePosixPath("/logs/run")
    kept = OrderedDict(a=deque([{"r": 1.0}], 5), b=frozenset({1}), c=(numpy.float64(2), {3: b"x"}))
    assert same(read(kept), kept)


@pytest.mark.parametrize("name", sorted(numpy.sctypeDict, key=str), ids=str)
def test_arrays_and_scalars_of_every_dtype(name: Any) -> None:
    kind = numpy.sctypeDict[name]
    if numpy.dtype(kind) in NUMBER_TYPES:
        array = numpy.arange(6).astype(kind).reshape(2, 3)
        # longlong is pickled as what it is on this machine, int64.
        array = array.astype(numpy.dtype(kind).name)
        for live in (array, numpy.asfortranarray(array), array.T, array[:, ::2], array[0, 1], array[:0]):
            assert same(read(live), live)


@pytest.mark.parametrize("name", sorted(TORCH_DTYPES))
def test_tensors_of_every_dtype(name: str) -> None:
    live = torch.arange(6).to(getattr(torch, name)).reshape(2, 3)
    for tensor in (live, live.t(), live[:, 1], live[0, 0]):
        value = read(tensor)
        shown = tensor.to(torch.float32) if name == "bfloat16" else tensor
        assert numpy.array_equal(value.array, shown.numpy())
        assert (value.dtype, value.device, value.parameter, value.requires_grad) == (name, "cpu", False, False)


def test_a_parameter() -> None:
    value = read(torch.nn.Parameter(torch.ones(3)))
    assert value.parameter
    assert value.requires_grad


class Wheel(gymnasium.Env):
    """An environment that answers with whatever its space holds."""

    def __init__(self, observation_space: Any) -> None:
        self.observation_space = observation_space
        self.action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        return self.observation_space.sample(), 0.5, False, False, {}


@pytest.mark.parametrize(
    "observation_space",
    [spaces.Box(-1, 1, (3,)), spaces.Dict(a=spaces.Box(-1, 1, (3,)), b=spaces.Box(0, 2, (1,)))],
    ids=["box", "dict"],
)
def test_normalization(observation_space: Any) -> None:
    live = VecNormalize(DummyVecEnv([lambda: Wheel(observation_space)]), clip_obs=5.0)
    live.reset()
    for _ in range(5):
        live.step(numpy.zeros(1, int))
    statistics = read_normalization(decode(cloudpickle.dumps(live)))
    running: Any = live.obs_rms if isinstance(live.obs_rms, dict) else {"": live.obs_rms}
    assert list(statistics.observations) == list(running)
    for key, part in statistics.observations.items():
        assert same(part.mean, running[key].mean)
        assert same(part.var, running[key].var)
        assert part.count == running[key].count
    assert statistics.rewards.mean == live.ret_rms.mean
    assert (statistics.clip_obs, statistics.gamma, statistics.epsilon) == (5.0, live.gamma, live.epsilon)
    compare(statistics.observation_space, live.observation_space)
