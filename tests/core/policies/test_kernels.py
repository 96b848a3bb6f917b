"""What numpy computes for each layer, against the formulas in their docstrings written out in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongbox.errors import MismatchError
from strongbox.policies.graph import Graph, GraphBuilder
from strongbox.policies.kernels import KERNELS
from strongbox.policies.layers import (
    LSTM,
    Activation,
    Argmax,
    Array,
    BatchRenorm,
    Cast,
    Clip,
    Concatenate,
    Constant,
    Convolution,
    Flatten,
    Layer,
    Linear,
    LstmWeights,
    Mask,
    MeanOverQuantiles,
    NoiseDeviation,
    Normalize,
    OneHot,
    ParametricRelu,
    Reshape,
    Round,
    Scale,
    Unscale,
    Value,
)
from strongbox.policies.program import KEPT, Programs, rows_at_once
from strongbox.policies.workspace import FOLDED, Prepared
from tests.core.policies.agents import EXAMPLES

Reference = Callable[..., Any]
GENERATOR = numpy.random.default_rng(0)


def normal(*shape: int) -> Any:
    return GENERATOR.standard_normal(shape).astype(numpy.float32)


def run(graph: Graph, inputs: dict[str, Any], rows: int | None) -> dict[str, Array]:
    names = tuple(graph.outputs)
    return dict(zip(names, Programs(Prepared()).run(graph, names, inputs, rows), strict=True))


def graph_of(layer: Layer, *values: Value) -> Graph:
    """A graph of one layer; its inputs are a, b, c …, its outputs 0, 1, 2 …"""
    builder = GraphBuilder()
    inputs = [builder.add_input(chr(ord("a") + number), value) for number, value in enumerate(values)]
    results = tuple(map(str, range(len(layer.results(*values)))))
    builder.add_many(layer, *inputs, names=results)
    return builder.graph({name: name for name in results})


def convolve(x: Any, layer: Convolution) -> Any:
    """One window at a time."""
    outputs, _, height, width = layer.weight.shape
    rows, columns = ((side - size) // layer.stride + 1 for side, size in zip(x.shape[1:], (height, width), strict=True))
    result = numpy.zeros((outputs, rows, columns))
    for row in range(rows):
        for column in range(columns):
            top, left = row * layer.stride, column * layer.stride
            window = x[:, top : top + height, left : left + width]
            result[:, row, column] = (layer.weight.astype(float) * window).sum(axis=(1, 2, 3))
    return result if layer.bias is None else result + layer.bias[:, None, None]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + numpy.exp(-x))


def lstm_step(layer: LSTM, x: Any, hidden: Any, cell: Any, start: Any) -> tuple[Any, Any, Any]:
    hidden, cell = hidden * (1 - start), cell * (1 - start)
    for index, weights in enumerate(layer.layers):
        biases = sum(bias for bias in (weights.input_bias, weights.hidden_bias) if bias is not None)
        total = weights.input.astype(float) @ x + weights.hidden.astype(float) @ hidden[index] + biases
        entry, forget, change, exit = numpy.split(total, 4)
        cell[index] = sigmoid(forget) * cell[index] + sigmoid(entry) * numpy.tanh(change)
        hidden[index] = x = sigmoid(exit) * numpy.tanh(cell[index])
    return x, hidden, cell


WEIGHT, BIAS = normal(5, 3), normal(5)
WIDE = normal(20, 7)
LARGE = normal(FOLDED // 64, 65)
PICTURE = Convolution(normal(6, 3, 4, 2), normal(6), 2)
PLAIN_PICTURE = Convolution(normal(5, 2, 3, 3), None, 1)
RENORM = BatchRenorm(normal(3), abs(normal(3)), normal(3), normal(3), 0.01)
ONE_LAYER = LSTM((LstmWeights(normal(8, 3), normal(8, 2), normal(8), normal(8)),))
TWO_LAYERS = LSTM(
    (LstmWeights(normal(8, 3), normal(8, 2), normal(8), None), LstmWeights(normal(8, 2), normal(8, 2), None, None))
)
NORMALIZE = Normalize(normal(3).astype(float), abs(normal(3)).astype(float), 0.8)
NOISE, ONE_NOISE = normal(3, 2), normal(3, 1)
LOW, HIGH = -abs(normal(2)), abs(normal(2))
STATE, STATES = Value((1, 2), batch_axis=1), Value((2, 2), batch_axis=1)
VECTOR = Value((3,))

CASES: tuple[tuple[str, Layer, tuple[Value, ...], Reference], ...] = (
    ("cast", Cast(), (Value((2, 3), "float64"),), lambda x: x),
    (
        "normalize",
        NORMALIZE,
        (Value((3,), "float64"),),
        lambda x: numpy.clip((x - NORMALIZE.mean) / NORMALIZE.deviation, -0.8, 0.8),
    ),
    ("scale", Scale(255.0), (Value((2, 3)),), lambda x: x / 255),
    ("flatten", Flatten(), (Value((2, 3)),), lambda x: x.reshape(-1)),
    ("flatten nothing", Flatten(), (Value(()),), lambda x: x.reshape(-1)),
    ("reshape", Reshape((3, 2)), (Value((6,)),), lambda x: x.reshape(3, 2)),
    ("concatenate", Concatenate(), (VECTOR, Value((2,))), lambda x, y: numpy.concatenate([x, y])),
    ("constant", Constant(BIAS), (), lambda: BIAS),
    ("linear", Linear(WEIGHT, BIAS), (VECTOR,), lambda x: WEIGHT.astype(float) @ x + BIAS),
    ("linear without bias", Linear(WEIGHT, None), (VECTOR,), lambda x: WEIGHT.astype(float) @ x),
    ("wide linear", Linear(WIDE, normal(20) * 0), (Value((7,)),), lambda x: WIDE.astype(float) @ x),
    ("large linear", Linear(LARGE, None), (Value((65,)),), lambda x: LARGE.astype(float) @ x),
    ("convolution", PICTURE, (Value((3, 10, 9)),), lambda x: convolve(x, PICTURE)),
    ("convolution without bias", PLAIN_PICTURE, (Value((2, 5, 6)),), lambda x: convolve(x, PLAIN_PICTURE)),
    ("activation of a picture", Activation("tanh"), (Value((2, 3, 4)),), numpy.tanh),
    ("slope", ParametricRelu(BIAS), (Value((5,)),), lambda x: numpy.where(x > 0, x, BIAS * x)),
    (
        "renorm",
        RENORM,
        (VECTOR,),
        lambda x: RENORM.scale * (x - RENORM.mean) / numpy.sqrt(RENORM.variance + 0.01) + RENORM.bias,
    ),
    ("noise", NoiseDeviation(NOISE, 2), (VECTOR,), lambda x: numpy.sqrt(x**2 @ NOISE.astype(float) ** 2 + 1e-6)),
    (
        "one noise",
        NoiseDeviation(ONE_NOISE, 2),
        (VECTOR,),
        lambda x: numpy.repeat(numpy.sqrt(x**2 @ ONE_NOISE.astype(float) ** 2 + 1e-6), 2),
    ),
    ("quantiles", MeanOverQuantiles(4, 3), (Value((12,)),), lambda x: x.reshape(4, 3).mean(axis=0)),
    ("argmax", Argmax(), (Value((5,)),), lambda x: x.argmax()),
    ("argmax of parts", Argmax((2, 3)), (Value((5,)),), lambda x: [x[:2].argmax(), x[2:].argmax()]),
    ("round", Round(), (VECTOR,), numpy.rint),
    ("clip", Clip(LOW, HIGH), (Value((2,)),), lambda x: numpy.clip(x, LOW, HIGH)),
    ("clip to float64", Clip(LOW.astype(float), HIGH), (Value((2,)),), lambda x: numpy.clip(x, LOW, HIGH)),
    ("unscale", Unscale(LOW, HIGH), (Value((2,)),), lambda x: LOW + 0.5 * (x + 1) * (HIGH - LOW)),
    (
        "unscale to integers",
        Unscale(numpy.array([0, -3]), numpy.array([4, 5])),
        (Value((2,)),),
        lambda x: numpy.array([0, -3]) + 0.5 * (x + 1) * numpy.array([4, 8]),
    ),
    ("lstm", ONE_LAYER, (VECTOR, STATE, STATE, Value(())), lambda *x: lstm_step(ONE_LAYER, *x)),
    ("two lstms", TWO_LAYERS, (VECTOR, STATES, STATES, Value(())), lambda *x: lstm_step(TWO_LAYERS, *x)),
)


def draw(value: Value, rows: int | None) -> Any:
    shape = value.shape
    if rows is not None:
        shape = (*shape[: value.batch_axis], rows, *shape[value.batch_axis :])
    if shape in ((), (rows,)):
        return (numpy.abs(normal(*shape)) > 0.7).astype(numpy.float32)
    return normal(*shape)


def one(array: Any, value: Value, row: int) -> Any:
    return numpy.take(array, row, axis=value.batch_axis).astype(float)


@pytest.mark.parametrize(("name", "layer", "values", "reference"), CASES, ids=[case[0] for case in CASES])
@pytest.mark.parametrize("rows", [None, 1, 2, 7])
def test_the_formula(
    name: str, layer: Layer, values: tuple[Value, ...], reference: Reference, rows: int | None
) -> None:
    graph = graph_of(layer, *values)
    inputs = {item.name: draw(item.value, rows) for item in graph.inputs}
    found = run(graph, inputs, rows)
    for row in range(rows or 1):
        some = [
            inputs[item.name].astype(float) if rows is None else one(inputs[item.name], item.value, row)
            for item in graph.inputs
        ]
        expected = reference(*some)
        for number, part in enumerate(expected if isinstance(expected, tuple) else (expected,)):
            value = graph.values[str(number)]
            array = found[str(number)] if rows is None else one(found[str(number)], value, row)
            numpy.testing.assert_allclose(array, part, rtol=2e-5, atol=2e-5)
    for number, value in enumerate(layer.results(*values)):
        assert found[str(number)].dtype == value.dtype


def test_every_kind_of_layer_has_a_kernel() -> None:
    kinds = {kind for kind in _kinds(Layer) if kind.__module__ == Layer.__module__ and not _kinds(kind)}
    assert set(KERNELS) == kinds


def _kinds(kind: type[Layer]) -> set[type[Layer]]:
    return {found for child in kind.__subclasses__() for found in {child} | _kinds(child)}


@pytest.mark.parametrize("rows", [None, 3])
def test_one_hot(rows: int | None) -> None:
    graph = graph_of(OneHot((2, 3)), Value((2,), "int64"))
    numbers = numpy.array([[1, 0], [0, 2], [1, 1]])
    expected = numpy.array([[0, 1, 1, 0, 0], [1, 0, 0, 0, 1], [0, 1, 0, 1, 0]], numpy.float32)
    programs = Programs(Prepared())
    for row in range(3):
        given, wanted = (numbers[row], expected[row]) if rows is None else (numbers, expected)
        (found,) = programs.run(graph, ("0",), {"a": given}, rows)
        numpy.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("wrong", [-1, 3, 10**12])
def test_one_hot_of_a_number_outside(wrong: int) -> None:
    graph = graph_of(OneHot((3,)), Value((), "int64"))
    with pytest.raises(MismatchError, match="whole numbers from 0"):
        run(graph, {"a": numpy.array(wrong)}, None)


@pytest.mark.parametrize("rows", [None, 2])
def test_masks(rows: int | None) -> None:
    builder = GraphBuilder()
    builder.add_input("logits", Value((3,)))
    builder.add_input("masks", Value((3,), "bool"), optional=True)
    builder.add(Mask(), "logits", "masks", name="out")
    graph = builder.graph({"out": "out"})
    logits, masks = normal(2, 3), numpy.array([[True, False, True], [False, False, False]])
    given = {"logits": logits, "masks": masks} if rows else {"logits": logits[0], "masks": masks[0]}
    expected = numpy.where(masks, logits, numpy.float32(-1e8))
    numpy.testing.assert_array_equal(run(graph, given, rows)["out"], expected if rows else expected[0])
    del given["masks"]
    numpy.testing.assert_array_equal(run(graph, given, rows)["out"], given["logits"])


def test_a_value_that_is_used_twice_is_not_overwritten() -> None:
    builder = GraphBuilder()
    builder.add_input("x", Value((3,)))
    builder.add(Activation("relu"), "x", name="relu")
    builder.add(Activation("tanh"), "x", name="tanh")
    builder.add(Flatten(), "tanh", name="flat")
    builder.add(Activation("exp"), "tanh", name="exp")
    builder.add(Constant(BIAS), name="constant")
    builder.add(Activation("exp"), "constant", name="raised")
    graph = builder.graph({name: name for name in ("x", "relu", "tanh", "flat", "exp", "raised")})
    for rows in (None, 4):
        programs = Programs(Prepared())
        for _ in range(2):
            x = normal(3) if rows is None else normal(rows, 3)
            found = dict(zip(graph.outputs, programs.run(graph, tuple(graph.outputs), {"x": x}, rows), strict=True))
            numpy.testing.assert_array_equal(found["x"], x)
            numpy.testing.assert_allclose(found["relu"], numpy.maximum(x, 0))
            numpy.testing.assert_allclose(found["tanh"], numpy.tanh(x), rtol=1e-6)
            numpy.testing.assert_allclose(found["flat"], numpy.tanh(x), rtol=1e-6)
            numpy.testing.assert_allclose(found["exp"], numpy.exp(numpy.tanh(x)), rtol=1e-6)
            expected = numpy.exp(BIAS) if rows is None else numpy.tile(numpy.exp(BIAS), (rows, 1))
            numpy.testing.assert_allclose(found["raised"], expected, rtol=1e-6)


def test_results_are_the_callers_own() -> None:
    graph = graph_of(Linear(WEIGHT, BIAS), VECTOR)
    programs = Programs(Prepared())
    (first,) = programs.run(graph, ("0",), {"a": normal(3)}, None)
    kept = first.copy()
    programs.run(graph, ("0",), {"a": normal(3)}, None)
    numpy.testing.assert_array_equal(first, kept)


def deep_graph() -> Graph:
    """Pictures, a convolution, a row, a recurrent state: every way in which batches are cut and joined."""
    builder = GraphBuilder()
    builder.add_input("image", Value((3, 12, 11), "uint8"))
    builder.add_input("hidden", STATE)
    builder.add_input("cell", STATE)
    builder.add_input("start", Value(()))
    builder.add(Cast(), "image", name="float")
    builder.add(Scale(255.0), "float", name="scaled")
    builder.add(PICTURE, "scaled", name="convolved")
    builder.add(Activation("relu"), "convolved", name="relu")
    builder.add(Flatten(), "relu", name="row")
    builder.add(Linear(normal(3, 6 * 5 * 5) / 10, normal(3)), "row", name="features")
    builder.add_many(ONE_LAYER, "features", "hidden", "cell", "start", names=("y", "next hidden", "next cell"))
    builder.add(Flatten(), "float", name="pixels")
    outputs = ("y", "next hidden", "next cell", "pixels")
    return builder.graph({name: name for name in outputs})


DEEP = deep_graph()


@given(rows=st.integers(0, 9), part=st.integers(1, 4))
@EXAMPLES
def test_parts_of_a_batch_and_single_rows_give_what_the_whole_gives(rows: int, part: int) -> None:
    inputs = {
        "image": numpy.random.default_rng(rows).integers(256, size=(rows, 3, 12, 11)).astype(numpy.uint8),
        **{name: normal(1, rows, 2) for name in ("hidden", "cell")},
        "start": (normal(rows) > 0).astype(numpy.float32),
    }
    programs, names = Programs(Prepared()), tuple(DEEP.outputs)
    whole = programs._run_parts(DEEP, names, inputs, rows, max(rows, 1))
    parts = programs._run_parts(DEEP, names, inputs, rows, part)
    for name, first, second in zip(names, whole, parts, strict=True):
        numpy.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)
        value = DEEP.values[name]
        for row in range(min(rows, 2)):
            some = {item.name: numpy.take(inputs[item.name], row, item.value.batch_axis) for item in DEEP.inputs}
            (single,) = programs.run(DEEP, (name,), some, None)
            numpy.testing.assert_allclose(single, numpy.take(first, row, value.batch_axis), rtol=1e-5, atol=1e-6)
    pixels = whole[names.index("pixels")]
    numpy.testing.assert_array_equal(pixels, inputs["image"].reshape(rows, 3 * 12 * 11).astype(numpy.float32))


def test_programs_are_kept_and_not_too_many_of_them() -> None:
    graph, programs = graph_of(Linear(WEIGHT, BIAS), VECTOR), Programs(Prepared())
    first = programs.get(graph, ("0",), 2, frozenset("a"))
    assert programs.get(graph, ("0",), 2, frozenset("a")) is first
    for rows in range(3, 3 + KEPT):
        programs.get(graph, ("0",), rows, frozenset("a"))
    assert len(programs._ready) == KEPT
    assert programs.get(graph, ("0",), 2, frozenset("a")) is not first


def test_a_workspace_stays_small_however_many_rows_there_are() -> None:
    assert rows_at_once(DEEP) < 4096
    assert rows_at_once(graph_of(Linear(WEIGHT, BIAS), VECTOR)) == 4096
