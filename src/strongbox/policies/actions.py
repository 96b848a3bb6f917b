"""What happens around the networks: drawing actions, masks, recurrent states, and what the environment takes.

Sources: ``BasePolicy.predict``; ``RecurrentActorCriticPolicy.predict`` and ``_process_sequence``;
``DQN.predict``; ``MaskableDistribution.apply_masking``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy

from ..errors import MismatchError
from ..values import Box, Discrete, Space
from .distributions import Binary, Categories, Distribution, Gaussian
from .graph import Graph
from .heads import Head
from .layers import Array, Value

__all__ = ["Memory", "make_distribution", "read_actions", "read_masks", "read_memory", "to_environment", "to_unit"]


def make_distribution(head: Head, outputs: Mapping[str, Array], space: Space, masks: Array | None) -> Distribution:
    """The distribution that a head makes of its networks' numbers."""
    if head.kind == "gaussian":
        return Gaussian(outputs["mean"], outputs["deviation"], head.squashed, head.noise is not None)
    if head.kind == "binary":
        return Binary(outputs["logits"])
    return Categories(outputs["logits"], head.sizes, not isinstance(space, Discrete), masks)


def to_environment(actions: Array, head: Head, space: Space) -> Array:
    """Drawn actions as the environment takes them: clipped to the bounds, or unscaled from [-1, 1]."""
    if not isinstance(space, Box):
        return actions
    actions = actions.reshape(*actions.shape[:-1], *space.shape)
    if head.squashed:
        result: Array = space.low + (numpy.float32(0.5) * (actions + numpy.float32(1))) * (space.high - space.low)
        return result
    clipped: Array = numpy.minimum(numpy.maximum(actions, space.low), space.high)
    return clipped


def to_unit(actions: object, space: Space, count: int | None) -> Array:
    """Actions of an environment scaled to [-1, 1], in rows, as critics take them (``scale_action``)."""
    assert isinstance(space, Box)
    rows = () if count is None else (count,)
    array = read_actions(actions, space, count).reshape(*rows, *space.shape)
    with numpy.errstate(divide="ignore", invalid="ignore"):
        scaled: Array = 2.0 * ((array - space.low) / (space.high - space.low)) - 1.0
    return scaled.astype(numpy.float32).reshape(*rows, -1)


def read_actions(actions: object, space: Space, count: int | None) -> Array:
    """Actions to be judged, one for each observation: (parts,), (n, parts); of a Discrete space (), (n,)."""
    shape: tuple[int, ...] = ()
    if not isinstance(space, Discrete):
        shape = (prod(space.shape if isinstance(space, Box) else _row(space)),)
    array = numpy.asarray(actions)
    wanted = shape if count is None else (count, *shape)
    if array.dtype.kind not in "biuf" or array.size != prod(wanted):
        raise MismatchError(f"expected actions of shape {wanted}, found {array.dtype} of {array.shape}.")
    return array.reshape(wanted)


def read_masks(masks: object, sizes: Sequence[int], count: int | None) -> Array:
    """Action masks as booleans of the logits' shape; True is allowed."""
    wanted = (sum(sizes),) if count is None else (count, sum(sizes))
    array = numpy.asarray(masks)
    if array.dtype.kind not in "biuf" or array.size != prod(wanted):
        raise MismatchError(f"expected action masks of shape {wanted}, found {array.dtype} of {array.shape}.")
    return array.astype(bool).reshape(wanted)


class Memory:
    """The recurrent state of a call: ``sequences`` rows that each go on for ``steps`` observations.

    ``hidden`` and ``cell`` are (layers, sequences, hidden), ``starts`` (sequences, steps), float32.
    """

    def __init__(self, hidden: Array, cell: Array, starts: Array) -> None:
        self.hidden = hidden
        self.cell = cell
        self.starts = starts
        self.sequences, self.steps = starts.shape

    def inputs(self, observation: Mapping[str, Array], step: int) -> dict[str, Array]:
        """The inputs of one step: each sequence's observation, the states, which episodes start."""
        rows = {
            name: array.reshape(self.sequences, self.steps, *array.shape[1:])[:, step]
            for name, array in observation.items()
        }
        return {**rows, "hidden": self.hidden, "cell": self.cell, "episode_start": self.starts[:, step]}

    def join(self, steps: Sequence[Array]) -> Array:
        """The results of all steps, in the order of the observations."""
        if len(steps) == 1:
            return steps[0]
        joined = numpy.stack(steps, axis=1)
        return joined.reshape(-1, *joined.shape[2:])


def read_memory(graph: Graph, state: object, episode_start: object, count: int) -> Memory:
    """The state that a caller hands over, zeros where there is none.

    As in SB3, ``count`` observations with a state of n sequences are n sequences of count / n steps
    each, one sequence after another. Raises MismatchError where the shapes do not fit.
    """
    shape = _state_value(graph).shape
    if state is None:
        zeros = numpy.zeros((shape[0], count, shape[1]), numpy.float32)
        hidden, cell = zeros, zeros
    else:
        hidden, cell = _read_state(state, shape, count)
    starts = numpy.zeros(count, numpy.float32)
    if episode_start is not None:
        given = numpy.asarray(episode_start)
        if given.dtype.kind not in "biuf" or given.size != count:
            raise MismatchError(f"expected episode_start of shape ({count},), found {given.dtype} of {given.shape}.")
        starts[:] = given.reshape(-1)
    sequences = hidden.shape[1]
    return Memory(hidden, cell, starts.reshape(sequences, count // sequences if sequences else 1))


def _state_value(graph: Graph) -> Value:
    return next(item.value for item in graph.inputs if item.name == "hidden")


def _read_state(state: object, shape: tuple[int, ...], count: int) -> tuple[Array, Array]:
    if not isinstance(state, Sequence) or len(state) != 2:
        raise MismatchError(f"expected a state of two arrays, hidden and cell, found {type(state).__name__}.")
    hidden, cell = (numpy.asarray(part) for part in state)
    for part in (hidden, cell):
        fits = part.ndim == 3 and part.shape[::2] == shape and part.shape[1] > 0 and count % part.shape[1] == 0
        if not fits or part.shape != hidden.shape or part.dtype.kind not in "biuf":
            wanted = f"({shape[0]}, {count}, {shape[1]})"
            raise MismatchError(f"expected a state of shape {wanted}, found {part.dtype} of {part.shape}.")
    return hidden, cell


def _row(space: Space) -> tuple[int, ...]:
    size = getattr(space, "nvec", None)
    return size.shape if size is not None else getattr(space, "shape", ())
