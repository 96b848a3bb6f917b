"""The families of policies: from the names of their weights to graphs for actions, values and Q-values.

Each family has its layout of names, the same in every version of SB3 where not said otherwise. A graph
reads only the weights that it needs: that of actions never the critics.

Sources: ``policies.py`` of ``stable_baselines3/common``, ``dqn``, ``sac``, ``td3``, and of ``sb3_contrib``'s
``common/maskable``, ``common/recurrent``, ``qrdqn``, ``tqc``, ``crossq``, ``ars``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from ..errors import UnsupportedError
from ..values import Box, Discrete, Normalization
from .activations import REBUILD
from .description import Description
from .extractors import add_features, add_observation
from .graph import Graph
from .heads import (
    Head,
    add_bounded,
    add_categories,
    add_gaussian,
    add_greedy,
    add_squashed,
    add_state_dependent,
    is_state_dependent,
)
from .layers import Activation, Concatenate, MeanOverQuantiles, Value
from .networks import NetworkBuilder
from .weights import Weights

__all__ = ["build_action", "build_critic", "build_value"]

Outputs: TypeAlias = dict[str, str]
Build: TypeAlias = Callable[[NetworkBuilder, Description, Mapping[str, str]], tuple[Outputs, Head]]

_ACTOR_CRITIC = (
    *("features_extractor.", "pi_features_extractor.", "vf_features_extractor.", "sde_features_extractor."),
    *("mlp_extractor.shared_net.", "mlp_extractor.policy_net.", "mlp_extractor.value_net."),
    *("action_net.", "value_net.", "log_std"),
)
_ACTOR = (
    *("actor.features_extractor.", "actor.latent_pi.", "actor.mu.", "actor.log_std", "actor.sde_features_extractor."),
    *("critic.", "critic_target."),
)
WEIGHTS: Mapping[str, tuple[str, ...]] = {
    "actor_critic": _ACTOR_CRITIC,
    "maskable": _ACTOR_CRITIC,
    "recurrent": (*_ACTOR_CRITIC, "lstm_actor.", "lstm_critic.", "critic."),
    "q_network": ("q_net.features_extractor.", "q_net.q_net.", "q_net_target."),
    "quantile_network": ("quantile_net.features_extractor.", "quantile_net.quantile_net.", "quantile_net_target."),
    "squashed": _ACTOR,
    "deterministic": ("actor.features_extractor.", "actor.mu.", "actor_target.", "critic.", "critic_target."),
    "random_search": ("action_net.",),
}
"""What the names of a family's weights begin with; a weight of another name belongs to a network of someone's own."""


def build_action(description: Description, weights: Weights, normalization: Normalization | None) -> tuple[Graph, Head]:
    """The graph from a raw observation to the action, and how its last part makes a distribution."""
    weights.expect_only(WEIGHTS[description.family])
    network = _network(description, weights)
    observation = add_observation(network, description, normalization)
    outputs, head = _ACTIONS[description.family](network, description, observation)
    return network.graph(outputs), head


def build_value(description: Description, weights: Weights, normalization: Normalization | None) -> Graph:
    """The graph from a raw observation to the value that an actor-critic gives it."""
    if description.family not in ("actor_critic", "maskable", "recurrent"):
        raise UnsupportedError(
            f"expected an actor-critic, found {description.policy_class.name}, which has no value of a state.",
            hint="Ask for q_values.",
        )
    network = _network(description, weights)
    observation = add_observation(network, description, normalization)
    features = add_features(network, _extractor_prefix(weights, "vf"), description, observation)
    memory: Outputs = {}
    if description.family == "recurrent":
        features, memory = _add_critic_memory(network, description, features)
    latent = network.add_mlp("mlp_extractor.shared_net", features)
    latent = network.add_mlp("mlp_extractor.value_net", latent)
    return network.graph({"values": network.add_linear("value_net", latent), **memory})


def build_critic(description: Description, weights: Weights, normalization: Normalization | None) -> Graph:
    """The graph from a raw observation and an action in [-1, 1] to what each critic thinks of it."""
    count = len({name.split(".")[0] for name in weights.under("critic.qf")})
    if description.family not in ("squashed", "deterministic") or not count:
        raise UnsupportedError(f"expected a policy with critics, found {description.policy_class.name} without.")
    network = _network(description, weights)
    observation = add_observation(network, description, normalization)
    features = add_features(network, "critic.features_extractor", description, observation)
    assert isinstance(description.action_space, Box)
    action = network.add_input("action", Value((description.action_space.low.size,)))
    pair = network.add(Concatenate(), features, action, name="critic.pair")
    estimates = []
    for number in range(count):
        estimate = network.add_mlp(f"critic.qf{number}", pair, head=True)
        quantiles = MeanOverQuantiles(network.values[estimate].shape[0], 1)
        estimates.append(network.add(quantiles, estimate, name=f"critic.qf{number}.mean"))
    return network.graph({"q_values": network.add(Concatenate(), *estimates, name="critic.q_values")})


def _network(description: Description, weights: Weights) -> NetworkBuilder:
    return NetworkBuilder(weights, description.activation, epsilon=description.number("batch_norm_eps", 0.001))


def _extractor_prefix(weights: Weights, side: str) -> str:
    """SB3 since 1.7 keeps an extractor for each side, before that one for both."""
    own = f"{side}_features_extractor"
    return own if weights.under(f"{own}.") else "features_extractor"


# -- actor-critics ----------------------------------------------------------------------------------


def _actor_critic(
    network: NetworkBuilder, description: Description, observation: Mapping[str, str]
) -> tuple[Outputs, Head]:
    features = add_features(network, _extractor_prefix(network.weights, "pi"), description, observation)
    memory: Outputs = {}
    if description.family == "recurrent":
        features, memory = _add_memory(network, description, "lstm_actor", features)
    shared = network.add_mlp("mlp_extractor.shared_net", features)
    latent = network.add_mlp("mlp_extractor.policy_net", shared)
    result = network.add_linear("action_net", latent)
    if "log_std" not in network.weights:
        outputs, head = add_categories(network, description, result)
    elif is_state_dependent(network, "log_std"):
        noise = _add_noise_features(network, "", features, latent)
        squash = description.flag("squash_output", False)
        outputs, head = add_state_dependent(network, description, result, noise, "log_std", squash=squash)
    else:
        outputs, head = add_gaussian(network, description, result)
    return outputs | memory, head


def _add_noise_features(network: NetworkBuilder, owner: str, features: str, latent: str) -> str:
    """What state-dependent noise multiplies: the latent, or since sde_net_arch (SB3 before 1.7) a network's output."""
    own = network.add_mlp(f"{owner}sde_features_extractor", features)
    rows = network.weights.shape(f"{owner}log_std")[0]
    return latent if own == features and network.values[latent].shape == (rows,) else own


