"""How numpy computes each layer: functions that lay a layer's steps into a workspace.

A convolution gathers the windows of its image (im2col) into the rows of a matrix and multiplies once;
with channels last in memory each row of a window is one run of numbers, so that gathering is copying.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy
from numpy.lib.stride_tricks import as_strided

from ..errors import MismatchError
from .functions import FUNCTIONS, add_sigmoid, add_slope, number
from .graph import Node
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
from .workspace import Workspace

__all__ = ["KERNELS"]


def _alias(work: Workspace, node: Node, layer: Layer) -> None:
    work.take(node)


def _normalize(work: Workspace, node: Node, layer: Normalize) -> None:
    x = work.arrays[node.inputs[0]]
    work.do(numpy.subtract, x, layer.mean, x)
    work.do(numpy.divide, x, layer.deviation, x)
    work.do(numpy.maximum, x, numpy.array(-layer.limit), out=x)
    work.do(numpy.minimum, x, numpy.array(layer.limit), out=x)
    work.copy(work.make(node.outputs[0]), x)


def _scale(work: Workspace, node: Node, layer: Scale) -> None:
    x = work.take(node)
    work.do(numpy.divide, x, number(layer.divisor), x)


def _one_hot(work: Workspace, node: Node, layer: OneHot) -> None:
    numbers, out = work.arrays[node.inputs[0]], work.make(node.outputs[0])
    sizes = numpy.array(layer.sizes)
    starts = numpy.cumsum(sizes) - sizes
    rows = numbers.reshape(-1, len(sizes))
    first = numpy.arange(len(rows))[:, None] * int(sizes.sum())

    def encode() -> None:
        if (rows < 0).any() or (rows >= sizes).any():
            raise MismatchError(f"expected whole numbers from 0 to below {list(layer.sizes)}, found {rows.tolist()}.")
        out[...] = 0
        out.reshape(-1)[first + starts + rows] = 1

    work.do(encode)


def _concatenate(work: Workspace, node: Node, layer: Concatenate) -> None:
    out, start = work.make(node.outputs[0]), 0
    for name in node.inputs:
        end = start + work.graph.values[name].shape[0]
        work.copy(out[..., start:end], work.arrays[name])
        start = end


def _constant(work: Workspace, node: Node, layer: Constant) -> None:
    work.make_constant(node.outputs[0], layer.value)


def _linear(work: Workspace, node: Node, layer: Linear) -> None:
    x, name, folded = work.arrays[node.inputs[0]], node.outputs[0], work.prepared.folded(layer)
    if work.rows is not None and folded is None:
        _large_linear(work, name, layer, x)
        return
    out, wide = work.make_row(name)
    extended = work.extended(node.inputs[0])
    if extended is not None and folded is not None:
        work.do(extended.dot, folded, out)
        return
    if work.rows is None:
        work.do(layer.weight.dot, x, out)
    else:
        work.do(x.dot, work.prepared.transposed(layer), wide)
    if layer.bias is not None:
        work.do(numpy.add, out, layer.bias, out)


def _large_linear(work: Workspace, name: str, layer: Linear, x: Array) -> None:
    """Weights times the turned batch: of the two orders the one in which OpenBLAS moves large weights less."""
    turned = work.make_turned(name)
    work.do(layer.weight.dot, x.T, turned)
    if layer.bias is not None:
        work.do(numpy.add, turned, layer.bias[:, None], turned)


def _convolution(work: Workspace, node: Node, layer: Convolution) -> None:
    images = numpy.moveaxis(work.arrays[node.inputs[0]], -3, -1)
    out = numpy.moveaxis(work.make(node.outputs[0]), -3, -1)
    weight = work.prepared.make(layer, lambda: _windows_first(layer.weight))
    one = images if work.rows is None else images[0]
    windows, matrix = _windows(one, layer), numpy.empty((out.shape[-3] * out.shape[-2], len(weight)), numpy.float32)
    gathered, pixels = matrix.reshape(windows.shape), out.reshape(-1, out.shape[-1])
    if work.rows is None:
        work.copy(gathered, windows)
        work.do(matrix.dot, weight, pixels)
    else:
        pairs = [(_windows(image, layer), part) for image, part in zip(images, _parts(pixels, work.rows), strict=True)]

        def convolve() -> None:
            for source, target in pairs:
                gathered[...] = source
                matrix.dot(weight, target)

        work.do(convolve)
    if layer.bias is not None:
        work.do(numpy.add, pixels, layer.bias, pixels)


def _parts(pixels: Array, rows: int) -> Array:
    return pixels.reshape(rows, -1, pixels.shape[-1])


def _windows(image: Array, layer: Convolution) -> Array:
    """All windows of one (height, width, channels) image as a view: (rows, columns, kernel height, run of numbers)."""
    height, width = layer.weight.shape[2:]
    rows, columns = (
        (side - size) // layer.stride + 1 for side, size in zip(image.shape, (height, width), strict=False)
    )
    down, right, step = image.strides
    run = width * image.shape[2]
    strides = (down * layer.stride, right * layer.stride, down, step)
    return as_strided(image, (rows, columns, height, run), strides, writeable=False)


def _windows_first(weight: Array) -> Array:
    """The weights of a convolution as a (kernel height * kernel width * channels, outputs) matrix."""
    return numpy.ascontiguousarray(weight.transpose(2, 3, 1, 0).reshape(-1, weight.shape[0]))


def _activation(work: Workspace, node: Node, layer: Activation) -> None:
    FUNCTIONS[layer.kind](work, work.take(node), *layer.parameters)


def _parametric_relu(work: Workspace, node: Node, layer: ParametricRelu) -> None:
    add_slope(work, work.take(node), layer.slope)


def _batch_renorm(work: Workspace, node: Node, layer: BatchRenorm) -> None:
    x = work.take(node)
    with numpy.errstate(invalid="ignore", over="ignore"):
        deviation = numpy.sqrt(layer.variance + numpy.float32(layer.epsilon))
    work.do(numpy.subtract, x, layer.mean, x)
    work.do(numpy.divide, x, deviation, x)
    work.do(numpy.multiply, x, layer.scale, x)
    work.do(numpy.add, x, layer.bias, x)


def _lstm(work: Workspace, node: Node, layer: LSTM) -> None:
    x, hidden, cell, start = (work.arrays[name] for name in node.inputs)
    out, next_hidden, next_cell = (work.make(name) for name in node.outputs)
    keep = numpy.empty(start.shape if work.rows is None else (len(start), 1), numpy.float32)
    work.do(numpy.subtract, number(1), start.reshape(keep.shape), keep)
    work.do(numpy.multiply, hidden, keep, hidden)
    work.do(numpy.multiply, cell, keep, cell)
    for index, weights in enumerate(layer.layers):
        _lstm_layer(work, weights, x, (hidden[index], cell[index]), (next_hidden[index], next_cell[index]))
        x = next_hidden[index]
    work.copy(out, x)


def _lstm_layer(
    work: Workspace, weights: LstmWeights, x: Array, state: tuple[Array, Array], after: tuple[Array, Array]
) -> None:
    (hidden, cell), (next_hidden, next_cell), size = state, after, weights.hidden.shape[1]
    gates = numpy.empty((*hidden.shape[:-1], 4 * size), numpy.float32)
    recurrent = work.spare(gates)
    work.do(x.dot, weights.input.T, gates)
    work.do(hidden.dot, weights.hidden.T, recurrent)
    work.do(numpy.add, gates, recurrent, gates)
    work.do(numpy.add, gates, work.prepared.added_bias(weights), gates)
    entry, forget, change, exit = (gates[..., part * size : (part + 1) * size] for part in range(4))
    add_sigmoid(work, gates[..., : 2 * size])
    work.do(numpy.tanh, change, change)
    add_sigmoid(work, exit)
    work.do(numpy.multiply, forget, cell, next_cell)
    work.do(numpy.multiply, entry, change, change)
    work.do(numpy.add, next_cell, change, next_cell)
    work.do(numpy.tanh, next_cell, next_hidden)
    work.do(numpy.multiply, next_hidden, exit, next_hidden)


def _noise_deviation(work: Workspace, node: Node, layer: NoiseDeviation) -> None:
    x, out = work.arrays[node.inputs[0]], work.make(node.outputs[0])
    variance = work.prepared.make(layer, lambda: _square(layer))
    squares = work.spare(x)
    work.do(numpy.multiply, x, x, squares)
    work.do(squares.dot, variance, out)
    work.do(numpy.add, out, number(layer.epsilon), out)
    work.do(numpy.sqrt, out, out)


def _square(layer: NoiseDeviation) -> Array:
    with numpy.errstate(over="ignore"):
        variance = layer.deviation**2
    return numpy.ascontiguousarray(numpy.broadcast_to(variance, (len(variance), layer.actions)))


def _mean_over_quantiles(work: Workspace, node: Node, layer: MeanOverQuantiles) -> None:
    x, out = work.arrays[node.inputs[0]], work.make(node.outputs[0])
    shaped = x.reshape(*x.shape[:-1], layer.quantiles, layer.actions)
    work.do(numpy.add.reduce, shaped, shaped.ndim - 2, None, out)
    work.do(numpy.divide, out, number(layer.quantiles), out)


def _mask(work: Workspace, node: Node, layer: Mask) -> None:
    logits, masks = work.take(node), work.arrays.get(node.inputs[1])
    if masks is not None:
        work.do(numpy.logical_not, masks, masks)
        work.do(numpy.copyto, logits, number(MASKED), where=masks)


def _argmax(work: Workspace, node: Node, layer: Argmax) -> None:
    x, out = work.arrays[node.inputs[0]], work.make(node.outputs[0])
    found = out if out.dtype == numpy.intp else numpy.empty(out.shape, numpy.intp)
    axis, start = x.ndim - 1, 0
    if layer.sizes is None:
        work.do(x.argmax, axis, found)
    for part, size in enumerate(layer.sizes or ()):
        work.do(x[..., start : start + size].argmax, axis, found[..., part, None].reshape(found.shape[:-1]))
        start += size
    if found is not out:
        work.copy(out, found)


def _round(work: Workspace, node: Node, layer: Round) -> None:
    x = work.take(node)
    work.do(numpy.rint, x, x)


def _clip(work: Workspace, node: Node, layer: Clip) -> None:
    x, out = work.arrays[node.inputs[0]], work.make(node.outputs[0])
    work.do(numpy.maximum, x, layer.low, out=out)
    work.do(numpy.minimum, out, layer.high, out=out)


def _unscale(work: Workspace, node: Node, layer: Unscale) -> None:
    x, out = work.arrays[node.inputs[0]], work.make(node.outputs[0])
    halves = work.spare(x)
    with numpy.errstate(over="ignore", invalid="ignore"):
        span = numpy.asarray(layer.high - layer.low)
    work.do(numpy.add, x, number(1), halves)
    work.do(numpy.multiply, halves, number(0.5), halves)
    work.do(numpy.multiply, halves, span, out)
    work.do(numpy.add, out, layer.low, out)


KERNELS: Mapping[type[Layer], Callable[[Workspace, Node, Any], None]] = {
    Activation: _activation,
    Argmax: _argmax,
    BatchRenorm: _batch_renorm,
    Cast: _alias,
    Clip: _clip,
    Concatenate: _concatenate,
    Constant: _constant,
    Convolution: _convolution,
    Flatten: _alias,
    LSTM: _lstm,
    Linear: _linear,
    Mask: _mask,
    MeanOverQuantiles: _mean_over_quantiles,
    NoiseDeviation: _noise_deviation,
    Normalize: _normalize,
    OneHot: _one_hot,
    ParametricRelu: _parametric_relu,
    Reshape: _alias,
    Round: _round,
    Scale: _scale,
    Unscale: _unscale,
}
"""What lays each kind of layer into a workspace."""
