"""Values in one line each."""

from __future__ import annotations

from collections import OrderedDict, deque
from pathlib import PurePosixPath
from typing import Any

import numpy
import pytest
from hypothesis import given, settings

from strongbox import values
from strongbox.values import describe
from strongbox.values.forms import FORMS
from strongbox.values.lines import SHOWN
from tests.core.values.strategies import values_of_any_kind
from tests.draws import drawn

ZEROS = numpy.zeros(2, "float32")
RELU = values.ClassReference("torch.nn.modules.activation", "ReLU")
UNIT = values.EnumMember(values.ClassReference("a.b", "TrainFrequencyUnit"), "step")
STEP = values.JaxArray(array=numpy.array(64, "int32"))
KIND = values.ClassReference("flax.training.train_state", "TrainState")
MODULE = values.FlaxModule(type=values.ClassReference("sbx.dqn.policies", "QNetwork"), fields={"n_units": 8})
STATE = values.TrainState(
    type=KIND, step=STEP, params={"bias": values.JaxArray(array=numpy.ones(3))}, opt_state=(), others={}
)
STATISTICS = values.RunningStatistics(mean=numpy.zeros(1), var=numpy.ones(1), count=4096.0)
BOUNDS = values.Box(
    low=numpy.array([-2.5, -1], "float32"), high=numpy.array([2.5, 1], "float32"), shape=(2,), dtype=ZEROS.dtype
)
IMAGE = values.Box(
    low=numpy.zeros((84, 84, 4), "uint8"),
    high=numpy.full((84, 84, 4), 255, "uint8"),
    shape=(84, 84, 4),
    dtype=numpy.dtype("uint8"),
)
NORMAL = values.NormalNoise(mean=ZEROS, sigma=ZEROS + 0.5)
EPISODES = deque([{"r": 1.0, "l": 10, "t": 0.5}, {"r": 2.0, "l": 20, "t": 0.5}], 100)