def _add_memory(network: NetworkBuilder, description: Description, prefix: str, features: str) -> tuple[str, Outputs]:
    options = description.settings.get("lstm_kwargs")
    if isinstance(options, dict) and options.get("batch_first"):
        raise UnsupportedError("expected an LSTM with the sequence first, found batch_first=True.", hint=REBUILD)
    count = sum(name.startswith("weight_ih_l") for name in network.weights.under(f"{prefix}."))
    state = Value((count, *network.weights.shape(f"{prefix}.weight_hh_l0")[1:]), batch_axis=1)
    names = (network.add_input("hidden", state), network.add_input("cell", state))
    start = network.add_input("episode_start", Value(()))
    output, hidden, cell = network.add_lstm(prefix, features, (*names, start))
    return output, {"next_hidden": hidden, "next_cell": cell}


def _add_critic_memory(network: NetworkBuilder, description: Description, features: str) -> tuple[str, Outputs]:
    """The critic's own LSTM, or a linear layer in its place, or the actor's LSTM."""
    if "critic.weight" in network.weights:
        return network.add_linear("critic", features), {}
    prefix = "lstm_critic" if network.weights.under("lstm_critic.") else "lstm_actor"
    return _add_memory(network, description, prefix, features)


# -- the others ---------------------------------------------------------------------------------------


