"""Each recipe on nodes written by hand: what it makes, and what it leaves opaque with a reason."""

from __future__ import annotations

from collections import OrderedDict, deque
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import numpy
import pytest

from strongbox.pickles import Call, Global
from strongbox.values import (
    Box,
    ClassReference,
    ConstantSchedule,
    Device,
    Dict,
    Discrete,
    EnumMember,
    FunctionReference,
    LinearSchedule,
    MultiBinary,
    NamedTuple,
    NormalNoise,
    Opaque,
    OrnsteinUhlenbeckNoise,
    Partial,
    TableSchedule,
    Text,
    TorchDtype,
    TorchSize,
    Tuple,
    VectorizedNoise,
    same,
    to_value,
)
from strongbox.values.recipes.building import RECIPES
from tests.core.values.fixtures import call, new, reason_of

PLAIN = (3, "<", None, None, None, -1, -1, 0)
SB3_UTILS = "stable_baselines3.common.utils"
NOISE = "stable_baselines3.common.noise"
ALIASES = "stable_baselines3.common.type_aliases"
NDARRAY = Global("numpy", "ndarray")


def dtype(pattern: str = "f4", state: Any = PLAIN) -> Call:
    return call("numpy.dtype", pattern, False, True, state=state)


def array(content: Any, pattern: str = "f4", shape: Any = (2,), *, fortran: Any = False) -> Call:
    state = (1, shape, dtype(pattern), fortran, content)
    return call("numpy.core.multiarray._reconstruct", NDARRAY, (0,), b"b", state=state)


def buffer(content: Any, pattern: str = "f4", shape: Any = (2,), order: Any = "C") -> Call:
    return call("numpy._core.numeric._frombuffer", content, dtype(pattern), shape, order)


def box(**changes: Any) -> Call:
    low, high = array(bytes(8)), array(numpy.ones(2, "f4").tobytes())
    attributes = {"dtype": dtype(), "_shape": (2,), "low": low, "high": high, "_np_random": None}
    return new("gymnasium.spaces.box.Box", **{**attributes, **changes})


def discrete(n: Any = 2, **changes: Any) -> Call:
    return new("gym.spaces.discrete.Discrete", n=n, **changes)


def ordered(*items: tuple[Any, Any]) -> Call:
    made = call("collections.OrderedDict")
    made.items = list(items)
    return made


def filled_deque(*items: Any, maxlen: Any = 100) -> Call:
    made = call("collections.deque", (), maxlen)
    made.appended = list(items)
    return made


def partial(function: Any, arguments: Any = (), keywords: Any = None, attributes: Any = None) -> Call:
    return call("functools.partial", function, state=(function, arguments, keywords, attributes))


def constant(value: Any) -> Call:
    return new(f"{SB3_UTILS}.ConstantSchedule", val=value)


def linear(**changes: Any) -> Call:
    return new(f"{SB3_UTILS}.LinearSchedule", **{"start": 1.0, "end": 0.0, "end_fraction": 0.5, **changes})


def normal(**changes: Any) -> Call:
    return new(f"{NOISE}.NormalActionNoise", **{"_mu": array(bytes(8)), "_sigma": array(bytes(8)), **changes})


def vectorized(*noises: Any, count: Any = None) -> Call:
    state = {"n_envs": len(noises) if count is None else count, "_base_noise": normal(), "_noises": list(noises)}
    return new(f"{NOISE}.VectorizedActionNoise", **state)


STEP = call(f"{ALIASES}.TrainFrequencyUnit", "step")
ZEROS = numpy.zeros(2, "float32")
NORMAL = NormalNoise(mean=ZEROS, sigma=ZEROS)
UNIT_BOX = Box(low=ZEROS, high=numpy.ones(2, "float32"), shape=(2,), dtype=numpy.dtype("float32"))
UNIT = EnumMember(ClassReference(ALIASES, "TrainFrequencyUnit"), "step")
INTERP = Global("numpy", "interp")
POINTS = array(numpy.linspace(0, 1, 3).tobytes(), "f8", (3,))
VALUES = array(numpy.array([0.0, 5.0, 6.0]).tobytes(), "f8", (3,))

