"""Activations in place: for each kind a function that appends the numpy calls which compute it.

The formulas stand in ``activations.FORMULAS``; what is written here is the same in a form that neither
overflows nor needs more than one or two spare arrays. Exponentials of large numbers are avoided by going
through tanh: ``sigmoid(x) = 0.5 + 0.5 * tanh(x / 2)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import pi, sqrt
from typing import Any

import numpy

from .layers import Array
from .workspace import Workspace

__all__ = ["FUNCTIONS", "add_sigmoid", "number"]

SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
"""https://arxiv.org/abs/1706.02515, as torch has them."""

ERF = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
ERF_SLOPE = 0.3275911
"""Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: off by at most 1.5e-7."""


def number(value: float) -> Array:
    """A constant as an array of no dimensions, which numpy takes faster than a Python number."""
    return numpy.array(value, numpy.float32)


def add_sigmoid(work: Workspace, x: Array) -> None:
    """Append steps that make x its sigmoid."""
    half = number(0.5)
    work.do(numpy.multiply, x, half, x)
    work.do(numpy.tanh, x, x)
    work.do(numpy.multiply, x, half, x)
    work.do(numpy.add, x, half, x)


def _relu(work: Workspace, x: Array) -> None:
    work.do(numpy.maximum, x, number(0), out=x)


def _tanh(work: Workspace, x: Array) -> None:
    work.do(numpy.tanh, x, x)


def _exp(work: Workspace, x: Array) -> None:
    work.do(numpy.exp, x, x)


def _hard_tanh(work: Workspace, x: Array, low: float = -1.0, high: float = 1.0) -> None:
    work.do(numpy.maximum, x, number(low), out=x)
    work.do(numpy.minimum, x, number(high), out=x)


def _leaky_relu(work: Workspace, x: Array, slope: float = 0.01) -> None:
    add_slope(work, x, number(slope))


def add_slope(work: Workspace, x: Array, slope: Array) -> None:
    """Append steps that multiply what is below zero."""
    below = work.spare(x)
    work.do(numpy.minimum, x, number(0), out=below)
    work.do(numpy.multiply, below, slope, below)
    work.do(numpy.maximum, x, number(0), out=x)
    work.do(numpy.add, x, below, x)


def _elu(work: Workspace, x: Array, alpha: float = 1.0) -> None:
    below = work.spare(x)
    work.do(numpy.minimum, x, number(0), out=below)
    work.do(numpy.expm1, below, below)
    work.do(numpy.multiply, below, number(alpha), below)
    work.do(numpy.maximum, x, number(0), out=x)
    work.do(numpy.add, x, below, x)


def _celu(work: Workspace, x: Array, alpha: float = 1.0) -> None:
    """For a negative alpha too, where what is above zero is the part that matters."""
    below = work.spare(x)
    work.do(numpy.divide, x, number(alpha), below)
    work.do(numpy.minimum, below, number(0 if alpha > 0 else 80), out=below)
    work.do(numpy.expm1, below, below)
    work.do(numpy.multiply, below, number(alpha), below)
    work.do(numpy.minimum, below, number(0), out=below)
    work.do(numpy.maximum, x, number(0), out=x)
    work.do(numpy.add, x, below, x)


def _selu(work: Workspace, x: Array) -> None:
    _elu(work, x, SELU_ALPHA)
    work.do(numpy.multiply, x, number(SELU_SCALE), x)


def _silu(work: Workspace, x: Array) -> None:
    gate = work.spare(x)
    work.copy(gate, x)
    add_sigmoid(work, gate)
    work.do(numpy.multiply, x, gate, x)


def _mish(work: Workspace, x: Array) -> None:
    gate = work.spare(x)
    work.do(numpy.logaddexp, x, number(0), gate)
    work.do(numpy.tanh, gate, gate)
    work.do(numpy.multiply, x, gate, x)


def _softplus(work: Workspace, x: Array, beta: float = 1.0, threshold: float = 20.0) -> None:
    scaled, large = work.spare(x), numpy.empty_like(x, dtype=bool)
    work.do(numpy.multiply, x, number(beta), scaled)
    work.do(numpy.less_equal, scaled, number(threshold), large)
    work.do(numpy.logaddexp, scaled, number(0), scaled)
    work.do(numpy.divide, scaled, number(beta), scaled)
    work.do(numpy.copyto, x, scaled, where=large)


def _log_sigmoid(work: Workspace, x: Array) -> None:
    work.do(numpy.negative, x, x)
    work.do(numpy.logaddexp, x, number(0), x)
    work.do(numpy.negative, x, x)


def _soft_sign(work: Workspace, x: Array) -> None:
    size = work.spare(x)
    work.do(numpy.absolute, x, size)
    work.do(numpy.add, size, number(1), size)
    work.do(numpy.divide, x, size, x)


def _tanh_shrink(work: Workspace, x: Array) -> None:
    bent = work.spare(x)
    work.do(numpy.tanh, x, bent)
    work.do(numpy.subtract, x, bent, x)


def _soft_shrink(work: Workspace, x: Array, width: float = 0.5) -> None:
    near = work.spare(x)
    work.do(numpy.maximum, x, number(-width), out=near)
    work.do(numpy.minimum, near, number(width), out=near)
    work.do(numpy.subtract, x, near, x)


