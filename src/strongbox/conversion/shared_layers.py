"""Layers that the networks of policy and value once shared become a copy in each.

Before SB3 1.8, ``net_arch=[64, {"pi": [32], "vf": [16]}]`` put one layer in front of both networks, and
a plain list of widths meant that all layers were shared. Each network gets its own copy, with its
own copy of what the optimizer keeps about them: the agent computes the same, and learns on from there.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any

from ..tensors import Tensor
from .draft import Draft, Tree

__all__ = ["BUFFER", "has_shared_layers", "split_net_arch", "split_shared_layers"]

_SHARED = "mlp_extractor.shared_net."
_EXTRACTORS = ("pi_features_extractor.", "vf_features_extractor.")

BUFFER = re.compile(r"\.(running_mean|running_var|num_batches_tracked)$")
"""The keys of a state dict that are statistics, not parameters."""


def has_shared_layers(draft: Draft) -> bool:
    """Whether the networks of policy and value begin in common layers."""
    return any(key.startswith(_SHARED) for key in draft.policy if isinstance(key, str))


def split_shared_layers(draft: Draft) -> None:
    """Give each of the two networks its own copy of the layers that they shared: the same function."""
    old = draft.policy
    shared = [key[len(_SHARED) :] for key in old if key.startswith(_SHARED)]
    depth = 2 * (max(int(key.split(".")[0]) for key in shared) // 2 + 1)
    origin: dict[str, str] = {}
    for key in old:
        if key.startswith(_SHARED) and "mlp_extractor.policy_net.0.weight" not in origin:
            for network in ("policy_net", "value_net"):
                prefix = f"mlp_extractor.{network}."
                origin.update({prefix + rest: _SHARED + rest for rest in shared})
                origin.update({_deeper(own, prefix, depth): own for own in old if own.startswith(prefix)})
        elif not key.startswith("mlp_extractor."):
            origin[key] = key
    draft.parameters["policy"] = OrderedDict((key, old[source]) for key, source in origin.items())
    _follow_parameters(draft, old, origin)
    net_arch = draft.policy_kwargs.get("net_arch")
    if isinstance(net_arch, list):
        draft.change_policy_kwargs(net_arch=split_net_arch(net_arch))


def _deeper(key: str, prefix: str, depth: int) -> str:
    index, _, rest = key[len(prefix) :].partition(".")
    return f"{prefix}{int(index) + depth}.{rest}"


def _follow_parameters(draft: Draft, old: Tree, origin: dict[str, str]) -> None:
    """Rewrite the optimizer, which tells parameters by their position, for parameters in a new order."""
    optimizer = draft.parameters.get("policy.optimizer")
    if optimizer is None or len(optimizer["param_groups"]) != 1:
        return
    positions = {key: index for index, key in enumerate(_parameter_names(old))}
    sources = [positions[origin[key]] for key in _parameter_names(draft.parameters["policy"], origin)]
    state = optimizer["state"]
    group = {**optimizer["param_groups"][0], "params": list(range(len(sources)))}
    draft.parameters["policy.optimizer"] = {
        **optimizer,
        "state": {index: dict(state[source]) for index, source in enumerate(sources) if source in state},
        "param_groups": [group],
    }


def _parameter_names(policy: Tree, origin: dict[str, str] | None = None) -> list[str]:
    """The keys of a policy that are parameters of their own: no buffers, no second names of the same."""
    names: list[str] = []
    seen: set[tuple[int, Any]] = set()
    for key, tensor in policy.items():
        place = (id(tensor.storage), tensor.storage_offset) if isinstance(tensor, Tensor) else (id(tensor), 0)
        split = origin is not None and origin[key].startswith(_SHARED)
        if BUFFER.search(f".{key}") or (place in seen and not split and key.startswith(_EXTRACTORS)):
            continue
        seen.add(place)
        names.append(key)
    return names


def split_net_arch(net_arch: list[Any]) -> dict[str, list[int]]:
    """Layers of the policy and of the value network, out of shared ones and a mapping."""
    shared = [width for width in net_arch if isinstance(width, int)]
    own: dict[str, Any] = next((item for item in net_arch if isinstance(item, dict)), {})
    return {name: [*shared, *own.get(name, ())] for name in ("pi", "vf")}
