"""Which values layers take, and which they make of them."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from strongbox.errors import FormatError
from strongbox.policies.graph import GraphBuilder
from strongbox.policies.layers import (
    LSTM,
    Activation,
    Argmax,
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


def zeros(*shape: int, dtype: str = "float32") -> Any:
    return numpy.zeros(shape, dtype)


STATE = Value((1, 2), batch_axis=1)
LSTM_LAYER = LSTM((LstmWeights(zeros(8, 3), zeros(8, 2), zeros(8), None),))

FITS: tuple[tuple[Layer, list[Value], list[Value]], ...] = (
    (Cast(), [Value((2, 3), "uint8")], [Value((2, 3))]),
    (Normalize(zeros(3), zeros(3), 10.0), [Value((3,), "float64")], [Value((3,))]),
    (Scale(255.0), [Value((3, 8, 8))], [Value((3, 8, 8))]),
    (OneHot((5,)), [Value((), "int64")], [Value((5,))]),
    (OneHot((5, 2)), [Value((2,), "int64")], [Value((7,))]),
    (Flatten(), [Value((2, 3))], [Value((6,))]),
    (Flatten(), [Value(())], [Value((1,))]),
    (Reshape((3, 2)), [Value((6,))], [Value((3, 2))]),
    (Concatenate(), [Value((2,)), Value((5,))], [Value((7,))]),
    (Constant(zeros(4)), [], [Value((4,))]),
    (Linear(zeros(5, 3), zeros(5)), [Value((3,))], [Value((5,))]),
    (Linear(zeros(5, 3), None), [Value((3,))], [Value((5,))]),
    (Convolution(zeros(6, 3, 4, 2), zeros(6), 2), [Value((3, 10, 9))], [Value((6, 4, 4))]),
    (Activation("relu"), [Value((6, 4, 4))], [Value((6, 4, 4))]),
    (ParametricRelu(zeros(1)), [Value((6,))], [Value((6,))]),
    (ParametricRelu(zeros(6)), [Value((6,))], [Value((6,))]),
    (BatchRenorm(zeros(3), zeros(3), zeros(3), zeros(3), 0.001), [Value((3,))], [Value((3,))]),
    (LSTM_LAYER, [Value((3,)), STATE, STATE, Value(())], [Value((2,)), STATE, STATE]),
    (NoiseDeviation(zeros(3, 2), 2), [Value((3,))], [Value((2,))]),
    (NoiseDeviation(zeros(3, 1), 2), [Value((3,))], [Value((2,))]),
    (MeanOverQuantiles(4, 3), [Value((12,))], [Value((3,))]),
    (Mask(), [Value((3,)), Value((3,), "bool")], [Value((3,))]),
    (Argmax(), [Value((3,))], [Value((), "int64")]),
    (Argmax((2, 3)), [Value((5,))], [Value((2,), "int64")]),
    (Round(), [Value((3,))], [Value((3,))]),
    (Clip(zeros(2), zeros(2)), [Value((2,))], [Value((2,))]),
    (Clip(zeros(2, dtype="float64"), zeros(2)), [Value((2,))], [Value((2,), "float64")]),
    (Clip(zeros(2, dtype="int32"), zeros(2)), [Value((2,))], [Value((2,), "float64")]),
    (Unscale(zeros(2, dtype="uint8"), zeros(2)), [Value((2,))], [Value((2,))]),
)
DOES_NOT_FIT: tuple[tuple[Layer, list[Value]], ...] = (
    (Normalize(zeros(3), zeros(3), 10.0), [Value((4,))]),
    (Normalize(zeros(3), zeros(2), 10.0), [Value((3,))]),
    (OneHot((5, 2)), [Value((3,), "int64")]),
    (Reshape((3, 2)), [Value((5,))]),
    (Concatenate(), [Value((2, 3))]),
    (Linear(zeros(5, 3), zeros(5)), [Value((4,))]),
    (Linear(zeros(5, 3), zeros(5)), [Value((1, 3))]),
    (Linear(zeros(5, 3), zeros(4)), [Value((3,))]),
    (Linear(zeros(5), None), [Value((5,))]),
    (Convolution(zeros(6, 3, 4, 4), zeros(6), 2), [Value((4, 9, 9))]),
    (Convolution(zeros(6, 3, 4, 4), zeros(6), 2), [Value((3, 3, 9))]),
    (Convolution(zeros(6, 3, 4, 4), zeros(6), 2), [Value((3, 9))]),
    (Convolution(zeros(6, 3), zeros(6), 2), [Value((3, 9, 9))]),
    (ParametricRelu(zeros(2)), [Value((6,))]),
    (BatchRenorm(zeros(3), zeros(2), zeros(3), zeros(3), 0.001), [Value((3,))]),
    (LSTM_LAYER, [Value((4,)), STATE, STATE, Value(())]),
    (LSTM_LAYER, [Value((3,)), Value((2, 2), batch_axis=1), STATE, Value(())]),
    (LSTM((LstmWeights(zeros(8, 3), zeros(6, 2), None, None),)), [Value((3,)), STATE, STATE, Value(())]),
    (LSTM((LstmWeights(zeros(6, 3), zeros(8, 2), None, None),)), [Value((3,)), STATE, STATE, Value(())]),
    (LSTM((LstmWeights(zeros(8, 3), zeros(), None, None),)), [Value((3,)), STATE, STATE, Value(())]),
    (LSTM((LstmWeights(zeros(8, 3), zeros(8, 2), zeros(7), None),)), [Value((3,)), STATE, STATE, Value(())]),
    (NoiseDeviation(zeros(3, 4), 2), [Value((3,))]),
    (NoiseDeviation(zeros(2, 2), 2), [Value((3,))]),
    (MeanOverQuantiles(4, 3), [Value((11,))]),
    (Mask(), [Value((3,)), Value((4,), "bool")]),
    (Argmax((2, 3)), [Value((6,))]),
    (Argmax(), [Value((2, 3))]),
    (Clip(zeros(2), zeros(2)), [Value((3,))]),
    (Unscale(zeros(2), zeros(2)), [Value((2, 1))]),
)


@pytest.mark.parametrize(("layer", "inputs", "expected"), FITS, ids=lambda item: type(item).__name__)
def test_what_comes_out(layer: Layer, inputs: list[Value], expected: list[Value]) -> None:
    assert list(layer.results(*inputs)) == expected


@pytest.mark.parametrize(("layer", "inputs"), DOES_NOT_FIT, ids=lambda item: type(item).__name__)
def test_what_does_not_fit_is_said_with_both_shapes(layer: Layer, inputs: list[Value]) -> None:
    with pytest.raises(FormatError, match=r"expected .* found "):
        layer.results(*inputs)


def test_layers_are_equal_to_themselves_alone_and_cannot_be_changed() -> None:
    first, second = Scale(255.0), Scale(255.0)
    assert first == first
    assert first != second
    with pytest.raises(AttributeError):
        first.divisor = 1.0  # type: ignore[misc]


def small_graph() -> GraphBuilder:
    builder = GraphBuilder()
    builder.add_input("observation", Value((3,)))
    builder.add_input("unused", Value((3,)))
    builder.add(Cast(), "observation", name="float")
    builder.add(Linear(zeros(2, 3), zeros(2)), "float", name="left")
    builder.add(Linear(zeros(4, 3), zeros(4)), "float", name="right")
    builder.add(Argmax(), "right", name="action")
    return builder


def test_a_graph_keeps_only_what_its_outputs_need() -> None:
    graph = small_graph().graph({"action": "action", "left": "left"})
    assert [item.name for item in graph.inputs] == ["observation"]
    assert [node.outputs[0] for node in graph.nodes] == ["float", "left", "right", "action"]
    part = graph.for_outputs(["left"])
    assert [node.outputs[0] for node in part.nodes] == ["float", "left"]
    assert dict(part.outputs) == {"left": "left"}
    assert part.values["left"] == Value((2,))


def test_a_graph_lists_its_weights() -> None:
    assert sorted(array.shape for array in small_graph().graph({"left": "left"}).weights()) == [(2,), (2, 3)]


def test_a_name_stands_for_one_value() -> None:
    builder = small_graph()
    with pytest.raises(FormatError, match="one value of the name 'left'"):
        builder.add(Cast(), "observation", name="left")
