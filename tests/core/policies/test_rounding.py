"""Sums moved as far as rounding moves them, beside sums that are rounded in many orders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy
import pytest

from strongbox.policies.graph import Graph, GraphBuilder
from strongbox.policies.layers import LSTM, Activation, Convolution, Linear, LstmWeights, Value
from strongbox.policies.rounding import round_otherwise
from tests.core.policies.float64 import exact_action, uncertainty

GENERATOR = numpy.random.default_rng(3)


def graph_of(weight: Any, bias: Any) -> Graph:
    builder = GraphBuilder()
    name = builder.add_input("observation", Value((weight.shape[1],), "float32"))
    return builder.graph({"action": builder.add(Linear(weight, bias), name, name="sum")})


def added_in_other_orders(weight: Any, bias: Any, x: Any, times: int) -> Iterator[Any]:
    """One row's sums in float32, one term after the other, in random orders."""
    terms = numpy.append(weight * x, bias[:, None], axis=1)
    for _ in range(times):
        yield numpy.cumsum(GENERATOR.permuted(terms, axis=1), axis=1, dtype=numpy.float32)[:, -1]


@pytest.mark.parametrize("sign", ["mixed", "positive"])
@pytest.mark.parametrize("terms", [3, 30, 400])
def test_sums_move_as_far_as_rounding_moves_them(terms: int, sign: str) -> None:
    weight, x = (GENERATOR.standard_normal(shape).astype(numpy.float32) for shape in ((100, terms), (1, terms)))
    weight, x = (weight, x) if sign == "mixed" else (numpy.abs(weight), numpy.abs(x))
    bias = numpy.ones(100, numpy.float32)
    graph = graph_of(weight, bias)
    exact = exact_action(graph, {"observation": x})
    rounded = numpy.sqrt(numpy.mean([(found - exact) ** 2 for found in added_in_other_orders(weight, bias, x, 20)]))
    others = [exact_action(round_otherwise(graph, GENERATOR), {"observation": x}) for _ in range(20)]
    moved = numpy.sqrt(numpy.mean([(other - exact) ** 2 for other in others]))
    assert rounded < moved < 6 * rounded


@pytest.mark.parametrize("terms", [3, 30, 400])
def test_float32_is_as_uncertain_as_the_tests_take_it_to_be(terms: int) -> None:
    weight, x = (GENERATOR.standard_normal(shape).astype(numpy.float32) for shape in ((100, terms), (1, terms)))
    graph = graph_of(weight, numpy.ones(100, numpy.float32))
    exact, uncertain = (find(graph, {"observation": x}) for find in (exact_action, uncertainty))
    off = [numpy.abs(found - exact) for found in added_in_other_orders(weight, numpy.ones(100), x, 200)]
    assert (off <= uncertain).all()
    assert numpy.max(off / uncertain) > 0.1


def test_every_product_is_moved_and_nothing_else() -> None:
    weights = LstmWeights(*(GENERATOR.standard_normal(shape) for shape in ((8, 3), (8, 2), 8, 8)))
    kernel = Convolution(GENERATOR.standard_normal((2, 3, 2, 2)).astype(numpy.float32), None, 1)
    other = Activation("relu", ())
    moved = [moved_layer(layer) for layer in (LSTM((weights,)), kernel, other)]
    after: Any = moved[0].layers[0]
    for name in ("input", "hidden", "input_bias", "hidden_bias"):
        assert_a_little_off(getattr(after, name), getattr(weights, name))
    assert moved[1].bias is None
    assert_a_little_off(moved[1].weight, kernel.weight)
    assert moved[2] is other


def moved_layer(layer: Any) -> Any:
    graph = graph_of(numpy.zeros((1, 1), numpy.float32), None)
    nodes = (replace(graph.nodes[0], layer=layer),)
    return round_otherwise(replace(graph, nodes=nodes), GENERATOR).nodes[0].layer


def assert_a_little_off(found: Any, expected: Any) -> None:
    assert found.dtype == expected.dtype
    assert (found != expected).mean() > 0.7
    numpy.testing.assert_allclose(found, expected, rtol=1e-5)
