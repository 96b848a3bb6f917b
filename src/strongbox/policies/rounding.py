"""A graph with its sums moved by as much as float32 may round them, in whatever order a processor adds them up.

Of n terms with the sum s, taken in an order that nobody knows, the squares of the partial sums are (n + 1)/6 times
the sum of the squared terms and (n + 1)/3 times the square of s, added up. Each is rounded by at most 2**-24 of
it, and roundings do not conspire (Higham and Mary, "A new approach to probabilistic rounding error analysis",
2019): their squares add up. The first part is what weights do that move independently, the second what a
whole row of them does that moves as one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy

from .graph import Graph
from .layers import LSTM, Array, Convolution, Layer, Linear, LstmWeights

__all__ = ["round_otherwise"]

UNIT = 2.0**-24
"""Half of the distance between one and the next float32."""


def round_otherwise(graph: Graph, generator: numpy.random.Generator) -> Graph:
    """The graph with the weights of its products moved at random; few weights stay as they are."""
    return replace(graph, nodes=tuple(replace(node, layer=_move_layer(node.layer, generator)) for node in graph.nodes))


def _move_layer(layer: Layer, generator: numpy.random.Generator) -> Layer:
    if isinstance(layer, Linear | Convolution):
        weight, bias = _move(layer.weight, layer.bias, generator)
        return replace(layer, weight=weight, bias=bias)
    if isinstance(layer, LSTM):
        return replace(layer, layers=tuple(_move_lstm(part, generator) for part in layer.layers))
    return layer


def _move_lstm(part: LstmWeights, generator: numpy.random.Generator) -> LstmWeights:
    input, input_bias = _move(part.input, part.input_bias, generator)
    hidden, hidden_bias = _move(part.hidden, part.hidden_bias, generator)
    return replace(part, input=input, input_bias=input_bias, hidden=hidden, hidden_bias=hidden_bias)


def _move(weight: Array, bias: Array | None, generator: numpy.random.Generator) -> tuple[Array, Array | None]:
    rows = weight.reshape(len(weight), -1)
    terms = rows.shape[1] + 1
    together = 1 + UNIT * numpy.sqrt((terms + 1) / 3) * generator.standard_normal(len(rows))
    alone = 1 + UNIT * numpy.sqrt((terms + 1) / 6) * generator.standard_normal(rows.shape)
    up = numpy.where(generator.random(rows.shape) < 0.5, numpy.inf, -numpy.inf).astype(weight.dtype)
    with numpy.errstate(over="ignore", invalid="ignore"):
        moved = (numpy.nextafter(rows, up) * (alone * together[:, None])).astype(weight.dtype)
        return moved.reshape(weight.shape), None if bias is None else (bias * together).astype(bias.dtype)
