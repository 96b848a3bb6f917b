"""The live model: made as SB3's ``load`` makes it, from attributes that are live already.

What SB3 does and this does not: draw random numbers (it seeds the whole process with the agent's seed
and initialises networks that are overwritten at once), and take the memory of a replay buffer for an
agent that only acts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import gymnasium
import numpy
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import VectorizedActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.utils import check_for_correct_spaces, get_device
from stable_baselines3.common.vec_env import VecEnv

from ..conversion import Draft
from ..errors import MismatchError, StrongboxError
from ..tensors import Tensor
from ..values import Normalization
from .deferred import defer_buffer
from .fitting import Fit, live_tensors
from .initialisation import Skipped, keep_random_states, skip_initialisation
from .normalization import fit_normalization, normalize_environment
from .state import Filler, named_target

__all__ = [
    "build_model",
    "check_tensors",
    "fill_tensors",
    "make_model",
    "prepare_environment",
    "space_parts",
    "spaces_kept",
]


def build_model(
    algorithm: type[BaseAlgorithm],
    attributes: dict[str, Any],
    draft: Draft,
    *,
    env: VecEnv | None,
    device: torch.device | str,
    skipped: frozenset[str],
    release: Callable[[], None],
    bounded: bool = False,
    arguments: Mapping[str, Any] | None = None,
    plan: Callable[[BaseAlgorithm], Fit] | None = None,
) -> BaseAlgorithm:
    """A model with the attributes and tensors of a draft; those that ``plan`` says, where it is given.

    Where a network has parameters that the archive does not bring, it is built again and initialised
    in the ordinary way. Raises MismatchError where names or shapes differ. ``bounded`` says that no code of
    the caller's takes part, so that networks much larger than the archive's tensors can only be wrong.
    ``arguments`` are for the constructor, which judges them.
    """
    most = _most_elements(draft) if bounded and "policy" not in skipped else None
    filler = Filler(release)
    with spaces_kept(attributes), keep_random_states(get_device(device)):
        with skip_initialisation(most) as uninitialised:
            model = make_model(algorithm, attributes, env=env, device=device, arguments=arguments)
        fit = None if plan is None else plan(model)
        if fit is None:
            check_tensors(model, draft, skipped, filler)
        brought = draft.policy.keys() if fit is None else fit.whole
        if not _brings(brought, model, uninitialised, whole=fit is not None):
            model = make_model(algorithm, attributes, env=env, device=device)
        if fit is None:
            fill_tensors(model, draft, filler)
        else:
            fit.fill(model, filler, settings=True)
        if model.use_sde:
            with _blaming_the_file(algorithm):
                # The exploration matrix is drawn anew, on the right device.
                model.policy.reset_noise()  # type: ignore[operator]
    return model


def make_model(
    algorithm: type[BaseAlgorithm],
    attributes: dict[str, Any],
    *,
    env: VecEnv | None,
    device: torch.device | str,
    arguments: Mapping[str, Any] | None = None,
) -> BaseAlgorithm:
    """A model with attributes, and networks of its own; the constructor judges ``arguments``, if there are any."""
    with _blaming_the_file(algorithm):
        model = algorithm(
            policy=attributes["policy_class"],
            env=env,
            device=device,
            **{**(arguments or {}), "_init_setup_model": False},
        )
        model.__dict__.update(_own(algorithm, attributes))
        with _unseeded(model), _buffer_deferred(model):
            model._setup_model()
    _restore_derived(model, attributes)
    return model


@contextmanager
def _blaming_the_file(algorithm: type[BaseAlgorithm]) -> Iterator[None]:
    """The attributes come from a file; whatever they make SB3 raise is about the file."""
    try:
        yield
    except StrongboxError:
        raise
    except Exception as error:
        raise MismatchError(
            f"expected attributes that {algorithm.__name__} can be built with, found that it cannot: "
            f"{type(error).__name__}: {error}",
            hint="Give the one it speaks of anew, or replace it with custom_objects={...}.",
        ) from error


def _own(algorithm: type, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes, refusing those that would stand in front of a method."""
    for name in attributes:
        if callable(getattr(algorithm, name, None)):
            raise MismatchError(f"expected attributes in data, found {name!r}, which is a method of the algorithm.")
    return dict(attributes)


