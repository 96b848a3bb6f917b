"""Which function a class of torch.nn stands for, and what numpy computes for it."""

from __future__ import annotations

from collections.abc import Callable
from math import erf, exp, log1p, pi, sqrt, tanh
from typing import Any

import numpy
import pytest

from strongbox.errors import FormatError, UnsupportedError
from strongbox.policies.activations import FORMULAS, LEARNED, SIGNATURES, read_activation
from strongbox.policies.functions import FUNCTIONS
from strongbox.policies.graph import GraphBuilder
from strongbox.policies.layers import Activation, Value
from strongbox.policies.program import Programs
from strongbox.policies.workspace import Prepared
from strongbox.values import ClassReference, FunctionReference, Opaque, Partial

ALPHA = 1.6732632423543772


def softplus(x: float) -> float:
    return max(x, 0) + log1p(exp(-abs(x)))


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x)) if x > -700 else 0.0


def clamp(x: float, low: float, high: float) -> float:
    return min(max(x, low), high)


def elu(x: float, a: float) -> float:
    return x if x > 0 else a * (exp(x) - 1)


def celu(x: float, a: float) -> float:
    below = a * (exp(min(x / a, 700)) - 1)
    return max(x, 0) + min(below, 0)


REFERENCES: dict[str, tuple[tuple[float, ...], Callable[..., float]]] = {
    "celu": ((0.7,), celu),
    "elu": ((1.3,), elu),
    "exp": ((), lambda x: exp(min(x, 80))),
    "gelu": ((), lambda x: x * 0.5 * (1 + erf(x / sqrt(2)))),
    "gelu_tanh": ((), lambda x: x * 0.5 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))),
    "hard_shrink": ((0.5,), lambda x, a: x if abs(x) > a else 0),
    "hard_sigmoid": ((), lambda x: clamp(x / 6 + 0.5, 0, 1)),
    "hard_swish": ((), lambda x: x * clamp(x + 3, 0, 6) / 6),
    "hard_tanh": ((-0.5, 2.0), clamp),
    "leaky_relu": ((0.2,), lambda x, a: x if x > 0 else a * x),
    "log_sigmoid": ((), lambda x: -softplus(-x)),
    "mish": ((), lambda x: x * tanh(softplus(x))),
    "relu": ((), lambda x: max(x, 0)),
    "selu": ((), lambda x: 1.0507009873554805 * elu(x, ALPHA)),
    "sigmoid": ((), sigmoid),
    "silu": ((), lambda x: x * sigmoid(x)),
    "soft_shrink": ((0.3,), lambda x, a: x - clamp(x, -a, a)),
    "softplus": ((2.0, 20.0), lambda x, a, b: softplus(a * x) / a),
    "softsign": ((), lambda x: x / (1 + abs(x))),
    "tanh": ((), tanh),
    "tanh_shrink": ((), lambda x: x - tanh(x)),
    "threshold": ((0.15, -4.0), lambda x, a, b: x if x > a else b),
}
POINTS = numpy.concatenate([numpy.linspace(-9, 9, 181), [-80, -40, -1e-6, 0, 1e-6, 40, 80]]).astype(numpy.float32)


def compute(layer: Activation, x: Any) -> Any:
    """The activation of one sample, and of a batch of it and its negative."""
    builder = GraphBuilder()
    builder.add_input("x", Value(x.shape))
    builder.add(layer, "x", name="y")
    graph, programs = builder.graph({"y": "y"}), Programs(Prepared())
    (single,) = programs.run(graph, ("y",), {"x": x}, None)
    (batch,) = programs.run(graph, ("y",), {"x": numpy.stack([x, -x])}, 2)
    numpy.testing.assert_allclose(batch[0], single, rtol=1e-6, atol=1e-7)
    return single


@pytest.mark.parametrize("kind", REFERENCES)
def test_the_function_of_each_number(kind: str) -> None:
    parameters, reference = REFERENCES[kind]
    points = POINTS if kind != "exp" else POINTS[POINTS < 80]
    expected = [reference(float(point), *parameters) for point in points]
    found = compute(Activation(kind, parameters), points)
    assert found.dtype == numpy.float32
    numpy.testing.assert_allclose(found, expected, rtol=3e-6, atol=2e-6)


