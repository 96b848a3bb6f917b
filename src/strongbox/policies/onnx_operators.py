"""Which ONNX operators compute each layer: plain descriptions, with neither onnx nor torch.

One function for each kind of layer appends operators of opset 17 that do what ``kernels.py`` does, step for
step where rounding matters. Rules:

- The batch is the first axis, of any size, and never stands in a constant. Recurrent states are
  (layers, batch, hidden).
- Only operators that small engines have, too: an LSTM is two products of matrices and some functions of
  numbers, a one-hot row a comparison. Where an operator of ONNX has another formula (``BatchNormalization``
  adds up in another order, ``Celu`` knows no negative alpha), its parts stand in its place.
- What an engine cannot say, it does not say: a whole number outside of its space, which is an error in
  numpy, gives a row of zeros.

Source: https://github.com/onnx/onnx/blob/main/docs/Operators.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy

from ..records import record
from .graph import Graph, Node
from .layers import (
    LSTM,
    MASKED,
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
)
from .onnx_functions import FUNCTIONS

__all__ = ["OPERATORS", "Operator", "Operators", "list_operators"]

Attribute: TypeAlias = "int | float | str | list[int]"


@record(frozen=True)
class Operator:
    """One operator of ONNX: its type, the names of what it takes and makes, its attributes."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]


