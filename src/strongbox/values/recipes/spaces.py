"""Recipes for the spaces of gym (0.17 to 0.26) and gymnasium (0.26 to 1.4).

A space is pickled as an instance with its attributes. What an attribute is called depends on the
release (``shape`` became ``_shape``, ``np_random`` became ``_np_random``); what follows from other
attributes (``bounded_below``, ``low_repr``, the stacked space of a Sequence) is known and left aside.
An attribute that no release has makes the space Opaque.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy

from ...errors import FormatError
from ...pickles import Call, Node
from .. import checks, spaces
from ..checks import Array, check, kind_of
from ..generators import RandomGenerator
from ..opaque import Opaque
from .arrays import read_dtype
from .numbers import to_whole
from .recipe import Recipe, Table, attributes

if TYPE_CHECKING:
    from .building import Builder

__all__ = ["RECIPES"]

Attributes: TypeAlias = dict[str, Node]
Build: TypeAlias = "Callable[[Builder, Attributes], spaces.Space]"

SHARED = frozenset({"shape", "_shape", "dtype", "np_random", "_np_random"})


def part(builder: Builder, node: Node) -> spaces.Space:
    """A space inside a space."""
    value = builder.value(node)
    if isinstance(value, spaces.Space):
        return value
    raise FormatError(f"expected a space inside it, found {name_of(value)}")


def name_of(value: Any) -> str:
    """What to call a value in a reason; for an opaque one its type and its own reason."""
    return f"{value.type} ({value.reason})" if isinstance(value, Opaque) else kind_of(value)


def array(builder: Builder, node: Node) -> Array:
    """An array among a space's attributes."""
    value = builder.value(node)
    if type(value) is not numpy.ndarray:
        raise FormatError(f"expected an array, found {name_of(value)}")
    return value


def random_state(builder: Builder, state: Attributes) -> dict[str, Any]:
    """The space's generator, as the keyword for every space."""
    found = builder.value(state.get("_np_random", state.get("np_random")))
    if found is None or isinstance(found, RandomGenerator | Opaque):
        return {"random_state": found}
    raise FormatError(f"expected a random generator, found {kind_of(found)}")


def sizes(builder: Builder, node: Node) -> tuple[int, ...]:
    """A shape, whose sizes may be numbers of numpy."""
    value = builder.value(node)
    if type(value) is numpy.ndarray and value.dtype.kind in "iu" and value.ndim == 1:
        value = tuple(value.tolist())
    if type(value) not in (tuple, list):
        raise FormatError(f"expected a shape, found {kind_of(value)}")
    return tuple([to_whole(size, "a size") for size in value])


def dtype_of(builder: Builder, state: Attributes, default: str) -> numpy.dtype[Any]:
    """The space's dtype, or what every release took where there is none."""
    node = state.get("dtype")
    return numpy.dtype(default) if node is None else read_dtype(builder, node)


def box(builder: Builder, state: Attributes) -> spaces.Space:
    """A Box."""
    low, high = array(builder, state["low"]), array(builder, state["high"])
    shape = state.get("_shape", state.get("shape"))
    return spaces.Box(
        low=low,
        high=high,
        shape=low.shape if shape is None else sizes(builder, shape),
        dtype=read_dtype(builder, state["dtype"]),
        **random_state(builder, state),
    )


def discrete(builder: Builder, state: Attributes) -> spaces.Space:
    """A Discrete; before gym 0.22 it had no start."""
    return spaces.Discrete(
        n=to_whole(builder.value(state["n"]), "n"),
        start=to_whole(builder.value(state.get("start", 0)), "start"),
        dtype=dtype_of(builder, state, "int64"),
        **random_state(builder, state),
    )


def multi_discrete(builder: Builder, state: Attributes) -> spaces.Space:
    """A MultiDiscrete; before gymnasium 0.29 it had no start."""
    start = state.get("start")
    return spaces.MultiDiscrete(
        nvec=array(builder, state["nvec"]),
        start=None if start is None else array(builder, start),
        dtype=dtype_of(builder, state, "int64"),
        **random_state(builder, state),
    )


