"""One observation or a batch: told apart by shape, refused with both shapes where neither fits."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from strongbox.errors import MismatchError
from strongbox.policies.extractors import is_image
from strongbox.policies.observations import ObservationReader
from strongbox.values import Dict, Discrete, MultiBinary, MultiDiscrete, Space
from tests.core.policies.agents import box

PICTURE = box(3, 5, 6, low=0, high=255, dtype="uint8")
MULTI = MultiDiscrete(nvec=numpy.array([3, 2]))
BOTH = Dict(spaces={"x": box(2), "n": Discrete(n=4)})

CASES: tuple[tuple[str, Space, Any, int | None], ...] = (
    ("vector", box(4), numpy.zeros(4), None),
    ("vectors", box(4), numpy.zeros((7, 4)), 7),
    ("no vectors", box(4), numpy.zeros((0, 4)), 0),
    ("one vector in a batch", box(4), numpy.zeros((1, 4)), 1),
    ("list", box(4), [1, 2, 3, 4], None),
    ("matrix", box(2, 3), numpy.zeros((2, 3)), None),
    ("matrices", box(2, 3), numpy.zeros((2, 2, 3)), 2),
    ("number", box(), numpy.zeros(()), None),
    ("numbers", box(), numpy.zeros(5), 5),
    ("python number", box(), 1.5, None),
    ("picture", PICTURE, numpy.zeros((3, 5, 6), "uint8"), None),
    ("picture, channels last", PICTURE, numpy.zeros((5, 6, 3), "uint8"), None),
    ("pictures", PICTURE, numpy.zeros((2, 3, 5, 6), "uint8"), 2),
    ("pictures, channels last", PICTURE, numpy.zeros((2, 5, 6, 3), "uint8"), 2),
    ("picture of floats", PICTURE, numpy.zeros((3, 5, 6)), None),
    ("discrete", Discrete(n=4), numpy.array(3), None),
    ("python integer", Discrete(n=4), 3, None),
    ("discrete batch", Discrete(n=4), numpy.array([3]), 1),
    ("multi discrete", MULTI, numpy.array([2, 1]), None),
    ("multi discrete batch", MULTI, numpy.array([[2, 1]] * 3), 3),
    ("multi binary", MultiBinary(n=3), numpy.ones(3, "int8"), None),
    ("binary matrices", MultiBinary(n=(2, 2)), numpy.ones((4, 2, 2), bool), 4),
    ("dictionary", BOTH, {"x": numpy.zeros(2), "n": 1}, None),
    ("dictionary in another order", BOTH, {"n": numpy.array([1, 2]), "x": numpy.zeros((2, 2))}, 2),
    ("one part in a batch of one", BOTH, {"n": numpy.array([1]), "x": numpy.zeros(2)}, 1),
)


@pytest.mark.parametrize(("name", "space", "observation", "count"), CASES, ids=[case[0] for case in CASES])
def test_one_or_a_batch(name: str, space: Space, observation: Any, count: int | None) -> None:
    inputs, found = ObservationReader(space).read(observation)
    assert found == count
    shapes = {"observation.x": (2,), "observation.n": ()}
    if not isinstance(space, Dict):
        shapes = {"observation": space.nvec.shape if isinstance(space, MultiDiscrete) else getattr(space, "shape", ())}
    expected = {key: shape if count is None else (count, *shape) for key, shape in shapes.items()}
    assert {key: array.shape for key, array in inputs.items()} == expected


def test_channels_are_moved_and_not_mixed() -> None:
    picture = numpy.arange(90).reshape(5, 6, 3).astype("uint8")
    inputs, _ = ObservationReader(PICTURE).read(picture)
    numpy.testing.assert_array_equal(inputs["observation"], picture.transpose(2, 0, 1))
    inputs, _ = ObservationReader(PICTURE).read(picture[None])
    numpy.testing.assert_array_equal(inputs["observation"], picture.transpose(2, 0, 1)[None])


WRONG: tuple[tuple[Space, Any, str], ...] = (
    (box(4), numpy.zeros(3), r"shape \(4,\) or \(n, 4\), found \(3,\)"),
    (box(4), numpy.zeros((2, 3)), r"found \(2, 3\)"),
    (box(4), numpy.zeros((2, 2, 4)), r"found \(2, 2, 4\)"),
    (box(4), 1.0, r"found \(\)"),
    (box(4), None, "expected an observation of numbers"),
    (box(4), ["a", "b", "c", "d"], "expected an observation of numbers"),
    (box(4), [[1, 2], [1]], "expected an observation of numbers"),
    (box(4), numpy.zeros(4, complex), "complex128"),
    (box(4), numpy.zeros(4, "datetime64[s]"), "datetime64"),
    (box(4), {"x": numpy.zeros(4)}, "expected an array as the observation, found dict"),
    (box(4), (numpy.zeros(4), {}), "found a tuple with a dict in it"),
    (Discrete(n=4), numpy.zeros((2, 2)), r"shape \(\) or \(n\)"),
    (MULTI, numpy.zeros(3), r"shape \(2,\) or \(n, 2\)"),
    (MultiBinary(n=(2, 2)), numpy.zeros(4), r"shape \(2, 2\)"),
    (PICTURE, numpy.zeros((5, 3, 6), "uint8"), r"shape \(3, 5, 6\)"),
    (BOTH, numpy.zeros(2), r"expected a dict of \['n', 'x'\]"),
    (BOTH, {"x": numpy.zeros(2)}, r"keys \['n', 'x'\], found \['x'\]"),
    (BOTH, {"x": numpy.zeros(2), "n": 1, "y": 2}, "keys"),
    (BOTH, {"x": numpy.zeros((2, 2)), "n": numpy.array([1, 2, 3])}, "as many observations of each key"),
    (BOTH, {"x": numpy.zeros(3), "n": 1}, r"observation of 'x' of shape \(2,\)"),
)


@pytest.mark.parametrize(("space", "observation", "message"), WRONG, ids=[case[2] for case in WRONG])
def test_what_fits_neither_is_refused(space: Space, observation: Any, message: str) -> None:
    with pytest.raises(MismatchError, match=message):
        ObservationReader(space).read(observation)


def test_the_mistake_of_handing_over_what_reset_gives_is_explained() -> None:
    with pytest.raises(MismatchError) as error:
        ObservationReader(box(4)).read((numpy.zeros(4), {}))
    assert "env.reset()" in (error.value.hint or "")


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (PICTURE, True),
        (box(5, 6, 3, low=0, high=255, dtype="uint8"), True),
        (box(3, 5, 6, low=0, high=254, dtype="uint8"), False),
        (box(3, 5, 6, low=1, high=255, dtype="uint8"), False),
        (box(3, 5, 6, low=0, high=255), False),
        (box(5, 6, low=0, high=255, dtype="uint8"), False),
        (Discrete(n=2), False),
    ],
)
def test_which_spaces_are_images(space: Space, expected: bool) -> None:
    assert is_image(space) is expected
