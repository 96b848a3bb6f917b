"""Which calls in a pickle are those that the programs Strongbox knows write themselves."""

from __future__ import annotations

from collections.abc import Iterator

from ...pickles import Call, Decoded, Global, Node, walk
from ..generators import BIT_GENERATORS
from ..names import current_name
from .building import RECIPES
from .code import CLOUDPICKLE
from .generators import CONSTRUCTOR, CYTHON_SEED_SEQUENCE, PUBLIC, SEED_SEQUENCE
from .jax_objects import RECONSTRUCT_ARRAY
from .naming import type_of
from .normalization import STATISTICS, VEC_NORMALIZE

__all__ = ["called_in_turn", "is_known_call"]

CLASSES_BY_VALUE = frozenset(
    (CLOUDPICKLE, name) for name in ("_make_skeleton_class", "_make_skeleton_enum", "_rehydrate_skeleton_class")
)
"""Recipes that only say what they found: making a class runs what its metaclass and its bases say."""

PARTS = frozenset(
    {
        *((CLOUDPICKLE, name) for name in ("_builtin_type", "_make_cell", "_make_empty_cell", "_make_skel_func")),
        (CLOUDPICKLE, "_function_setstate"),
        ("torch.storage", "_load_from_bytes"),
        CONSTRUCTOR,
        CYTHON_SEED_SEQUENCE,
        SEED_SEQUENCE,
        *((PUBLIC, name) for name in BIT_GENERATORS),
        STATISTICS,
        VEC_NORMALIZE,
        ("flax.ids", "FlaxId"),
        ("flax.linen.module", "SetupState"),
        ("flax.linen.module", "_ModuleInternalState"),
        ("optax._src.base", "GradientTransformation"),
        ("optax._src.base", "GradientTransformationExtraArgs"),
    }
)
"""Calls that recipes look at inside others."""

KNOWN = (frozenset(RECIPES) | PARTS) - CLASSES_BY_VALUE


def is_known_call(path: str) -> bool:
    """Whether a pickle of Stable-Baselines3 calls this dotted name as a matter of course.

    Each only makes a value of the kind that its name says: an array, a space, a function that is not
    called. Anything else that a pickle calls is a stranger's, and worth a look.
    """
    module, _, name = path.rpartition(".")
    outer, _, kind = module.rpartition(".")
    return current_name(module, name) in KNOWN or current_name(outer, f"{kind}.{name}") in KNOWN


def called_in_turn(decoded: Decoded) -> Iterator[str]:
    """What a known call would itself have called: JAX's, which makes an array, calls its first argument.

    That is a dotted name, or says what makes a function there.
    """
    if not any(map(_is_array_of_jax, decoded.calls)):
        return
    for node in walk(decoded):
        if type(node) is Call and _is_array_of_jax(node.function) and node.arguments:
            first = node.arguments[0]
            yield first.path if type(first) is Global else f"what {type_of(first)} gives"


def _is_array_of_jax(name: Node) -> bool:
    return type(name) is Global and current_name(name.module, name.name) == RECONSTRUCT_ARRAY
