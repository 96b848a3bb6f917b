"""The classes and functions of sbx, JAX and optax that an archive may name: all there."""

from __future__ import annotations

import inspect

import pytest

from strongbox.adapters.classes import ALGORITHMS, CLASSES, FUNCTIONS, find_class, find_function
from strongbox.values import ClassReference, FunctionReference
from tests.live.adapters.jax.agents import NAMES, sbx

OF_JAX = ("jax", "optax", "sbx")


def listed(table: dict[str, frozenset[str]]) -> list[tuple[str, str]]:
    return [(module, name) for module in table for name in sorted(table[module]) if module.split(".")[0] in OF_JAX]


@pytest.mark.parametrize(("module", "name"), listed(CLASSES))
def test_every_listed_class_is_found(module: str, name: str) -> None:
    found = find_class(ClassReference(module, name))
    assert inspect.isclass(found)
    assert (found.__module__, found.__qualname__) == (module, name)


@pytest.mark.parametrize(("module", "name"), listed(FUNCTIONS))
def test_every_listed_function_is_found(module: str, name: str) -> None:
    assert callable(find_function(FunctionReference(module, name)))


def test_the_seven_algorithms_and_their_policies_are_listed() -> None:
    assert len(NAMES) == len(listed(ALGORITHMS))
    for algorithm in (getattr(sbx, name) for name in NAMES):
        for cls in (algorithm, *algorithm.policy_aliases.values()):
            assert cls.__qualname__ in CLASSES[cls.__module__]
