"""Graphs made ready to run: a workspace each, one set of them for every thread.

A program is a graph bound to one size of batch. Threads share weights and nothing else, so that one
policy can be used in several at once. Large batches run in parts, so that a workspace stays within
:data:`WORKSPACE` bytes however many rows there are.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from math import prod
from typing import NamedTuple

import numpy

from .graph import Graph
from .kernels import KERNELS
from .layers import Activation, Array, BatchRenorm, Cast, Flatten, Mask, ParametricRelu, Reshape, Round, Scale, Value
from .workspace import Prepared, Step, Workspace

__all__ = ["Program", "Programs"]

WORKSPACE = 8 << 20
"""Bytes of values that a program holds at once, about; and so how many rows it takes."""
IN_PLACE = (Activation, BatchRenorm, Cast, Flatten, Mask, ParametricRelu, Reshape, Round, Scale)
"""Layers that mostly work where their input lies."""
KEPT = 16
"""Programs that a thread keeps ready."""


class Program:
    """The steps of one graph for batches of ``rows``, or for one sample where that is None."""

    __slots__ = ("inputs", "outputs", "rows", "steps")

    def __init__(self, graph: Graph, rows: int | None, given: frozenset[str], prepared: Prepared) -> None:
        work = Workspace(graph, rows, given, prepared)
        for node in graph.nodes:
            KERNELS[type(node.layer)](work, node, node.layer)
        self.rows = rows
        self.inputs = {name: work.arrays[name] for name in given if name in work.arrays}
        self.outputs = {name: work.arrays[value] for name, value in graph.outputs.items()}
        self.steps = tuple(work.steps)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run on arrays by name; the results stay valid until the next run."""
        for name, array in self.inputs.items():
            array[...] = inputs[name]
        for step in self.steps:
            step()
        return self.outputs


class Quick(NamedTuple):
    """What acting on one observation takes: its shape, where to copy it, what to call, where the action lies."""

    shape: tuple[int, ...]
    target: Array
    steps: tuple[Step, ...]
    action: Array


class Programs(threading.local):
    """The programs of a policy in one thread, made when first needed.

    ``quick`` is the one for acting on one observation, or None before it was made.
    """

    def __init__(self, prepared: Prepared) -> None:
        self.quick: Quick | None = None
        self._prepared = prepared
        self._ready: dict[tuple[int, tuple[str, ...], int | None, frozenset[str]], tuple[Graph, Program]] = {}

    def make_quick(self, graph: Graph) -> None:
        """Make ready for acting on one observation that is no dictionary."""
        if self.quick is None:
            program = Program(graph.for_outputs(("action",)), None, frozenset(("observation",)), self._prepared)
            target = program.inputs["observation"]
            self.quick = Quick(target.shape, target, program.steps, program.outputs["action"])

    def get(self, graph: Graph, names: tuple[str, ...], rows: int | None, given: frozenset[str]) -> Program:
        """The program that makes these outputs of a graph from these inputs."""
        key = (id(graph), names, rows, given)
        found = self._ready.get(key)
        if found is None:
            if len(self._ready) >= KEPT:
                del self._ready[next(iter(self._ready))]
            found = self._ready[key] = (graph, Program(graph.for_outputs(names), rows, given, self._prepared))
        return found[1]

    def run(
        self, graph: Graph, names: tuple[str, ...], inputs: Mapping[str, Array], rows: int | None
    ) -> tuple[Array, ...]:
        """Fresh arrays of these outputs, for one sample or a batch of ``rows``."""
        given = frozenset(inputs)
        if rows is None:
            outputs = self.get(graph, names, None, given).run(inputs)
            return tuple(outputs[name].copy() for name in names)
        part = rows_at_once(graph)
        if 0 < rows <= part:
            outputs = self.get(graph, names, rows, given).run(inputs)
            return tuple(outputs[name].copy() for name in names)
        return self._run_parts(graph, names, inputs, rows, part)

    def _run_parts(
        self, graph: Graph, names: tuple[str, ...], inputs: Mapping[str, Array], rows: int, part: int
    ) -> tuple[Array, ...]:
        values = [graph.values[graph.outputs[name]] for name in names]
        results = tuple(numpy.empty(_batch_shape(value, rows), value.dtype) for value in values)
        axes = {item.name: item.value.batch_axis for item in graph.inputs}
        for start in range(0, rows, part):
            end = min(start + part, rows)
            some = {name: _rows(array, axes[name], start, end) for name, array in inputs.items()}
            outputs = self.get(graph, names, end - start, frozenset(inputs)).run(some)
            for name, value, result in zip(names, values, results, strict=True):
                _rows(result, value.batch_axis, start, end)[...] = outputs[name]
        return results


def rows_at_once(graph: Graph) -> int:
    """How many rows a program of this graph takes at most."""
    made = [graph.values[name] for node in graph.nodes if not isinstance(node.layer, IN_PLACE) for name in node.outputs]
    size = sum(prod(value.shape) * 4 for value in [*made, *(item.value for item in graph.inputs)])
    return max(1, min(WORKSPACE // max(size, 1), 4096))


def _batch_shape(value: Value, rows: int) -> tuple[int, ...]:
    return (*value.shape[: value.batch_axis], rows, *value.shape[value.batch_axis :])


def _rows(array: Array, axis: int, start: int, end: int) -> Array:
    return array[(slice(None),) * axis + (slice(start, end),)]