UNDERSTOOD: list[tuple[Any, Any]] = [
    # numpy
    (dtype("f8"), numpy.dtype("float64")),
    (dtype("b1", (3, "|", None, None, None, -1, -1, 0)), numpy.dtype("bool")),
    (dtype("U5", (3, "<", None, None, None, 20, 4, 8)), numpy.dtype("U5")),
    (call("numpy.dtype", "i2", 0, 1, state=PLAIN), numpy.dtype("int16")),
    (array(bytes(8)), ZEROS),
    (array(bytearray(8)), ZEROS),
    (array(call("_codecs.encode", "\0" * 8, "latin1")), ZEROS),
    (array(bytes(6), "u1", (2, 3)), numpy.zeros((2, 3), "uint8")),
    (array(bytes(range(6)), "u1", (2, 3), fortran=True), numpy.array([[0, 2, 4], [1, 3, 5]], "uint8")),
    (array(b"", "f8", (0, 3)), numpy.zeros((0, 3))),
    (buffer(bytes(range(6)), "u1", (2, 3), "F"), numpy.array([[0, 2, 4], [1, 3, 5]], "uint8")),
    (buffer(bytearray(8)), ZEROS),
    (call("numpy._core.multiarray.scalar", dtype("f4"), numpy.float32(1.5).tobytes()), numpy.float32(1.5)),
    (call("numpy.core.multiarray.scalar", dtype("U2"), "no".encode("utf-32-le")), numpy.str_("no")),
    # containers
    (filled_deque({"r": 1.0}, maxlen=5), deque([{"r": 1.0}], 5)),
    (call("collections.deque", [1, 2]), deque([1, 2])),
    (ordered(("b", 1), ("a", 2)), OrderedDict(b=1, a=2)),
    (call("collections.OrderedDict", [("b", 1)]), OrderedDict(b=1)),
    (call("builtins.set", ["a"]), {"a"}),
    (call("__builtin__.frozenset", ("a",)), frozenset({"a"})),
    ({"a": {1, 2}, "b": frozenset({None})}, {"a": {1, 2}, "b": frozenset({None})}),
    ({(1, "a"): [b"x", bytearray(b"y")]}, {(1, "a"): [b"x", bytearray(b"y")]}),
    ({Global("torch", "nn"): 1}, {FunctionReference("torch", "nn"): 1}),
    (call("builtins.complex", 1.0, 2.0), 1 + 2j),
    (call("pathlib.PosixPath", "/", "logs", "run"), PurePosixPath("/logs/run")),
    (call("pathlib._local.WindowsPath", "C:\\", "logs"), PureWindowsPath("C:/logs")),
    # spaces
    (box(), UNIT_BOX),
    (box(bounded_below=array(b"\1\1", "b1"), low_repr="0.0", high_repr=None), UNIT_BOX),
    (discrete(), Discrete(n=2)),
    (
        discrete(
            call("numpy._core.multiarray.scalar", dtype("i8"), (3).to_bytes(8, "little")),
            start=-1,
            dtype=dtype("i4"),
        ),
        Discrete(n=3, start=-1, dtype=numpy.dtype("int32")),
    ),
    (new("gym.spaces.multi_binary.MultiBinary", n=[2, 3]), MultiBinary(n=(2, 3))),
    (new("gym.spaces.multi_binary.MultiBinary", n=array(bytes([2, 3]), "u1")), MultiBinary(n=(2, 3))),
    (new("gym.spaces.tuple.Tuple", spaces=[discrete()]), Tuple(spaces=(Discrete(n=2),))),
    (new("gym.spaces.dict.Dict", spaces=ordered(("a", discrete()))), Dict(spaces={"a": Discrete(n=2)})),
    (
        new("gym.spaces.text.Text", min_length=0, max_length=3, _charset_str="ab", _charlist=["a", "b"]),
        Text(min_length=0, max_length=3, characters="ab"),
    ),
    # schedules
    (constant(0.5), ConstantSchedule(value=0.5)),
    (constant(3), ConstantSchedule(value=3.0)),
    (constant(call("numpy._core.multiarray.scalar", dtype("f4"), bytes(4))), ConstantSchedule(value=0.0)),
    (linear(), LinearSchedule(start=1.0, end=0.0, end_fraction=0.5)),
    (new(f"{SB3_UTILS}.FloatSchedule", value_schedule=constant(2.0)), ConstantSchedule(value=2.0, as_float=True)),
    (
        partial(INTERP, keywords={"xp": POINTS, "fp": VALUES}),
        TableSchedule(values=numpy.array([0.0, 5.0, 6.0])),
    ),
    (
        partial(Global("torch.nn.modules.activation", "LeakyReLU"), (0.2,), {"inplace": True}),
        Partial(
            function=ClassReference("torch.nn.modules.activation", "LeakyReLU"),
            arguments=(0.2,),
            keywords={"inplace": True},
        ),
    ),
    # noise
    (normal(), NORMAL),
    (
        normal(_dtype=Global("numpy", "float32"), _sigma=0.5),
        NormalNoise(mean=ZEROS, sigma=0.5, dtype=numpy.dtype("float32")),
    ),
    (normal(_dtype="float64"), NormalNoise(mean=ZEROS, sigma=ZEROS, dtype=numpy.dtype("float64"))),
    (
        new(
            f"{NOISE}.OrnsteinUhlenbeckActionNoise",
            _mu=array(bytes(8)),
            _sigma=array(bytes(8)),
            _theta=0.15,
            _dt=0.01,
            initial_noise=None,
            noise_prev=array(bytes(8)),
        ),
        OrnsteinUhlenbeckNoise(mean=ZEROS, sigma=ZEROS, theta=0.15, dt=0.01, previous=ZEROS),
    ),
    (vectorized(normal(), normal()), VectorizedNoise(base=NORMAL, noises=(NORMAL, NORMAL))),
    # names
    (Global("torch.nn.modules.activation", "ReLU"), ClassReference("torch.nn.modules.activation", "ReLU")),
    (Global("my.nets", "_Extractor"), ClassReference("my.nets", "_Extractor")),
    (Global("builtins", "float"), ClassReference("builtins", "float")),
    (Global("numpy", "bool"), ClassReference("numpy", "bool_")),
    (Global("torch.nn.init", "orthogonal_"), FunctionReference("torch.nn.init", "orthogonal_")),
    (Global("torch", "float32"), TorchDtype("float32")),
    (STEP, UNIT),
    (
        call(f"{ALIASES}.TrainFreq", 4, STEP, kind="new"),
        NamedTuple(ClassReference(ALIASES, "TrainFreq"), (4, UNIT)),
    ),
    (
        call(f"{ALIASES}.RolloutReturn", 4, 1, True, kind="new"),
        NamedTuple(ClassReference(ALIASES, "RolloutReturn"), (4, 1, True)),
    ),
    # torch
    (call("torch.device", "cpu"), Device("cpu")),
    (call("torch.device", "cuda", 1), Device("cuda:1")),
    (call("torch.Size", (2, 3)), TorchSize((2, 3))),
]


