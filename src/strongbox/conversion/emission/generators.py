"""Random generators, made in two ways that numpy 1.24 to 2 all read.

- Without a seed sequence, as numpy 1.17 to 1.26 wrote them: a constructor with the bit generator's name,
  then the state.
- With one, by numpy's public classes, ``Generator(PCG64(SeedSequence(entropy)))``, the state set on the bit
  generator: what numpy 2 writes for it has a checksum of its own release in it.
"""

from __future__ import annotations

from ...pickles import Call, Global, Node
from ...values import RandomGenerator, SeedSequence
from .emitters import Emit, Emitters
from .references import partial_node

__all__ = ["EMITTERS"]

PUBLIC = "numpy.random"
MODULE = "numpy.random._pickle"
CONSTRUCTORS = {"Generator": "__generator_ctor", "RandomState": "__randomstate_ctor"}


def emit_generator(emit: Emit, value: RandomGenerator) -> Node:
    """A generator with its state; a RandomState's own part of it is not the bit generator's."""
    if value.seed_sequence is None:
        return with_state(Call(Global(MODULE, CONSTRUCTORS[value.kind]), (value.bit_generator,)), emit(value.state))
    bits = Call(Global(PUBLIC, value.bit_generator), (seed_node(value.seed_sequence),))
    if value.kind == "RandomState":
        return with_state(Call(Global(PUBLIC, value.kind), (bits,)), emit(value.state))
    return Call(Global(PUBLIC, value.kind), (with_state(bits, emit(value.state)),))


def with_state(call: Call, state: Node) -> Call:
    """A call whose result is given a state."""
    call.has_state, call.state = True, state
    return call


def seed_node(seeds: SeedSequence) -> Node:
    """A seed sequence; what differs from the default can be said by keywords alone, so by a partial call."""
    entropy = list(seeds.entropy) if isinstance(seeds.entropy, tuple) else seeds.entropy
    name = Global(PUBLIC, "SeedSequence")
    keywords = {
        "spawn_key": seeds.spawn_key,
        "pool_size": seeds.pool_size,
        "n_children_spawned": seeds.children,
    }
    if keywords == {"spawn_key": (), "pool_size": 4, "n_children_spawned": 0}:
        return Call(name, (entropy,))
    return Call(partial_node(name, (entropy,), keywords), ())


EMITTERS: Emitters = {RandomGenerator: emit_generator}
