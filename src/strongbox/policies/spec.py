"""What a policy is, for its users: spaces, what is applied, how large."""

from __future__ import annotations

from ..records import record
from ..values import Dict, Space
from .description import Description
from .extractors import observation_spaces
from .graph import Graph
from .heads import Head
from .layers import Clip, Mask, Normalize, Scale, Unscale
from .weights import Weights

__all__ = ["PolicySpec", "make_spec"]


@record(frozen=True, kw_only=True)
class PolicySpec:
    """What a policy is and does.

    ``algorithm`` and ``policy_class`` are full names. ``recurrent`` policies take and give a state,
    ``masked`` ones take action masks, ``stochastic`` ones may act otherwise with
    ``deterministic=False``. What is applied: ``normalized`` observations (their keys, ``""`` for one
    that is no dictionary), ``scaled_images`` likewise, and to actions one of ``clipped`` to the bounds
    or ``unscaled`` from [-1, 1] to them. ``state_shape`` is (layers, hidden) of each of the two states.
    ``parameters`` counts the weights that acting takes, ``bytes`` their size. ``environment`` is the id of the one
    that the agent was trained in, where the archive says it.
    """

    algorithm: str | None
    policy_class: str
    observation_space: Space
    action_space: Space
    recurrent: bool
    masked: bool
    stochastic: bool
    normalized: tuple[str, ...]
    scaled_images: tuple[str, ...]
    clipped: bool
    unscaled: bool
    state_shape: tuple[int, int] | None
    exploration_rate: float
    parameters: int
    bytes: int
    environment: str | None = None

    def __str__(self) -> str:
        kind = self.algorithm or self.policy_class
        lines = [f"{kind}: {self.parameters:,} parameters, {self.bytes:,} bytes"]
        lines += [f"  observation  {self.observation_space!r}", f"  action       {self.action_space!r}"]
        lines += [f"  applied      {', '.join(self._applied()) or 'nothing'}"]
        if self.state_shape is not None:
            lines.append(f"  state        two arrays (layers, n, hidden) with layers, hidden = {self.state_shape}")
        return "\n".join(lines)

    def _applied(self) -> list[str]:
        named = isinstance(self.observation_space, Dict)
        parts = []
        for keys, what in ((self.normalized, "observations normalized"), (self.scaled_images, "images divided by 255")):
            if keys:
                parts.append(f"{what} ({', '.join(keys)})" if named else what)
        words = {"actions clipped": self.clipped, "actions unscaled": self.unscaled, "masks": self.masked}
        return parts + [word for word, applied in words.items() if applied]


def make_spec(description: Description, graph: Graph, head: Head, weights: Weights) -> PolicySpec:
    """Read off a graph of actions what it applies."""
    inputs = {item.name: item for item in graph.inputs}
    keys = observation_spaces(description.observation_space)
    names = {
        f"observation.{key}" if isinstance(description.observation_space, Dict) else "observation": key for key in keys
    }
    layers = [node.layer for node in graph.nodes]
    state = inputs["hidden"].value.shape if "hidden" in inputs else None
    return PolicySpec(
        algorithm=description.algorithm,
        policy_class=description.policy_class.path,
        observation_space=description.observation_space,
        action_space=description.action_space,
        recurrent=state is not None,
        masked=any(isinstance(layer, Mask) for layer in layers),
        stochastic=head.kind not in ("fixed", "greedy") or description.exploration_rate > 0,
        normalized=_keys(graph, Normalize, names),
        scaled_images=_keys(graph, Scale, names),
        clipped=any(isinstance(layer, Clip) for layer in layers),
        unscaled=any(isinstance(layer, Unscale) for layer in layers),
        state_shape=(state[0], state[1]) if state is not None else None,
        exploration_rate=description.exploration_rate if head.kind == "greedy" else 0.0,
        parameters=weights.count,
        bytes=weights.nbytes,
        environment=description.environment,
    )


def _keys(graph: Graph, kind: type[Normalize] | type[Scale], names: dict[str, str]) -> tuple[str, ...]:
    """The keys of observations that a kind of layer works on."""
    sources = [node.outputs[0] for node in graph.nodes if isinstance(node.layer, kind)]
    return tuple(key for name, key in names.items() if any(_belongs(source, name) for source in sources))


def _belongs(value: str, name: str) -> bool:
    return value in (f"{name}.normalized", f"{name}.scaled")
