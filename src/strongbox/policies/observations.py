"""Observations as callers hand them over: one or a batch, told apart as SB3 tells them.

Sources: ``BasePolicy.obs_to_tensor`` (``stable_baselines3/common/policies.py``), ``maybe_transpose`` and the
``is_vectorized_observation`` functions of ``common/utils.py``. An array of the space's shape is one observation,
an array with one axis before it a batch. An image may come with its channels last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy

from ..errors import MismatchError
from ..values import Dict, Space
from .extractors import is_image, observation_spaces, observation_value
from .layers import Array

__all__ = ["NUMBERS", "Observation", "ObservationReader"]

Observation: TypeAlias = "Array | Mapping[str, Array] | int | float | list[object]"

NUMBERS = "biuf"
"""The kinds of numpy's dtypes that an observation may have."""


class ObservationReader:
    """Turns what a caller hands over into the arrays of a graph's inputs."""

    def __init__(self, space: Space) -> None:
        self._is_dict = isinstance(space, Dict)
        parts = observation_spaces(space)
        self._shapes = {key: observation_value(part).shape for key, part in parts.items()}
        self._images = {key for key, part in parts.items() if is_image(part)}

    def read(self, observation: object) -> tuple[dict[str, Array], int | None]:
        """The inputs by name, and the size of the batch, or None for one observation without a batch axis.

        Raises MismatchError where keys or shapes are not the space's.
        """
        parts = self._parts(observation)
        arrays = {key: self._array(key, part) for key, part in parts.items()}
        counts = {key: self._count(key, array) for key, array in arrays.items()}
        names = {key: f"observation.{key}" if self._is_dict else "observation" for key in arrays}
        if all(count is None for count in counts.values()):
            return {names[key]: array for key, array in arrays.items()}, None
        sizes = {1 if count is None else count for count in counts.values()}
        if len(sizes) != 1:
            found = ", ".join(f"{key!r} of {array.shape}" for key, array in arrays.items())
            raise MismatchError(f"expected as many observations of each key, found {found}.")
        return {names[key]: array.reshape(-1, *self._shapes[key]) for key, array in arrays.items()}, sizes.pop()

    def _parts(self, observation: object) -> Mapping[str, object]:
        if isinstance(observation, tuple) and len(observation) == 2 and isinstance(observation[1], dict):
            raise MismatchError(
                "expected an observation, found a tuple with a dict in it.",
                hint="env.reset() of gymnasium gives (observation, info): hand over the first of the two.",
            )
        if isinstance(observation, Mapping) != self._is_dict:
            expected = f"a dict of {sorted(self._shapes)}" if self._is_dict else "an array"
            raise MismatchError(f"expected {expected} as the observation, found {type(observation).__name__}.")
        if not isinstance(observation, Mapping):
            return {"": observation}
        if set(observation) != set(self._shapes):
            found = sorted(map(str, observation))
            raise MismatchError(f"expected an observation with the keys {sorted(self._shapes)}, found {found}.")
        return {key: observation[key] for key in self._shapes}

    def _array(self, key: str, part: object) -> Array:
        try:
            array = numpy.asarray(part)
        except ValueError:
            raise MismatchError("expected an observation of numbers, found rows of different lengths.") from None
        if array.dtype.kind not in NUMBERS:
            raise MismatchError(f"expected an observation of numbers, found an array of {array.dtype}.")
        if key in self._images and not self._fits(key, array):
            turned = _channels_first(array)
            return turned if self._fits(key, turned) else array
        return array

    def _fits(self, key: str, array: Array) -> bool:
        return self._shapes[key] in (array.shape, array.shape[1:])

    def _count(self, key: str, array: Array) -> int | None:
        shape = self._shapes[key]
        if array.shape == shape:
            return None
        if array.ndim == len(shape) + 1 and array.shape[1:] == shape:
            return len(array)
        which = f" of {key!r}" if self._is_dict else ""
        sizes = ", ".join(map(str, ("n", *shape)))
        raise MismatchError(f"expected an observation{which} of shape {shape} or ({sizes}), found {array.shape}.")


def _channels_first(array: Array) -> Array:
    """Images or one image with the channels moved in front (``VecTransposeImage.transpose_image``)."""
    return numpy.moveaxis(array, -1, -3) if array.ndim in (3, 4) else array
