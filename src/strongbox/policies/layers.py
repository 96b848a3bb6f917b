"""What a policy computes, written down: frozen descriptions of layers, in no framework's terms.

A layer takes and gives values: arrays with one batch axis that is left out of every shape here, so that
``(4,)`` is a batch of rows of four. Its docstring says what it computes; ``results`` says which shapes
and dtypes come out, and raises :class:`FormatError` where what comes in does not fit its weights. Layers
do nothing by themselves: ``kernels.py`` runs them with numpy, and whoever writes another format (ONNX)
reads the same fields. Weights are float32 and read-only; arithmetic is in float32 unless a layer says
otherwise, as torch does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, TypeAlias

import numpy

from ..errors import FormatError
from ..records import record

__all__ = [
    "LSTM",
    "Activation",
    "Argmax",
    "Array",
    "BatchRenorm",
    "Cast",
    "Clip",
    "Concatenate",
    "Constant",
    "Convolution",
    "Flatten",
    "Layer",
    "Linear",
    "LstmWeights",
    "Mask",
    "MeanOverQuantiles",
    "NoiseDeviation",
    "Normalize",
    "OneHot",
    "ParametricRelu",
    "Reshape",
    "Round",
    "Scale",
    "Unscale",
    "Value",
]

Array: TypeAlias = "numpy.ndarray[Any, numpy.dtype[Any]]"

MASKED = -1e8
"""The logit of an action that a mask forbids (sb3_contrib/common/maskable/distributions.py)."""


@record(frozen=True)
class Value:
    """What flows along an edge: the shape of one sample, the dtype by numpy's name, where the batch axis goes.

    A batch of n values of shape (a, b) is an array of shape (n, a, b), or (a, n, b) where ``batch_axis`` is 1.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    batch_axis: int = 0

    def __repr__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


@record(frozen=True, eq=False)
class Layer:
    """What all layers have in common; each is equal to itself alone."""

    def results(self, *inputs: Value) -> tuple[Value, ...]:
        """The values that come out for those that go in; raises FormatError where they do not fit."""
        raise NotImplementedError


class SameShape(Layer):
    """A layer that works on each number by itself: one float32 value in, one of the same shape out."""

    def results(self, *inputs: Value) -> tuple[Value, ...]:
        return (Value(inputs[0].shape),)


# -- from an observation to numbers ---------------------------------------------------------------


class Cast(SameShape):
    """The same numbers as float32."""


@record(frozen=True, eq=False)
class Normalize(Layer):
    """``clip((x - mean) / deviation, -limit, limit)`` in float64, then float32: VecNormalize's ``normalize_obs``.

    ``mean`` and ``deviation`` are float64 arrays of the shape of a sample.
    """

    mean: Array
    deviation: Array
    limit: float

    def results(self, *inputs: Value) -> tuple[Value, ...]:
        _expect(inputs[0].shape == self.mean.shape == self.deviation.shape, "statistics", self.mean.shape, inputs[0])
        return (Value(inputs[0].shape),)


@record(frozen=True, eq=False)
class Scale(SameShape):
    """``x / divisor``: 255 for images."""

    divisor: float


@record(frozen=True, eq=False)
class OneHot(Layer):
    """Whole numbers to rows of zeros with a one: number k, below ``sizes[k]``, gives ``sizes[k]`` entries.

    Takes int64 of shape () or (n,), gives float32 of shape (sum of sizes,). A number outside is an error.
    """

    sizes: tuple[int, ...]

    def results(self, *inputs: Value) -> tuple[Value, ...]:
        _expect(prod(inputs[0].shape) == len(self.sizes), "whole numbers", (len(self.sizes),), inputs[0])
        return (Value((sum(self.sizes),)),)


class Flatten(Layer):
    """All axes of a sample in one, the last running fastest."""

    def results(self, *inputs: Value) -> tuple[Value, ...]:
        return (Value((prod(inputs[0].shape),), inputs[0].dtype),)


@record(frozen=True, eq=False)
class Reshape(Layer):
    """The same numbers in another shape."""

    shape: tuple[int, ...]

    def results(self, *inputs: Value) -> tuple[Value, ...]:
        _expect(prod(self.shape) == prod(inputs[0].shape), "as many numbers as in a value", self.shape, inputs[0])
        return (Value(self.shape, inputs[0].dtype),)


class Concatenate(Layer):
    """Rows one after another."""

    def results(self, *inputs: Value) -> tuple[Value, ...]:
        for value in inputs:
            _expect(len(value.shape) == 1, "a row of features", ("n",), value)
        return (Value((sum(value.shape[0] for value in inputs),)),)


