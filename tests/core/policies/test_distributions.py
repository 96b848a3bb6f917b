"""Distributions: what they say of actions, against sums and integrals; what they draw, by statistics."""

from __future__ import annotations

from math import erf, sqrt
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongbox.policies import Binary, Categories, Gaussian
from tests.core.policies.agents import EXAMPLES

MEAN, DEVIATION = numpy.array([0.3, -1.0], numpy.float32), numpy.array([0.5, 1.2], numpy.float32)
LOGITS = numpy.array([0.1, 2.0, -1.0, 0.5, 0.0], numpy.float32)
DRAWN = 20_000


def trapezoid(values: Any, points: Any) -> float:
    return float(((values[1:] + values[:-1]) / 2 * numpy.diff(points)).sum())


@pytest.mark.parametrize("squashed", [False, True])
def test_a_density_adds_up_to_one(squashed: bool) -> None:
    gaussian = Gaussian(MEAN[:1], DEVIATION[:1], squashed)
    points = numpy.linspace(-0.99999, 0.99999, 20001) if squashed else numpy.linspace(-6, 6, 20001)
    density = numpy.exp(gaussian.log_prob(points[:, None]))
    assert trapezoid(density, points) == pytest.approx(1, abs=2e-3)


def test_parts_are_independent() -> None:
    both = Gaussian(MEAN, DEVIATION)
    parts = [Gaussian(MEAN[part : part + 1], DEVIATION[part : part + 1]) for part in (0, 1)]
    action = numpy.array([0.2, 0.4])
    assert both.log_prob(action) == pytest.approx(
        sum(part.log_prob(action[number, None]) for number, part in enumerate(parts))
    )
    assert both.entropy() == pytest.approx(sum(part.entropy() or 0 for part in parts))


def test_entropy_is_the_mean_of_minus_the_logarithm() -> None:
    generator = numpy.random.default_rng(1)
    for distribution in (Gaussian(MEAN, DEVIATION), Categories(LOGITS, (3, 2), True), Binary(LOGITS)):
        drawn = distribution.sample(generator, size=DRAWN)
        expected: Any = distribution.entropy()
        assert -distribution.log_prob(drawn).mean() == pytest.approx(float(expected), rel=0.02)


def test_a_squashed_entropy_has_no_closed_form() -> None:
    assert Gaussian(MEAN, DEVIATION, True).entropy() is None


@pytest.mark.parametrize("squashed", [False, True])
def test_numbers_are_drawn_as_the_normal_distribution_has_them(squashed: bool) -> None:
    drawn = Gaussian(MEAN, DEVIATION, squashed).sample(numpy.random.default_rng(2), size=DRAWN)
    assert drawn.shape == (DRAWN, 2)
    assert drawn.dtype == numpy.float32
    inner = numpy.arctanh(drawn.astype(float)) if squashed else drawn
    for part in (0, 1):
        ordered = numpy.sort((inner[:, part] - MEAN[part]) / DEVIATION[part])
        expected = [0.5 * (1 + erf(value / sqrt(2))) for value in ordered]
        assert numpy.abs(numpy.arange(1, DRAWN + 1) / DRAWN - expected).max() < 1.95 / sqrt(DRAWN)


def test_probabilities_of_each_part_add_up_to_one() -> None:
    categories = Categories(numpy.stack([LOGITS, -LOGITS]), (3, 2), True)
    numpy.testing.assert_allclose(categories.probabilities[:, :3].sum(axis=1), 1, rtol=1e-6)
    numpy.testing.assert_allclose(categories.probabilities[:, 3:].sum(axis=1), 1, rtol=1e-6)
    numpy.testing.assert_array_equal(categories.mode(), [[1, 0], [2, 1]])


def test_choices_are_drawn_as_often_as_they_are_likely() -> None:
    drawn = Categories(LOGITS, (5,)).sample(numpy.random.default_rng(3), size=DRAWN)
    assert drawn.dtype == numpy.int64
    counts = numpy.bincount(drawn, minlength=5)
    expected = Categories(LOGITS, (5,)).probabilities * DRAWN
    assert ((counts - expected) ** 2 / expected).sum() < 18.5  # the 0.999 quantile of four degrees of freedom


def test_what_a_mask_forbids_is_never_drawn() -> None:
    masks = numpy.array([True, False, True, False, True])
    masked = Categories(LOGITS, (5,), masks=masks)
    drawn = masked.sample(numpy.random.default_rng(4), size=2000)
    assert set(drawn.tolist()) == {0, 2, 4}
    assert masked.mode() == 0
    assert masked.probabilities[1] == 0
    shares = numpy.exp(LOGITS[masks]) / numpy.exp(LOGITS[masks]).sum()
    numpy.testing.assert_allclose(masked.probabilities[masks], shares, rtol=1e-6)
    assert float(masked.entropy()) == pytest.approx(float(-(shares * numpy.log(shares)).sum()), rel=1e-5)


def test_where_everything_is_forbidden_everything_is_as_likely() -> None:
    masked = Categories(LOGITS, (5,), masks=numpy.zeros(5, bool))
    numpy.testing.assert_allclose(masked.probabilities, 0.2, rtol=1e-6)


@pytest.mark.parametrize("distribution", [Gaussian(MEAN, DEVIATION), Categories(LOGITS, (3, 2), True), Binary(LOGITS)])
def test_without_a_generator_one_is_made(distribution: Any) -> None:
    assert distribution.sample().shape == distribution.mode().shape
    assert distribution.sample(size=3).shape == (3, *distribution.mode().shape)


@given(st.lists(st.floats(-90, 90, width=32), min_size=2, max_size=6), st.integers(0, 2**32 - 1))
@EXAMPLES
def test_whatever_the_logits(logits: list[float], seed: int) -> None:
    values = numpy.array(logits, numpy.float32)
    categories, generator = Categories(values, (len(logits),)), numpy.random.default_rng(seed)
    drawn = categories.sample(generator, size=20)
    assert ((drawn >= 0) & (drawn < len(logits))).all()
    assert numpy.isfinite(categories.log_prob(drawn)).all()
    assert float(categories.entropy()) >= -1e-5
    binary = Binary(values)
    assert numpy.isfinite(binary.log_prob(binary.sample(generator))).all()
    assert float(binary.entropy()) >= -1e-4
    gaussian = Gaussian(values, numpy.exp(values / 30), True)
    assert numpy.isfinite(gaussian.log_prob(gaussian.sample(generator))).all()
