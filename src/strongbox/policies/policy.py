"""A trained agent's policy in numpy: observation in, action out, as SB3's ``predict`` has it.

The deterministic action comes out of the graph as the environment takes it. Anything drawn is made here,
from the distribution whose numbers the same graph gives. Values and critics have graphs of their own,
whose weights are read when they are first asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy

from ..errors import MismatchError, UnsupportedError
from ..values import Discrete, Normalization
from .actions import make_distribution, read_actions, read_masks, read_memory, to_environment, to_unit
from .description import Description
from .distributions import Distribution
from .families import build_action, build_critic, build_value
from .graph import Graph
from .layers import Array
from .observations import NUMBERS, ObservationReader
from .program import Programs
from .spec import PolicySpec, make_spec
from .weights import Weights
from .workspace import Prepared

if TYPE_CHECKING:
    from .export import ExportReport

__all__ = ["Evaluation", "Policy", "State"]

State: TypeAlias = "tuple[Array, ...] | None"

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "categories": ("logits",),
    "binary": ("logits",),
    "gaussian": ("mean", "deviation"),
}
"""The outputs of a graph that make a distribution, by the kind of head."""
MEMORY = ("next_hidden", "next_cell")


class Evaluation(NamedTuple):
    """What an actor-critic says of given actions: ``values``, ``log_prob`` and ``entropy``, float32, (n,) or ()."""

    values: Array
    log_prob: Array
    entropy: Array | None


class Policy:
    """A policy that acts with numpy alone; made by :func:`strongbox.policy`.

    Observations, and with them all results, are single or batched, told apart by their shape as SB3
    does. Every method raises MismatchError where something that is handed over does not fit. One policy
    may be used in several threads at once.
    """

    def __init__(
        self,
        description: Description,
        weights: Weights,
        normalization: Normalization | None,
        *,
        digest: Callable[[], str] | None = None,
    ) -> None:
        self._description = description
        self._weights = weights
        self._normalization = normalization
        self._graph, self._head = build_action(description, weights, normalization)
        self.spec: PolicySpec = make_spec(description, self._graph, self._head, weights)
        self._acting = weights.arrays
        self._digest = digest
        self._observations = ObservationReader(description.observation_space)
        self._programs = Programs(Prepared())
        self._noise: Array | None = None

    def __repr__(self) -> str:
        return f"<Policy {self.spec.algorithm or self.spec.policy_class}: {self.spec.parameters:,} parameters>"

    @property
    def graph(self) -> Graph:
        """The layers from a raw observation to the action, in no framework's terms."""
        return self._graph

    @cached_property
    def source_sha256(self) -> str | None:
        """The SHA-256 of the archive's ``policy.pth`` in hexadecimal, or None where there is none."""
        return None if self._digest is None else self._digest()

    def predict(
        self,
        observation: Any,
        state: State = None,
        episode_start: Any = None,
        deterministic: bool = True,
        *,
        action_masks: Any = None,
        generator: numpy.random.Generator | None = None,
    ) -> tuple[Array, State]:
        """The action for an observation, and the recurrent state to hand over with the next one.

        The action has the shape, dtype and bounds of SB3's ``model.predict``: float32 of a Box, int64 of
        discrete spaces. ``state``, two float32 arrays (layers, n, hidden) or None for a new one, and
        ``episode_start``, n booleans, matter to recurrent policies; others give ``state`` back.
        ``action_masks`` are booleans, True where an action is allowed. With ``deterministic=False`` the
        action is drawn from ``generator``, or from the policy's own.
        """
        if deterministic and action_masks is None and type(observation) is numpy.ndarray:
            quick = self._programs.quick
            if quick is not None and observation.shape == quick.shape and observation.dtype.kind in NUMBERS:
                quick.target[...] = observation
                for step in quick.steps:
                    step()
                return quick.action.copy(), state
        return self._predict(observation, state, episode_start, deterministic, action_masks, generator)

    def distribution(
        self, observation: Any, state: State = None, episode_start: Any = None, *, action_masks: Any = None
    ) -> Distribution:
        """The distribution of actions, with its ``mode``, ``sample``, ``log_prob`` and ``entropy``.

        Its actions are those that SB3 trains on: not clipped, and in [-1, 1] where the policy squashes.
        Raises UnsupportedError of a policy that has none (Q-networks, TD3, DDPG, ARS).
        """
        if self._head.kind not in PARAMETERS:
            name = self.spec.policy_class
            raise UnsupportedError(f"expected a policy with a distribution of actions, found {name}, which has none.")
        inputs, count = self._observations.read(observation)
        masks = self._read_masks(action_masks, count)
        outputs, _ = self._run(self._graph, PARAMETERS[self._head.kind], inputs, count, state, episode_start)
        return make_distribution(self._head, outputs, self.spec.action_space, masks)

    def value(self, observation: Any, state: State = None, episode_start: Any = None) -> Array:
        """What an actor-critic expects from a state on, float32 of shape () or (n,).

        ``state`` is the critic's own where the critic has an LSTM of its own, otherwise the actor's. The
        critic's weights are read at the first call. Raises UnsupportedError of other policies.
        """
        inputs, count = self._observations.read(observation)
        outputs, _ = self._run(self._value_graph, ("values",), inputs, count, state, episode_start)
        return outputs["values"][..., 0]

    def q_values(self, observation: Any, action: Any = None) -> Array:
        """What is expected of actions, float32.

        Of DQN and QR-DQN (the mean over its quantiles): for each action, (actions,) or (n, actions). Of
        policies with critics: what each critic expects of ``action``, given as the environment takes it,
        (critics,) or (n, critics), of TQC the mean over the quantiles. The critics' weights are read at
        the first call. Raises UnsupportedError of other policies.
        """
        inputs, count = self._observations.read(observation)
        if self._head.kind == "greedy":
            return self._run(self._graph, ("q_values",), inputs, count)[0]["q_values"]
        graph = self._critic_graph
        if action is None:
            raise MismatchError("expected the action to be judged by the critics, found none.")
        given = {**inputs, "action": to_unit(action, self.spec.action_space, count)}
        return self._run(graph, ("q_values",), given, count)[0]["q_values"]

    def evaluate(
        self,
        observation: Any,
        actions: Any,
        state: tuple[State, State] | None = None,
        episode_start: Any = None,
        *,
        action_masks: Any = None,
    ) -> Evaluation:
        """The value of observations, and how likely actions are there: SB3's ``evaluate_actions``.

        ``actions`` are as a distribution gives them. ``state`` is the actor's and the critic's, for
        recurrent policies; n sequences of states and k * n observations are sequences of k steps.
        """
        actor, critic = (None, None) if state is None else state
        values = self.value(observation, critic, episode_start)
        distribution = self.distribution(observation, actor, episode_start, action_masks=action_masks)
        judged = read_actions(actions, self.spec.action_space, None if values.ndim == 0 else len(values))
        return Evaluation(values, distribution.log_prob(judged), distribution.entropy())

    def reset_noise(self, generator: numpy.random.Generator | None = None) -> None:
        """Draw a new matrix of state-dependent noise (gSDE), which actions keep using until the next call.

        The first action with ``deterministic=False`` draws one. Does nothing for other policies.
        """
        if self._head.noise is not None:
            drawn = (generator or self._generator).standard_normal(self._head.noise.shape, numpy.float32)
            self._noise = drawn * self._head.noise

    def export(
        self, file: str | os.PathLike[str], *, outputs: Collection[str] = (), durable: bool = True
    ) -> ExportReport:
        """Write what acting takes into a file of its own: ``.onnx``, ``.npz`` or ``.zip``, told by its name.

        ONNX (opset 17, with :mod:`onnx` and :mod:`onnxruntime`, the extra ``[onnx]``) has all from the raw
        observation to the action in one graph; ``outputs`` names more of the policy's outputs
        (``"logits"``, ``"mean"``, ``"deviation"``, ``"q_values"``). The other two open with
        :func:`strongbox.policy`. Before anything is written, what was made is run on drawn observations
        beside this policy: the report has the largest difference; one over 1e-5, relative, is an
        UnsupportedError, and no file is left behind. The file that the policy was read from is never
        replaced: MismatchError. ``durable=False`` does not wait for the disk.
        """
        from .export import Acting, export_policy

        acting = Acting(self._description, self._acting, self._normalization, self._weights.path)
        return export_policy(self, acting, file, outputs=outputs, durable=durable)

    @cached_property
    def _generator(self) -> numpy.random.Generator:
        """The policy's own, made when the first action is drawn: most policies never draw one."""
        return numpy.random.default_rng()

    @cached_property
    def _value_graph(self) -> Graph:
        return build_value(self._description, self._weights, self._normalization)

    @cached_property
    def _critic_graph(self) -> Graph:
        return build_critic(self._description, self._weights, self._normalization)

    def _predict(
        self,
        observation: Any,
        state: State,
        episode_start: Any,
        deterministic: bool,
        action_masks: Any,
        generator: numpy.random.Generator | None,
    ) -> tuple[Array, State]:
        inputs, count = self._observations.read(observation)
        masks = self._read_masks(action_masks, count)
        if not deterministic:
            source = generator or self._generator
            if self._head.kind in PARAMETERS:
                return self._draw(inputs, count, state, episode_start, masks, source)
            if self._explores(source):
                return self._random_actions(count, source), state
        if masks is not None:
            inputs["action_masks"] = masks
        elif count is None and not self.spec.recurrent and "observation" in inputs:
            self._programs.make_quick(self._graph)
        outputs, state = self._run(self._graph, ("action",), inputs, count, state, episode_start)
        return outputs["action"], state

    def _draw(
        self,
        inputs: dict[str, Array],
        count: int | None,
        state: State,
        episode_start: Any,
        masks: Array | None,
        generator: numpy.random.Generator,
    ) -> tuple[Array, State]:
        names, space = PARAMETERS[self._head.kind], self.spec.action_space
        if self._head.noise is None:
            outputs, state = self._run(self._graph, names, inputs, count, state, episode_start)
            actions = make_distribution(self._head, outputs, space, masks).sample(generator)
            return to_environment(actions, self._head, space), state
        if self._noise is None:
            self.reset_noise(generator)
        outputs, state = self._run(self._graph, ("mean", "noise_features"), inputs, count, state, episode_start)
        actions = outputs["mean"] + outputs["noise_features"] @ self._noise
        return to_environment(numpy.tanh(actions) if self._head.squashed else actions, self._head, space), state

    def _explores(self, generator: numpy.random.Generator) -> bool:
        rate = self.spec.exploration_rate
        return rate > 0 and generator.random() < rate

    def _random_actions(self, count: int | None, generator: numpy.random.Generator) -> Array:
        space = self.spec.action_space
        assert isinstance(space, Discrete)
        drawn = generator.integers(space.n, size=() if count is None else count, dtype=numpy.int64)
        return numpy.asarray(space.start + drawn)

    def _read_masks(self, masks: Any, count: int | None) -> Array | None:
        if masks is None:
            return None
        if not self.spec.masked:
            raise MismatchError(f"expected no action masks for {self.spec.policy_class}, found some.")
        return read_masks(masks, self._head.sizes, count)

    def _run(
        self,
        graph: Graph,
        names: tuple[str, ...],
        inputs: Mapping[str, Array],
        count: int | None,
        state: State = None,
        episode_start: Any = None,
    ) -> tuple[dict[str, Array], State]:
        """Fresh arrays of outputs by name, and the next state; a recurrent graph runs step by step."""
        if MEMORY[0] not in graph.outputs:
            return dict(zip(names, self._programs.run(graph, names, inputs, count), strict=True)), state
        memory = read_memory(graph, state, episode_start, 1 if count is None else count)
        batch = inputs if count is not None else {name: array[None] for name, array in inputs.items()}
        steps = []
        for number in range(memory.steps):
            given = memory.inputs(batch, number)
            *results, memory.hidden, memory.cell = self._programs.run(graph, names + MEMORY, given, memory.sequences)
            steps.append(results)
        joined = [memory.join(parts) for parts in zip(*steps, strict=True)]
        outputs = {name: part if count is not None else part[0, ...] for name, part in zip(names, joined, strict=True)}
        return outputs, (memory.hidden, memory.cell)
