"""When an answer of Strongbox is the same as SB3's."""

from __future__ import annotations

from typing import Any

import numpy

from strongbox.policies import Policy

__all__ = ["assert_close", "assert_same", "assert_same_state", "masks_for"]


def assert_same(found: Any, expected: Any) -> None:
    """The same type, shape and dtype; whole numbers exactly, others within 1e-5."""
    assert type(found) is type(expected)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    if expected.dtype.kind == "f":
        numpy.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    else:
        numpy.testing.assert_array_equal(found, expected)


def assert_same_state(found: Any, expected: Any) -> None:
    """The same recurrent state, or none at all."""
    assert (found is None) == (expected is None)
    for ours, theirs in zip(found or (), expected or (), strict=True):
        assert_same(ours, theirs)


def assert_close(found: Any, expected: Any, *, rtol: float = 1e-4, atol: float = 1e-5) -> None:
    """The same numbers, for what is added up over many terms."""
    numpy.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def masks_for(policy: Policy, count: int) -> Any:
    """Random masks that allow at least one choice of each part."""
    space: Any = policy.spec.action_space
    sizes = {"Discrete": [4], "MultiDiscrete": [3, 2, 4], "MultiBinary": [2, 2, 2]}[type(space).__name__]
    generator = numpy.random.default_rng(6)
    parts = [generator.random((count, size)) < 0.5 for size in sizes]
    for part, size in zip(parts, sizes, strict=True):
        part[numpy.arange(count), generator.integers(size, size=count)] = True
    return numpy.concatenate(parts, axis=1)
