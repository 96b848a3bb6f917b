"""Which calls an ordinary archive makes its reader do: those that a recipe stands for, and their parts."""

from __future__ import annotations

from .names import current_name
from .recipes.building import RECIPES

__all__ = ["is_known_call"]

PARTS = frozenset(
    {
        ("cloudpickle.cloudpickle", "_builtin_type"),
        ("cloudpickle.cloudpickle", "_function_setstate"),
        ("cloudpickle.cloudpickle", "_make_cell"),
        ("cloudpickle.cloudpickle", "_make_empty_cell"),
        ("cloudpickle.cloudpickle_fast", "_function_setstate"),
        ("numpy.random._pickle", "__bit_generator_ctor"),
        ("numpy.random.bit_generator", "__pyx_unpickle_SeedSequence"),
        ("torch.storage", "_load_from_bytes"),
    }
)
"""Calls inside the arguments of others, which a recipe reads together with them."""


def is_known_call(module: str, name: str) -> bool:
    """Whether a recipe stands for a call of this name, so that nothing unusual would have been called.

    It says nothing of the arguments: a part of data that the recipe does not fit is opaque all the same.
    """
    return current_name(module, name) in RECIPES or (module, name) in PARTS
