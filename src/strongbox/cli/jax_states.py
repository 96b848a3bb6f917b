"""Networks and optimizers of an agent on JAX: what its train states, which stand in data, tell of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..archive import HeldTensor, find_states
from ..values import JaxArray, NamedTuple, TrainState, walk_arrays
from .networks import Network, group_networks
from .optimizers import Optimizer

__all__ = ["read_jax_networks", "read_jax_optimizers"]

KINDS = {
    "ScaleByAdamState": "Adam",
    "ScaleByAmsgradState": "AMSGrad",
    "ScaleByBeliefState": "AdaBelief",
    "ScaleByLionState": "Lion",
    "ScaleByRmsState": "RMSprop",
    "ScaleByRmsWithCountState": "RMSprop",
    "ScaleByRssState": "Adagrad",
    "TraceState": "SGD with momentum",
}
"""What an optimizer of optax is, by the part of its state that is its own."""


def read_jax_networks(data: Mapping[str, Any]) -> tuple[Network, ...]:
    """The networks of every train state: its parameters, and what moves with them."""
    networks: tuple[Network, ...] = ()
    for place, state in find_states(data).items():
        trees = {name: tree for name, tree in state.trees.items() if name != "opt_state"}
        networks += group_networks(place, ((name, HeldTensor(array.array)) for name, array in walk_arrays(trees)))
    return networks


def read_jax_optimizers(data: Mapping[str, Any]) -> tuple[Optimizer, ...]:
    """The optimizer of every train state."""
    return tuple(_optimizer(place, state) for place, state in find_states(data).items())


def _optimizer(place: str, state: TrainState) -> Optimizer:
    parts = list(_named_tuples(state.opt_state))
    step = state.step.array.item() if isinstance(state.step, JaxArray) else state.step
    return Optimizer(
        name=place,
        kind=next((KINDS[part.type.name] for part in parts if part.type.name in KINDS), None),
        learning_rates=tuple(_learning_rates(state)),
        steps=int(step),
        tensors=sum(1 for _ in walk_arrays(state.params)),
        size=sum(array.array.nbytes for _, array in walk_arrays(state.opt_state)),
    )


def _named_tuples(tree: Any) -> Iterator[NamedTuple]:
    if isinstance(tree, NamedTuple):
        yield tree
        tree = tree.items
    if isinstance(tree, tuple):
        for item in tree:
            yield from _named_tuples(item)


def _learning_rates(state: TrainState) -> Iterator[float]:
    """The learning rate, where the optimizer keeps it as one that may be changed (``optax.inject_hyperparams``)."""
    for place, array in walk_arrays(state.opt_state):
        if place.rpartition("hyperparams.")[2] == "learning_rate" and array.array.size == 1:
            yield float(array.array.real.item())