@pytest.mark.parametrize("kind", ["softmax", "softmin", "log_softmax"])
def test_the_functions_of_a_row(kind: str) -> None:
    x = numpy.array([-50, 0, 1, 2.5, 60], numpy.float32)
    powers = numpy.exp((-x if kind == "softmin" else x).astype(float) - 60)
    share = powers / powers.sum()
    numpy.testing.assert_allclose(
        compute(Activation(kind), x), numpy.log(share) if kind == "log_softmax" else share, rtol=1e-5, atol=1e-7
    )


def test_every_kind_has_a_formula_and_a_function() -> None:
    assert set(FORMULAS) == set(FUNCTIONS) == {*REFERENCES, "softmax", "softmin", "log_softmax"}
    assert {signature.kind for signature in SIGNATURES.values()} - {None} < set(FORMULAS)


def named(name: str, module: str = "torch.nn.modules.activation") -> ClassReference:
    return ClassReference(module, name)


@pytest.mark.parametrize(
    ("value", "kind", "parameters"),
    [
        (named("ReLU"), "relu", ()),
        (named("Tanh"), "tanh", ()),
        (named("ReLU6"), "hard_tanh", (0, 6)),
        (named("RReLU"), "leaky_relu", ((1 / 8 + 1 / 3) / 2,)),
        (named("GELU"), "gelu", ()),
        (named("Softplus"), "softplus", (1, 20)),
        (named("SiLU"), "silu", ()),
        (Partial(function=named("GELU"), keywords={"approximate": "tanh"}), "gelu_tanh", ()),
        (Partial(function=named("GELU"), arguments=("tanh",)), "gelu_tanh", ()),
        (Partial(function=named("LeakyReLU"), keywords={"negative_slope": 0.3}), "leaky_relu", (0.3,)),
        (Partial(function=named("LeakyReLU"), arguments=(0.3, True)), "leaky_relu", (0.3,)),
        (Partial(function=named("Threshold"), arguments=(1, 2)), "threshold", (1, 2)),
        (Partial(function=named("Softmax"), keywords={"dim": -1}), "softmax", ()),
        (Partial(function=named("ReLU"), keywords={"inplace": True}), "relu", ()),
    ],
    ids=str,
)
def test_classes_and_partial_calls(value: object, kind: str, parameters: tuple[float, ...]) -> None:
    found = read_activation(value)
    assert found is not None
    assert found.kind == kind
    assert found.parameters == pytest.approx(parameters)


def test_no_function_and_a_learned_one() -> None:
    assert read_activation(named("Identity", "torch.nn.modules.linear")) is None
    assert read_activation(Partial(function=named("Dropout", "torch.nn.modules.dropout"), arguments=(0.5,))) is None
    assert read_activation(named("PReLU")) is LEARNED


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (named("ReLU", "__main__"), "__main__.ReLU"),
        (named("Swish", "my_project.nets"), "my_project.nets.Swish"),
        (named("GLU"), "torch.nn.modules.activation.GLU"),
        (named("LSTM", "torch.nn.modules.rnn"), "torch.nn.modules.rnn.LSTM"),
        (FunctionReference("torch.nn.functional", "relu"), "relu"),
        (Opaque(type="function <lambda> of __main__", reason="its code is in the file by value"), "<lambda>"),
        (Partial(function=named("Softmax"), keywords={"dim": 0}), "dim=0"),
        (None, "None"),
        ("relu", "relu"),
        (3, "3"),
    ],
    ids=str,
)
def test_anything_else_is_refused_by_name(value: object, name: str) -> None:
    with pytest.raises(UnsupportedError) as error:
        read_activation(value)
    assert name in str(error.value)
    assert "strongbox.load" in (error.value.hint or "")


@pytest.mark.parametrize(
    "value",
    [
        Partial(function=named("ELU"), keywords={"beta": 1}),
        Partial(function=named("ELU"), arguments=(1, 2, 3)),
        Partial(function=named("ELU"), arguments=("one",)),
        Partial(function=named("ELU"), arguments=(10**400,)),
        named("Threshold"),
    ],
)
def test_calls_that_torch_would_not_take(value: object) -> None:
    with pytest.raises(FormatError):
        read_activation(value)
