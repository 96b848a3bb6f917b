"""How far float32 may be from the exact action: a bound that holds on every processor.

Kernels of different processors add the same numbers up in another order, and with or without fused
multiplication; none of them is wrong. What any of them may be off by follows from the numbers themselves. Every
product and every partial sum is rounded by at most 2**-24 of it, and roundings do not conspire (Higham and Mary, "A
new approach to probabilistic rounding error analysis", 2019): their squares add up. Of n terms with the sum s, taken
in an order that nobody knows, the squares of the partial sums are (n + 1)/6 times the sum of the squared
terms and (n + 1)/3 times the square of s, added up. So the layers are run in float64, once exactly and :data:`RUNS`
times with every sum moved at random by that much. Twice as far as the action moves in these runs, float32 is
uncertain: nearly nothing in most rows, more where large numbers nearly cancel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy

from strongbox.policies.graph import Graph
from strongbox.policies.layers import Activation, Cast, Clip, Concatenate, Flatten, Linear, Reshape, Unscale

__all__ = ["exact_action", "uncertainty"]

UNIT = 2.0**-24
"""Half of the distance between one and the next float32: what one rounding may do, relatively."""
ROUNDINGS = 4
"""How many roundings a function may make besides sums: tanh in float32 is good to some units, unscaling takes four."""
RUNS = 32
SLACK = 2


def exact_action(graph: Graph, inputs: Mapping[str, Any]) -> Any:
    """The deterministic action in float64, (n, actions); inputs are by the names of the graph's."""
    return _run(graph, inputs, None)


def uncertainty(graph: Graph, inputs: Mapping[str, Any]) -> Any:
    """How far a float32 action may be from the exact one, (n, actions), never less than some roundings of it."""
    exact, generator = exact_action(graph, inputs), numpy.random.default_rng(5)
    moved = ROUNDINGS * UNIT * numpy.maximum(1, numpy.abs(exact))
    for _ in range(RUNS):
        moved = numpy.maximum(moved, numpy.abs(_run(graph, inputs, generator) - exact))
    return SLACK * moved


def _run(graph: Graph, inputs: Mapping[str, Any], generator: numpy.random.Generator | None) -> Any:
    """The layers that real agents with actions of numbers have; every sum is moved where there is a generator."""

    def moved(x: Any, size: Any) -> Any:
        return x if generator is None else x + UNIT * size * generator.standard_normal(x.shape)

    acting = graph.for_outputs(("action",))
    parts = [numpy.asarray(inputs[item.name], float) for item in acting.inputs]
    x = numpy.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
    for layer in (node.layer for node in acting.nodes):
        if isinstance(layer, Linear):
            weight = layer.weight.T.astype(float)
            bias = numpy.zeros(weight.shape[1]) if layer.bias is None else layer.bias.astype(float)
            terms, squares = len(weight) + 1, x**2 @ weight**2 + bias**2
            x = x @ weight + bias
            x = moved(x, numpy.sqrt(squares + (terms + 1) * (squares / 6 + x**2 / 3)))
        elif isinstance(layer, Activation):
            assert layer.kind in ("relu", "tanh", "hard_tanh")
            low, high = layer.parameters or (0.0, numpy.inf)
            x = moved(numpy.tanh(x), ROUNDINGS) if layer.kind == "tanh" else numpy.clip(x, low, high)
        elif isinstance(layer, Clip):
            x = numpy.clip(x, layer.low, layer.high)
        elif isinstance(layer, Unscale):
            x = layer.low + 0.5 * (x + 1) * (layer.high.astype(float) - layer.low)
        else:
            assert isinstance(layer, Flatten | Cast | Concatenate | Reshape)
    return x
