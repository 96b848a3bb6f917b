"""The last part of a policy: from the networks' numbers to a distribution and the deterministic action.

Sources: ``stable_baselines3/common/distributions.py`` and ``sb3_contrib/common/maskable/distributions.py``;
``BasePolicy.predict`` for what is done to the action at the end: clipped to its bounds, or unscaled to them
where it was squashed.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy

from ..errors import FormatError, UnsupportedError
from ..records import record
from ..values import Box, Discrete, MultiBinary, MultiDiscrete
from .description import Description
from .layers import Activation, Argmax, Array, Clip, Constant, Mask, NoiseDeviation, Reshape, Round, Unscale, Value
from .networks import NetworkBuilder

__all__ = [
    "Head",
    "add_bounded",
    "add_categories",
    "add_gaussian",
    "add_greedy",
    "add_squashed",
    "add_state_dependent",
    "is_state_dependent",
]

LOWEST, HIGHEST = -20.0, 2.0
"""Between which SAC keeps the logarithm of a deviation (stable_baselines3/sac/policies.py)."""
EPSILON = 1e-6

Result: TypeAlias = "tuple[dict[str, str], Head]"


@record(frozen=True, eq=False)
class Head:
    """How an action is drawn.

    ``kind`` is ``categories`` (one of ``sizes`` for each part), ``binary``, ``gaussian``, ``greedy``
    (the largest Q-value) or ``fixed`` (always the same). A ``squashed`` Gaussian goes through tanh;
    ``noise`` is the deviation of the matrix of state-dependent noise, (features, actions).
    """

    kind: str
    squashed: bool = False
    sizes: tuple[int, ...] = ()
    noise: Array | None = None


def is_state_dependent(network: NetworkBuilder, name: str) -> bool:
    """Whether a logarithm of deviations is that of state-dependent noise: a matrix by itself."""
    return name in network.weights and len(network.weights.shape(name)) == 2


def add_categories(network: NetworkBuilder, description: Description, logits: str) -> Result:
    """Discrete actions: the most likely ones, of those that the masks allow."""
    space, masked = description.action_space, description.family == "maskable"
    if isinstance(space, MultiBinary) and isinstance(space.n, tuple):
        raise UnsupportedError(f"expected a number of binary actions, found {space!r}.")
    if isinstance(space, MultiBinary) and not masked:
        probability = network.add(Activation("sigmoid"), logits, name="action.probability")
        action = network.add(Round(), probability, name="action.rounded")
        return {"action": _reshape(network, action, space.shape), "logits": logits}, Head("binary")
    sizes = _sizes(description, network.values[logits])
    if network.values[logits].shape != (sum(sizes),):
        raise FormatError(f"expected {sum(sizes)} logits for {space!r}, found {network.values[logits].shape[0]}.")
    outputs = {"logits": logits}
    if masked:
        masks = network.add_input("action_masks", Value((sum(sizes),), "bool"), optional=True)
        logits = network.add(Mask(), logits, masks, name="action.masked")
    parts = None if isinstance(space, Discrete) else sizes
    return outputs | {"action": network.add(Argmax(parts), logits, name="action")}, Head("categories", sizes=sizes)


def add_greedy(network: NetworkBuilder, description: Description, q_values: str) -> Result:
    """The action of the largest Q-value."""
    space, shape = description.action_space, network.values[q_values].shape
    if not isinstance(space, Discrete) or shape != (space.n,):
        raise FormatError(f"expected a value for each action of {space!r}, found {shape[0]}.")
    action = network.add(Argmax(), q_values, name="action")
    return {"action": action, "q_values": q_values}, Head("greedy", sizes=shape)


def add_gaussian(network: NetworkBuilder, description: Description, mean: str) -> Result:
    """A Gaussian whose deviation is a weight: its mean, clipped."""
    with numpy.errstate(over="ignore"):
        deviation = numpy.exp(network.weights.read("log_std"))
    if deviation.shape != network.values[mean].shape:
        raise FormatError(f"expected a deviation for each action, found {deviation.shape}.")
    outputs = {"mean": mean, "deviation": network.add(Constant(deviation), name="deviation")}
    return outputs | {"action": add_bounded(network, description, mean, squashed=False)}, Head("gaussian")


def add_squashed(network: NetworkBuilder, description: Description, mean: str, logarithm: str) -> Result:
    """A Gaussian through tanh, whose deviation depends on the state: tanh of its mean, unscaled."""
    clipped = network.add(Activation("hard_tanh", (LOWEST, HIGHEST)), logarithm, name="log_std.clipped")
    outputs = {"mean": mean, "deviation": network.add(Activation("exp"), clipped, name="deviation")}
    action = network.add(Activation("tanh"), mean, name="action.squashed")
    head = Head("gaussian", squashed=True)
    return outputs | {"action": add_bounded(network, description, action, squashed=True)}, head


def add_state_dependent(
    network: NetworkBuilder, description: Description, mean: str, features: str, name: str, *, squash: bool
) -> Result:
    """A Gaussian whose noise is a matrix times features of the state (gSDE, https://arxiv.org/abs/2005.05719)."""
    actions = network.values[mean].shape[0]
    noise = _noise(network.weights.read(name), expln=description.flag("use_expln", False))
    layer = NoiseDeviation(noise, actions, EPSILON)
    deviation = network.add(layer, features, name="deviation")
    outputs = {"mean": mean, "deviation": deviation, "noise_features": features}
    action = network.add(Activation("tanh"), mean, name="action.squashed") if squash else mean
    head = Head("gaussian", squashed=squash, noise=numpy.broadcast_to(noise, (noise.shape[0], actions)))
    return outputs | {"action": add_bounded(network, description, action, squashed=squash)}, head


def add_bounded(network: NetworkBuilder, description: Description, action: str, *, squashed: bool) -> str:
    """Bring an action to the space's shape and bounds: unscaled from [-1, 1], or clipped."""
    space = description.action_space
    if not isinstance(space, Box) or space.low.dtype.kind == "b":
        raise UnsupportedError(f"expected a Box of numbers for actions, found {space!r}.")
    shaped = _reshape(network, action, space.shape)
    layer = Unscale(space.low, space.high) if squashed else Clip(space.low, space.high)
    return network.add(layer, shaped, name="action")


def _reshape(network: NetworkBuilder, source: str, shape: tuple[int, ...]) -> str:
    if network.values[source].shape == shape:
        return source
    return network.add(Reshape(shape), source, name="action.shaped")


def _sizes(description: Description, logits: Value) -> tuple[int, ...]:
    space = description.action_space
    if isinstance(space, Discrete):
        return (space.n,)
    if isinstance(space, MultiBinary) and isinstance(space.n, int) and logits.shape == (2 * space.n,):
        return (2,) * space.n
    if isinstance(space, MultiDiscrete) and space.nvec.ndim == 1:
        return tuple(map(int, space.nvec))
    raise UnsupportedError(f"expected discrete actions in a row, found {space!r} and {logits.shape[0]} logits.")


def _noise(log_std: Array, *, expln: bool) -> Array:
    """``StateDependentNoiseDistribution.get_std``: exp, or one that grows more slowly above one."""
    with numpy.errstate(over="ignore", invalid="ignore"):
        if not expln:
            return numpy.exp(log_std)
        below = numpy.exp(log_std) * (log_std <= 0)
        above = (numpy.log1p(log_std * (log_std > 0) + numpy.float32(EPSILON)) + 1) * (log_std > 0)
        return numpy.asarray(below + above, dtype=numpy.float32)
