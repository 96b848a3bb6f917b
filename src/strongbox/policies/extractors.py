"""From a raw observation to a row of features: inputs, statistics, preprocessing, extractor.

Sources: ``preprocess_obs`` and ``is_image_space`` of ``stable_baselines3/common/preprocessing.py``;
``FlattenExtractor``, ``NatureCNN`` and ``CombinedExtractor`` of ``common/torch_layers.py``;
``VecNormalize._normalize_obs``. Images come with their channels first, as SB3 hands them to the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy

from ..errors import MismatchError, UnsupportedError
from ..values import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Normalization, RunningStatistics, Space
from .activations import REBUILD
from .description import Description
from .layers import Array, Cast, Concatenate, Flatten, Normalize, OneHot, Scale, Value
from .networks import NetworkBuilder

__all__ = ["add_features", "add_observation", "is_image", "observation_spaces", "observation_value"]

WHITE = 255.0
GOAL = ("observation", "desired_goal")
"""What ``ObsDictWrapper`` of SB3 1.0 joined to one row, in this order."""


def is_image(space: Space) -> bool:
    """Whether SB3 takes a space for images: three axes, uint8, from 0 to 255 everywhere."""
    if not isinstance(space, Box) or len(space.shape) != 3 or space.dtype != numpy.uint8:
        return False
    return not bool((space.low != 0).any() or (space.high != WHITE).any())


def observation_spaces(space: Space) -> Mapping[str, Space]:
    """The parts of an observation space by key; any but a dictionary is one part with the key ``""``."""
    return space.spaces if isinstance(space, Dict) else {"": space}


def observation_value(space: Space) -> Value:
    """The shape and dtype of one observation of a space."""
    if isinstance(space, Discrete):
        return Value((), "int64")
    if isinstance(space, MultiDiscrete):
        return Value(space.nvec.shape, "int64")
    assert isinstance(space, Box | MultiBinary)
    return Value(space.shape, space.dtype.name)


def add_observation(
    network: NetworkBuilder, description: Description, normalization: Normalization | None
) -> dict[str, str]:
    """Add the inputs of an observation and what makes them float32; returns the values' names by key."""
    prepared: dict[str, str] = {}
    spaces = observation_spaces(description.observation_space)
    normalization = _join_goal(normalization, description.observation_space)
    _expect_keys(normalization, spaces)
    for key, space in spaces.items():
        name = f"observation.{key}" if isinstance(description.observation_space, Dict) else "observation"
        source = network.add_input(name, observation_value(space), key=key if name != "observation" else None)
        prepared[key] = _prepare(network, source, space, description, _statistics(normalization, key, space))
    return prepared


def add_features(network: NetworkBuilder, prefix: str, description: Description, observation: Mapping[str, str]) -> str:
    """Add an extractor with the weights under ``prefix``; returns the name of the row of features."""
    kind = description.extractor
    if kind == "combined":
        return _add_combined(network, prefix, observation)
    if set(observation) != {""}:
        raise UnsupportedError(f"expected one observation for the extractor {kind!r}, found a dictionary of them.")
    if kind == "nature":
        return network.add_nature_cnn(prefix, observation[""])
    _expect_no_weights(network, prefix)
    return network.add(Flatten(), observation[""], name=prefix)


def _add_combined(network: NetworkBuilder, prefix: str, observation: Mapping[str, str]) -> str:
    rows = []
    for key, source in observation.items():
        part = f"{prefix}.extractors.{key}"
        if network.weights.under(f"{part}."):
            rows.append(network.add_nature_cnn(part, source))
        else:
            rows.append(network.add(Flatten(), source, name=part))
    _expect_no_weights(network, prefix, known=tuple(f"extractors.{key}." for key in observation))
    return network.add(Concatenate(), *rows, name=prefix)


def _expect_no_weights(network: NetworkBuilder, prefix: str, known: tuple[str, ...] = ()) -> None:
    for name in network.weights.under(f"{prefix}."):
        if not name.startswith(known):
            weight = f"{prefix}.{name}"
            raise UnsupportedError(f"expected an extractor of SB3, found the weight {weight!r}.", hint=REBUILD)


def _prepare(
    network: NetworkBuilder, source: str, space: Space, description: Description, statistics: Normalize | None
) -> str:
    if isinstance(space, Discrete):
        return network.add(OneHot((space.n,)), source, name=f"{source}.one_hot")
    if isinstance(space, MultiDiscrete):
        return network.add(OneHot(tuple(map(int, space.nvec))), source, name=f"{source}.one_hot")
    numbers = network.add(
        statistics or Cast(), source, name=f"{source}.normalized" if statistics else f"{source}.float"
    )
    if description.normalize_images and is_image(space):
        return network.add(Scale(WHITE), numbers, name=f"{source}.scaled")
    return numbers


def _join_goal(normalization: Normalization | None, space: Space) -> Normalization | None:
    """Statistics of a row that HER of SB3 1.0 made of a dictionary: the observation, then the desired goal."""
    if normalization is None or not isinstance(space, Box) or not set(GOAL) <= set(normalization.observations):
        return normalization
    if normalization.norm_obs_keys is not None and not set(GOAL) <= set(normalization.norm_obs_keys):
        return normalization
    parts = [normalization.observations[key] for key in GOAL]
    mean, var = (numpy.concatenate([array.reshape(-1) for array in arrays]) for arrays in _both(parts))
    joined = RunningStatistics(mean=mean, var=var, count=parts[0].count)
    return replace(normalization, observations={"": joined}, norm_obs_keys=None)


def _both(parts: list[RunningStatistics]) -> tuple[list[Array], list[Array]]:
    return [part.mean for part in parts], [part.var for part in parts]


def _expect_keys(normalization: Normalization | None, spaces: Mapping[str, Space]) -> None:
    """Raise MismatchError where statistics are of other observations than these."""
    if normalization is None or not normalization.norm_obs:
        return
    found, wanted = set(normalization.observations), set(normalization.norm_obs_keys or ())
    if not found <= set(spaces) or (found and not wanted <= found):
        raise MismatchError(
            f"expected statistics of the observations {sorted(spaces)}, found those of {sorted(found)}.",
            hint="Are these the statistics of this agent?",
        )


def _statistics(normalization: Normalization | None, key: str, space: Space) -> Normalize | None:
    """What VecNormalize does to the observation of a key, or None where it leaves it alone."""
    if normalization is None or not normalization.norm_obs or key not in normalization.observations:
        return None
    keys, found = normalization.norm_obs_keys, normalization.observations[key]
    if keys is not None and key and key not in keys:
        return None
    mean, var = (_channels_first(array.astype(numpy.float64), space) for array in (found.mean, found.var))
    if not isinstance(space, Box) or mean.shape != space.shape:
        raise MismatchError(f"expected statistics that fit {space!r}, found some of shape {mean.shape}.")
    with numpy.errstate(invalid="ignore", over="ignore"):
        return Normalize(mean, numpy.sqrt(var + normalization.epsilon), float(normalization.clip_obs))


def _channels_first(array: Array, space: Space) -> Array:
    """Statistics in the order of the space: VecNormalize may stand below VecTransposeImage, which turns images."""
    if array.ndim != 3 or not isinstance(space, Box) or array.shape == space.shape:
        return array
    turned: Array = array.transpose(2, 0, 1)
    return turned
