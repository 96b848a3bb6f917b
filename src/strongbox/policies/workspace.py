"""The arrays that one graph runs in, and the steps that fill them.

Everything is allocated once. A kernel (``kernels.py``) asks for arrays and appends steps: calls bound to
their arrays, so that running is nothing but calling them one after another. Rules:

- ``rows`` is the size of the batch; None stands for one sample, whose arrays have no batch axis. Then
  matrix times vector takes the place of matrix times matrix, which is several times faster.
- A row of features of one sample has a 1 behind it, so that a linear layer's bias can be one more column
  of its weights: one call less.
- Images lie in memory with their channels last, and are shown with their channels first. A convolution's
  windows are then runs of neighbours, while every other layer sees what it expects.
- A layer that works on numbers one by one overwrites its input where nobody else needs it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, TypeAlias

import numpy

from .graph import Graph, Node
from .layers import Array, Cast, Convolution, Layer, Linear, LstmWeights, Normalize, OneHot, Value

__all__ = ["Prepared", "Step", "Workspace"]

Step: TypeAlias = Callable[[], object]

FOLDED = 1 << 17
"""Entries of a weight matrix up to which it is copied, turned and joined with its bias; larger ones are as fast as
they lie in the file, since memory is what they wait for."""

NARROW = 16
"""Columns that a product of matrices has at least. With fewer, OpenBLAS adds up in another order than torch does, which
matters where large numbers nearly cancel."""

TAKES: dict[type[Layer], str] = {Cast: "float32", Normalize: "float64", OneHot: "int64"}
"""The dtype in which a layer wants an input, which is converted when it is copied in."""


class Prepared:
    """Weights in the order in which kernels want them, made once for all workspaces of a policy."""

    def __init__(self) -> None:
        self._arrays: dict[int, tuple[object, Array]] = {}

    def make(self, owner: object, build: Callable[[], Array]) -> Array:
        """What ``build`` gives for a layer, built at the first call; the layer is kept alive with it."""
        found = self._arrays.get(id(owner))
        if found is None:
            found = self._arrays[id(owner)] = (owner, build())
        return found[1]

    def folded(self, layer: Linear) -> Array | None:
        """Weights and bias of a small linear layer as one (inputs + 1, outputs) matrix; None for a large one."""
        return self.make(layer, lambda: _fold(layer)) if layer.weight.size <= FOLDED else None

    def transposed(self, layer: Linear) -> Array:
        """The weights of a linear layer as (inputs, outputs), with columns of zeros where outputs are few."""
        if len(layer.weight) < NARROW:
            return self.make(layer.weight, lambda: _widen(layer.weight))
        folded = self.folded(layer)
        return layer.weight.T if folded is None else folded[:-1]

    def added_bias(self, weights: LstmWeights) -> Array:
        """Both biases of an LSTM's layer added."""
        return self.make(weights, lambda: _add_biases(weights))


