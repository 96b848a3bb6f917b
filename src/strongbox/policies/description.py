"""What an archive says of its policy: which family of networks, between which spaces, with which settings.

The networks' sizes are told by the weights themselves; ``policy_class`` and ``policy_kwargs`` tell what
weights cannot: the kind of policy, the extractor of features, the activation, and some numbers. Only
classes of SB3 and sb3-contrib are known, by exact name. Any other class may compute anything, and is
refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..archive.archive import Archive
from ..errors import FormatError, UnsupportedError
from ..records import record
from ..values import Box, ClassReference, Dict, Discrete, MultiBinary, MultiDiscrete, Opaque, Space
from .activations import REBUILD, read_activation, read_number
from .layers import Activation

__all__ = ["Description", "read_description"]

_ACTOR_CRITIC = r"(MultiInput)?ActorCritic(Cnn)?Policy"
_OFF_POLICY = r"MlpPolicy|CnnPolicy|MultiInputPolicy"

FAMILIES: Mapping[str, tuple[str, str]] = {
    r"stable_baselines3\.common\.policies": ("actor_critic", _ACTOR_CRITIC),
    r"stable_baselines3\.(ppo|a2c)\.policies": ("actor_critic", rf"(PPO|A2C|Mlp|Cnn)Policy|{_ACTOR_CRITIC}"),
    r"sb3_contrib\.common\.maskable\.policies": ("maskable", rf"Maskable{_ACTOR_CRITIC}"),
    r"sb3_contrib\.common\.recurrent\.policies": ("recurrent", rf"Recurrent{_ACTOR_CRITIC}"),
    r"stable_baselines3\.dqn\.policies": ("q_network", rf"DQNPolicy|{_OFF_POLICY}"),
    r"sb3_contrib\.qrdqn\.policies": ("quantile_network", rf"QRDQNPolicy|{_OFF_POLICY}"),
    r"stable_baselines3\.sac\.policies": ("squashed", rf"SACPolicy|{_OFF_POLICY}"),
    r"sb3_contrib\.tqc\.policies": ("squashed", rf"TQCPolicy|{_OFF_POLICY}"),
    r"sb3_contrib\.crossq\.policies": ("squashed", rf"CrossQPolicy|{_OFF_POLICY}"),
    r"stable_baselines3\.(td3|ddpg)\.policies": ("deterministic", rf"TD3Policy|{_OFF_POLICY}"),
    r"sb3_contrib\.ars\.policies": ("random_search", r"ARS(Linear)?Policy"),
}
"""Modules to the family of their policies and the names of the classes."""

EXTRACTORS: Mapping[str, str] = {
    "FlattenExtractor": "flatten",
    "NatureCNN": "nature",
    "CombinedExtractor": "combined",
}

OBSERVATIONS = (Box, Discrete, MultiDiscrete, MultiBinary)
ACTIONS: Mapping[str, tuple[type[Space], ...]] = {
    "actor_critic": (Box, Discrete, MultiDiscrete, MultiBinary),
    "maskable": (Discrete, MultiDiscrete, MultiBinary),
    "recurrent": (Box, Discrete, MultiDiscrete, MultiBinary),
    "q_network": (Discrete,),
    "quantile_network": (Discrete,),
    "squashed": (Box,),
    "deterministic": (Box,),
    "random_search": (Box, Discrete),
}
"""The action spaces that each family takes."""


@record(frozen=True, eq=False, kw_only=True)
class Description:
    """What is known of a policy before its weights are read.

    ``family`` is a key of ``ACTIONS``; ``extractor`` one of ``flatten``, ``nature``, ``combined``;
    ``activation`` follows the hidden layers, None for no function; ``settings`` are the policy_kwargs.
    """

    algorithm: str | None
    policy_class: ClassReference
    family: str
    extractor: str
    activation: Activation | None
    observation_space: Space
    action_space: Space
    settings: Mapping[str, object]
    normalize_images: bool
    exploration_rate: float
    environment: str | None = None

    def number(self, name: str, default: float) -> float:
        """A number among the settings."""
        return read_number(self.settings.get(name, default), f"policy_kwargs[{name!r}]")

    def flag(self, name: str, default: bool) -> bool:
        """A yes or no among the settings."""
        return _flag(self.settings, name, default)


def read_description(archive: Archive) -> Description:
    """What the archive's data says of its policy.

    Raises UnsupportedError, by name, for a class that is not SB3's or sb3-contrib's own.
    """
    policy_class, family = _policy_class(archive.data.get("policy_class"))
    settings = _settings(archive.data.get("policy_kwargs"))
    default = "relu" if family not in ("actor_critic", "maskable", "recurrent") else "tanh"
    activation = read_activation(settings["activation_fn"]) if "activation_fn" in settings else Activation(default)
    action_space = _space(archive, "action_space")
    if not isinstance(action_space, ACTIONS[family]):
        raise UnsupportedError(f"expected an action space that {policy_class.name} takes, found {action_space!r}.")
    return Description(
        algorithm=archive.algorithm,
        policy_class=policy_class,
        family=family,
        extractor=_extractor(policy_class, settings),
        activation=activation,
        observation_space=_observation_space(archive),
        action_space=action_space,
        settings=settings,
        normalize_images=_flag(settings, "normalize_images", True),
        exploration_rate=read_number(archive.data.get("exploration_rate", 0.0), "data['exploration_rate']"),
        environment=archive.environment,
    )


def _policy_class(value: object) -> tuple[ClassReference, str]:
    if isinstance(value, ClassReference):
        for module, (family, names) in FAMILIES.items():
            if re.fullmatch(module, value.module) and re.fullmatch(names, value.name):
                return value, family
    raise UnsupportedError(f"expected a policy of SB3 or sb3-contrib, found {_shown(value)}.", hint=REBUILD)


def _settings(value: object) -> Mapping[str, object]:
    if value is None:
        return {}
    if isinstance(value, Opaque):
        raise UnsupportedError(f"expected policy_kwargs that can be read, found {value.type}.", hint=REBUILD)
    if not isinstance(value, dict):
        raise FormatError(f"expected policy_kwargs to be a mapping, found {type(value).__name__}.")
    return value


def _extractor(policy_class: ClassReference, settings: Mapping[str, object]) -> str:
    given = settings.get("features_extractor_class")
    if given is None:
        default = "NatureCNN" if "Cnn" in policy_class.name else "FlattenExtractor"
        return EXTRACTORS["CombinedExtractor" if "MultiInput" in policy_class.name else default]
    if isinstance(given, ClassReference) and given.module.startswith("stable_baselines3.") and given.name in EXTRACTORS:
        return EXTRACTORS[given.name]
    raise UnsupportedError(f"expected a features extractor of SB3, found {_shown(given)}.", hint=REBUILD)


def _observation_space(archive: Archive) -> Space:
    space = _space(archive, "observation_space")
    parts = list(space.spaces.values()) if isinstance(space, Dict) else [space]
    for part in parts:
        flat = not isinstance(part, MultiDiscrete) or part.nvec.ndim == 1
        if not isinstance(part, OBSERVATIONS) or not flat:
            raise UnsupportedError(f"expected an observation space that SB3 takes, found {part!r}.")
    return space


def _space(archive: Archive, name: str) -> Space:
    space = archive.data.get(name)
    if not isinstance(space, Space):
        raise UnsupportedError(f"expected data[{name!r}] to be a space that can be read, found {_shown(space)}.")
    return space


def _flag(settings: Mapping[str, object], name: str, default: bool) -> bool:
    value = settings.get(name, default)
    if not isinstance(value, bool):
        raise FormatError(f"expected policy_kwargs[{name!r}] to be true or false, found {_shown(value)}.")
    return value


def _shown(value: object) -> str:
    if isinstance(value, Opaque):
        return f"{value.type} ({value.reason})"
    return value.path if isinstance(value, ClassReference) else "none" if value is None else repr(value)[:80]
