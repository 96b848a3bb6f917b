"""Recipes for numpy's random generators, in the layouts of numpy 1.16, 1.17 to 1.26, and 2.

- numpy 1.16: ``__RandomState_ctor()`` and the tuple of ``get_state()``;
- 1.17 to 1.26: a constructor with the bit generator's name, and a dictionary as its state;
- 2: a constructor with a bit generator, itself a call whose state is a dictionary and a seed sequence;
- Strongbox's own, which all of them read: ``Generator(PCG64(SeedSequence(entropy)))``, by numpy's public names.

Source: ``numpy/random/_pickle.py``; ``gym/utils/seeding.py`` for gym's subclass, 0.23 to 0.25.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import FormatError
from ...pickles import Call, Global, Node
from ..checks import check, kind_of
from ..generators import BIT_GENERATORS, RandomGenerator, SeedSequence
from ..names import current_name
from ..references import Partial
from .code import called
from .recipe import Recipe, Table

if TYPE_CHECKING:
    from .building import Builder

__all__ = ["RECIPES"]

PICKLE = "numpy.random._pickle"
PUBLIC = "numpy.random"
CONSTRUCTOR = (PICKLE, "__bit_generator_ctor")
CYTHON_SEED_SEQUENCE = ("numpy.random.bit_generator", "__pyx_unpickle_SeedSequence")


def build_generator(builder: Builder, call: Call) -> RandomGenerator:
    """A Generator, numpy's or gym's."""
    name, state, seed = read_bit_generator(builder, call.arguments)
    if call.has_state and call.state is not None:
        state = read_state(builder, call.state)
    return RandomGenerator(kind="Generator", bit_generator=name, state=known(state), seed_sequence=seed)


def build_random_state(builder: Builder, call: Call) -> RandomGenerator:
    """A RandomState."""
    name, _, seed = read_bit_generator(builder, call.arguments)
    state = known(read_state(builder, call.state) if call.has_state else None)
    return RandomGenerator(kind="RandomState", bit_generator=name, state=state, seed_sequence=seed)


def build_seeded(builder: Builder, call: Call) -> RandomGenerator:
    """A Generator or RandomState over a bit generator that was made from a seed sequence."""
    bits, kind = call.arguments[0], called(call)[1]
    module, name = called(bits)
    check(module == PUBLIC and name in BIT_GENERATORS, "expected a bit generator of numpy")
    check(len(bits.arguments) == 1, "expected a bit generator that is made from a seed sequence")
    holder, other = (call, bits) if kind == "RandomState" else (bits, call)
    check(holder.has_state and not other.has_state, "expected one state of a generator")
    return RandomGenerator(
        kind=kind,
        bit_generator=name,
        state=read_state(builder, holder.state),
        seed_sequence=read_seeds(builder, bits.arguments[0]),
    )


def read_bit_generator(
    builder: Builder, arguments: tuple[Node, ...]
) -> tuple[str, dict[str, Any] | None, SeedSequence | None]:
    """The name, state and seed sequence of the bit generator that a constructor is given."""
    if len(arguments) == 2:
        constructor = arguments[1]
        check(
            type(constructor) is Global and current_name(constructor.module, constructor.name) == CONSTRUCTOR,
            "expected numpy's constructor of bit generators",
        )
    given = arguments[0] if arguments else "MT19937"
    if type(given) is not Call:
        return bit_generator_name(given), None, None
    check(called(given) == CONSTRUCTOR and len(given.arguments) <= 1, "expected a bit generator of numpy")
    name = bit_generator_name(given.arguments[0] if given.arguments else "MT19937")
    if type(given.state) is tuple and len(given.state) == 2:
        return name, read_state(builder, given.state[0]), read_seed_sequence(builder, given.state[1])
    return name, read_state(builder, given.state) if given.has_state else None, None


def bit_generator_name(node: Node) -> str:
    """The name of one of numpy's bit generators, given as text or as its class."""
    name = node.name if type(node) is Global and node.module.startswith("numpy.random.") else node
    if type(name) is not str or name not in BIT_GENERATORS:
        raise FormatError("expected the name of one of numpy's bit generators")
    return name


def read_state(builder: Builder, node: Node) -> dict[str, Any]:
    """The state of a generator, in the layout that numpy has now."""
    state = builder.value(node)
    if type(state) is tuple and len(state) == 5:
        name, key, position, has_gauss, gauss = state
        return {
            "bit_generator": name,
            "state": {"key": key, "pos": position},
            "has_gauss": has_gauss,
            "gauss": gauss,
        }
    if type(state) is not dict:
        raise FormatError(f"expected the state of a generator, found {kind_of(state)}")
    return state


def known(state: dict[str, Any] | None) -> dict[str, Any]:
    """A state, which must be there."""
    if state is None:
        raise FormatError("expected the state of a generator, found none")
    return state


def read_seed_sequence(builder: Builder, node: Node) -> SeedSequence | None:
    """A seed sequence; its pool of numbers follows from the other parts."""
    if node is None:
        return None
    if called(node) != CYTHON_SEED_SEQUENCE or len(node.arguments) != 3:
        raise FormatError("expected a seed sequence of numpy")
    parts = builder.value(node.state if node.has_state else node.arguments[2])
    if type(parts) is not tuple or len(parts) != 5:
        raise FormatError("expected the five parts of a seed sequence")
    entropy, children, _, pool_size, spawn_key = parts
    return SeedSequence(
        entropy=tuple(entropy) if type(entropy) is list else entropy,
        spawn_key=spawn_key,
        pool_size=pool_size,
        children=children,
    )


def read_seeds(builder: Builder, node: Node) -> SeedSequence:
    """A seed sequence by numpy's public name, made by an ordinary call or by a partial one."""
    parts: dict[str, Any] = {}
    if type(node) is Call and type(node.function) is Call and not node.arguments:
        partial = builder.value(node.function)
        check(isinstance(partial, Partial) and partial.function.path == f"{PUBLIC}.SeedSequence", NO_SEEDS)
        arguments, parts = partial.arguments, partial.keywords
    else:
        check(called(node) == SEED_SEQUENCE, NO_SEEDS)
        arguments = builder.value(node.arguments)
    check(len(arguments) == 1 and set(parts) <= {"spawn_key", "pool_size", "n_children_spawned"}, NO_SEEDS)
    return SeedSequence(
        entropy=tuple(arguments[0]) if type(arguments[0]) is list else arguments[0],
        spawn_key=parts.get("spawn_key", ()),
        pool_size=parts.get("pool_size", 4),
        children=parts.get("n_children_spawned", 0),
    )


NO_SEEDS = "expected a seed sequence of numpy"
SEED_SEQUENCE = (PUBLIC, "SeedSequence")

GENERATOR = Recipe(build_generator, (0, 1, 2), uses=("state",))

RECIPES: Table = {
    (PICKLE, "__generator_ctor"): GENERATOR,
    ("gymnasium.utils.seeding", "RandomNumberGenerator._generator_ctor"): GENERATOR,
    (PUBLIC, "Generator"): Recipe(build_seeded, (1,)),
    (PUBLIC, "RandomState"): Recipe(build_seeded, (1,), uses=("state",)),
    (PICKLE, "__randomstate_ctor"): Recipe(build_random_state, (0, 1, 2), uses=("state",)),
}