def _q_network(
    network: NetworkBuilder, description: Description, observation: Mapping[str, str]
) -> tuple[Outputs, Head]:
    features = add_features(network, "q_net.features_extractor", description, observation)
    return add_greedy(network, description, network.add_mlp("q_net.q_net", features, head=True))


def _quantile_network(
    network: NetworkBuilder, description: Description, observation: Mapping[str, str]
) -> tuple[Outputs, Head]:
    features = add_features(network, "quantile_net.features_extractor", description, observation)
    quantiles = network.add_mlp("quantile_net.quantile_net", features, head=True)
    assert isinstance(description.action_space, Discrete)
    actions = description.action_space.n
    mean = MeanOverQuantiles(network.values[quantiles].shape[0] // actions, actions)
    return add_greedy(network, description, network.add(mean, quantiles, name="quantile_net.mean"))


def _squashed(
    network: NetworkBuilder, description: Description, observation: Mapping[str, str]
) -> tuple[Outputs, Head]:
    features = add_features(network, "actor.features_extractor", description, observation)
    latent = network.add_mlp("actor.latent_pi", features)
    if is_state_dependent(network, "actor.log_std"):
        noise = _add_noise_features(network, "actor.", features, latent)
        mean = _add_clipped_mean(network, description, latent)
        return add_state_dependent(network, description, mean, noise, "actor.log_std", squash=True)
    mean, logarithm = network.add_linear("actor.mu", latent), network.add_linear("actor.log_std", latent)
    return add_squashed(network, description, mean, logarithm)


def _add_clipped_mean(network: NetworkBuilder, description: Description, latent: str) -> str:
    if "actor.mu.weight" in network.weights:
        return network.add_linear("actor.mu", latent)
    limit = description.number("clip_mean", 2.0)
    mean = network.add_linear("actor.mu.0", latent)
    return network.add(Activation("hard_tanh", (-limit, limit)), mean, name="actor.mu.1")


def _deterministic(
    network: NetworkBuilder, description: Description, observation: Mapping[str, str]
) -> tuple[Outputs, Head]:
    features = add_features(network, "actor.features_extractor", description, observation)
    action = network.add_mlp("actor.mu", features, head=True)
    action = network.add(Activation("tanh"), action, name="actor.mu.tanh")
    return {"action": add_bounded(network, description, action, squashed=True)}, Head("fixed", squashed=True)


def _random_search(
    network: NetworkBuilder, description: Description, observation: Mapping[str, str]
) -> tuple[Outputs, Head]:
    features = add_features(network, "features_extractor", description, observation)
    if "action_net.weight" in network.weights:
        result = network.add_linear("action_net", features)
    else:
        result = network.add_mlp("action_net", features, head=True)
    return _finish_random_search(network, description, result)


def _finish_random_search(network: NetworkBuilder, description: Description, result: str) -> tuple[Outputs, Head]:
    if not isinstance(description.action_space, Box):
        return {"action": add_greedy(network, description, result)[0]["action"]}, Head("fixed")
    squashed = description.flag("squash_output", "Linear" not in description.policy_class.name)
    if squashed:
        result = network.add(Activation("tanh"), result, name="action_net.tanh")
    return {"action": add_bounded(network, description, result, squashed=squashed)}, Head("fixed", squashed=squashed)


_ACTIONS: Mapping[str, Build] = {
    "actor_critic": _actor_critic,
    "maskable": _actor_critic,
    "recurrent": _actor_critic,
    "q_network": _q_network,
    "quantile_network": _quantile_network,
    "squashed": _squashed,
    "deterministic": _deterministic,
    "random_search": _random_search,
}
