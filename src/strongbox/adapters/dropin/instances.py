"""Replay buffers out of pickles: the class by name, from the list of those that files may name, attributes from values.

The constructor does not run, as it does not where a pickle is loaded in the ordinary way; what it would have seen to
(that the arrays are of the size that is said, and the places inside of them) is checked instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy
from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.buffers import ReplayBuffer

from ...errors import FormatError, MismatchError, RefusedError
from ...limits import Limits
from ...pickles import Call, Decoded, Node
from ...values import ClassReference, find_opaque, to_value
from ..classes import find_class
from ..replay import check_episodes
from ..replay_columns import live_columns
from ..restore import Restorer
from .trust import WAY_OUT, trusted_names

__all__ = ["restore_instance"]


def restore_instance(decoded: Decoded, limits: Limits) -> ReplayBuffer:
    """The replay buffer that a pickle holds.

    Raises RefusedError for another class or one that is not trusted, and for an attribute that is not understood;
    MismatchError where the attributes do not fit together.
    """
    root = decoded.root
    reference = ClassReference(root.function.module, root.function.name)
    kind = find_class(reference, trust=trusted_names())
    if not (isinstance(kind, type) and issubclass(kind, ReplayBuffer)):
        raise RefusedError(f"expected a replay buffer, found {reference.path}.", hint=WAY_OUT)
    if root.arguments or root.appended or root.items or type(root.state) is not dict or decoded.popped:
        raise FormatError(f"expected the attributes of {reference.path}, found something else.")
    restorer = Restorer(trust=trusted_names())
    attributes: dict[str, Any] = {}
    nodes = root.state
    for name in list(nodes):
        if type(name) is not str:
            raise FormatError(f"expected names of attributes as text, found {name!r:.100}.")
        # What was taken is let go: the buffer should not stand in memory twice.
        attributes[name] = _restore(name, nodes.pop(name), restorer, limits)
    return _make(kind, attributes)


def _restore(name: str, node: Node, restorer: Restorer, limits: Limits) -> Any:
    objects = _object_array(node)
    if objects is not None:
        shape, items = objects
        array = numpy.empty(len(items), object)
        for index, item in enumerate(items):
            array[index] = _restore(f"{name}[{index}]", item, restorer, limits) if item else {}
        return array.reshape(shape)
    value = to_value(node, limits=limits)
    for path, part in find_opaque(value, name)[:1]:
        raise RefusedError(
            f"expected a replay buffer's {path} to be understood, found {part.type}: {part.reason}.",
            hint=WAY_OUT,
        )
    return restorer(value)


def _object_array(node: Node) -> tuple[tuple[int, ...], list[Node]] | None:
    """The shape and the elements of an array of dictionaries, as HER keeps infos; None for any other node."""
    if not (isinstance(node, Call) and node.path.endswith("multiarray._reconstruct") and type(node.state) is tuple):
        return None
    if len(node.state) != 5 or type(node.state[4]) is not list:
        return None
    _, shape, _, _, items = node.state
    if type(shape) is not tuple or not all(type(size) is int and size >= 0 for size in shape):
        raise FormatError("expected the shape of an array, found something else.")
    if numpy.prod(shape, dtype=object) != len(items) or not all(type(item) is dict for item in items):
        raise FormatError(f"expected an array of {shape} dictionaries, found others.")
    return shape, items


def _make(kind: type[ReplayBuffer], attributes: Mapping[str, Any]) -> ReplayBuffer:
    buffer = object.__new__(kind)
    if hasattr(kind, "__setstate__"):
        buffer.__setstate__(dict(attributes))  # type: ignore[attr-defined]
    else:
        vars(buffer).update(attributes)
    try:
        _check(buffer)
    except (AttributeError, TypeError) as error:
        raise MismatchError(f"expected what a {kind.__name__} consists of, found that {error}.") from error
    return buffer


def _check(buffer: ReplayBuffer) -> None:
    """Hold the counts of a buffer against each other and against its arrays, which samples are drawn from by them."""
    counts = {name: getattr(buffer, name) for name in ("buffer_size", "n_envs", "pos")}
    for name, count in counts.items():
        if type(count) is not int or count < (name != "pos"):
            raise MismatchError(f"expected a whole number for {name}, found {count!r:.100}.")
    leading = (buffer.buffer_size, buffer.n_envs)
    for name, array in live_columns(buffer).items():
        if not isinstance(array, numpy.ndarray) or array.shape[:2] != leading:
            raise MismatchError(f"expected {leading[0]:,} rows of {leading[1]} environments in {name}, found others.")
    if buffer.pos >= buffer.buffer_size or type(buffer.full) is not bool:
        raise MismatchError(f"expected a place below {buffer.buffer_size:,} to go on at, found {buffer.pos:,}.")
    if isinstance(buffer, HerReplayBuffer):
        check_episodes(buffer)
