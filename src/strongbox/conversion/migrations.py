"""What earlier versions of SB3 wrote otherwise, and how it becomes what the installed one expects.

Each migration looks at a draft by its content, not by its version, which old files do not tell
reliably; ``versions`` says which SB3 wrote such files. They run in the order of the list at the end,
before any live object exists. Facts are from SB3's and sb3-contrib's tags and changelogs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import MismatchError, UnsupportedError
from ..values import ClassReference, EnumMember, NamedTuple, Opaque
from .draft import Draft
from .shared_layers import BUFFER, has_shared_layers, split_net_arch, split_shared_layers

__all__ = ["MIGRATIONS", "Migration", "migrate"]


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One difference of an old file: how it is told, and what is done about it."""

    name: str
    versions: str
    explanation: str
    applies: Callable[[Draft], bool]
    apply: Callable[[Draft], None]


def migrate(draft: Draft) -> None:
    """Bring a draft up to the installed SB3; what was done is written down in ``draft.migrated``."""
    for migration in MIGRATIONS:
        try:
            if not migration.applies(draft):
                continue
            migration.apply(draft)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise MismatchError(
                f"expected an agent as SB3 {migration.versions} wrote it, since {migration.explanation}; "
                f"found one that is not: {type(error).__name__}: {error}."
            ) from error
        draft.migrated.append(f"{migration.name}: {migration.explanation}")


# -- names of attributes --------------------------------------------------------------------------

RENAMED_ATTRIBUTES = {
    "_last_dones": "_last_episode_starts",
    "_current_progress": "_current_progress_remaining",
}

FORGOTTEN_ATTRIBUTES = ("tb_writer", "rollout_data", "n_episodes_rollout", "_n_episodes_rollout")


def _rename_attributes(draft: Draft) -> None:
    draft.data = {RENAMED_ATTRIBUTES.get(name, name): value for name, value in draft.data.items()}


def _has_forgotten(draft: Draft) -> bool:
    return any(name in draft.data for name in FORGOTTEN_ATTRIBUTES)


def _drop_forgotten(draft: Draft) -> None:
    for name in FORGOTTEN_ATTRIBUTES:
        draft.data.pop(name, None)


def _null_networks(draft: Draft) -> list[str]:
    names = ("actor", "critic", "critic_target", "q_net")
    return [name for name in names if name in draft.data and draft.data[name] is None]


def _drop_null_networks(draft: Draft) -> None:
    for name in _null_networks(draft):
        del draft.data[name]


# -- settings ---------------------------------------------------------------------------------------

_TYPE_ALIASES = "stable_baselines3.common.type_aliases"


def _train_freq(frequency: int, unit: str) -> NamedTuple:
    unit_class = ClassReference(_TYPE_ALIASES, "TrainFrequencyUnit")
    return NamedTuple(ClassReference(_TYPE_ALIASES, "TrainFreq"), (frequency, EnumMember(unit_class, unit)))


def _has_plain_train_freq(draft: Draft) -> bool:
    return "train_freq" in draft.data and _converted_train_freq(draft) is not None


def _converted_train_freq(draft: Draft) -> NamedTuple | None:
    """The train frequency of an old file, or None where it is a TrainFreq already or not known."""
    frequency, episodes = draft.data["train_freq"], draft.data.get("n_episodes_rollout")
    if isinstance(frequency, list | tuple) and len(frequency) == 2:
        return _train_freq(int(frequency[0]), str(frequency[1]))
    if isinstance(frequency, int) and frequency > 0:
        return _train_freq(frequency, "step")
    if (frequency is None or isinstance(frequency, int)) and isinstance(episodes, int) and episodes > 0:
        return _train_freq(episodes, "episode")
    return _train_freq(1, "step") if frequency is None else None


def _convert_train_freq(draft: Draft) -> None:
    draft.data["train_freq"] = _converted_train_freq(draft)


def _drop_policy_kwargs(draft: Draft, *names: str) -> None:
    kept = {name: value for name, value in draft.policy_kwargs.items() if name not in names}
    draft.data["policy_kwargs"] = kept


def _drop_sde_net_arch(draft: Draft) -> None:
    if draft.policy_kwargs["sde_net_arch"] is not None:
        raise UnsupportedError(
            "expected gSDE to explore on the policy's own features, found a network for it (sde_net_arch), "
            "which SB3 dropped in 1.7.",
            hint="Open the agent with strongbox.open to act with it, or load it with SB3 1.6.",
        )
    _drop_policy_kwargs(draft, "sde_net_arch")


