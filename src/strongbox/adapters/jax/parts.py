"""What an archive of sbx keeps of its networks, taken out of a draft and put into a live model.

The model is made by sbx's own class, and builds its policy anew. That is done without numbers first, on shapes alone:
what the file holds must fit the networks that its settings ask for before any memory is taken for them.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from ...conversion import Draft
from ...errors import MismatchError, RefusedError, StrongboxError, UnsupportedError
from ...values import FlaxModule, JaxArray, JaxPolicy, Opaque, Space, TrainState, walk_arrays
from ..restore import Restorer

__all__ = ["JaxParts", "is_on_jax", "refuse_transfer", "take_parts"]

BASES = frozenset(("sbx.common.off_policy_algorithm", "sbx.common.on_policy_algorithm"))
POLICY = "policy"
SET = frozenset({"training"})
"""Attributes of a policy that learning and acting change: set, not compared."""


def is_on_jax(algorithm: type) -> bool:
    """Whether an algorithm is one of sbx, or derived from one."""
    return any(cls.__module__ in BASES for cls in algorithm.__mro__)


def refuse_transfer(asked: Mapping[str, Any]) -> None:
    """Raise UnsupportedError for what only agents with networks of torch take, by the name of the argument."""
    names = [name for name, given in asked.items() if given]
    if names:
        raise UnsupportedError(
            f"expected an agent with networks of torch for {', '.join(names)}, found one of sbx.",
            hint="Load it without, and change the model.",
        )


def take_parts(draft: Draft) -> JaxParts:
    """Take what is JAX's out of a draft; raises RefusedError where its policy is not understood."""
    policy = draft.data.pop(POLICY, None)
    if not isinstance(policy, JaxPolicy):
        found = f"{policy.type}: {policy.reason}" if isinstance(policy, Opaque) else "none"
        raise RefusedError(
            f"expected a policy of sbx in data, found {found.rstrip('.')}.",
            hint="Policies of your own are not read; sbx itself loads them, and runs what the file says.",
        )
    kinds = (FlaxModule, JaxArray, TrainState)
    others = {name: value for name, value in draft.data.items() if isinstance(value, kinds)}
    for name in others:
        del draft.data[name]
    return JaxParts(policy, others)


class JaxParts:
    """The policy of an agent on JAX, and its other modules, states and arrays by name."""

    def __init__(self, policy: JaxPolicy, others: Mapping[str, FlaxModule | JaxArray | TrainState]) -> None:
        self.policy = policy
        self.others = others

    @property
    def names(self) -> list[str]:
        """The names of all arrays that are taken."""
        trees = {POLICY: self.policy.attributes, **self.others}
        found: list[str] = []
        for place, tree in trees.items():
            named = tree.items() if isinstance(tree, dict) else [("", tree)]
            for name, item in named:
                inner = item.trees if isinstance(item, TrainState) else item
                found += [path for path, _ in walk_arrays(inner, f"{place}.{name}" if name else place)]
        return found

    def check(self, attributes: Mapping[str, Any]) -> None:
        """Build the policy on shapes alone; raises MismatchError where what was kept is of another form."""
        import jax

        from .trees import check_state

        policy_class, kwargs = attributes["policy_class"], attributes["policy_kwargs"]
        problems: list[StrongboxError] = []  # JAX adds notes to what is raised while it traces

        def build(key: Any) -> Any:
            policy = policy_class(*(attributes[name] for name in SPACES), _constant_rate, **kwargs)
            policy.build(key, _constant_rate, *_arguments(policy.build, attributes))
            try:
                for name, state in self.policy.states.items():
                    place = f"{POLICY}.{name}"
                    check_state(_attribute(policy, name, place), state, place)
            except StrongboxError as error:
                problems.append(error)
            return key

        try:
            jax.eval_shape(build, jax.random.PRNGKey(0))
        except Exception as error:
            # The settings are the file's, and flax may refuse them in any way.
            raise MismatchError(
                f"expected settings that {policy_class.__name__} can be built with, found that it cannot: "
                f"{type(error).__name__}: {str(error)[:300]}",
                hint="Give the settings yourself: custom_objects={'policy_kwargs': ...}.",
            ) from error
        if problems:
            raise problems[0]

    def fill(self, model: Any, restorer: Restorer, left: dict[str, str]) -> None:
        """Put everything into a model; raises MismatchError where it was made with other settings.

        What cannot be compared is added to ``left``, with the reason.
        """
        for name, value in self.policy.attributes.items():
            _fill(model.policy, name, value, f"{POLICY}.{name}", restorer, left)
        for name, value in self.others.items():
            _fill(model, name, value, name, restorer, left)


SPACES = ("observation_space", "action_space")


def _fill(holder: Any, name: str, value: Any, place: str, restorer: Restorer, left: dict[str, str]) -> None:
    from .settings import compare_setting
    from .trees import live_array, put_state

    if isinstance(value, TrainState):
        setattr(holder, name, put_state(_attribute(holder, name, place), value, place))
    elif isinstance(value, JaxArray):
        setattr(holder, name, live_array(value))
    elif name in SET and type(value) is bool:
        setattr(holder, name, value)
    elif not isinstance(value, Space):
        # A policy has the spaces of its agent.
        if hasattr(holder, name):
            compare_setting(getattr(holder, name), value, place, restorer, left)
        else:
            left[place] = "the installed release of sbx has no such attribute"


def _attribute(holder: Any, name: str, place: str) -> Any:
    try:
        return vars(holder)[name]
    except KeyError:
        raise MismatchError(
            f"expected the train states of {type(holder).__name__}, found {place}, which it does not have."
        ) from None


def _constant_rate(progress_remaining: float) -> float:
    return 1.0


def _arguments(build: Any, attributes: Mapping[str, Any]) -> list[Any]:
    """What else a policy of sbx is built with, after the key and the schedule."""
    names = list(inspect.signature(build).parameters)[2:]
    return [_number(attributes.get(name)) for name in names]


def _number(value: Any) -> float:
    """A rate or bound, of which no shape depends."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 1.0