@pytest.mark.parametrize(("node", "expected"), UNDERSTOOD, ids=lambda item: repr(item)[:60])
def test_understood(node: Any, expected: Any) -> None:
    value = to_value(node)
    assert same(value, expected), value


def test_arrays_are_read_only() -> None:
    for node in (array(bytes(8)), buffer(bytearray(8)), array(bytes(6), "u1", (2, 3), fortran=True)):
        assert not to_value(node).flags.writeable


OPAQUE: list[tuple[Any, str, str]] = [
    # dtypes
    (dtype("O"), "numpy.dtype", "expected a dtype of numbers or text, found another"),
    (dtype("V8"), "numpy.dtype", "expected a dtype of numbers or text, found another"),
    (dtype("M8[D]"), "numpy.dtype", "expected a dtype of numbers or text, found another"),
    (dtype("f16"), "numpy.dtype", "expected a dtype of numbers or text, found another"),
    (dtype("f4,f4"), "numpy.dtype", "expected a dtype of numbers or text, found another"),
    (dtype("U0"), "numpy.dtype", "expected a dtype of numbers or text, found another"),
    (dtype("S1000000"), "numpy.dtype", "expected a dtype of numbers or text, found another"),
    (dtype("f4", (3, "<", ("a",), None, None, -1, -1, 0)), "numpy.dtype", "without fields"),
    (dtype("f4", (3, "!", None, None, None, -1, -1, 0)), "numpy.dtype", "the byte order"),
    (dtype("f4", (99, "<", None, None, None, -1, -1, 0)), "numpy.dtype", "the state of a plain dtype"),
    (dtype("f4", "state"), "numpy.dtype", "the state of a plain dtype"),
    (call("numpy.dtype", "f4", [], True), "numpy.dtype", "expected two flags"),
    # arrays
    (array([None] * 2, "f4"), "numpy.ndarray", "expected the bytes of an array, found a list"),
    (array(bytes(7)), "numpy.ndarray", "expected whole elements of 4 bytes, found 7 bytes"),
    (array(bytes(4)), "numpy.ndarray", "expected 8 bytes for an array of shape (2,), found 4"),
    (array(bytes(12)), "numpy.ndarray", "expected 8 bytes for an array of shape (2,), found 12"),
    (array(b"", shape=(0, 1 << 62)), "numpy.ndarray", "from 0 to"),
    (array(b"", shape=(1 << 30, 1 << 30)), "numpy.ndarray", "to fit into memory"),
    (array(b"", shape=(-1,)), "numpy.ndarray", "from 0 to"),
    (array(b"", shape=(1 << 5000,)), "numpy.ndarray", "a number of 5001 bits"),
    (array(bytes(8), shape=(1,) * 40), "numpy.ndarray", "at most 32 sizes, found 40"),
    (array(bytes(8), shape=(True, 2)), "numpy.ndarray", "a tuple of sizes"),
    (array(bytes(8), shape=[2]), "numpy.ndarray", "a tuple of sizes"),
    (array(bytes(8), fortran="F"), "numpy.ndarray", "a flag for the order"),
    (array((0x110000).to_bytes(4, "little"), "U1", (1,)), "numpy.ndarray", "characters beyond Unicode"),
    (call("numpy.core.multiarray._reconstruct", NDARRAY, (0,), b"b"), "numpy.ndarray", "a shape, a dtype"),
    (
        call("numpy.core.multiarray._reconstruct", Global("numpy", "matrix"), (0,), b"b", state=(1,)),
        "numpy.ndarray",
        "found a subclass",
    ),
    (
        call("numpy.core.multiarray._reconstruct", NDARRAY, (5,), b"b", state=(1, (2,), dtype(), False, bytes(8))),
        "numpy.ndarray",
        "an empty array to fill",
    ),
    (
        call("numpy.core.multiarray._reconstruct", NDARRAY, (0,), b"b", state=(7, (2,), dtype(), False, bytes(8))),
        "numpy.ndarray",
        "the version of an array",
    ),
    (buffer(bytes(8), order="K"), "numpy.ndarray", "in C or F order"),
    (buffer("text"), "numpy.ndarray", "expected the bytes of an array, found a str"),
    (call("numpy._core.multiarray.scalar", dtype("O"), b""), "numpy.generic", "expected a dtype of numbers"),
    (call("numpy._core.multiarray.scalar", dtype("f4"), b"abc"), "numpy.generic", "expected whole elements of 4 bytes"),
    (call("_codecs.encode", "\u0100", "latin1"), "_codecs.encode", "found other characters"),
    (call("_codecs.encode", "a", "utf-7"), "_codecs.encode", "expected text in Latin-1"),
    # containers
    (filled_deque(1, 2, maxlen=1), "collections.deque", "at most 1 items in a deque, found 2"),
    (filled_deque(maxlen=-1), "collections.deque", "largest length"),
    (filled_deque(maxlen=True), "collections.deque", "largest length"),
    (call("collections.deque", 5), "collections.deque", "a list of items, found a int"),
    (call("collections.OrderedDict", [("a",)]), "collections.OrderedDict", "pairs for an ordered dictionary"),
    (ordered(("a", 1), ("a", 2)), "collections.OrderedDict", "found the same twice"),
    (ordered((call("os.system", "x"), 1)), "collections.OrderedDict", "expected keys that are"),
    ({array(bytes(8)): 1}, "dict", "expected keys that are numbers, text or names"),
    (call("builtins.complex", 1, 2), "builtins.complex", "two numbers"),
    (call("pathlib.PosixPath", "a", 3), "pathlib.PosixPath", "to be text"),
    (call("pathlib.PosixPath", "a\0"), "pathlib.PosixPath", "to be text"),
    # spaces
    (box(_shape=(3,)), "gymnasium.spaces.box.Box", "low to have the shape (3,), found (2,)"),
    (box(_shape=None, high=array(bytes(4), shape=(1,))), "gymnasium.spaces.box.Box", "high to have the shape"),
    (box(low=[0, 0]), "gymnasium.spaces.box.Box", "expected an array, found a list"),
    (box(low=array([None])), "gymnasium.spaces.box.Box", "found numpy.ndarray (expected the bytes of an array"),
    (box(dtype="float32"), "gymnasium.spaces.box.Box", "expected a dtype, found a str"),
    (box(dtype=dtype("U3")), "gymnasium.spaces.box.Box", "a dtype of numbers, found <U3"),
    (box(surprise=1), "gymnasium.spaces.box.Box", "expected no attribute 'surprise', found one"),
    (box(**{"x" * 500: 1}), "gymnasium.spaces.box.Box", "expected no attribute 'xxx"),
    (new("gymnasium.spaces.box.Box", low=1), "gymnasium.spaces.box.Box", "expected the attribute high"),
    (call("gymnasium.spaces.box.Box", state=[], kind="new"), "gymnasium.spaces.box.Box", "a mapping of attributes"),
    (call("gymnasium.spaces.box.Box", 1, 2), "gymnasium.spaces.box.Box", "expected a call of kind new"),
    (call("gymnasium.spaces.box.Box", 1, kind="new"), "gymnasium.spaces.box.Box", "expected 0 arguments, found 1"),
    (discrete(0), "gym.spaces.discrete.Discrete", "expected n from 1 to"),
    (discrete(1 << 70), "gym.spaces.discrete.Discrete", "expected n from 1 to"),
    (discrete("2"), "gym.spaces.discrete.Discrete", "expected n to be a whole number, found a str"),
    (discrete(True), "gym.spaces.discrete.Discrete", "expected n to be a whole number, found a bool"),
    (discrete(_np_random=3), "gym.spaces.discrete.Discrete", "expected a random generator, found a int"),
    (
        new("gym.spaces.multi_discrete.MultiDiscrete", nvec=array(bytes(2), "u1")),
        "gym.spaces.multi_discrete.MultiDiscrete",
        "to be above 0",
    ),
    (
        new("gym.spaces.multi_binary.MultiBinary", n=(2, "3")),
        "gym.spaces.multi_binary.MultiBinary",
        "a size to be a whole number",
    ),
    (new("gym.spaces.tuple.Tuple", spaces=[1]), "gym.spaces.tuple.Tuple", "expected a space inside it, found a int"),
    (new("gym.spaces.tuple.Tuple", spaces=1), "gym.spaces.tuple.Tuple", "expected a list of spaces"),
    (
        new("gym.spaces.dict.Dict", spaces={"a": call("os.system", "x")}),
        "gym.spaces.dict.Dict",
        "found os.system (no recipe knows it)",
    ),
    (new("gym.spaces.dict.Dict", spaces={1: discrete()}), "gym.spaces.dict.Dict", "the name of a space"),
    (new("gym.spaces.dict.Dict", spaces=[]), "gym.spaces.dict.Dict", "expected a mapping of spaces"),
    (
        new("gymnasium.spaces.text.Text", min_length=2, max_length=1, _char_str="a"),
        "gymnasium.spaces.text.Text",
        "the smallest length",
    ),
    (new("gymnasium.spaces.text.Text", min_length=0, max_length=1), "gymnasium.spaces.text.Text", "the characters"),
    (
        new("gymnasium.spaces.sequence.Sequence", feature_space=discrete(), stack=1),
        "gymnasium.spaces.sequence.Sequence",
        "stack to be true or false",
    ),
    (
        new("gymnasium.spaces.graph.Graph", node_space=None, edge_space=None),
        "gymnasium.spaces.graph.Graph",
        "expected a space inside it, found None",
    ),
    # schedules
    (constant("0.5"), f"{SB3_UTILS}.ConstantSchedule", "expected a number to be a number, found a str"),
    (constant(True), f"{SB3_UTILS}.ConstantSchedule", "found a bool"),
    (constant(1 << 60), f"{SB3_UTILS}.ConstantSchedule", "found a int"),
    (linear(end=None), f"{SB3_UTILS}.LinearSchedule", "expected end to be a number, found None"),
    (linear(extra=1), f"{SB3_UTILS}.LinearSchedule", "expected no attribute 'extra'"),
    (
        new(f"{SB3_UTILS}.FloatSchedule", value_schedule=Global("my.code", "schedule")),
        f"{SB3_UTILS}.FloatSchedule",
        "it holds my.code.schedule, which is kept by name alone",
    ),
    (
        new(f"{SB3_UTILS}.FloatSchedule", value_schedule=3.0),
        f"{SB3_UTILS}.FloatSchedule",
        "expected a schedule in it, found a float",
    ),
    (partial(INTERP, keywords={"xp": POINTS}), "functools.partial", "the points and values of a table"),
    (partial(INTERP, keywords={"xp": VALUES, "fp": VALUES}), "functools.partial", "evenly spaced"),
    (partial(INTERP, keywords={"xp": POINTS, "fp": array(bytes(16), "f8")}), "functools.partial", "as many values"),
    (partial(INTERP, keywords={"xp": [0, 1], "fp": [0, 1]}), "functools.partial", "rows of float64"),
    (partial(call("os.getenv", "x")), "functools.partial", "it calls os.getenv: no recipe knows it"),
    (partial(INTERP, attributes={"a": 1}), "functools.partial", "without attributes"),
    (partial(INTERP, arguments=[1]), "functools.partial", "the arguments to be a tuple"),
    (partial(Global("my.code", "f"), keywords={1: 2}), "functools.partial", "a keyword to be text"),
    (call("functools.partial", INTERP), "functools.partial", "the four parts"),
    (
        call("functools.partial", INTERP, state=(Global("os", "system"), (), {}, None)),
        "functools.partial",
        "four parts",
    ),
    # noise
    (normal(_mu="zero"), f"{NOISE}.NormalActionNoise", "a mean or deviation to be a number, found a str"),
    (normal(_mu=array(bytes(8), "U1")), f"{NOISE}.NormalActionNoise", "an array of other elements, found <U1"),
    (normal(_dtype="object"), f"{NOISE}.NormalActionNoise", "expected the dtype of a noise"),
    (normal(_dtype=Global("numpy", "object_")), f"{NOISE}.NormalActionNoise", "expected the dtype of a noise"),
    (vectorized(normal(), count=3), f"{NOISE}.VectorizedActionNoise", "a noise for each environment, found 1"),
    (vectorized(), f"{NOISE}.VectorizedActionNoise", "at least one noise"),
    (vectorized(normal(_mu=None)), f"{NOISE}.VectorizedActionNoise", "to be a number, found None"),
    # names
    (call(f"{ALIASES}.TrainFrequencyUnit", "year"), f"{ALIASES}.TrainFrequencyUnit", "expected one of episode, step"),
    (call(f"{ALIASES}.TrainFrequencyUnit", ["step"]), f"{ALIASES}.TrainFrequencyUnit", "found a list"),
    (
        call("stable_baselines3.her.goal_selection_strategy.GoalSelectionStrategy", 9),
        "stable_baselines3.her.goal_selection_strategy.GoalSelectionStrategy",
        "expected one of 0, 1, 2, 3",
    ),
    (call(f"{ALIASES}.TrainFreq", 4, "step", kind="new"), f"{ALIASES}.TrainFreq", "a unit for the frequency"),
    (call(f"{ALIASES}.TrainFreq", 0.5, STEP, kind="new"), f"{ALIASES}.TrainFreq", "the frequency to be a whole"),
    (call(f"{ALIASES}.TrainFreq", 4, STEP), f"{ALIASES}.TrainFreq", "expected a call of kind new"),
    (
        call(f"{ALIASES}.RolloutReturn", 1, 2, call("os.getenv"), kind="new"),
        f"{ALIASES}.RolloutReturn",
        "it holds os.getenv",
    ),
    # torch
    (call("torch.device", "cpu; rm"), "torch.device", "the name of a device"),
    (call("torch.device", "cuda", -1), "torch.device", "the index of a device"),
    (call("torch.device", 3), "torch.device", "the name of a device"),
    (call("torch.Size", (2, -3)), "torch.Size", "a size from 0 to"),
    (call("torch.Size", 2), "torch.Size", "the sizes of a tensor"),
    (call("torch._utils._rebuild_tensor_v2", None, 0, (2,), (1,), False, None), "torch.Tensor", "a storage below"),
    # what no recipe knows
    (call("os.system", "echo"), "os.system", "no recipe knows it"),
    (call("my.code.Thing", kind="new"), "my.code.Thing", "no recipe knows it"),
    (call("copyreg._reconstructor", Global("my.code", "Thing"), 1, None), "my.code.Thing", "no recipe knows it"),
    (Call(call("builtins.getattr", 1, "x"), ()), "something made by a call", "no recipe knows it"),
    (call("a" * 500 + ".B", 1), ("a" * 199) + "…", "no recipe knows it"),
]


