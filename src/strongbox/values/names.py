"""Names that moved: what a pickle of the past calls something, and what it is called now.

An exact table. A module that moved as a whole stands in MODULES, a single name in NAMES; nothing is
derived by prefixes. The current name is the key of every recipe and the name in every reference.

Sources: the release notes of numpy 2.0 (``numpy.core`` became ``numpy._core``), gymnasium (which took
gym's modules over as they were), Stable-Baselines3's changelog, Python's ``_compat_pickle``.
"""

from __future__ import annotations

__all__ = ["current_name"]

SPACES = ("box", "dict", "discrete", "graph", "multi_binary", "multi_discrete", "sequence", "space", "text", "tuple")

MODULES: dict[str, str] = {
    "numpy.core.multiarray": "numpy._core.multiarray",
    "numpy.core.numeric": "numpy._core.numeric",
    "__builtin__": "builtins",
    "copy_reg": "copyreg",
    "pathlib._local": "pathlib",
    "gym.spaces.dict_space": "gymnasium.spaces.dict",
    "gym.spaces.tuple_space": "gymnasium.spaces.tuple",
    "gym.utils.seeding": "gymnasium.utils.seeding",
    "cloudpickle.cloudpickle_fast": "cloudpickle.cloudpickle",
    **{f"gym.spaces.{name}": f"gymnasium.spaces.{name}" for name in SPACES},
}

NUMPY_RANDOM = "numpy.random._pickle"
ACTOR_CRITIC = "stable_baselines3.common.policies"
MASKABLE = "sb3_contrib.common.maskable.policies"
RECURRENT = "sb3_contrib.common.recurrent.policies"

NAMES: dict[tuple[str, str], tuple[str, str]] = {
    # numpy 1.16 and earlier; names of scalars that numpy 1.24 to 2 all have
    ("numpy.random", "__RandomState_ctor"): (NUMPY_RANDOM, "__randomstate_ctor"),
    ("numpy.random.mtrand", "__RandomState_ctor"): (NUMPY_RANDOM, "__randomstate_ctor"),
    ("numpy", "bool"): ("numpy", "bool_"),
    ("numpy", "float_"): ("numpy", "float64"),
    ("numpy", "int_"): ("numpy", "int64"),
    ("numpy.core.multiarray", "ndarray"): ("numpy", "ndarray"),
    ("numpy.core.multiarray", "dtype"): ("numpy", "dtype"),
    # Python 2's names of builtins
    ("__builtin__", "long"): ("builtins", "int"),
    ("__builtin__", "unicode"): ("builtins", "str"),
    ("__builtin__", "xrange"): ("builtins", "range"),
    # Stable-Baselines3 before 0.9
    ("stable_baselines3.ppo.policies", "PPOPolicy"): (ACTOR_CRITIC, "ActorCriticPolicy"),
    ("stable_baselines3.ppo.policies", "MlpPolicy"): (ACTOR_CRITIC, "ActorCriticPolicy"),
    ("stable_baselines3.ppo.policies", "CnnPolicy"): (ACTOR_CRITIC, "ActorCriticCnnPolicy"),
    ("stable_baselines3.ppo.policies", "MultiInputPolicy"): (ACTOR_CRITIC, "MultiInputActorCriticPolicy"),
    ("stable_baselines3.a2c.policies", "MlpPolicy"): (ACTOR_CRITIC, "ActorCriticPolicy"),
    ("stable_baselines3.a2c.policies", "CnnPolicy"): (ACTOR_CRITIC, "ActorCriticCnnPolicy"),
    ("stable_baselines3.a2c.policies", "MultiInputPolicy"): (ACTOR_CRITIC, "MultiInputActorCriticPolicy"),
    **{
        ("stable_baselines3.common.policies", name): ("stable_baselines3.common.torch_layers", name)
        for name in ("BaseFeaturesExtractor", "FlattenExtractor", "NatureCNN", "MlpExtractor", "CombinedExtractor")
    },
    ("stable_baselines3.common.base_class", "BaseRLModel"): ("stable_baselines3.common.base_class", "BaseAlgorithm"),
    ("stable_baselines3.common.base_class", "OffPolicyRLModel"): (
        "stable_baselines3.common.off_policy_algorithm",
        "OffPolicyAlgorithm",
    ),
    ("stable_baselines3.sac.policies", "Critic"): ("stable_baselines3.common.policies", "ContinuousCritic"),
    ("stable_baselines3.td3.policies", "Critic"): ("stable_baselines3.common.policies", "ContinuousCritic"),
    # sb3-contrib: modules whose names are aliases
    ("sb3_contrib.ppo_mask.policies", "MlpPolicy"): (MASKABLE, "MaskableActorCriticPolicy"),
    ("sb3_contrib.ppo_mask.policies", "CnnPolicy"): (MASKABLE, "MaskableActorCriticCnnPolicy"),
    ("sb3_contrib.ppo_mask.policies", "MultiInputPolicy"): (MASKABLE, "MaskableMultiInputActorCriticPolicy"),
    ("sb3_contrib.ppo_recurrent.policies", "MlpLstmPolicy"): (RECURRENT, "RecurrentActorCriticPolicy"),
    ("sb3_contrib.ppo_recurrent.policies", "CnnLstmPolicy"): (RECURRENT, "RecurrentActorCriticCnnPolicy"),
    ("sb3_contrib.ppo_recurrent.policies", "MultiInputLstmPolicy"): (
        RECURRENT,
        "RecurrentMultiInputActorCriticPolicy",
    ),
}


def current_name(module: str, name: str) -> tuple[str, str]:
    """The module and name that something is known by today; the same where it never moved."""
    if (module, name) in NAMES:
        return NAMES[module, name]
    return MODULES.get(module, module), name