class Workspace:
    """Arrays for a graph of layers and the steps between them; kernels fill it, node by node."""

    def __init__(self, graph: Graph, rows: int | None, given: Collection[str], prepared: Prepared) -> None:
        self.graph = graph
        self.rows = rows
        self.prepared = prepared
        self.steps: list[Step] = []
        self.arrays: dict[str, Array] = {}
        self._ends: dict[int, Array] = {}
        self._fixed: set[str] = set()
        self._uses = Counter(name for node in graph.nodes for name in node.inputs)
        self._uses.update(graph.outputs.values())
        self._channels_last = any(isinstance(node.layer, Convolution) for node in graph.nodes)
        for item in graph.inputs:
            if item.name in given:
                self.arrays[item.name] = self._allocate(item.value, self._input_dtype(item.name, item.value))

    def do(self, function: Callable[..., object], *arguments: Any, **keywords: Any) -> None:
        """Append a call as a step."""
        self.steps.append(partial(function, *arguments, **keywords))

    def copy(self, target: Array, source: Array) -> None:
        """Append a step that copies an array into another."""
        self.do(target.__setitem__, Ellipsis, source)

    def make(self, name: str) -> Array:
        """A new array for the value of this name."""
        self.arrays[name] = self._allocate(self.graph.values[name], self.graph.values[name].dtype)
        return self.arrays[name]

    def make_row(self, name: str) -> tuple[Array, Array]:
        """A new array for a row of features, and the array of at least :data:`NARROW` columns that it begins."""
        value = self.graph.values[name]
        if self.rows is None or value.shape[0] >= NARROW:
            array = self.make(name)
            return array, array
        wide = numpy.empty((self.rows, NARROW), numpy.float32)
        self.arrays[name] = wide[:, : value.shape[0]]
        return self.arrays[name], wide

    def make_turned(self, name: str) -> Array:
        """A new array for a batch of rows of features that lies in memory column by column; gives it turned."""
        assert self.rows is not None
        turned = numpy.empty((self.graph.values[name].shape[0], self.rows), numpy.float32)
        self.arrays[name] = turned.T
        return turned

    def make_constant(self, name: str, content: Array) -> None:
        """A new array for a value that no step changes."""
        self.make(name)[...] = content
        self._fixed.add(name)

    def spare(self, like: Array) -> Array:
        """An array of the same shape, dtype and order for a kernel's own use."""
        return numpy.empty_like(like)

    def take(self, node: Node) -> Array:
        """The node's first input as its output, in the output's shape, for a kernel to work on.

        It is the same array where nobody else needs it, and a copy where somebody does.
        """
        source, name = node.inputs[0], node.outputs[0]
        array, value = self.arrays[source], self.graph.values[name]
        shape = self.shape(value)
        free = self._uses[source] == 1 and source not in self._fixed and array.dtype == value.dtype
        if free and array.shape == shape:
            self.arrays[name] = array
        elif free and array.flags.c_contiguous and not self._is_row(value):
            self.arrays[name] = array.reshape(shape)
        else:
            self._copy_into(self.make(name), array)
        return self.arrays[name]

    def _copy_into(self, target: Array, array: Array) -> None:
        if target.flags.c_contiguous:
            self.copy(target.reshape(array.shape), array)
        else:
            self.copy(target, array.reshape(target.shape))

    def extended(self, name: str) -> Array | None:
        """A row with the 1 behind it, or None where there is none."""
        return self._ends.get(id(self.arrays[name]))

    def shape(self, value: Value) -> tuple[int, ...]:
        """The shape of a value's array."""
        if self.rows is None:
            return value.shape
        return (*value.shape[: value.batch_axis], self.rows, *value.shape[value.batch_axis :])

    def _is_row(self, value: Value) -> bool:
        return self.rows is None and len(value.shape) == 1 and value.dtype == "float32"

    def _allocate(self, value: Value, dtype: str) -> Array:
        shape = self.shape(value)
        if self._is_row(value) and dtype == "float32":
            extended = numpy.ones(shape[0] + 1, numpy.float32)
            array = extended[:-1]
            self._ends[id(array)] = extended
            return array
        if self._channels_last and len(value.shape) == 3:
            return numpy.moveaxis(numpy.empty((*shape[:-3], *shape[-2:], shape[-3]), dtype), -1, -3)
        return numpy.empty(shape, dtype)

    def _input_dtype(self, name: str, value: Value) -> str:
        for node in self.graph.nodes:
            if name in node.inputs:
                return TAKES.get(type(node.layer), value.dtype)
        return value.dtype


def _fold(layer: Linear) -> Array:
    outputs, inputs = layer.weight.shape
    folded = numpy.zeros((inputs + 1, outputs), numpy.float32)
    folded[:-1] = layer.weight.T
    if layer.bias is not None:
        folded[-1] = layer.bias
    return folded


def _widen(weight: Array) -> Array:
    wide = numpy.zeros((weight.shape[1], NARROW), numpy.float32)
    wide[:, : weight.shape[0]] = weight.T
    return wide


def _add_biases(weights: LstmWeights) -> Array:
    total = numpy.zeros(weights.input.shape[0], numpy.float32)
    for bias in (weights.input_bias, weights.hidden_bias):
        if bias is not None:
            total += bias
    return total
