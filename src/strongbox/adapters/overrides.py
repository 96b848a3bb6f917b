"""Settings that a caller gives anew at load, by the names of the constructor's arguments.

SB3's ``load`` sets an attribute of that name and is done: a learning rate does not reach the schedule, a
misspelt name nothing at all. Here a name has to be an argument of the algorithm's constructor, the constructor
itself judges the values, and whatever hangs on a setting (the tables below) is built anew with it.
"""

from __future__ import annotations

import difflib
import inspect
import math
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from stable_baselines3.common import buffers
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.utils import FloatSchedule

from ..conversion import Draft, Live
from ..errors import MismatchError
from ..values import Schedule, describe
from .attributes import known_base
from .schedules import known_schedule
from .state import live_optimizers

__all__ = [
    "ATTRIBUTES",
    "FIXED",
    "NOT_SET",
    "SETTINGS_OF_ENTROPY",
    "check_kept",
    "check_overrides",
    "constructor_arguments",
    "finish_overrides",
    "hanging",
    "place_overrides",
    "settle_overrides",
    "show_setting",
]

FIXED = {
    "policy": "the networks are the archive's",
    "use_sde": "it is a part of the networks",
    "use_rms_prop": "it is the class of the optimizer; policy_kwargs={'optimizer_class': ...} gives another",
    "rms_prop_eps": "it is the optimizer's; policy_kwargs={'optimizer_kwargs': ...} gives others",
    "zero_policy": "the weights are the archive's",
}
"""Arguments of constructors that the archive has decided, each with the reason."""

NOT_SETTINGS = frozenset(("self", "env", "device", "_init_setup_model", "monitor_wrapper", "support_multi_env"))
"""Arguments that ``load`` has itself, or that are SB3's own business."""

OPTIONS = (
    *("into", "cls", "trust", "custom_objects", "skip", "force_reset", "limits"),
    *("parameters", "rename", "on_mismatch", "freeze", "reset"),
)
"""What else ``load`` takes, and what a name may have been meant to be."""

NOT_SET = frozenset(("policy_kwargs", "seed"))
"""Settings that are no attribute to be replaced: the first is merged, the second is drawn from once."""

ATTRIBUTES = {"delta_std": "delta_std_schedule", "stats_window_size": "_stats_window_size"}
"""The attribute that keeps a setting, where that is not the setting's own name."""

EPSILON = frozenset(("exploration_fraction", "exploration_initial_eps", "exploration_final_eps"))
"""The settings of DQN's and QR-DQN's exploration."""

SETTINGS_OF_ENTROPY = ("ent_coef_optimizer", "log_ent_coef", "ent_coef_tensor")
"""What SAC, TQC and CrossQ make of ``ent_coef``, an optimizer and variables of the archive."""

ROLLOUT = dict.fromkeys(
    ("n_steps", "gamma", "gae_lambda", "rollout_buffer_class", "rollout_buffer_kwargs"),
    ("rollout_buffer", "rollout_buffer_class", "rollout_buffer_kwargs"),
)
REPLAY = dict.fromkeys(
    ("buffer_size", "n_steps", "optimize_memory_usage", "replay_buffer_class", "replay_buffer_kwargs"),
    ("replay_buffer", "replay_buffer_class", "replay_buffer_kwargs"),
)
HANGING: dict[str, tuple[str, ...]] = {
    "learning_rate": ("lr_schedule",),
    "n_delta": ("pop_size", "n_top"),
    "ent_coef": SETTINGS_OF_ENTROPY,
    "batch_size": ("policy_kwargs",),
    "stats_window_size": ("ep_info_buffer", "ep_success_buffer"),
    **dict.fromkeys(EPSILON, ("exploration_schedule",)),
}
"""The attributes that SB3 makes of a setting, beside the one that keeps it."""


def hanging(algorithm: type, name: str, attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """The attributes that have to be made anew with a setting."""
    if not issubclass(algorithm, OffPolicyAlgorithm):
        return HANGING.get(name, ROLLOUT.get(name, ()))
    if name == "gamma" and attributes.get("n_steps", 1) > 1:
        return REPLAY["n_steps"]
    return HANGING.get(name, REPLAY.get(name, ()))


# -- names and values ----------------------------------------------------------------------------


def setting_parameters(algorithm: type) -> dict[str, inspect.Parameter]:
    """The arguments of an algorithm's constructor; with those of its bases where it hands on what it does not know."""
    found: dict[str, inspect.Parameter] = {}
    for cls in algorithm.__mro__:
        if "__init__" not in vars(cls):
            continue
        parameters = inspect.signature(vars(cls)["__init__"]).parameters
        found = {**parameters, **found}
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            break
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: each for name, each in found.items() if each.kind in named and name not in NOT_SETTINGS}


