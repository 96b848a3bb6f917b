"""A policy as a graph: named inputs, layers in an order in which they can run, named outputs.

Every value has one name and is made once, by an input or by a node; a node uses only what stands before
it. Outputs have names of their own, the same in all graphs:

==================  ===========================================================================
``action``          the deterministic action, as the environment takes it
``logits``          of categories or of binary actions, before masks
``mean``            of a Gaussian, before squashing
``deviation``       of a Gaussian
``noise_features``  what state-dependent noise (gSDE) multiplies with its matrix
``q_values``        (actions,) of a Q-network; (critics,) of a critic
``values``          (1,) of an actor-critic
``next_hidden``     the recurrent states, (layers, hidden), for the next step
``next_cell``
==================  ===========================================================================

Inputs: ``observation``, or ``observation.KEY`` for each key of a dictionary; ``action_masks``;
``hidden``, ``cell`` and ``episode_start``; ``action`` for critics, scaled to [-1, 1].
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass

import numpy

from ..errors import FormatError
from ..records import record
from .layers import Array, Layer, Value

__all__ = ["Graph", "GraphBuilder", "Input", "Node"]


@record(frozen=True, eq=False)
class Input:
    """A named input; ``key`` is the observation's key where the observation is a dictionary.

    Where an ``optional`` input is left out, the layers that take it do without.
    """

    name: str
    value: Value
    key: str | None = None
    optional: bool = False


@record(frozen=True, eq=False)
class Node:
    """A layer with the names of the values that it takes and makes."""

    layer: Layer
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@record(frozen=True, eq=False)
class Graph:
    """Inputs, nodes in running order, outputs (name to the value's name), and every value's shape and dtype."""

    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    outputs: Mapping[str, str]
    values: Mapping[str, Value]

    def for_outputs(self, outputs: Iterable[str]) -> Graph:
        """The smallest part of the graph that makes these outputs."""
        wanted = {name: self.outputs[name] for name in outputs}
        needed = set(wanted.values())
        nodes: list[Node] = []
        for node in reversed(self.nodes):
            if not needed.isdisjoint(node.outputs):
                nodes.append(node)
                needed.update(node.inputs)
        inputs = tuple(item for item in self.inputs if item.name in needed)
        return Graph(inputs, tuple(reversed(nodes)), wanted, self.values)

    def weights(self) -> list[Array]:
        """Every array that the layers hold, each once."""
        found: dict[int, Array] = {}
        for node in self.nodes:
            _collect(node.layer, found)
        return list(found.values())


class GraphBuilder:
    """Collects inputs and nodes; every value's shape is worked out, and checked, when its layer is added."""

    def __init__(self) -> None:
        self._inputs: list[Input] = []
        self._nodes: list[Node] = []
        self.values: dict[str, Value] = {}

    def add_input(self, name: str, value: Value, *, key: str | None = None, optional: bool = False) -> str:
        """Add an input and return its name."""
        self._inputs.append(Input(name, value, key, optional))
        self._define(name, value)
        return name

    def add(self, layer: Layer, *inputs: str, name: str) -> str:
        """Add a layer with one result, which gets ``name``; returns the name."""
        return self.add_many(layer, *inputs, names=(name,))[0]

    def add_many(self, layer: Layer, *inputs: str, names: tuple[str, ...]) -> tuple[str, ...]:
        """Add a layer with several results, and return their names."""
        results = layer.results(*(self.values[source] for source in inputs))
        for name, value in zip(names, results, strict=True):
            self._define(name, value)
        self._nodes.append(Node(layer, inputs, names))
        return names

    def graph(self, outputs: Mapping[str, str]) -> Graph:
        """The finished graph with these outputs, each the name of a value."""
        return Graph(tuple(self._inputs), tuple(self._nodes), outputs, dict(self.values)).for_outputs(outputs)

    def _define(self, name: str, value: Value) -> None:
        if name in self.values:
            raise FormatError(f"expected one value of the name {name!r}, found two.")
        self.values[name] = value


def _collect(part: object, found: dict[int, Array]) -> None:
    if isinstance(part, numpy.ndarray):
        found[id(part)] = part
    elif isinstance(part, tuple):
        for item in part:
            _collect(item, found)
    elif is_dataclass(part):
        for item in fields(part):
            _collect(getattr(part, item.name), found)