class Operators:
    """The operators of a graph in running order, and the constants that they take, by name."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.operators: list[Operator] = []
        self.constants: dict[str, Array] = {}
        self._node: Node | None = None
        self._count = 0
        self._taken = {*graph.values, *graph.outputs}

    def lay(self, node: Node) -> None:
        """Append the operators of a node."""
        self._node, self._count = node, 0
        OPERATORS[type(node.layer)](self, node, node.layer)

    def add(self, kind: str, *inputs: str, to: str | None = None, **attributes: Attribute) -> str:
        """Append an operator and return the name of its result, which is ``to`` or a new one."""
        name = self._new(kind) if to is None else to
        self.operators.append(Operator(kind, inputs, (name,), attributes))
        return name

    def split(self, source: str, sizes: list[int]) -> list[str]:
        """Append a split of a row into parts of these sizes, and return their names."""
        names = tuple(self._new("Split") for _ in sizes)
        lengths = self.constant("sizes", numpy.array(sizes, numpy.int64))
        self.operators.append(Operator("Split", (source, lengths), names, {"axis": 1}))
        return list(names)

    def constant(self, part: str, content: Any, dtype: str | None = None) -> str:
        """The name of a new constant, which is ``part`` of the node at hand; float32 unless it is an array."""
        array = numpy.asarray(content, dtype or (None if isinstance(content, numpy.ndarray) else numpy.float32))
        name = self._free(f"{self._owner}.{part}")
        self.constants[name] = array
        return name

    def convert(self, source: str, found: str, wanted: str) -> str:
        """Append a change of dtype where there is one."""
        return source if found == wanted else self.add("Cast", source, to_dtype=wanted)

    @property
    def _owner(self) -> str:
        assert self._node is not None
        return self._node.outputs[0]

    def _new(self, kind: str) -> str:
        self._count += 1
        return self._free(f"{self._owner}/{kind}_{self._count}")

    def _free(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name


def list_operators(graph: Graph) -> Operators:
    """All operators of a graph; each of its outputs has its own name."""
    operators = Operators(graph)
    for node in graph.nodes:
        operators.lay(node)
    for name, value in graph.outputs.items():
        if name != value:
            operators.add("Identity", value, to=name)
    return operators


# -- from an observation to numbers ---------------------------------------------------------------


def _cast(work: Operators, node: Node, layer: Cast) -> None:
    work.add("Cast", node.inputs[0], to=node.outputs[0], to_dtype="float32")


def _normalize(work: Operators, node: Node, layer: Normalize) -> None:
    x = work.convert(node.inputs[0], work.graph.values[node.inputs[0]].dtype, "float64")
    x = work.add("Sub", x, work.constant("mean", layer.mean))
    x = work.add("Div", x, work.constant("deviation", layer.deviation))
    x = work.add("Max", x, work.constant("lowest", -layer.limit, "float64"))
    x = work.add("Min", x, work.constant("highest", layer.limit, "float64"))
    work.add("Cast", x, to=node.outputs[0], to_dtype="float32")


def _scale(work: Operators, node: Node, layer: Scale) -> None:
    work.add("Div", node.inputs[0], work.constant("divisor", layer.divisor), to=node.outputs[0])


def _one_hot(work: Operators, node: Node, layer: OneHot) -> None:
    """Each number beside every number that it may be, and 1 where they are the same."""
    value = work.graph.values[node.inputs[0]]
    x = work.convert(node.inputs[0], value.dtype, "int64")
    if value.shape == ():
        x = work.add("Unsqueeze", x, work.constant("axes", numpy.array([1])))
    else:
        columns = numpy.repeat(numpy.arange(len(layer.sizes)), layer.sizes)
        x = work.add("Gather", x, work.constant("columns", columns), axis=1)
    numbers = numpy.concatenate([numpy.arange(size) for size in layer.sizes])
    same = work.add("Equal", x, work.constant("numbers", numbers))
    work.add("Cast", same, to=node.outputs[0], to_dtype="float32")


def _reshape(work: Operators, node: Node, layer: Reshape | Flatten) -> None:
    """Zero stands for the size of the batch, which stays what it is."""
    shape = work.graph.values[node.outputs[0]].shape
    if work.graph.values[node.inputs[0]].shape == ():
        work.add("Unsqueeze", node.inputs[0], work.constant("axes", numpy.array([1])), to=node.outputs[0])
    else:
        work.add("Reshape", node.inputs[0], work.constant("shape", numpy.array([0, *shape])), to=node.outputs[0])


def _concatenate(work: Operators, node: Node, layer: Concatenate) -> None:
    work.add("Concat", *node.inputs, to=node.outputs[0], axis=1)


def _constant(work: Operators, node: Node, layer: Constant) -> None:
    """Repeated for each observation of the batch."""
    rows = work.add("Shape", work.graph.inputs[0].name, start=0, end=1)
    shape = work.add("Concat", rows, work.constant("shape", numpy.array(layer.value.shape)), axis=0)
    work.add("Expand", work.constant("value", layer.value), shape, to=node.outputs[0])


# -- networks -------------------------------------------------------------------------------------


def _linear(work: Operators, node: Node, layer: Linear) -> None:
    parts = [work.constant("weight", layer.weight)]
    if layer.bias is not None:
        parts.append(work.constant("bias", layer.bias))
    work.add("Gemm", node.inputs[0], *parts, to=node.outputs[0], transB=1)


def _convolution(work: Operators, node: Node, layer: Convolution) -> None:
    parts = [work.constant("weight", layer.weight)]
    if layer.bias is not None:
        parts.append(work.constant("bias", layer.bias))
    kernel, strides = list(layer.weight.shape[2:]), [layer.stride] * 2
    work.add("Conv", node.inputs[0], *parts, to=node.outputs[0], kernel_shape=kernel, strides=strides)


def _activation(work: Operators, node: Node, layer: Activation) -> None:
    FUNCTIONS[layer.kind](work, node.inputs[0], node.outputs[0], *layer.parameters)


def _parametric_relu(work: Operators, node: Node, layer: ParametricRelu) -> None:
    work.add("PRelu", node.inputs[0], work.constant("slope", layer.slope), to=node.outputs[0])


def _batch_renorm(work: Operators, node: Node, layer: BatchRenorm) -> None:
    with numpy.errstate(invalid="ignore", over="ignore"):
        deviation = numpy.sqrt(layer.variance + numpy.float32(layer.epsilon))
    x = work.add("Sub", node.inputs[0], work.constant("mean", layer.mean))
    x = work.add("Div", x, work.constant("deviation", deviation))
    x = work.add("Mul", x, work.constant("scale", layer.scale))
    work.add("Add", x, work.constant("bias", layer.bias), to=node.outputs[0])


def _lstm(work: Operators, node: Node, layer: LSTM) -> None:
    x, hidden, cell, start = node.inputs
    keep = work.add("Sub", work.constant("one", 1), start)
    keep = work.add("Unsqueeze", keep, work.constant("axes", numpy.array([1])))
    after: list[tuple[str, str]] = []
    for index, weights in enumerate(layer.layers):
        number = work.constant(f"layer_{index}", numpy.array(index))
        before = [work.add("Mul", work.add("Gather", part, number, axis=0), keep) for part in (hidden, cell)]
        after.append(_lstm_layer(work, f"layer_{index}", weights, x, *before))
        x = after[-1][0]
    work.add("Identity", x, to=node.outputs[0])
    axes = work.constant("axes", numpy.array([0]))
    for name, parts in zip(node.outputs[1:], zip(*after, strict=True), strict=True):
        work.add("Concat", *(work.add("Unsqueeze", part, axes) for part in parts), to=name, axis=0)


def _lstm_layer(work: Operators, part: str, weights: LstmWeights, x: str, hidden: str, cell: str) -> tuple[str, str]:
    """The hidden and the cell state of one layer after one step."""
    size = weights.hidden.shape[1]
    biases = [bias for bias in (weights.input_bias, weights.hidden_bias) if bias is not None]
    bias = [work.constant(f"{part}.bias", numpy.add.reduce(biases))] if biases else []
    recurrent = work.add("Gemm", hidden, work.constant(f"{part}.hidden", weights.hidden), *bias, transB=1)
    gates = work.add("Gemm", x, work.constant(f"{part}.input", weights.input), recurrent, transB=1)
    entry, forget, change, exit = work.split(gates, [size] * 4)
    kept = work.add("Mul", work.add("Sigmoid", forget), cell)
    added = work.add("Mul", work.add("Sigmoid", entry), work.add("Tanh", change))
    next_cell = work.add("Add", kept, added)
    return work.add("Mul", work.add("Sigmoid", exit), work.add("Tanh", next_cell)), next_cell


# -- from features to actions ---------------------------------------------------------------------


def _noise_deviation(work: Operators, node: Node, layer: NoiseDeviation) -> None:
    with numpy.errstate(over="ignore"):
        variance = numpy.broadcast_to(layer.deviation**2, (len(layer.deviation), layer.actions))
    x = work.add("Mul", node.inputs[0], node.inputs[0])
    x = work.add("MatMul", x, work.constant("variance", variance))
    x = work.add("Add", x, work.constant("epsilon", layer.epsilon))
    work.add("Sqrt", x, to=node.outputs[0])


def _mean_over_quantiles(work: Operators, node: Node, layer: MeanOverQuantiles) -> None:
    shape = work.constant("shape", numpy.array([0, layer.quantiles, layer.actions]))
    x = work.add("Reshape", node.inputs[0], shape)
    work.add("ReduceMean", x, to=node.outputs[0], axes=[1], keepdims=0)


def _mask(work: Operators, node: Node, layer: Mask) -> None:
    logits, masks = node.inputs
    work.add("Where", masks, logits, work.constant("forbidden", MASKED), to=node.outputs[0])


def _argmax(work: Operators, node: Node, layer: Argmax) -> None:
    if layer.sizes is None:
        work.add("ArgMax", node.inputs[0], to=node.outputs[0], axis=1, keepdims=0)
        return
    parts = work.split(node.inputs[0], list(layer.sizes))
    work.add("Concat", *(work.add("ArgMax", part, axis=1, keepdims=1) for part in parts), to=node.outputs[0], axis=1)


def _round(work: Operators, node: Node, layer: Round) -> None:
    work.add("Round", node.inputs[0], to=node.outputs[0])


def _clip(work: Operators, node: Node, layer: Clip) -> None:
    dtype = work.graph.values[node.outputs[0]].dtype
    x = work.convert(node.inputs[0], "float32", dtype)
    x = work.add("Max", x, work.constant("low", layer.low, dtype))
    work.add("Min", x, work.constant("high", layer.high, dtype), to=node.outputs[0])


def _unscale(work: Operators, node: Node, layer: Unscale) -> None:
    dtype = work.graph.values[node.outputs[0]].dtype
    with numpy.errstate(over="ignore", invalid="ignore"):
        span = numpy.asarray(layer.high - layer.low)
    x = work.add("Add", node.inputs[0], work.constant("one", 1))
    x = work.convert(work.add("Mul", x, work.constant("half", 0.5)), "float32", dtype)
    x = work.add("Mul", x, work.constant("span", span, dtype))
    work.add("Add", x, work.constant("low", layer.low, dtype), to=node.outputs[0])


OPERATORS: Mapping[type[Layer], Callable[[Operators, Node, Any], None]] = {
    Activation: _activation,
    Argmax: _argmax,
    BatchRenorm: _batch_renorm,
    Cast: _cast,
    Clip: _clip,
    Concatenate: _concatenate,
    Constant: _constant,
    Convolution: _convolution,
    Flatten: _reshape,
    LSTM: _lstm,
    Linear: _linear,
    Mask: _mask,
    MeanOverQuantiles: _mean_over_quantiles,
    NoiseDeviation: _noise_deviation,
    Normalize: _normalize,
    OneHot: _one_hot,
    ParametricRelu: _parametric_relu,
    Reshape: _reshape,
    Round: _round,
    Scale: _scale,
    Unscale: _unscale,
}
"""What appends the operators of each kind of layer."""