def _drop_saved_device(draft: Draft) -> None:
    _drop_policy_kwargs(draft, "device")


def _has_listed_net_arch(draft: Draft) -> bool:
    net_arch = draft.policy_kwargs.get("net_arch")
    return isinstance(net_arch, list) and any(isinstance(item, dict) for item in net_arch)


def _unwrap_net_arch(draft: Draft) -> None:
    draft.change_policy_kwargs(net_arch=split_net_arch(draft.policy_kwargs["net_arch"]))


OLD_HER_KWARGS = ("online_sampling", "max_episode_length")


def _has_old_her_kwargs(draft: Draft) -> bool:
    kwargs = draft.data.get("replay_buffer_kwargs")
    return isinstance(kwargs, dict) and any(name in kwargs for name in OLD_HER_KWARGS)


def _drop_old_her_kwargs(draft: Draft) -> None:
    kwargs = draft.data["replay_buffer_kwargs"]
    draft.data["replay_buffer_kwargs"] = {name: kwargs[name] for name in kwargs if name not in OLD_HER_KWARGS}


HER_ATTRIBUTES = ("model_class", "online_sampling", "max_episode_length", "n_sampled_goal", "goal_selection_strategy")


def _convert_her(draft: Draft) -> None:
    strategy = draft.data.get("goal_selection_strategy", "future")
    draft.data["replay_buffer_class"] = ClassReference("stable_baselines3.her.her_replay_buffer", "HerReplayBuffer")
    draft.data["replay_buffer_kwargs"] = {
        "n_sampled_goal": draft.data.get("n_sampled_goal", 4),
        "goal_selection_strategy": "future" if isinstance(strategy, Opaque) else strategy,
    }
    for name in HER_ATTRIBUTES:
        draft.data.pop(name, None)


def _counts_no_calls(draft: Draft) -> bool:
    return draft.algorithm.endswith((".DQN", ".QRDQN")) and "_n_calls" not in draft.data


def _count_calls(draft: Draft) -> None:
    draft.data["_n_calls"] = _integer(draft, "num_timesteps", 0) // max(_integer(draft, "n_envs", 1), 1)


def _integer(draft: Draft, name: str, default: int) -> int:
    value = draft.data.get(name, default)
    return value if isinstance(value, int) else default


# -- parameters -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Renaming:
    """New names for parameters of the policy: what is replaced in a name that has it, or a whole name by another."""

    replaced: Mapping[str, str]
    whole: bool = False
    algorithm: str = ""

    def applies(self, draft: Draft) -> bool:
        """Whether the policy of a draft has such a name."""
        return draft.algorithm.endswith(self.algorithm) and any(self._new(key) != key for key in draft.policy)

    def apply(self, draft: Draft) -> None:
        """Give the parameters their new names, in the same order."""
        draft.parameters["policy"] = OrderedDict((self._new(key), tensor) for key, tensor in draft.policy.items())

    def _new(self, key: Any) -> Any:
        if self.whole or not isinstance(key, str):
            return self.replaced.get(key, key)
        for old, new in self.replaced.items():
            key = key.replace(old, new)
        return key


COMPILED = Renaming({"_orig_mod.": ""})
CRITICS = Renaming({".q1_net.": ".qf0.", ".q2_net.": ".qf1."})
LINEAR_POLICY = Renaming(
    {"action_net.weight": "action_net.0.weight", "action_net.bias": "action_net.0.bias"}, whole=True, algorithm=".ARS"
)


_EXTRACTORS = ("pi_features_extractor.", "vf_features_extractor.")


def _missing_extractors(draft: Draft) -> list[str]:
    """The names under which the one features extractor of an actor and a critic does not stand yet."""
    names = list(draft.policy)
    if not draft.algorithm.endswith(_ACTOR_CRITIC) or not any(name.startswith("features_extractor.") for name in names):
        return []
    return [prefix for prefix in _EXTRACTORS if not any(name.startswith(prefix) for name in names)]


_ACTOR_CRITIC = (".A2C", ".PPO", ".TRPO", ".MaskablePPO", ".RecurrentPPO")


def _name_extractors(draft: Draft) -> None:
    policy, missing = OrderedDict(draft.policy), _missing_extractors(draft)
    for key, tensor in draft.policy.items():
        if key.startswith("features_extractor."):
            policy.update({prefix + key[len("features_extractor.") :]: tensor for prefix in missing})
    draft.parameters["policy"] = policy


