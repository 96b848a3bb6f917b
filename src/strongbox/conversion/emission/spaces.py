"""Spaces, as instances of gymnasium's classes with the attributes that 0.29 to 1.4 have.

Attributes that a release makes anew where they are missing (``low_repr``, ``start``) are left to it. A
stacked Sequence and a Graph hold spaces that each release derives in its own way, and have no form here.
"""

from __future__ import annotations

from typing import Any

import numpy

from ...errors import UnsupportedError
from ...pickles import Node
from ...values import (
    Box,
    Dict,
    Discrete,
    MultiBinary,
    MultiDiscrete,
    OneOf,
    Sequence,
    Space,
    Text,
    Tuple,
)
from .arrays import array_node, dtype_node, scalar_node
from .emitters import Emit, Emitters
from .instances import instance_node

__all__ = ["EMITTERS"]

NO_ARRAYS: dict[str, Node] = {"_shape": None, "dtype": None}
"""What a space has whose elements are no arrays."""

INT64 = numpy.dtype("int64")


def space_node(module: str, value: Space, state: dict[str, Node], emit: Emit) -> Node:
    """A space with its generator."""
    name = type(value).__name__
    return instance_node(f"gymnasium.spaces.{module}", name, {**state, "_np_random": emit(value.random_state)})


def emit_box(emit: Emit, value: Box) -> Node:
    """A Box."""
    state = {
        "dtype": dtype_node(value.dtype),
        "_shape": value.shape,
        "low": array_node(value.low),
        "bounded_below": array_node(-numpy.inf < value.low),
        "high": array_node(value.high),
        "bounded_above": array_node(numpy.inf > value.high),
    }
    return space_node("box", value, state, emit)


def emit_discrete(emit: Emit, value: Discrete) -> Node:
    """A Discrete, its numbers of the space's own type where they fit into it."""
    state = {
        "dtype": dtype_node(value.dtype),
        "n": scalar_node(integer(value.n, value.dtype)),
        "start": scalar_node(integer(value.start, value.dtype)),
        "_shape": (),
    }
    return space_node("discrete", value, state, emit)


def integer(number: int, dtype: numpy.dtype[Any]) -> numpy.generic:
    """A whole number as a scalar of a dtype, or of int64 where it does not fit."""
    fits = dtype.kind in "iu" and numpy.iinfo(dtype).min <= number <= numpy.iinfo(dtype).max
    scalar: numpy.generic = (dtype if fits else INT64).type(number)
    return scalar


def emit_multi_discrete(emit: Emit, value: MultiDiscrete) -> Node:
    """A MultiDiscrete."""
    start = {} if value.start is None else {"start": array_node(value.start)}
    state = {
        "dtype": dtype_node(value.dtype),
        "nvec": array_node(value.nvec),
        **start,
        "_shape": value.nvec.shape,
    }
    return space_node("multi_discrete", value, state, emit)


def emit_multi_binary(emit: Emit, value: MultiBinary) -> Node:
    """A MultiBinary."""
    state = {"n": value.n, "_shape": value.shape, "dtype": dtype_node(value.dtype)}
    return space_node("multi_binary", value, state, emit)


def emit_dict(emit: Emit, value: Dict) -> Node:
    """A Dict, in its order."""
    return space_node("dict", value, {"spaces": emit(value.spaces), **NO_ARRAYS}, emit)


def emit_several(emit: Emit, value: Tuple | OneOf) -> Node:
    """A Tuple or OneOf."""
    return space_node(type(value).__name__.lower(), value, {"spaces": emit(value.spaces), **NO_ARRAYS}, emit)


def emit_text(emit: Emit, value: Text) -> Node:
    """A Text, its characters in every form that gymnasium keeps them in."""
    characters = tuple(value.characters)
    state = {
        "min_length": value.min_length,
        "max_length": value.max_length,
        "_char_set": frozenset(characters),
        "_char_list": characters,
        "_char_index": {char: scalar_node(numpy.int32(index)) for index, char in enumerate(characters)},
        "_char_str": value.characters,
        "_shape": None,
        "dtype": dtype_node(numpy.dtype("U")),
    }
    return space_node("text", value, state, emit)


def emit_sequence(emit: Emit, value: Sequence) -> Node:
    """A Sequence that is not stacked."""
    if value.stack:
        raise UnsupportedError("expected a space that all releases keep alike, found a stacked Sequence.")
    state = {"feature_space": emit(value.feature_space), "stack": False, **NO_ARRAYS}
    return space_node("sequence", value, state, emit)


EMITTERS: Emitters = {
    Box: emit_box,
    Discrete: emit_discrete,
    MultiDiscrete: emit_multi_discrete,
    MultiBinary: emit_multi_binary,
    Dict: emit_dict,
    Tuple: emit_several,
    OneOf: emit_several,
    Text: emit_text,
    Sequence: emit_sequence,
}
