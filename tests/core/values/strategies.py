"""Hypothesis strategies that make any value that Strongbox has."""

from __future__ import annotations

from collections import OrderedDict, deque
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import numpy
from hypothesis import strategies as st

from strongbox import values
from strongbox.values.forms import NUMBER_DTYPES

__all__ = ["generators", "json_values", "keys", "schedules", "spaces", "values_of_any_kind"]

texts = st.text(max_size=8)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}(\.[A-Za-z_]{1,5})?", fullmatch=True)
floats = st.floats()
words = st.integers(0, 2**32 - 1)
integers = st.integers() | st.integers(-(2**200), 2**200)
dtypes = st.sampled_from(sorted(NUMBER_DTYPES)).map(numpy.dtype)
shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)


@st.composite
def arrays(draw: st.DrawFn, *, kinds: str = "biufc", shape: tuple[int, ...] | None = None) -> Any:
    """Arrays of any bytes, so that NaNs of every kind are among them."""
    dtype = draw(dtypes.filter(lambda dtype: dtype.kind in kinds))
    sizes = draw(shapes) if shape is None else shape
    count = int(numpy.prod(sizes, dtype=int)) * dtype.itemsize
    content = draw(st.binary(min_size=count, max_size=count))
    if dtype.kind == "b":
        content = bytes(byte & 1 for byte in content)
    return numpy.frombuffer(content, dtype).reshape(sizes) if content else numpy.zeros(sizes, dtype)


text_arrays = st.lists(texts.filter(lambda text: "\0" not in text and text.isprintable()), min_size=1, max_size=3).map(
    lambda items: numpy.array([*items, "x"])
)
scalars = arrays(shape=(1,)).map(lambda array: array[0]) | st.just(numpy.str_("left")) | st.just(numpy.bytes_(b"right"))


@st.composite
def generators(draw: st.DrawFn) -> values.RandomGenerator:
    """Generators over each of numpy's bit generators."""
    name = draw(st.sampled_from(("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")))
    state: Any = getattr(numpy.random, name)(draw(words)).state
    kind = draw(st.sampled_from(("Generator", "RandomState")))
    if kind == "RandomState":
        state = {**state, "has_gauss": draw(st.integers(0, 1)), "gauss": draw(floats)}
    seed = draw(
        st.none()
        | st.builds(
            values.SeedSequence,
            entropy=st.none() | st.integers(0, 2**130) | st.lists(words, max_size=3).map(tuple),
            spawn_key=st.lists(words, max_size=2).map(tuple),
            children=st.integers(0, 5),
        )
    )
    return values.RandomGenerator(kind=kind, bit_generator=name, state=state, seed_sequence=seed)


random_states = st.none() | st.none() | generators()


@st.composite
def boxes(draw: st.DrawFn) -> values.Box:
    """Boxes of any bounds."""
    low = draw(arrays(kinds="iuf"))
    high = draw(arrays(kinds="iuf", shape=low.shape))
    return values.Box(low=low, high=high, shape=low.shape, dtype=low.dtype, random_state=draw(random_states))


@st.composite
def multi_discretes(draw: st.DrawFn) -> values.MultiDiscrete:
    """MultiDiscretes with and without a start."""
    nvec = draw(st.lists(st.integers(1, 9), max_size=3))
    start = draw(st.none() | st.just([1] * len(nvec)))
    return values.MultiDiscrete(
        nvec=numpy.array(nvec, "int64"),
        start=None if start is None else numpy.array(start, "int64"),
        dtype=draw(dtypes),
    )


simple_spaces = st.one_of(
    boxes(),
    multi_discretes(),
    st.builds(
        values.Discrete,
        n=st.integers(1, 2**63 - 1),
        start=st.integers(-(2**63), 2**63 - 1),
        dtype=dtypes,
        random_state=random_states,
    ),
    st.builds(values.MultiBinary, n=st.integers(0, 9) | shapes, dtype=dtypes),
    st.builds(values.Text, min_length=st.integers(0, 3), max_length=st.integers(3, 9), characters=texts),
)
spaces = st.recursive(
    simple_spaces,
    lambda inner: st.one_of(
        st.builds(values.Dict, spaces=st.dictionaries(texts, inner, max_size=3), random_state=random_states),
        st.builds(values.Tuple, spaces=st.lists(inner, max_size=3).map(tuple)),
        st.builds(values.OneOf, spaces=st.lists(inner, max_size=3).map(tuple)),
        st.builds(values.Sequence, feature_space=inner, stack=st.booleans()),
        st.builds(values.Graph, node_space=inner, edge_space=st.none() | inner),
    ),
    max_leaves=4,
)


def widened(array: Any) -> Any:
    """An array of floats as float64; some processors complain of NaNs that signal."""
    with numpy.errstate(invalid="ignore"):
        return array.astype("float64")


tables = arrays(kinds="f", shape=(3,)).map(widened)
schedules = st.one_of(
    st.builds(values.ConstantSchedule, value=floats, as_float=st.booleans()),
    st.builds(values.LinearSchedule, start=floats, end=floats, end_fraction=floats, as_float=st.booleans()),
    st.builds(values.TableSchedule, values=tables, largest_error=floats, source=texts, as_float=st.booleans()),
)