def _hard_shrink(work: Workspace, x: Array, width: float = 0.5) -> None:
    size, near = work.spare(x), numpy.empty_like(x, dtype=bool)
    work.do(numpy.absolute, x, size)
    work.do(numpy.less_equal, size, number(width), near)
    work.do(numpy.copyto, x, number(0), where=near)


def _threshold(work: Workspace, x: Array, threshold: float, value: float) -> None:
    below = numpy.empty_like(x, dtype=bool)
    work.do(numpy.less_equal, x, number(threshold), below)
    work.do(numpy.copyto, x, number(value), where=below)


def _hard_sigmoid(work: Workspace, x: Array) -> None:
    _hard_gate(work, x)
    work.do(numpy.divide, x, number(6), x)


def _hard_swish(work: Workspace, x: Array) -> None:
    gate = work.spare(x)
    work.copy(gate, x)
    _hard_gate(work, gate)
    work.do(numpy.multiply, x, gate, x)
    work.do(numpy.divide, x, number(6), x)


def _hard_gate(work: Workspace, x: Array) -> None:
    work.do(numpy.add, x, number(3), x)
    _hard_tanh(work, x, 0, 6)


def _gelu_tanh(work: Workspace, x: Array) -> None:
    gate = work.spare(x)
    work.do(numpy.multiply, x, x, gate)
    work.do(numpy.multiply, gate, number(0.044715), gate)
    work.do(numpy.add, gate, number(1), gate)
    work.do(numpy.multiply, gate, x, gate)
    work.do(numpy.multiply, gate, number(sqrt(2 / pi)), gate)
    work.do(numpy.tanh, gate, gate)
    _half_and_half(work, x, gate)


def _gelu(work: Workspace, x: Array) -> None:
    gate = work.spare(x)
    work.do(numpy.multiply, x, number(sqrt(0.5)), gate)
    _add_erf(work, gate)
    _half_and_half(work, x, gate)


def _half_and_half(work: Workspace, x: Array, gate: Array) -> None:
    """x * 0.5 * (1 + gate)"""
    work.do(numpy.add, gate, number(1), gate)
    work.do(numpy.multiply, gate, number(0.5), gate)
    work.do(numpy.multiply, x, gate, x)


def _add_erf(work: Workspace, x: Array) -> None:
    """``erf(x) = sign(x) * (1 - t * (a1 + t * (a2 + …)) * exp(-x**2))`` with ``t = 1 / (1 + p * abs(x))``."""
    t, total = work.spare(x), work.spare(x)
    work.do(numpy.absolute, x, t)
    work.do(numpy.multiply, t, number(ERF_SLOPE), t)
    work.do(numpy.add, t, number(1), t)
    work.do(numpy.reciprocal, t, t)
    work.do(total.fill, 0.0)
    for factor in reversed(ERF):
        work.do(numpy.add, total, number(factor), total)
        work.do(numpy.multiply, total, t, total)
    work.do(numpy.multiply, x, x, t)
    work.do(numpy.negative, t, t)
    work.do(numpy.exp, t, t)
    work.do(numpy.multiply, total, t, total)
    work.do(numpy.subtract, number(1), total, total)
    work.do(numpy.copysign, total, x, x)


def _softmax(work: Workspace, x: Array) -> None:
    total = _center(work, x)
    work.do(numpy.exp, x, x)
    work.do(numpy.add.reduce, x, axis=-1, keepdims=True, out=total)
    work.do(numpy.divide, x, total, x)


def _softmin(work: Workspace, x: Array) -> None:
    work.do(numpy.negative, x, x)
    _softmax(work, x)


def _log_softmax(work: Workspace, x: Array) -> None:
    total, powers = _center(work, x), work.spare(x)
    work.do(numpy.exp, x, powers)
    work.do(numpy.add.reduce, powers, axis=-1, keepdims=True, out=total)
    work.do(numpy.log, total, total)
    work.do(numpy.subtract, x, total, x)


def _center(work: Workspace, x: Array) -> Array:
    """Subtract the largest of each row, so that no exponential overflows; gives an array for one number a row."""
    largest = numpy.empty((*x.shape[:-1], 1), x.dtype)
    work.do(numpy.maximum.reduce, x, axis=-1, keepdims=True, out=largest)
    work.do(numpy.subtract, x, largest, x)
    return largest


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "celu": _celu,
    "elu": _elu,
    "exp": _exp,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "hard_shrink": _hard_shrink,
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": _hard_swish,
    "hard_tanh": _hard_tanh,
    "leaky_relu": _leaky_relu,
    "log_sigmoid": _log_sigmoid,
    "log_softmax": _log_softmax,
    "mish": _mish,
    "relu": _relu,
    "selu": _selu,
    "sigmoid": add_sigmoid,
    "silu": _silu,
    "soft_shrink": _soft_shrink,
    "softmax": _softmax,
    "softmin": _softmin,
    "softplus": _softplus,
    "softsign": _soft_sign,
    "tanh": _tanh,
    "tanh_shrink": _tanh_shrink,
    "threshold": _threshold,
}
"""What is called with a workspace, the array and the layer's parameters, for each kind of activation."""
