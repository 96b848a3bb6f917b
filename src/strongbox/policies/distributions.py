"""Distributions over actions, of one observation or a batch: what a policy makes of its networks' numbers.

The formulas, and the order in which float32 numbers are added, are those of
``stable_baselines3/common/distributions.py``, ``sb3_contrib/common/maskable/distributions.py`` and
``torch.distributions``. Every array may have a batch axis in front or not. Actions here are what SB3
trains on: of a Box they are not clipped, and of a squashed policy they lie in [-1, 1].
"""

from __future__ import annotations

from math import log, pi
from typing import TypeAlias

import numpy

from ..records import record
from .layers import MASKED, Array

__all__ = ["Binary", "Categories", "Distribution", "Gaussian"]

EPSILON = numpy.float32(1e-6)
LIMIT = numpy.float32(1) - numpy.finfo(numpy.float32).eps
"""How near to one a squashed action may come before its inverse is taken."""


@record(frozen=True, eq=False)
class Gaussian:
    """Independent normal distributions, each of ``mean`` and ``deviation``; ``squashed`` ones go through tanh.

    Both arrays are (actions,) or (n, actions), float32. ``state_dependent`` says that the deviation is
    that of noise which a policy draws once and keeps (gSDE); samples here are drawn anew each time.
    """

    mean: Array
    deviation: Array
    squashed: bool = False
    state_dependent: bool = False

    def mode(self) -> Array:
        """The most likely action, squashed where the policy squashes."""
        return _tanh(self.mean) if self.squashed else self.mean

    def sample(self, generator: numpy.random.Generator | None = None, size: int | None = None) -> Array:
        """A drawn action, or ``size`` of them along a new first axis."""
        drawn = _generator(generator).standard_normal(_drawn_shape(size, self.mean.shape), numpy.float32)
        actions = self.mean + drawn * self.deviation
        return _tanh(actions) if self.squashed else actions

    def log_prob(self, actions: Array) -> Array:
        """The logarithm of the density of actions, summed over their parts."""
        actions = numpy.asarray(actions, numpy.float32)
        inner = _arctanh(actions) if self.squashed else actions
        scale = numpy.log(self.deviation)
        parts = -((inner - self.mean) ** 2) / (2 * self.deviation**2) - scale - numpy.float32(log(2 * pi) / 2)
        total: Array = parts.sum(axis=-1)
        if self.squashed:
            reached = numpy.tanh(inner) if self.state_dependent else actions
            total = total - numpy.log(1 - reached**2 + EPSILON).sum(axis=-1)
        return total

    def entropy(self) -> Array | None:
        """The differential entropy; None of squashed distributions, which have no closed form."""
        if self.squashed:
            return None
        entropy: Array = (numpy.float32(0.5 + 0.5 * log(2 * pi)) + numpy.log(self.deviation)).sum(axis=-1)
        return entropy


@record(frozen=True, eq=False)
class Categories:
    """One of ``sizes[k]`` for each part k, from ``logits`` of shape (sum of sizes,) or (n, sum of sizes).

    ``masks``, booleans of the same shape or None, say which are allowed. A space of one part
    (Discrete) has actions of shape () or (n,); with ``several`` they are (parts,) or (n, parts).
    """

    logits: Array
    sizes: tuple[int, ...]
    several: bool = False
    masks: Array | None = None

    @property
    def log_probabilities(self) -> Array:
        """The logarithm of each probability, in the order and shape of the logits."""
        return numpy.concatenate([part for part, _ in self._parts()], axis=-1)

    @property
    def probabilities(self) -> Array:
        """The probability of each choice, in the order and shape of the logits; each part adds up to one."""
        return numpy.exp(self.log_probabilities)

    def mode(self) -> Array:
        """The most likely choice of each part, int64."""
        return self._joined([part.argmax(axis=-1) for part, _ in self._parts()])

    def sample(self, generator: numpy.random.Generator | None = None, size: int | None = None) -> Array:
        """A drawn choice, or ``size`` of them along a new first axis, int64."""
        source = _generator(generator)
        return self._joined([_draw(numpy.exp(part), source, size) for part, _ in self._parts()])

    def log_prob(self, actions: Array) -> Array:
        """The logarithm of the probability of actions, summed over their parts."""
        chosen = numpy.asarray(actions).astype(numpy.int64)
        chosen = chosen if self.several else chosen[..., None]
        parts = [part for part, _ in self._parts()]
        return _total([_pick(part, chosen[..., number]) for number, part in enumerate(parts)])

    def entropy(self) -> Array:
        """The entropy in nats, summed over the parts; what a mask forbids adds nothing."""
        parts = []
        for part, mask in self._parts():
            terms = part * numpy.exp(part)
            parts.append(-(terms if mask is None else numpy.where(mask, terms, 0)).sum(axis=-1))
        return _total(parts)

    def _parts(self) -> list[tuple[Array, Array | None]]:
        ends = numpy.cumsum(self.sizes)[:-1]
        logits = [_log_softmax(part) for part in numpy.split(self.logits, ends, axis=-1)]
        if self.masks is None:
            return [(part, None) for part in logits]
        masks = numpy.split(self.masks, ends, axis=-1)
        pairs = zip(logits, masks, strict=True)
        return [(_log_softmax(numpy.where(mask, part, numpy.float32(MASKED))), mask) for part, mask in pairs]

    def _joined(self, parts: list[Array]) -> Array:
        joined = numpy.stack(parts, axis=-1) if self.several else numpy.asarray(parts[0])
        return joined.astype(numpy.int64, copy=False)