def check_overrides(algorithm: type, overrides: Mapping[str, Any], *, fixed: Mapping[str, str] = FIXED) -> None:
    """Raise MismatchError for a name that is no setting of an algorithm, or one that cannot be given anew."""
    parameters = setting_parameters(algorithm)
    names = sorted(parameters.keys() - fixed.keys())
    for name, given in overrides.items():
        if name not in parameters:
            near = difflib.get_close_matches(name, [*names, *OPTIONS], n=1, cutoff=0.5)
            meant = f"Did you mean {near[0]}? " if near else ""
            raise MismatchError(
                f"expected settings of {algorithm.__name__}, found {name!r}, which it does not have.",
                hint=f"{meant}It has {', '.join(names)}.",
            )
        if name in fixed:
            raise MismatchError(f"expected settings that can be given anew, found {name!r}: {fixed[name]}.")
        _check_kind(name, given, parameters[name].default)


def _check_kind(name: str, given: Any, default: Any) -> None:
    """A number may give way to a number, a schedule, or a frequency; text would only fail much later."""
    if isinstance(default, int | float) and isinstance(given, str | bytes):
        raise MismatchError(f"expected a number for {name}, found {given!r}.")
    if name == "seed" and not (given is None or (type(given) is int and 0 <= given < 1 << 32)):
        raise MismatchError(f"expected a whole number from 0 to 2³² - 1 for seed, found {given!r}.")
    if isinstance(given, float) and not math.isfinite(given):
        raise MismatchError(f"expected a finite number for {name}, found {given}.")


def constructor_arguments(algorithm: type, attributes: Mapping[str, Any], overrides: Collection[str]) -> dict[str, Any]:
    """What to call the constructor with, so that SB3 judges settings given anew beside all the others."""
    if not overrides:
        return {}
    names = setting_parameters(algorithm).keys() - NOT_SET - {"policy", "action_noise", "verbose"}
    return {name: attributes[ATTRIBUTES.get(name, name)] for name in names if ATTRIBUTES.get(name, name) in attributes}


def show_setting(value: Any) -> str:
    """A live setting in a few words."""
    if isinstance(value, Live):
        value = value.value
    schedule = value if isinstance(value, Schedule) else known_schedule(value)
    if schedule is not None:
        return describe(schedule)
    if isinstance(value, type) or (callable(value) and type(value).__module__.partition(".")[0] != "strongbox"):
        return str(getattr(value, "__qualname__", type(value).__name__))
    return describe(value)


# -- into the attributes ---------------------------------------------------------------------------


def check_kept(algorithm: type, names: Iterable[str], kept: Collection[str]) -> None:
    """Raise MismatchError for a setting of a caller's own class that no attribute of its name keeps."""
    for name in names:
        if name not in kept and name not in setting_parameters(known_base(algorithm)):
            raise MismatchError(
                f"expected settings that {algorithm.__name__} keeps under their own names, found {name!r}, "
                "which no attribute is called."
            )


def place_overrides(draft: Draft, overrides: Mapping[str, Any]) -> dict[str, str]:
    """Put settings into a draft in the place of its own; gives each in words, before and after."""
    told: dict[str, str] = {}
    for name, given in overrides.items():
        attribute = ATTRIBUTES.get(name, name)
        old = show_setting(draft.data[attribute]) if attribute in draft.data else "SB3's default"
        told[name] = f"{old} → {show_setting(given)}"
        if name not in NOT_SET:
            draft.data[attribute] = Live(given)
    if "learning_rate" in overrides:
        draft.data.pop("lr_schedule", None)
    return told