def _restore_derived(model: Any, attributes: Mapping[str, Any]) -> None:
    """Put back what setting up has overwritten and no parameter holds.

    These are ARS's weights, which SB3 draws anew, and TQC's target entropy, a number of another type.
    """
    weights, entropy = attributes.get("weights"), attributes.get("target_entropy")
    if hasattr(model, "n_delta") and isinstance(weights, torch.Tensor) and weights.shape == model.weights.shape:
        model.weights = weights.to(model.weights.device)
    if hasattr(model, "target_entropy") and isinstance(entropy, float | numpy.floating):
        model.target_entropy = entropy


@contextmanager
def _unseeded(model: BaseAlgorithm) -> Iterator[None]:
    """Keep SB3 from seeding the process, the environment and the action space once more."""
    seed, model.seed = model.seed, None
    yield
    model.seed = seed


@contextmanager
def _buffer_deferred(model: BaseAlgorithm) -> Iterator[None]:
    """Let an agent without an environment have a replay buffer that takes no memory until it is used."""
    if not isinstance(model, OffPolicyAlgorithm) or model.env is not None:
        yield
        return
    model.replay_buffer = object()  # type: ignore[assignment]
    yield
    assert model.replay_buffer_class is not None
    model.replay_buffer = defer_buffer(model.replay_buffer_class, model)


# -- tensors ------------------------------------------------------------------------------------


def _brings(names: Collection[str], model: BaseAlgorithm, uninitialised: Skipped, *, whole: bool) -> bool:
    """Whether every parameter that was left uninitialised is brought; ``whole`` says that names are full ones."""
    live = live_tensors(model) if whole else model.policy.state_dict(keep_vars=True)
    return uninitialised.all_in(tensor for key, tensor in live.items() if key in names)


SPARE_ELEMENTS = 1 << 20
"""Parameters that a network may have beyond twice those of its state dict, which holds each at least once."""


def _most_elements(draft: Draft) -> int:
    """How many elements the parameters of networks may have that a draft's tensors fit."""
    tensors = (tensor for tensor in draft.policy.values() if isinstance(tensor, Tensor | numpy.ndarray))
    return 2 * sum(math.prod(tensor.shape) for tensor in tensors) + SPARE_ELEMENTS


def check_tensors(model: BaseAlgorithm, draft: Draft, skipped: frozenset[str], filler: Filler) -> None:
    """Compare what a model expects with what a draft brings, before any work is spent on either."""
    expected = [name for name in model._get_torch_save_params()[0] if name not in skipped]
    if set(expected) != set(draft.parameters):
        raise MismatchError(
            f"expected state dicts named {', '.join(expected)}, found {', '.join(draft.parameters) or 'none'}.",
            hint="Leave out with skip=[...] what the archive lacks or has too much.",
        )
    for name, tree in draft.parameters.items():
        target = named_target(model, name)
        if isinstance(target, torch.nn.Module):
            filler.check_module(target, tree, name)


def fill_tensors(model: BaseAlgorithm, draft: Draft, filler: Filler) -> None:
    """Overwrite every network, optimizer and variable of a model with what a draft brings."""
    for name, tree in draft.parameters.items():
        target = named_target(model, name)
        if isinstance(target, torch.optim.Optimizer):
            filler.fill_optimizer(target, tree, name)
        else:
            filler.fill_module(target, tree, name)
    _fill_variables(model, draft, filler)


def _fill_variables(model: BaseAlgorithm, draft: Draft, filler: Filler) -> None:
    for name, tensor in draft.variables.items():
        if tensor is None:
            continue
        target = getattr(model, name, None) if name in model._get_torch_save_params()[1] else None
        if not isinstance(target, torch.Tensor):
            raise MismatchError(
                f"expected variables of {type(model).__name__}, found {name!r}, which it does not have.",
                hint=f"Leave it out with skip=[{name!r}].",
            )
        filler.fill_tensor(target, tensor, name)


# -- spaces -------------------------------------------------------------------------------------

_SPACES = ("observation_space", "action_space")


@contextmanager
def spaces_kept(attributes: Mapping[str, Any]) -> Iterator[None]:
    """Give the generators of the spaces back as they were: networks for images draw a sample."""
    spaces = [part for name in _SPACES for part in space_parts(attributes[name])]
    states = [_state(space) for space in spaces]
    yield
    for space, state in zip(spaces, states, strict=True):
        if state is None:
            space._np_random = None  # type: ignore[assignment]
        else:
            space.np_random.bit_generator.state = state