def multi_binary(builder: Builder, state: Attributes) -> spaces.Space:
    """A MultiBinary, whose n is a number, or a shape as a tuple, list or array."""
    n = builder.value(state["n"])
    several = type(n) in (tuple, list) or (type(n) is numpy.ndarray and n.ndim == 1)
    return spaces.MultiBinary(
        n=sizes(builder, state["n"]) if several else to_whole(n, "n"),
        dtype=dtype_of(builder, state, "int8"),
        **random_state(builder, state),
    )


def dictionary(builder: Builder, state: Attributes) -> spaces.Space:
    """A Dict of spaces, in the order that the file has them in."""
    value = builder.value(state["spaces"])
    if not isinstance(value, dict):
        raise FormatError(f"expected a mapping of spaces, found {name_of(value)}")
    for space in value.values():
        check(isinstance(space, spaces.Space), f"expected a space inside it, found {name_of(space)}")
    return spaces.Dict(spaces=dict(value), **random_state(builder, state))


def several(builder: Builder, state: Attributes, *, kind: type[spaces.Tuple] | type[spaces.OneOf]) -> spaces.Space:
    """A Tuple or OneOf."""
    value = state["spaces"]
    if type(value) not in (tuple, list):
        raise FormatError(f"expected a list of spaces, found {kind_of(value)}")
    return kind(spaces=tuple([part(builder, space) for space in value]), **random_state(builder, state))


def text(builder: Builder, state: Attributes) -> spaces.Space:
    """A Text; its characters are kept as one str, in the order of the space."""
    characters = state.get("_char_str", state.get("_charset_str"))
    return spaces.Text(
        min_length=to_whole(builder.value(state["min_length"]), "the smallest length"),
        max_length=to_whole(builder.value(state["max_length"]), "the largest length"),
        characters=checks.text(characters, "the characters"),
        **random_state(builder, state),
    )


def sequence(builder: Builder, state: Attributes) -> spaces.Space:
    """A Sequence; before gymnasium 0.28 there was no stacking."""
    return spaces.Sequence(
        feature_space=part(builder, state["feature_space"]),
        stack=builder.value(state.get("stack", False)),
        **random_state(builder, state),
    )


def graph(builder: Builder, state: Attributes) -> spaces.Space:
    """A Graph."""
    edges = state["edge_space"]
    return spaces.Graph(
        node_space=part(builder, state["node_space"]),
        edge_space=None if edges is None else part(builder, edges),
        **random_state(builder, state),
    )


# Module and class; the attributes that must be there; those that follow from them; how it is built.
ROWS: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...], Build], ...] = (
    ("box", "Box", ("low", "high", "dtype"), ("bounded_below", "bounded_above", "low_repr", "high_repr"), box),
    ("discrete", "Discrete", ("n",), ("start",), discrete),
    ("multi_discrete", "MultiDiscrete", ("nvec",), ("start",), multi_discrete),
    ("multi_binary", "MultiBinary", ("n",), (), multi_binary),
    ("dict", "Dict", ("spaces",), ("sort_keys",), dictionary),
    ("tuple", "Tuple", ("spaces",), (), partial(several, kind=spaces.Tuple)),
    ("oneof", "OneOf", ("spaces",), (), partial(several, kind=spaces.OneOf)),
    (
        "text",
        "Text",
        ("min_length", "max_length"),
        ("charset", "_charlist", "_charset_str", "_char_set", "_char_list", "_char_index", "_char_str"),
        text,
    ),
    ("sequence", "Sequence", ("feature_space",), ("stack", "stacked_feature_space"), sequence),
    ("graph", "Graph", ("node_space", "edge_space"), ("batch_node_space", "batch_edge_space"), graph),
)


def _recipe(needed: tuple[str, ...], others: tuple[str, ...], build: Build) -> Recipe:
    allowed = SHARED | frozenset(others)

    def build_space(builder: Builder, call: Call) -> spaces.Space:
        return build(builder, attributes(call, needed, allowed))

    return Recipe(build_space, (0,), kind="new", uses=("state",))


RECIPES: Table = {
    (f"gymnasium.spaces.{module}", name): _recipe(needed, others, build) for module, name, needed, others, build in ROWS
}