LINES: list[tuple[Any, str]] = [
    (None, "none"),
    (True, "yes"),
    (4096, "4096"),
    (1 << 300, "integer of 301 bits"),
    (0.0003, "0.0003"),
    (1.0, "1"),
    (float("nan"), "nan"),
    ("tanh", "'tanh'"),
    ("\x1b[31m", "'\\x1b[31m'"),
    ("\u202egnp.exe", "'\\u202egnp.exe'"),
    (b"abc", "3 bytes"),
    ([64, 64], "[64, 64]"),
    ((1, "a"), "(1, 'a')"),
    (list(range(20)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, … 20 in all]"),
    ({"net_arch": [64], "use it": False, 3: None}, "{net_arch: [64], 'use it': no, 3: none}"),
    (OrderedDict(a=1), "{a: 1}"),
    ({2, 1}, "{1, 2}"),
    (set(), "empty set"),
    (EPISODES, "2 episodes of at most 100, mean reward 1.5, mean length 15"),
    (deque(maxlen=100), "nothing of at most 100"),
    (deque([True, False]), "2 numbers, mean 0.5"),
    (deque([{"a": 1}, "x"]), "2 items"),
    (deque([{"r": "x"}]), "1 items"),
    (PurePosixPath("/logs"), "'/logs'"),
    (numpy.zeros((16, 6), "float32"), "float32 array 16×6 from 0 to 0"),
    (numpy.array([False, True]), "bool array 2 [False, True]"),
    (numpy.ones(9, "bool"), "bool array 9, 9 true"),
    (numpy.array([numpy.nan] * 5), "float64 array 5 from nan to nan"),
    (numpy.zeros((0, 3)), "float64 array 0×3 []"),
    (numpy.array(2.5), "float64 array [2.5]"),
    (numpy.array(["a"]), "<U1 array 1"),
    (numpy.float32(-4), "-4 (float32)"),
    (numpy.str_("left"), "'left'"),
    (numpy.dtype("float32"), "float32"),
    (BOUNDS, "Box(2, -2.5…-1 to 1…2.5, float32)"),
    (IMAGE, "Box(84×84×4, 0 to 255, uint8)"),
    (values.Discrete(n=4), "Discrete(4)"),
    (values.Discrete(n=4, start=-1), "Discrete(4, from -1)"),
    (values.MultiDiscrete(nvec=numpy.array([2, 3])), "MultiDiscrete([2, 3])"),
    (
        values.MultiDiscrete(nvec=numpy.array([2, 3]), start=numpy.array([0, 1])),
        "MultiDiscrete([2, 3], from [0, 1])",
    ),
    (values.MultiBinary(n=(2, 3)), "MultiBinary(2×3)"),
    (
        values.Dict(spaces={"a": values.Discrete(n=2), "b": BOUNDS}),
        "Dict(a: Discrete(2), b: Box(2, -2.5…-1 to 1…2.5, float32))",
    ),
    (values.Tuple(spaces=(values.Discrete(n=2),)), "Tuple(Discrete(2))"),
    (values.Text(min_length=1, max_length=5, characters="ab"), "Text(1 to 5 of 2 characters)"),
    (values.Sequence(feature_space=values.Discrete(n=2), stack=True), "Sequence(Discrete(2), stacked)"),
    (values.Graph(node_space=values.Discrete(n=2), edge_space=None), "Graph(nodes Discrete(2), edges none)"),
    (values.OneOf(spaces=(values.Discrete(n=2),)), "OneOf(Discrete(2))"),
    (values.ConstantSchedule(value=0.0003), "constant 0.0003"),
    (values.LinearSchedule(start=1.0, end=0.05, end_fraction=0.1), "linear, 1 to 0.05 over the first 10 % of training"),
    (values.LinearSchedule(start=0.001, end=0.0), "linear, 0.001 to 0"),
    (
        values.TableSchedule(values=numpy.array([0.0, 5.0]), largest_error=0.001, source="f of m"),
        "table of f of m, 5 to 0 in 2 points, largest error 0.001",
    ),
    (NORMAL, "normal noise, mean 0, sigma 0.5"),
    (values.VectorizedNoise(base=NORMAL, noises=(NORMAL, NORMAL)), "2 × normal noise, mean 0, sigma 0.5"),
    (
        values.OrnsteinUhlenbeckNoise(mean=0.0, sigma=0.5, theta=0.15, dt=0.01),
        "Ornstein-Uhlenbeck noise, mean 0, sigma 0.5, theta 0.15, dt 0.01",
    ),
    (RELU, "ReLU"),
    (values.FunctionReference("torch.nn.init", "orthogonal_"), "orthogonal_"),
    (values.ClassReference("a", "B\x1b[31m"), "B\\x1b[31m"),
    (values.Partial(function=RELU, keywords={"inplace": True}), "ReLU(inplace=yes, …)"),
    (UNIT, "TrainFrequencyUnit step"),
    (values.NamedTuple(values.ClassReference("a.b", "TrainFreq"), (4, UNIT)), "TrainFreq(4, step)"),
    (values.TorchTensor(array=ZEROS, dtype="bfloat16", device="cuda:0"), "bfloat16 tensor 2 [0, 0] on cuda:0"),
    (values.Device("cuda:1"), "device cuda:1"),
    (values.TorchDtype("float32"), "torch.float32"),
    (values.TorchSize((2, 3)), "size 2×3"),
    (STEP, "JAX, int32 array [64]"),
    (MODULE, "QNetwork(n_units=8)"),
    (STATE, "TrainState, 3 parameters after 64 steps"),
    (values.JaxPolicy(type=KIND, attributes={"n": 8, "qf_state": STATE}), "TrainState with qf_state"),
    (STATISTICS, "statistics of 4096 samples"),
    (values.Opaque("my.code.Thing", "no recipe knows it"), "not understood: my.code.Thing (no recipe knows it)"),
    (object(), "<object>"),
]


@pytest.mark.parametrize(("value", "line"), LINES, ids=[line[:40] for _, line in LINES])
def test_describe(value: Any, line: str) -> None:
    assert describe(value) == line


def test_it_is_cut_to_the_width() -> None:
    assert describe("a" * 200, width=10) == "'aaaaaaaa…"
    assert describe([1], width=0) == "…"


def test_what_is_nested_deeply_is_cut() -> None:
    value: Any = 1
    for _ in range(30):
        value = [value]
    assert describe(value) == "[[[[[[[…]]]]]]]"


@settings(max_examples=drawn(200), derandomize=True, deadline=None, database=None)
@given(values_of_any_kind)
def test_every_value_has_one_printable_line(value: Any) -> None:
    line = describe(value, width=80)
    assert len(line) <= 80
    assert line.isprintable()


def test_every_type_with_a_portable_form_has_a_line_of_its_own() -> None:
    for form in FORMS:
        if form.type is not values.SeedSequence:
            assert form.type in SHOWN
