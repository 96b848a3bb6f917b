"""Activations as operators of ONNX: for each kind a function that appends those that compute it.

The formulas stand in ``activations.FORMULAS``. Each function takes the name of what goes in, the name of what
comes out, and the layer's parameters. Where an operator of ONNX computes the same, it stands for itself; where
it is younger than opset 17 (``Mish``, ``Gelu``) or knows less (``Celu``), its parts do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import pi, sqrt
from typing import TYPE_CHECKING

from .functions import SELU_ALPHA, SELU_SCALE

if TYPE_CHECKING:
    from .onnx_operators import Attribute, Operators

__all__ = ["FUNCTIONS"]


def _named(kind: str, **attributes: Attribute) -> Callable[[Operators, str, str], None]:
    """An activation that ONNX has under a name."""

    def add(work: Operators, x: str, out: str) -> None:
        work.add(kind, x, to=out, **attributes)

    return add


def _hard_tanh(work: Operators, x: str, out: str, low: float = -1.0, high: float = 1.0) -> None:
    work.add("Min", work.add("Max", x, work.constant("low", low)), work.constant("high", high), to=out)


def _leaky_relu(work: Operators, x: str, out: str, slope: float = 0.01) -> None:
    work.add("LeakyRelu", x, to=out, alpha=slope)


def _elu(work: Operators, x: str, out: str, alpha: float = 1.0) -> None:
    below = work.add("Exp", work.add("Min", x, work.constant("zero", 0)))
    below = work.add("Mul", work.add("Sub", below, work.constant("one", 1)), work.constant("alpha", alpha))
    work.add("Add", work.add("Relu", x), below, to=out)


def _celu(work: Operators, x: str, out: str, alpha: float = 1.0) -> None:
    number, zero = work.constant("alpha", alpha), work.constant("zero", 0)
    below = work.add("Min", work.add("Div", x, number), work.constant("most", 0 if alpha > 0 else 80))
    below = work.add("Mul", work.add("Sub", work.add("Exp", below), work.constant("one", 1)), number)
    work.add("Add", work.add("Relu", x), work.add("Min", below, zero), to=out)


def _selu(work: Operators, x: str, out: str) -> None:
    work.add("Selu", x, to=out, alpha=SELU_ALPHA, gamma=SELU_SCALE)


def _softmin(work: Operators, x: str, out: str) -> None:
    work.add("Softmax", work.add("Neg", x), to=out, axis=-1)


def _silu(work: Operators, x: str, out: str) -> None:
    work.add("Mul", x, work.add("Sigmoid", x), to=out)


def _mish(work: Operators, x: str, out: str) -> None:
    work.add("Mul", x, work.add("Tanh", work.add("Softplus", x)), to=out)


def _softplus(work: Operators, x: str, out: str, beta: float = 1.0, threshold: float = 20.0) -> None:
    scaled = work.add("Mul", x, work.constant("beta", beta))
    small = work.add("LessOrEqual", scaled, work.constant("threshold", threshold))
    bent = work.add("Div", work.add("Softplus", scaled), work.constant("beta", beta))
    work.add("Where", small, bent, x, to=out)


def _log_sigmoid(work: Operators, x: str, out: str) -> None:
    work.add("Neg", work.add("Softplus", work.add("Neg", x)), to=out)


def _tanh_shrink(work: Operators, x: str, out: str) -> None:
    work.add("Sub", x, work.add("Tanh", x), to=out)


def _soft_shrink(work: Operators, x: str, out: str, width: float = 0.5) -> None:
    near = work.add("Max", x, work.constant("low", -width))
    work.add("Sub", x, work.add("Min", near, work.constant("high", width)), to=out)


def _hard_shrink(work: Operators, x: str, out: str, width: float = 0.5) -> None:
    near = work.add("LessOrEqual", work.add("Abs", x), work.constant("width", width))
    work.add("Where", near, work.constant("zero", 0), x, to=out)


def _threshold(work: Operators, x: str, out: str, threshold: float, value: float) -> None:
    below = work.add("LessOrEqual", x, work.constant("threshold", threshold))
    work.add("Where", below, work.constant("value", value), x, to=out)


def _hard_gate(work: Operators, x: str) -> str:
    shifted = work.add("Relu", work.add("Add", x, work.constant("three", 3)))
    return work.add("Min", shifted, work.constant("six", 6))


def _hard_sigmoid(work: Operators, x: str, out: str) -> None:
    work.add("Div", _hard_gate(work, x), work.constant("divisor", 6), to=out)


def _hard_swish(work: Operators, x: str, out: str) -> None:
    work.add("Div", work.add("Mul", x, _hard_gate(work, x)), work.constant("divisor", 6), to=out)


def _gelu(work: Operators, x: str, out: str) -> None:
    gate = work.add("Erf", work.add("Mul", x, work.constant("factor", sqrt(0.5))))
    _half_and_half(work, x, gate, out)


def _gelu_tanh(work: Operators, x: str, out: str) -> None:
    square = work.add("Mul", work.add("Mul", x, x), work.constant("cubic", 0.044715))
    bent = work.add("Mul", work.add("Add", square, work.constant("linear", 1)), x)
    gate = work.add("Tanh", work.add("Mul", bent, work.constant("factor", sqrt(2 / pi))))
    _half_and_half(work, x, gate, out)


def _half_and_half(work: Operators, x: str, gate: str, out: str) -> None:
    """x * 0.5 * (1 + gate)"""
    gate = work.add("Mul", work.add("Add", gate, work.constant("one", 1)), work.constant("half", 0.5))
    work.add("Mul", x, gate, to=out)


FUNCTIONS: Mapping[str, Callable[..., None]] = {
    "celu": _celu,
    "elu": _elu,
    "exp": _named("Exp"),
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "hard_shrink": _hard_shrink,
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": _hard_swish,
    "hard_tanh": _hard_tanh,
    "leaky_relu": _leaky_relu,
    "log_sigmoid": _log_sigmoid,
    "log_softmax": _named("LogSoftmax", axis=-1),
    "mish": _mish,
    "relu": _named("Relu"),
    "selu": _selu,
    "sigmoid": _named("Sigmoid"),
    "silu": _silu,
    "soft_shrink": _soft_shrink,
    "softmax": _named("Softmax", axis=-1),
    "softmin": _softmin,
    "softplus": _softplus,
    "softsign": _named("Softsign"),
    "tanh": _named("Tanh"),
    "tanh_shrink": _tanh_shrink,
    "threshold": _threshold,
}
"""What appends the operators of each kind of activation."""