def _state(space: gymnasium.spaces.Space[Any]) -> Any:
    return None if space._np_random is None else space._np_random.bit_generator.state


def space_parts(space: Any) -> Iterator[gymnasium.spaces.Space[Any]]:
    """A space and all the spaces inside it."""
    if not isinstance(space, gymnasium.spaces.Space):
        raise MismatchError(f"expected a space, found {type(space).__name__}.")
    yield space
    inner = getattr(space, "spaces", ())
    for part in inner.values() if isinstance(inner, Mapping) else inner:
        yield from space_parts(part)
    for name in ("feature_space", "node_space", "edge_space"):
        if getattr(space, name, None) is not None:
            yield from space_parts(getattr(space, name))


# -- the environment ------------------------------------------------------------------------------


def prepare_environment(
    env: Any,
    algorithm: type[BaseAlgorithm],
    draft: Draft,
    attributes: dict[str, Any],
    *,
    normalization: Normalization | None,
    force_reset: bool,
    on_mismatch: str = "error",
) -> VecEnv | None:
    """Wrap and check an environment as SB3 does, with the agent's normalization put back onto it.

    ``attributes`` follow: the number of environments, the noise that depends on it, and, with
    ``force_reset``, the last observation, which the environment's own reset replaces. Unless ``on_mismatch`` is
    "error", so do the spaces, and what was made for the old ones.
    """
    if env is None:
        return None
    verbose = attributes.get("verbose", 0)
    try:
        wrapped = algorithm._wrap_env(env, verbose if isinstance(verbose, int) else 0)
    except (ImportError, ValueError) as error:
        raise MismatchError(
            f"expected an environment of gymnasium or a VecEnv, found that it is none: {error}"
        ) from error
    if normalization is not None and on_mismatch != "error":
        normalization, cut = fit_normalization(normalization, wrapped.observation_space, on_mismatch)
        draft.migrated.extend(cut)
    if normalization is not None:
        wrapped = normalize_environment(wrapped, normalization)
    try:
        check_for_correct_spaces(wrapped, attributes["observation_space"], attributes["action_space"])
    except ValueError as error:
        if on_mismatch == "error" or not force_reset:
            raise MismatchError(
                f"expected the spaces that the agent was trained on, found others: {error}.",
                hint='To take what fits these ones: on_mismatch="overlap", or "skip".' if force_reset else None,
            ) from error
        _adopt_spaces(draft, attributes, wrapped)
    if force_reset:
        attributes["_last_obs"] = None
    attributes["n_envs"] = wrapped.num_envs
    _fit_noise(draft, attributes, wrapped.num_envs)
    return wrapped


def _fit_noise(draft: Draft, attributes: dict[str, Any], count: int) -> None:
    noise = attributes.get("action_noise")
    if isinstance(noise, VectorizedActionNoise) and noise.n_envs != count:
        attributes["action_noise"] = VectorizedActionNoise(noise.base_noise, count) if count > 1 else noise.base_noise
        draft.migrated.append(f"action_noise: one for each of {count} environments, instead of {noise.n_envs}")


def _adopt_spaces(draft: Draft, attributes: dict[str, Any], env: VecEnv) -> None:
    """Let an agent have the spaces of an environment, and a target entropy that goes with them."""
    old = attributes["action_space"]
    for name in _SPACES:
        kept, live = attributes[name], getattr(env, name)
        if isinstance(kept, gymnasium.spaces.Dict) != isinstance(live, gymnasium.spaces.Dict):
            raise MismatchError(f"expected {name} of the kind that the policy is for, {kept}, found {live}.")
        if kept != live:
            draft.migrated.append(f"{name}: {live}, the environment's, instead of {kept}")
        attributes[name] = live
    if "target_entropy" in attributes and attributes["target_entropy"] == -math.prod(old.shape or ()):
        attributes["target_entropy"] = "auto"
    noise = attributes.get("action_noise")
    single = getattr(noise, "base_noise", noise)
    mean = getattr(single, "_mu", None)
    if isinstance(mean, numpy.ndarray) and mean.size > 1 and mean.shape != env.action_space.shape:
        raise MismatchError(
            f"expected noise for actions of {env.action_space.shape}, found the agent's, of {mean.shape}.",
            hint="Give another: action_noise=NormalActionNoise(...), or None.",
        )
