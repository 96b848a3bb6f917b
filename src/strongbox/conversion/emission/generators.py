"""Random generators, in the layout of numpy 1.17 to 1.26, which numpy 2 reads as well."""

from __future__ import annotations

from ...pickles import Call, Global, Node
from ...values import RandomGenerator
from .emitters import Emit, Emitters

__all__ = ["EMITTERS"]

MODULE = "numpy.random._pickle"
CONSTRUCTORS = {"Generator": "__generator_ctor", "RandomState": "__randomstate_ctor"}


def emit_generator(emit: Emit, value: RandomGenerator) -> Node:
    """A generator: made by the name of its bit generator, then given its state.

    What it was seeded with, which matters to what is spawned from it alone, has no form that all releases read.
    """
    call = Call(Global(MODULE, CONSTRUCTORS[value.kind]), (value.bit_generator,))
    call.has_state, call.state = True, emit(value.state)
    return call


EMITTERS: Emitters = {RandomGenerator: emit_generator}
