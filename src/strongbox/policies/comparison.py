"""Whether an exported graph acts as the numpy policy does: both run on drawn observations, side by side.

Observations are drawn with a fixed seed: from the observation space where it has bounds that mean something,
around the statistics where observations are normalized, from a standard normal distribution elsewhere. A
recurrent policy runs over several steps, with episodes that start in between; each step begins with the states of
the numpy policy, so that what is measured is one step and not how a network magnifies a difference.

What counts as the same:

- A number of an action may be off by 1e-5 relative to its size; sizes below one, or below the bound where that is
  smaller, count as that. States likewise, relative to one.
- In a few rows large numbers nearly cancel, and float32 in another order of addition gives another action. Such
  rows are told by the numpy policy itself: where its own action moves when every sum moves by as much as rounding
  may move it on any processor (:mod:`.rounding`), the other one may be off by :data:`SLACK` times as much. They are
  counted as uncertain.
- A discrete action is the same, or tied within rounding: the two actions' own numbers (logits, Q-values) differ by
  at most 1e-5 relative to their size; of a binary action, its probability is within 1e-5 of one half. Neither of
  two such actions is wrong; they are counted as tied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy

from ..errors import MissingExtra, UnsupportedError
from ..records import record
from ..values import Box, Discrete, MultiBinary, MultiDiscrete, Space
from .extractors import observation_spaces
from .graph import Graph
from .layers import Argmax, Array, Normalize, Round
from .program import Programs
from .rounding import round_otherwise
from .workspace import Prepared

__all__ = ["TOLERANCE", "Comparison", "compare_graphs", "compare_onnx", "draw_inputs"]

TOLERANCE = 1e-5
SEED = 17
ROWS = 256
NUMBERS = 1 << 21
"""Observations that are compared, fewer where they are large: about so many numbers at most."""
STEPS = 6
WIDE = 1e3
"""Bounds further apart than this say what a number can hold, not what it is like."""
SLACK = 4
ROUNDINGS = 8
"""How often the sums are rounded otherwise, to see how far the actions move."""
JUDGED = "judged"
"""The output that a discrete action is chosen by."""


@record(frozen=True)
class Comparison:
    """How far two sides are apart: the largest relative difference of a number, over how many observations.

    ``wrong`` counts numbers and discrete actions that differ; ``uncertain`` and ``tied`` those that differ where
    float32 leaves them open.
    """

    largest_difference: float = 0.0
    compared: int = 0
    wrong: int = 0
    uncertain: int = 0
    tied: int = 0

    def __add__(self, other: Comparison) -> Comparison:
        return Comparison(
            max(self.largest_difference, other.largest_difference),
            self.compared + other.compared,
            self.wrong + other.wrong,
            self.uncertain + other.uncertain,
            self.tied + other.tied,
        )


def compare_onnx(graph: Graph, content: bytes, space: Space, observation_space: Space) -> Comparison:
    """Run an ONNX model beside the graph that it was made from; ``space`` is that of the actions.

    Raises MissingExtra without onnxruntime, UnsupportedError where they do not agree.
    """
    session, errors = _open_session(content)
    outputs = [output.name for output in session.get_outputs()]

    def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
        try:
            return dict(zip(outputs, session.run(outputs, dict(inputs)), strict=True))
        except errors as error:
            raise _not_run(error) from error

    return _expect_same(_Sides(graph, space, observation_space, run))


def compare_graphs(graph: Graph, other: Graph, space: Space, observation_space: Space) -> Comparison:
    """Run another graph with numpy beside a graph; raises UnsupportedError where they do not agree."""
    programs, names = Programs(Prepared()), tuple(other.outputs)

    def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
        return dict(zip(names, programs.run(other, names, inputs, _count_rows(other, inputs)), strict=True))

    return _expect_same(_Sides(graph, space, observation_space, run))


def _expect_same(sides: _Sides) -> Comparison:
    generator = numpy.random.default_rng(SEED)
    comparison = sides.compare(sides.rows, generator) + sides.compare(1, generator)
    if comparison.wrong:
        raise UnsupportedError(
            f"expected what is exported to act as the policy within {TOLERANCE:g}, found {comparison.wrong} numbers "
            f"that differ, by up to {comparison.largest_difference:.3g}, over {comparison.compared} observations.",
            hint="Nothing was written.",
        )
    return comparison


def _count_rows(graph: Graph, inputs: Mapping[str, Array]) -> int:
    first = graph.inputs[0]
    return int(inputs[first.name].shape[first.value.batch_axis])


def draw_inputs(
    graph: Graph, observation_space: Space, rows: int, generator: numpy.random.Generator
) -> dict[str, Array]:
    """A batch of inputs for a graph: observations, masks that allow something, states, starts of episodes."""
    spaces = observation_spaces(observation_space)
    statistics = {node.inputs[0]: node.layer for node in graph.nodes if isinstance(node.layer, Normalize)}
    inputs: dict[str, Array] = {}
    for item in graph.inputs:
        if item.name.startswith("observation"):
            drawn = _draw(spaces[item.key or ""], rows, generator, statistics.get(item.name))
            inputs[item.name] = drawn.astype(item.value.dtype).reshape(rows, *item.value.shape)
        elif item.name == "action_masks":
            inputs[item.name] = _draw_masks(graph, rows, generator)
        elif item.name == "episode_start":
            inputs[item.name] = (generator.random(rows) < 0.2).astype(numpy.float32)
        else:
            shape = (item.value.shape[0], rows, *item.value.shape[1:])
            inputs[item.name] = generator.uniform(-1, 1, shape).astype(numpy.float32)
    return inputs


class _Sides:
    """The numpy policy's graph and what was made of it; ``rows`` is how many observations are compared at once."""

    def __init__(
        self,
        graph: Graph,
        space: Space,
        observation_space: Space,
        run: Callable[[Mapping[str, Array]], dict[str, Array]],
    ) -> None:
        self._graph = _with_judged(graph)
        self._programs = Programs(Prepared())
        self._scale = _scale(space)
        self._observation_space = observation_space
        self._run = run
        self.rows = _rows(graph)

    def compare(self, rows: int, generator: numpy.random.Generator) -> Comparison:
        """Compare one batch, over several steps where there are states; both sides go on with the policy's."""
        total, states = Comparison(), {}  # type: tuple[Comparison, dict[str, Array]]
        recurrent = "next_hidden" in self._graph.outputs
        for _ in range(STEPS if recurrent else 1):
            inputs = draw_inputs(self._graph, self._observation_space, rows, generator) | states
            expected = self._expect(inputs)
            total += replace(self._judge(self._run(inputs), expected, inputs), compared=rows)
            if recurrent:
                states = {"hidden": expected["next_hidden"], "cell": expected["next_cell"]}
        return total

    def _expect(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        names, rows = tuple(self._graph.outputs), _count_rows(self._graph, inputs)
        return dict(zip(names, self._programs.run(self._graph, names, inputs, rows), strict=True))

    def _judge(
        self, found: Mapping[str, Array], expected: Mapping[str, Array], inputs: Mapping[str, Array]
    ) -> Comparison:
        total = Comparison()
        for name, theirs in found.items():
            ours = expected[name]
            if theirs.shape != ours.shape or theirs.dtype != ours.dtype:
                return Comparison(numpy.inf, wrong=ours.size)
            if name == "action" and JUDGED in expected:
                wrong, tied = _count_others(self._graph, theirs, ours, expected[JUDGED])
                total += Comparison(wrong=wrong, tied=tied)
            else:
                total += self._judge_numbers(name, theirs, expected, inputs)
        return total

    def _judge_numbers(
        self, name: str, theirs: Array, expected: Mapping[str, Array], inputs: Mapping[str, Array]
    ) -> Comparison:
        scale = self._scale if name == "action" else numpy.float64(1)
        off = _relative(theirs, expected[name], scale)
        over = off > TOLERANCE
        if not over.any():
            return Comparison(float(off.max(initial=0.0)))
        moved = self._movement(name, expected[name], inputs, scale)
        wrong = over & ~(off <= SLACK * moved)
        return Comparison(float(off.max()), wrong=int(wrong.sum()), uncertain=int((over & ~wrong).sum()))

    def _movement(self, name: str, expected: Array, inputs: Mapping[str, Array], scale: Any) -> Array:
        """How far each number of an output moves when the sums are rounded otherwise."""
        generator, moved = numpy.random.default_rng(SEED), numpy.zeros(expected.shape)
        rows = expected.shape[self._graph.values[self._graph.outputs[name]].batch_axis]
        for _ in range(ROUNDINGS):
            again = Programs(Prepared()).run(round_otherwise(self._graph, generator), (name,), inputs, rows)[0]
            moved = numpy.maximum(moved, _relative(again, expected, scale))
        return moved


def _relative(found: Array, expected: Array, scale: Any) -> Array:
    """How far each number is off, relative to its size or the scale; infinitely where only one is a number."""
    found, expected = found.astype(numpy.float64), expected.astype(numpy.float64)
    with numpy.errstate(invalid="ignore", over="ignore"):
        off = numpy.abs(found - expected) / numpy.maximum(numpy.abs(expected), scale)
    off = numpy.where((found == expected) | (numpy.isnan(found) & numpy.isnan(expected)), 0, off)
    result: Array = numpy.nan_to_num(off, nan=numpy.inf, posinf=numpy.inf)
    return result


def _scale(space: Space) -> Any:
    """What an action's size counts as at least: one, or its bounds where they are closer to zero."""
    if not isinstance(space, Box):
        return numpy.float64(1)
    bounds = numpy.maximum(numpy.abs(space.low.astype(numpy.float64)), numpy.abs(space.high.astype(numpy.float64)))
    return numpy.where(bounds > 0, numpy.minimum(bounds, 1), 1)


def _count_others(graph: Graph, found: Array, expected: Array, judged: Array) -> tuple[int, int]:
    """How many discrete actions are wrong, and how many are others that are as good."""
    layer = next(node.layer for node in graph.nodes if isinstance(node.layer, Argmax | Round))
    if isinstance(layer, Round):
        others = (found != expected).reshape(judged.shape)
        close = numpy.abs(judged - 0.5) <= TOLERANCE
        return int((others & ~close).sum()), int((others & close).sum())
    sizes = layer.sizes or (judged.shape[1],)
    pairs = zip(found.reshape(len(found), -1).T, expected.reshape(len(expected), -1).T, strict=True)
    wrong = tied = 0
    for (theirs, ours), part in zip(pairs, numpy.split(judged, numpy.cumsum(sizes)[:-1], axis=1), strict=True):
        if ((theirs < 0) | (theirs >= part.shape[1])).any():
            return len(found), tied
        best, other = (numpy.take_along_axis(part, index[:, None], 1)[:, 0] for index in (ours, theirs))
        close = best - other <= TOLERANCE * numpy.maximum(1, numpy.abs(best))
        wrong += int(((theirs != ours) & ~close).sum())
        tied += int(((theirs != ours) & close).sum())
    return wrong, tied


def _with_judged(graph: Graph) -> Graph:
    """The graph with what a discrete action is chosen by as one more output."""
    found = [node.inputs[0] for node in graph.nodes if isinstance(node.layer, Argmax | Round)]
    return replace(graph, outputs={**graph.outputs, JUDGED: found[-1]}) if found else graph


def _rows(graph: Graph) -> int:
    size = max(prod(value.shape) for value in graph.values.values())
    return max(4, min(ROWS, NUMBERS // max(size, 1)))


def _draw(space: Space, rows: int, generator: numpy.random.Generator, statistics: Normalize | None) -> Array:
    if isinstance(space, Discrete):
        return generator.integers(space.n, size=rows)
    if isinstance(space, MultiDiscrete):
        return generator.integers(space.nvec, size=(rows, *space.nvec.shape))
    if isinstance(space, MultiBinary):
        return generator.integers(2, size=(rows, *space.shape))
    assert isinstance(space, Box)
    low, high = (bound.astype(numpy.float64) for bound in (space.low, space.high))
    normal = generator.standard_normal((rows, *space.shape))
    if statistics is not None:
        return _fit(statistics.mean + statistics.deviation * normal, space)
    narrow = numpy.isfinite(low) & numpy.isfinite(high) & (numpy.abs(high / 2 - low / 2) <= WIDE / 2)
    start, end = numpy.where(narrow, low, 0), numpy.where(narrow, high, 0)
    uniform = start + (end - start) * generator.random((rows, *space.shape))
    return _fit(numpy.where(narrow, uniform, normal), space)


def _fit(drawn: Array, space: Box) -> Array:
    """Within the bounds, and whole where the space has whole numbers."""
    low, high = (bound.astype(numpy.float64) for bound in (space.low, space.high))
    drawn = numpy.minimum(numpy.maximum(drawn, low), high)
    return drawn if space.dtype.kind == "f" else numpy.rint(drawn)


def _draw_masks(graph: Graph, rows: int, generator: numpy.random.Generator) -> Array:
    total = next(item.value.shape[0] for item in graph.inputs if item.name == "action_masks")
    sizes = next((node.layer.sizes for node in graph.nodes if isinstance(node.layer, Argmax)), None) or (total,)
    parts = [generator.random((rows, size)) < 0.6 for size in sizes]
    for part in parts:
        part[numpy.arange(rows), generator.integers(part.shape[1], size=rows)] = True
    return numpy.concatenate(parts, axis=1)


def _open_session(content: bytes) -> tuple[Any, tuple[type[Exception], ...]]:
    """A session of onnxruntime on one thread, and what it raises where it cannot run a model."""
    try:
        import onnxruntime  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtra("onnxruntime", "onnx", "comparing an ONNX file with the policy") from None
    state = onnxruntime.capi.onnxruntime_pybind11_state
    errors = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.NotImplemented, state.RuntimeException)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"]), errors
    except errors as error:
        raise _not_run(error) from error


def _not_run(error: Exception) -> UnsupportedError:
    return UnsupportedError(f"expected onnxruntime to run the graph, found: {str(error)[:300]}.")
