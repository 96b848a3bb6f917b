"""Tensors that stand in data: those of an agent on JAX, whose networks and optimizers are no members of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy

from ..records import record
from ..values import JaxPolicy, TrainState, walk_arrays

__all__ = ["HeldTensor", "find_states", "held_tensors", "without_tensors"]

Array = numpy.ndarray[Any, numpy.dtype[Any]]


@record(frozen=True, eq=False)
class HeldTensor:
    """One tensor of data, with what a :class:`~strongbox.tensors.Tensor` of a member offers to those who show it."""

    array: Array

    @property
    def dtype(self) -> str:
        """The name of its type, such as ``float32``."""
        return str(self.array.dtype.name)

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes."""
        return tuple(self.array.shape)

    @property
    def nbytes(self) -> int:
        """Its size in bytes."""
        return int(self.array.nbytes)

    def stored(self) -> Array:
        """Its elements, read-only."""
        return self.array


def find_states(data: Mapping[str, Any]) -> dict[str, TrainState]:
    """Every train state of data by its place: ``policy.actor_state``, ``ent_coef_state``."""
    found: dict[str, TrainState] = {}
    for name, value in data.items():
        if isinstance(value, TrainState):
            found[name] = value
        elif isinstance(value, JaxPolicy):
            found.update({f"{name}.{part}": state for part, state in value.states.items()})
    return found


def held_tensors(data: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], HeldTensor]]:
    """Every tensor of every train state: the place of its state, its own name there, and the tensor."""
    for place, state in find_states(data).items():
        for name, array in walk_arrays(state.trees):
            yield (place, name), HeldTensor(array.array)


def without_tensors(value: Any) -> Any:
    """A value of data without the tensors that :func:`held_tensors` gives."""
    if isinstance(value, TrainState):
        return replace(value, params={}, opt_state=(), others={name: {} for name in value.others})
    if isinstance(value, JaxPolicy):
        kept = {name: without_tensors(item) for name, item in value.attributes.items()}
        return replace(value, attributes=kept)
    return value