@record(frozen=True, eq=False)
class Binary:
    """Zeros and ones, each by itself, from ``logits`` of shape (actions,) or (n, actions)."""

    logits: Array

    @property
    def probabilities(self) -> Array:
        """The probability of each one."""
        half = numpy.float32(0.5)
        probabilities: Array = half + half * numpy.tanh(self.logits * half)
        return probabilities

    def mode(self) -> Array:
        """The more likely of the two, float32 as SB3 has it."""
        rounded: Array = numpy.rint(self.probabilities)
        return rounded

    def sample(self, generator: numpy.random.Generator | None = None, size: int | None = None) -> Array:
        """Drawn zeros and ones, float32, or ``size`` such along a new first axis."""
        drawn = _generator(generator).random(_drawn_shape(size, self.logits.shape), numpy.float32)
        return (drawn < self.probabilities).astype(numpy.float32)

    def log_prob(self, actions: Array) -> Array:
        """The logarithm of the probability of actions, summed over their parts."""
        terms = numpy.asarray(actions, numpy.float32) * self.logits - numpy.logaddexp(self.logits, numpy.float32(0))
        total: Array = terms.sum(axis=-1)
        return total

    def entropy(self) -> Array:
        """The entropy in nats, summed over the parts."""
        terms = numpy.logaddexp(self.logits, numpy.float32(0)) - self.probabilities * self.logits
        total: Array = terms.sum(axis=-1)
        return total


Distribution: TypeAlias = Gaussian | Categories | Binary


def _generator(generator: numpy.random.Generator | None) -> numpy.random.Generator:
    return numpy.random.default_rng() if generator is None else generator


def _drawn_shape(size: int | None, shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape if size is None else (size, *shape)


def _log_softmax(logits: Array) -> Array:
    centered = logits - logits.max(axis=-1, keepdims=True)
    result: Array = centered - numpy.log(numpy.exp(centered).sum(axis=-1, keepdims=True))
    return result


def _draw(probabilities: Array, generator: numpy.random.Generator, size: int | None) -> Array:
    """Choices by inversion: the first whose cumulative probability is above a number drawn from [0, 1)."""
    cumulative = numpy.cumsum(probabilities, axis=-1, dtype=numpy.float64)
    drawn = generator.random(_drawn_shape(size, probabilities.shape[:-1]))[..., None] * cumulative[..., -1:]
    chosen: Array = (drawn >= cumulative[..., :-1]).sum(axis=-1)
    return chosen


def _pick(values: Array, chosen: Array) -> Array:
    wide = numpy.broadcast_to(values, (*chosen.shape, values.shape[-1]))
    picked: Array = numpy.take_along_axis(wide, chosen[..., None], axis=-1)
    return picked[..., 0]


def _total(parts: list[Array]) -> Array:
    total: Array = numpy.stack(parts, axis=-1).sum(axis=-1)
    return total


def _tanh(actions: Array) -> Array:
    result: Array = numpy.tanh(actions)
    return result


def _arctanh(actions: Array) -> Array:
    held = numpy.clip(actions, -LIMIT, LIMIT)
    result: Array = numpy.float32(0.5) * (numpy.log1p(held) - numpy.log1p(-held))
    return result
