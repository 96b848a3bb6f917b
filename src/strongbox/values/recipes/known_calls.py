"""Which calls in a pickle are those that the programs Strongbox knows write themselves."""

from __future__ import annotations

from ..generators import BIT_GENERATORS
from ..names import current_name
from .building import RECIPES
from .code import CLOUDPICKLE
from .generators import CONSTRUCTOR, CYTHON_SEED_SEQUENCE, PUBLIC, SEED_SEQUENCE
from .normalization import STATISTICS, VEC_NORMALIZE

__all__ = ["is_known_call"]

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