@record(frozen=True, eq=False)
class Constant(Layer):
    """The same float32 array for every sample; takes nothing."""

    value: Array

    def results(self, *inputs: Value) -> tuple[Value, ...]:
        return (Value(self.value.shape),)


# -- networks -------------------------------------------------------------------------------------


@record(frozen=True, eq=False)
class Linear(Layer):
    """``weight @ x + bias``: weight of shape (outputs, inputs), bias of shape (outputs,) or None."""

    weight: Array
    bias: Array | None

    def results(self, *inputs: Value) -> tuple[Value, ...]:
        outputs, features = _weight_shape(self.weight, 2, "a linear layer")
        _expect(inputs[0].shape == (features,), "features", (features,), inputs[0])
        _expect_bias(self.bias, outputs)
        return (Value((outputs,)),)


@record(frozen=True, eq=False)
class Convolution(Layer):
    """A two-dimensional convolution without padding (torch's, which does not turn the kernel).

    Takes (channels, height, width); weight is (outputs, channels, kernel height, kernel width), bias
    (outputs,) or None; ``stride`` is the same in both directions.
    """

    weight: Array
    bias: Array | None
    stride: int

    def results(self, *inputs: Value) -> tuple[Value, ...]:
        outputs, channels, *kernel = _weight_shape(self.weight, 4, "a convolution")
        shape = inputs[0].shape
        fits = len(shape) == 3 and shape[0] == channels and shape[1] >= kernel[0] and shape[2] >= kernel[1]
        _expect(fits, "an image", (channels, f">={kernel[0]}", f">={kernel[1]}"), inputs[0])
        _expect_bias(self.bias, outputs)
        sides = ((side - size) // self.stride + 1 for side, size in zip(shape[1:], kernel, strict=True))
        return (Value((outputs, *sides)),)


@record(frozen=True, eq=False)
class Activation(SameShape):
    """A function of each number; ``kind`` is a key of ``FORMULAS`` (activations.py), ``parameters`` its letters."""

    kind: str
    parameters: tuple[float, ...] = ()


@record(frozen=True, eq=False)
class ParametricRelu(Layer):
    """``max(x, 0) + slope * min(x, 0)`` with a learned slope of shape (1,) or (features,)."""

    slope: Array

    def results(self, *inputs: Value) -> tuple[Value, ...]:
        _expect(self.slope.shape in ((1,), inputs[0].shape), "slopes", inputs[0].shape, self.slope)
        return (Value(inputs[0].shape),)


@record(frozen=True, eq=False)
class BatchRenorm(Layer):
    """``scale * ((x - mean) / sqrt(variance + epsilon)) + bias``: batch renormalisation in evaluation."""

    mean: Array
    variance: Array
    scale: Array
    bias: Array
    epsilon: float

    def results(self, *inputs: Value) -> tuple[Value, ...]:
        for weight in (self.mean, self.variance, self.scale, self.bias):
            _expect(inputs[0].shape == weight.shape, "features", weight.shape, inputs[0])
        return (Value(inputs[0].shape),)


@record(frozen=True, eq=False)
class LstmWeights:
    """One layer of an LSTM: rows in the order input, forget, cell, output; biases (4 * hidden,) or None.

    ``input`` is (4 * hidden, inputs), ``hidden`` (4 * hidden, hidden); both biases are added.
    """

    input: Array
    hidden: Array
    input_bias: Array | None
    hidden_bias: Array | None


@record(frozen=True, eq=False)
class LSTM(Layer):
    """One step of a torch LSTM of several layers, with the state set to zero where an episode starts.

    Takes x (inputs,), the hidden and the cell state, each (layers, hidden), and episode_start ();
    gives the last layer's hidden state (hidden,) and both states. The states' batch axis is the second,
    as SB3 has it: (layers, batch, hidden). Per layer, with both states times ``1 - episode_start``::

        i, f, g, o = split(input @ x + input_bias + hidden @ h + hidden_bias)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g);  h = sigmoid(o) * tanh(c);  x = h
    """

    layers: tuple[LstmWeights, ...]

    @property
    def hidden_size(self) -> int:
        """The size of the state of one layer."""
        return int(self.layers[0].hidden.shape[-1])

    def results(self, *inputs: Value) -> tuple[Value, ...]:
        for weights in self.layers:
            _weight_shape(weights.input, 2, "an LSTM")
            _weight_shape(weights.hidden, 2, "an LSTM")
        size, features = self.hidden_size, inputs[0].shape
        for weights in self.layers:
            _expect(features == weights.input.shape[1:], "features", weights.input.shape[1:], inputs[0])
            _expect(weights.hidden.shape == (4 * size, size), "hidden weights", (4 * size, size), weights.hidden)
            _expect(weights.input.shape[0] == 4 * size, "input weights", (4 * size, "n"), weights.input)
            _expect_bias(weights.input_bias, 4 * size)
            _expect_bias(weights.hidden_bias, 4 * size)
            features = (size,)
        state = Value((len(self.layers), size), batch_axis=1)
        for value in inputs[1:3]:
            _expect(value == state, "a state", state.shape, value)
        return Value((size,)), state, state


# -- from features to actions ---------------------------------------------------------------------


@record(frozen=True, eq=False)
class NoiseDeviation(Layer):
    """``sqrt(x**2 @ deviation**2 + epsilon)``: how far state-dependent noise (gSDE) moves each action.

    ``deviation`` has shape (features, actions), or (features, 1) where all ``actions`` share it.
    """

    deviation: Array
    actions: int
    epsilon: float = 1e-6

    def results(self, *inputs: Value) -> tuple[Value, ...]:
        features, actions = _weight_shape(self.deviation, 2, "state-dependent noise")
        _expect(inputs[0].shape == (features,), "features", (features,), inputs[0])
        _expect(actions in (1, self.actions), "noise of actions", (features, self.actions), self.deviation)
        return (Value((self.actions,)),)


@record(frozen=True, eq=False)
class MeanOverQuantiles(Layer):
    """The mean over the first axis of ``reshape(x, (quantiles, actions))``."""

    quantiles: int
    actions: int

    def results(self, *inputs: Value) -> tuple[Value, ...]:
        size = (self.quantiles * self.actions,)
        _expect(inputs[0].shape == size, "quantiles", size, inputs[0])
        return (Value((self.actions,)),)


class Mask(Layer):
    """``where(mask, logits, -1e8)``: takes logits and booleans of the same shape; a mask left out changes nothing."""

    def results(self, *inputs: Value) -> tuple[Value, ...]:
        _expect(inputs[0].shape == inputs[1].shape, "logits", inputs[1].shape, inputs[0])
        return (Value(inputs[0].shape),)


@record(frozen=True, eq=False)
class Argmax(Layer):
    """The first index of the largest number, in int64 of shape (); with ``sizes``, of each part, (parts,)."""

    sizes: tuple[int, ...] | None = None

    def results(self, *inputs: Value) -> tuple[Value, ...]:
        total = inputs[0].shape if self.sizes is None else (sum(self.sizes),)
        _expect(len(total) == 1 and inputs[0].shape == total, "logits", total, inputs[0])
        return (Value(() if self.sizes is None else (len(self.sizes),), "int64"),)


class Round(SameShape):
    """To the nearest whole number, halves to the even one."""


@record(frozen=True, eq=False)
class Clip(Layer):
    """``minimum(maximum(x, low), high)``, in the dtype that numpy gives for float32 with the bounds."""

    low: Array
    high: Array

    def results(self, *inputs: Value) -> tuple[Value, ...]:
        return (_bounded(inputs[0], self.low),)


@record(frozen=True, eq=False)
class Unscale(Layer):
    """``low + (0.5 * (x + 1)) * (high - low)``: from [-1, 1] to the bounds; dtype as for :class:`Clip`."""

    low: Array
    high: Array

    def results(self, *inputs: Value) -> tuple[Value, ...]:
        return (_bounded(inputs[0], self.low),)


def _bounded(value: Value, low: Array) -> Value:
    _expect(value.shape == low.shape, "actions", low.shape, value)
    return Value(value.shape, numpy.result_type(numpy.float32, low.dtype).name)


def _weight_shape(weight: Array, dimensions: int, what: str) -> tuple[int, ...]:
    if weight.ndim != dimensions:
        raise FormatError(f"expected the weight of {what} to have {dimensions} dimensions, found {weight.ndim}.")
    return tuple(weight.shape)


def _expect_bias(bias: Array | None, outputs: int) -> None:
    if bias is not None:
        _expect(bias.shape == (outputs,), "biases", (outputs,), bias)


def _expect(fits: bool, what: str, expected: Sequence[object], found: Value | Array) -> None:
    if not fits:
        sizes = ", ".join(map(str, expected))
        raise FormatError(
            f"expected {what} of shape ({sizes}), found {tuple(found.shape)}.",
            hint="The weights do not fit the spaces or each other.",
        )