@pytest.mark.parametrize(("node", "type_name", "reason"), OPAQUE, ids=lambda item: repr(item)[:60])
def test_opaque(node: Any, type_name: str, reason: str) -> None:
    value = to_value(node)
    assert isinstance(value, Opaque)
    assert value.type == type_name
    assert reason in value.reason
    assert not value.needs_code


@pytest.mark.parametrize(("module", "name"), RECIPES, ids=".".join)
def test_every_recipe_refuses_other_calls(module: str, name: str) -> None:
    """Every recipe of the table: another kind, too many arguments, or more done to it than it knows."""
    recipe = RECIPES[module, name]
    path = f"{module}.{name}"
    other = "reduce" if recipe.kind == "new" else "new"
    assert f"expected a call of kind {recipe.kind}" in reason_of(call(path, *[None] * recipe.arguments[0], kind=other))
    assert "arguments, found" in reason_of(call(path, *[None] * (recipe.arguments[-1] + 1), kind=recipe.kind))
    for extra in ("appended", "items", "keywords"):
        if extra not in recipe.uses:
            loaded = call(path, *[None] * recipe.arguments[0], kind=recipe.kind)
            setattr(loaded, extra, {"a": 1} if extra == "keywords" else [("a", 1)])
            assert f"expected no {extra}" in reason_of(loaded)


@pytest.mark.parametrize(("module", "name"), RECIPES, ids=".".join)
@pytest.mark.parametrize("filling", [None, -1, 1.5, "text", b"bytes", [], {}, (), Global("os", "system")], ids=repr)
def test_no_recipe_raises_on_the_wrong_types(module: str, name: str, filling: Any) -> None:
    recipe = RECIPES[module, name]
    for count in recipe.arguments[:4]:
        for state in (None, filling, {"state": filling}, (filling,) * 5):
            to_value(call(f"{module}.{name}", *[filling] * count, kind=recipe.kind, state=state))