def _online_count(draft: Draft) -> int:
    """How many parameters the online network of a value-based agent has."""
    return sum(key.startswith(("q_net.", "quantile_net.")) for key in draft.policy if not BUFFER.search(key))


def _optimizes_target(draft: Draft) -> bool:
    groups = draft.parameters.get("policy.optimizer", {}).get("param_groups") or [{}]
    count = _online_count(draft)
    return draft.algorithm.endswith((".DQN", ".QRDQN")) and count > 0 and len(groups[0].get("params", ())) == 2 * count


def _drop_target(draft: Draft) -> None:
    optimizer = draft.parameters["policy.optimizer"]
    count = _online_count(draft)
    group = optimizer["param_groups"][0]
    kept = group["params"][:count]
    draft.parameters["policy.optimizer"] = {
        **optimizer,
        "state": {index: state for index, state in optimizer["state"].items() if index in set(kept)},
        "param_groups": [{**group, "params": kept}],
    }


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        name="her",
        versions="0.8 to 1.0",
        explanation="HER, then an algorithm around another, is a replay buffer of that algorithm now",
        applies=lambda draft: "model_class" in draft.data,
        apply=_convert_her,
    ),
    Migration(
        name="renamed_attributes",
        versions="before 1.1",
        explanation="_last_dones and _current_progress have new names",
        applies=lambda draft: any(name in draft.data for name in RENAMED_ATTRIBUTES),
        apply=_rename_attributes,
    ),
    Migration(
        name="train_freq",
        versions="before 1.0",
        explanation="the train frequency, then a number, a pair or a count of episodes, has a type of its own",
        applies=_has_plain_train_freq,
        apply=_convert_train_freq,
    ),
    Migration(
        name="forgotten_attributes",
        versions="before 1.0",
        explanation="attributes that no algorithm has any more were dropped",
        applies=_has_forgotten,
        apply=_drop_forgotten,
    ),
    Migration(
        name="null_networks",
        versions="before 1.1",
        explanation="names of networks that stood empty in data were dropped",
        applies=lambda draft: bool(_null_networks(draft)),
        apply=_drop_null_networks,
    ),
    Migration(
        name="saved_device",
        versions="any",
        explanation="the device in policy_kwargs gave way to the one asked for",
        applies=lambda draft: "device" in draft.policy_kwargs,
        apply=_drop_saved_device,
    ),
    Migration(
        name="sde_net_arch",
        versions="before 1.7",
        explanation="the setting sde_net_arch, unused here, is gone",
        applies=lambda draft: "sde_net_arch" in draft.policy_kwargs,
        apply=_drop_sde_net_arch,
    ),
    Migration(
        name="compiled_names",
        versions="before 2.8",
        explanation="torch.compile's prefix was taken off the names of parameters",
        applies=COMPILED.applies,
        apply=COMPILED.apply,
    ),
    Migration(
        name="critics",
        versions="before 0.8",
        explanation="the two critics, q1_net and q2_net, are numbered now",
        applies=CRITICS.applies,
        apply=CRITICS.apply,
    ),
    Migration(
        name="shared_layers",
        versions="before 1.8",
        explanation="layers that policy and value network shared are now a copy in each",
        applies=has_shared_layers,
        apply=split_shared_layers,
    ),
    Migration(
        name="net_arch",
        versions="before 1.8",
        explanation="net_arch is a mapping now, no list around one",
        applies=_has_listed_net_arch,
        apply=_unwrap_net_arch,
    ),
    Migration(
        name="features_extractors",
        versions="before 1.7",
        explanation="the features extractor stands under three names now",
        applies=lambda draft: bool(_missing_extractors(draft)),
        apply=_name_extractors,
    ),
    Migration(
        name="linear_policy",
        versions="sb3-contrib before 1.7",
        explanation="the one layer of ARS's linear policy has a number now",
        applies=LINEAR_POLICY.applies,
        apply=LINEAR_POLICY.apply,
    ),
    Migration(
        name="target_in_optimizer",
        versions="before 2.4",
        explanation="the optimizer no longer lists the target network",
        applies=_optimizes_target,
        apply=_drop_target,
    ),
    Migration(
        name="her_settings",
        versions="1.1 to 1.8",
        explanation="the replay buffer's settings online_sampling and max_episode_length are gone",
        applies=_has_old_her_kwargs,
        apply=_drop_old_her_kwargs,
    ),
    Migration(
        name="n_calls",
        versions="before 1.4",
        explanation="steps since the target network was updated are counted from the timesteps",
        applies=_counts_no_calls,
        apply=_count_calls,
    ),
)
