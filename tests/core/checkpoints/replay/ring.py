"""A replay buffer in plain numpy, with everything that makes one awkward, and what changed in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy

from strongbox.checkpoints.replay import ReplayManifest
from strongbox.values.checks import Array

FOLLOWS = {"next_observations": "observations", "next_frames": "frames"}


@dataclass(frozen=True, kw_only=True)
class PlainChange:
    """A change as the store takes it."""

    capacity: int
    environments: int
    position: int
    full: bool
    rows: Mapping[str, Array]
    place: int = 0
    late: Mapping[str, Array] = field(default_factory=dict)
    follows: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    base: ReplayManifest | None = None


class Ring:
    """A ring of steps: numbers of any bits, stacked frames of ``axis``, and an episode's length known at its end."""

    def __init__(self, capacity: int, environments: int, *, axis: int = 0, seed: int = 0) -> None:
        self.capacity, self.environments, self.axis = capacity, environments, axis
        self.random = numpy.random.default_rng(seed)
        self.position, self.full = 0, False
        stack = (3, 16, 16) if axis == 0 else (16, 16, 3)
        shapes: dict[str, tuple[tuple[int, ...], str]] = {
            "observations": ((3,), "<f8"),
            "next_observations": ((3,), "<f8"),
            "frames": (stack, "|u1"),
            "next_frames": (stack, "|u1"),
            "actions": ((2,), "<f4"),
            "dones": ((), "|b1"),
        }
        self.columns = {
            name: numpy.zeros((capacity, environments, *shape), kind) for name, (shape, kind) in shapes.items()
        }
        self.columns["notes"] = numpy.full((capacity, environments), "", object)
        self.late = {name: numpy.zeros((capacity, environments), "<i8") for name in ("ep_start", "ep_length")}
        self._starts = [0] * environments
        self._now = [self._fresh() for _ in range(environments)]

    @property
    def rows(self) -> int:
        return self.capacity if self.full else self.position

    def all_columns(self) -> dict[str, Array]:
        return {**self.columns, **self.late}

    def add(self, steps: int) -> None:
        """Play on: most episodes are short, some observations never follow from the one before."""
        for _ in range(steps):
            for environment in range(self.environments):
                self._step(self.position, environment)
            self.position = (self.position + 1) % self.capacity
            self.full = self.full or self.position == 0

    def change(self, added: int, base: ReplayManifest | None, follows: Mapping[str, str] = FOLLOWS) -> PlainChange:
        """Copies of the last ``added`` rows, or of all where there is no base."""
        count = self.rows if base is None else min(added, self.capacity)
        places = numpy.arange(self.position - count, self.position) % self.capacity
        return PlainChange(
            capacity=self.capacity,
            environments=self.environments,
            place=(self.position - count) % self.capacity,
            position=self.position,
            full=self.full,
            rows={name: array[places] for name, array in self.columns.items()},
            late={name: array[: self.rows].copy() for name, array in self.late.items()},
            follows=follows,
            settings={"position again": self.position},
            base=base,
        )

    def _fresh(self) -> tuple[Array, Array]:
        frame = self._frame()
        empty = numpy.zeros((2, 16, 16), numpy.uint8)
        return self._numbers(), numpy.concatenate([empty, frame])

    def _numbers(self) -> Array:
        """Any bits at all: NaN with payloads, infinities, negative zeros among them."""
        return self.random.integers(0, 1 << 64, 3, numpy.uint64).view(numpy.float64)

    def _frame(self) -> Array:
        return self.random.integers(0, 255, (1, 16, 16), numpy.uint8)

    def _stored(self, stack: Array) -> Array:
        return stack if self.axis == 0 else numpy.moveaxis(stack, 0, -1)

    def _step(self, place: int, environment: int) -> None:
        numbers, stack = self._now[environment]
        done = bool(self.random.integers(0, 7) == 0)
        after, after_stack = self._numbers(), numpy.concatenate([stack[1:], self._frame()])
        values = {
            "observations": numbers,
            "next_observations": after,
            "frames": self._stored(stack),
            "next_frames": self._stored(after_stack),
            "actions": self.random.standard_normal(2),
            "dones": done,
            "notes": "" if done else f"{self.random.integers(0, 1000)} ✓",
        }
        for name, value in values.items():
            self.columns[name][place, environment] = value
        self.late["ep_start"][place, environment] = self._starts[environment]
        self.late["ep_length"][place, environment] = 0
        if done:
            start = self._starts[environment]
            episode = numpy.arange(start, start + (place - start) % self.capacity + 1) % self.capacity
            self.late["ep_length"][episode, environment] = len(episode)
            self._starts[environment] = (place + 1) % self.capacity
        self._now[environment] = self._fresh() if done else (after, after_stack)


def same_bits(first: Mapping[str, Array], second: Mapping[str, Array]) -> bool:
    """Whether arrays are equal to the last bit, NaN payloads included."""
    return first.keys() == second.keys() and all(
        first[name].dtype == second[name].dtype and bits_of(first[name]) == bits_of(second[name]) for name in first
    )


def bits_of(array: Array) -> object:
    return array.tolist() if array.dtype == object else array.tobytes()


def blank(columns: Mapping[str, Array], fill: int = 0) -> dict[str, Array]:
    """Arrays of the same kind with other content."""
    return {
        name: numpy.full_like(array, fill if array.dtype != object else "old" if fill else "")
        for name, array in columns.items()
    }