def settle_overrides(
    algorithm: type, attributes: dict[str, Any], overrides: Mapping[str, Any], *, before: Mapping[str, Any]
) -> None:
    """Bring attributes that SB3 derives in constructors in line with settings given anew.

    ``before`` has the values that were given up, by the name of the attribute.
    """
    if "policy_kwargs" in overrides:
        attributes["policy_kwargs"] = {**attributes["policy_kwargs"], **_mapping(overrides["policy_kwargs"])}
    if "delta_std" in overrides:
        attributes["delta_std_schedule"] = _schedule("delta_std", overrides["delta_std"])
    if "n_delta" in overrides:
        attributes["pop_size"] = 2 * attributes["n_delta"]
    if "n_delta" in overrides or "n_top" in overrides:
        most = attributes["n_delta"]
        attributes["n_top"] = min(attributes.get("n_top") or most, most) if "n_top" in overrides else most
    if attributes.get("target_entropy") == "auto":
        attributes["target_entropy"] = -float(math.prod(attributes["action_space"].shape))
    if "stats_window_size" in overrides:
        _resize_statistics(attributes)
    if "batch_size" in overrides:
        _follow_batch(algorithm, attributes, before.get("batch_size"))
    steps = before.get("n_steps", attributes.get("n_steps"))
    _settle_buffers(algorithm, attributes, overrides, several=isinstance(steps, int) and steps > 1)


def _mapping(given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise MismatchError(f"expected a mapping for policy_kwargs, found {type(given).__name__}.")
    return given


def _schedule(name: str, given: Any) -> Any:
    try:
        return FloatSchedule(given)
    except (AssertionError, TypeError, ValueError) as error:
        raise MismatchError(f"expected a number or a schedule for {name}, found that it is none: {error}") from error


def _resize_statistics(attributes: dict[str, Any]) -> None:
    """The statistics of the last episodes, as many of them as are asked for now."""
    for name in HANGING["stats_window_size"]:
        kept = attributes.get(name)
        if isinstance(kept, deque):
            attributes[name] = deque(kept, maxlen=attributes["_stats_window_size"])


def _follow_batch(algorithm: type, attributes: dict[str, Any], before: Any) -> None:
    """QR-DQN's optimizer has an epsilon that its constructor works out from the size of a batch."""
    kwargs = attributes["policy_kwargs"]
    if _is_quantile(algorithm) and before and kwargs.get("optimizer_kwargs") == {"eps": 0.01 / before}:
        attributes["policy_kwargs"] = {**kwargs, "optimizer_kwargs": {"eps": 0.01 / attributes["batch_size"]}}


def _is_quantile(algorithm: type) -> bool:
    return any(cls.__name__ == "QRDQN" for cls in algorithm.__mro__)


def _settle_buffers(
    algorithm: type, attributes: dict[str, Any], overrides: Mapping[str, Any], *, several: bool
) -> None:
    """Let SB3 choose again the class of a buffer that it has chosen itself, for other settings.

    ``several`` says that it had chosen one for returns of more than one step.
    """
    hung = {attribute for name in overrides for attribute in hanging(algorithm, name, attributes)}
    if "replay_buffer" not in hung or "replay_buffer_class" in overrides:
        return
    kept = attributes.get("replay_buffer_class")
    kwargs = dict(attributes.get("replay_buffer_kwargs") or {})
    if kept in (None, buffers.ReplayBuffer, buffers.DictReplayBuffer):
        attributes["replay_buffer_class"] = None
    elif several and kept is buffers.NStepReplayBuffer:
        # SB3 has put these two there itself, and does again.
        if "replay_buffer_kwargs" not in overrides:
            attributes["replay_buffer_kwargs"] = {k: v for k, v in kwargs.items() if k not in ("n_steps", "gamma")}
        attributes["replay_buffer_class"] = None
    elif "n_steps" in overrides and attributes["n_steps"] != 1:
        raise MismatchError(
            f"expected a replay buffer of SB3's choice for n_steps, found {kept.__name__}, which does not obey it.",
            hint="Give what it takes itself: replay_buffer_kwargs={...}.",
        )


# -- into the live model -----------------------------------------------------------------------------


def finish_overrides(model: BaseAlgorithm, overrides: Mapping[str, Any]) -> None:
    """Let settings reach what an archive's optimizers and counters have overwritten."""
    if "learning_rate" in overrides:
        rate = model.lr_schedule(model._current_progress_remaining)
        for optimizer in live_optimizers(model).values():
            for group in optimizer.param_groups:
                group["lr"] = rate
    if EPSILON & overrides.keys():
        live: Any = model
        live.exploration_rate = live.exploration_schedule(model._current_progress_remaining)
    if "batch_size" in overrides and _is_quantile(type(model)):
        _reach_epsilon(model)
    if "seed" in overrides:
        model.seed = overrides["seed"]
        model.set_random_seed(model.seed)


def _reach_epsilon(model: BaseAlgorithm) -> None:
    eps = (model.policy_kwargs.get("optimizer_kwargs") or {}).get("eps")
    for optimizer in live_optimizers(model).values():
        for group in optimizer.param_groups:
            if eps is not None and "eps" in group:
                group["eps"] = eps