amounts = arrays(kinds="f") | floats
optional_dtypes = st.none() | dtypes
single_noises = st.one_of(
    st.builds(values.NormalNoise, mean=amounts, sigma=amounts, dtype=optional_dtypes),
    st.builds(
        values.OrnsteinUhlenbeckNoise,
        mean=amounts,
        sigma=amounts,
        theta=floats,
        dt=floats,
        initial=st.none() | amounts,
        previous=st.none() | amounts,
        dtype=optional_dtypes,
    ),
)
noises = single_noises | st.builds(
    values.VectorizedNoise, base=single_noises, noises=st.lists(single_noises, min_size=1, max_size=2).map(tuple)
)

classes = st.builds(values.ClassReference, names, names)
references = classes | st.builds(values.FunctionReference, names, names)
members = st.builds(values.EnumMember, classes, st.integers(-(2**70), 2**70) | texts)


@st.composite
def tensors(draw: st.DrawFn) -> values.TorchTensor:
    """Tensors of every dtype, bfloat16 among them."""
    array = draw(arrays())
    dtype = array.dtype.name
    if dtype == "float32" and draw(st.booleans()):
        dtype = "bfloat16"
    flags = {name: draw(st.booleans()) for name in ("requires_grad", "parameter")}
    return values.TorchTensor(array=array, dtype=dtype, device=draw(st.sampled_from(("cpu", "cuda:1"))), **flags)


torch_values = st.one_of(
    tensors(),
    st.builds(values.Device, texts),
    st.builds(values.TorchDtype, st.sampled_from(("float32", "bfloat16"))),
    st.builds(values.TorchSize, st.lists(st.integers(0, 9), max_size=3).map(tuple)),
)


jax_arrays = st.builds(values.JaxArray, array=arrays(), weak_type=st.booleans())
attribute_names = st.from_regex(r"[a-z_]{1,6}", fullmatch=True)


@st.composite
def jax_values(draw: st.DrawFn) -> Any:
    """Arrays, modules, train states and policies."""
    array, kind = draw(jax_arrays), draw(classes)
    module = values.FlaxModule(type=kind, fields={"net_arch": [8], "bound": array}, code=("apply",))
    state = values.TrainState(
        type=kind,
        step=draw(st.integers(0, 2**40)),
        params=draw(st.dictionaries(texts, jax_arrays, max_size=2)),
        opt_state=(values.NamedTuple(kind, (array, {})),),
        others=draw(st.dictionaries(attribute_names, jax_arrays, max_size=2)),
    )
    return draw(
        st.sampled_from((array, module, state, values.JaxPolicy(type=kind, attributes={"state": state, "qf": module})))
    )


@st.composite
def normalizations(draw: st.DrawFn) -> values.Normalization:
    """Statistics of one observation, or of several by key."""
    statistics = arrays(kinds="f").map(lambda array: values.RunningStatistics(mean=array, var=array, count=1.5))
    return values.Normalization(
        observations=draw(st.dictionaries(texts, statistics, max_size=2)),
        rewards=draw(statistics),
        clip_obs=draw(floats),
        clip_reward=draw(floats),
        gamma=draw(floats),
        epsilon=draw(floats),
        training=draw(st.booleans()),
        norm_reward=draw(st.booleans()),
        norm_obs_keys=draw(st.none() | st.lists(texts, max_size=2).map(tuple)),
        observation_space=draw(st.none() | simple_spaces),
        returns=draw(st.none() | arrays(kinds="f")),
    )


leaves = st.one_of(
    *(st.none(), st.booleans(), integers, floats, texts, st.binary(max_size=5), st.binary(max_size=5).map(bytearray)),
    *(st.complex_numbers(), arrays(), text_arrays, scalars, dtypes, st.just(numpy.dtype("U7"))),
    *(spaces, schedules, noises, references, members, generators(), torch_values, jax_values(), normalizations()),
    st.lists(names, max_size=3).map(lambda parts: PurePosixPath("/", *parts)),
    st.lists(names, max_size=3).map(lambda parts: PureWindowsPath(*parts)),
)
key_scalars = st.one_of(
    *(st.none(), st.booleans(), st.integers(-(2**60) + 1, 2**60 - 1), floats.filter(lambda number: number == number)),
    *(texts, st.binary(max_size=3), references, st.builds(values.EnumMember, classes, st.integers(0, 9) | texts)),
    *(st.just(numpy.float32(0.5)), st.just(numpy.str_("left")), st.just(PurePosixPath("/a"))),
)
keys = key_scalars | st.lists(key_scalars | st.lists(key_scalars, max_size=2).map(tuple), max_size=2).map(tuple)
text_keys = texts | st.just("$")
values_of_any_kind = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(text_keys, inner, max_size=3),
        st.dictionaries(keys, inner, max_size=3),
        st.dictionaries(keys, inner, max_size=3).map(OrderedDict),
        st.sets(keys, max_size=3),
        st.frozensets(keys, max_size=3),
        st.builds(deque, st.lists(inner, max_size=3), st.none() | st.integers(3, 9)),
        st.builds(values.NamedTuple, classes, st.lists(inner, max_size=3).map(tuple)),
        st.builds(
            values.Partial,
            function=references,
            arguments=st.lists(inner, max_size=2).map(tuple),
            keywords=st.dictionaries(texts, inner, max_size=2),
        ),
    ),
    max_leaves=5,
)
json_values = st.recursive(
    st.none() | st.booleans() | integers | floats | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text_keys, inner, max_size=3),
    max_leaves=8,
)
