"""Spaces: values become live objects of gymnasium, each by its constructor."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import gymnasium
import numpy

from .. import values
from .generators import make_bits

if TYPE_CHECKING:
    from .restore import Restorer

__all__ = ["make_space"]

Space: TypeAlias = gymnasium.spaces.Space[Any]


def make_space(restore: Restorer, value: Any) -> Space:
    """The live space for a value, with its random generator put back.

    gym drew from numpy's RandomState, gymnasium draws from a Generator: the state of the former goes
    on in a Generator over the same bits.
    """
    space = _BUILDERS[type(value)](restore, value)
    if isinstance(value.random_state, values.RandomGenerator):
        space._np_random = numpy.random.Generator(make_bits(value.random_state))
    return space


def _restore_box(restore: Restorer, value: values.Box) -> Space:
    # The constructor casts its bounds; given in their own type already, they stay bit for bit.
    low, high = value.low.astype(value.dtype), value.high.astype(value.dtype)
    return gymnasium.spaces.Box(low, high, value.shape, value.dtype.type)


def _restore_discrete(restore: Restorer, value: values.Discrete) -> Space:
    if value.dtype == numpy.int64:
        return gymnasium.spaces.Discrete(value.n, start=value.start)
    return gymnasium.spaces.Discrete(value.n, start=value.start, dtype=value.dtype.type)


def _restore_multi_discrete(restore: Restorer, value: values.MultiDiscrete) -> Space:
    start = None if value.start is None else value.start.copy()
    return gymnasium.spaces.MultiDiscrete(value.nvec.copy(), dtype=value.dtype.type, start=start)


def _restore_multi_binary(restore: Restorer, value: values.MultiBinary) -> Space:
    return gymnasium.spaces.MultiBinary(value.n)


def _restore_dict_space(restore: Restorer, value: values.Dict) -> Space:
    # An ordered mapping keeps its order; an ordinary one would be sorted by the constructor.
    return gymnasium.spaces.Dict(OrderedDict((key, restore(space)) for key, space in value.spaces.items()))


def _restore_tuple_space(restore: Restorer, value: values.Tuple) -> Space:
    return gymnasium.spaces.Tuple(tuple(restore(space) for space in value.spaces))


def _restore_text(restore: Restorer, value: values.Text) -> Space:
    return gymnasium.spaces.Text(value.max_length, min_length=value.min_length, charset=value.characters)


def _restore_sequence(restore: Restorer, value: values.Sequence) -> Space:
    return gymnasium.spaces.Sequence(restore(value.feature_space), stack=value.stack)


def _restore_graph(restore: Restorer, value: values.Graph) -> Space:
    edges = None if value.edge_space is None else restore(value.edge_space)
    return gymnasium.spaces.Graph(restore(value.node_space), edges)


def _restore_one_of(restore: Restorer, value: values.OneOf) -> Space:
    return gymnasium.spaces.OneOf(tuple(restore(space) for space in value.spaces))


_BUILDERS: dict[type, Callable[[Restorer, Any], Space]] = {
    values.Box: _restore_box,
    values.Discrete: _restore_discrete,
    values.MultiDiscrete: _restore_multi_discrete,
    values.MultiBinary: _restore_multi_binary,
    values.Dict: _restore_dict_space,
    values.Tuple: _restore_tuple_space,
    values.Text: _restore_text,
    values.Sequence: _restore_sequence,
    values.Graph: _restore_graph,
    values.OneOf: _restore_one_of,
}
