"""Values as today's releases have them, where an old file's are understood but would not work any more.

What :func:`strongbox.load` does when it builds live objects is done to the values here, so that an archive which was
brought up to date loads as the agent that the old one loads as.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy

from ..values import (
    ActionNoise,
    Box,
    NormalNoise,
    Opaque,
    OrnsteinUhlenbeckNoise,
    RandomGenerator,
    Space,
    TorchTensor,
    VectorizedNoise,
)

__all__ = ["modernise"]

Note = Callable[[str], None]

DRAWS_ON = "gym's RandomState became a Generator, which draws on from the same bits"
LOST_STATE = "a space's random generator was left out: it is not understood"
CAST = "bounds were cast to the space's own type"
SAMPLES = "samples are of float32, as SB3 has them since 1.8"
AT_REST = "the noise's process, which had no state yet, is where a reset puts it"
TO_CPU = "a tensor that lay on an accelerator lies on the CPU, which every machine has"


@dataclass(frozen=True)
class _Moderniser:
    """One walk through a value; ``note`` is told what was changed."""

    note: Note

    def __call__(self, value: Any) -> Any:
        kind = type(value)
        if kind in (list, tuple):
            return _kept(value, kind([self(item) for item in value]))
        if kind is dict:
            return _kept(value, {key: self(item) for key, item in value.items()})
        if isinstance(value, Space):
            return self._space(value)
        if isinstance(value, ActionNoise):
            return self._noise(value)
        if kind is TorchTensor and value.device != "cpu":
            self.note(TO_CPU)
            return replace(value, device="cpu")
        return value

    def _space(self, space: Space) -> Space:
        changes = {item.name: self(getattr(space, item.name)) for item in fields(space) if item.name != "random_state"}
        changes["random_state"] = self._random_state(space.random_state)
        if isinstance(space, Box) and {space.low.dtype, space.high.dtype} != {space.dtype}:
            self.note(CAST)
            with numpy.errstate(all="ignore"):
                changes.update(low=space.low.astype(space.dtype), high=space.high.astype(space.dtype))
        unchanged = all(changes[item.name] is getattr(space, item.name) for item in fields(space))
        return space if unchanged else replace(space, **changes)

    def _random_state(self, state: RandomGenerator | Opaque | None) -> RandomGenerator | None:
        if isinstance(state, Opaque):
            self.note(LOST_STATE)
            return None
        if state is None or state.kind == "Generator":
            return state
        self.note(DRAWS_ON)
        bits = {name: part for name, part in state.state.items() if name not in ("has_gauss", "gauss")}
        return replace(state, kind="Generator", state=bits)

    def _noise(self, noise: ActionNoise) -> ActionNoise:
        if isinstance(noise, VectorizedNoise):
            noises = _kept(noise.noises, tuple([self._noise(single) for single in noise.noises]))
            base = self._noise(noise.base)
            same = base is noise.base and noises is noise.noises
            return noise if same else replace(noise, base=base, noises=noises)
        if isinstance(noise, NormalNoise | OrnsteinUhlenbeckNoise) and noise.dtype is None:
            self.note(SAMPLES)
            noise = replace(noise, dtype=numpy.dtype("float32"))
        if isinstance(noise, OrnsteinUhlenbeckNoise) and noise.previous is None:
            self.note(AT_REST)
            start = numpy.zeros_like(noise.mean) if noise.initial is None else noise.initial
            noise = replace(noise, previous=start)
        return noise


def _kept(old: Any, new: Any) -> Any:
    """The old container where all of its items are the same objects."""
    pairs = zip(old.values(), new.values(), strict=True) if isinstance(old, dict) else zip(old, new, strict=True)
    return old if all(a is b for a, b in pairs) else new


def modernise(value: Any, note: Note) -> Any:
    """A value as today's releases have it, the same object where it is one already; ``note`` is told each change."""
    return _Moderniser(note)(value)
