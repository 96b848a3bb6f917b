"""Recipes for what agents of sbx keep in data: arrays of JAX, flax's modules and train states, sbx's policies.

cloudpickle writes such an object with all the code that hangs on it, much of it by value: compiled functions,
optimizers, methods bound to their module. The recipes take what is data, by name; of the attributes that are
code they keep the names. A function of ``jax.nn`` that is pickled by value is told by its name, and becomes a
reference to the public one.

Sources: ``jax/_src/array.py`` (``__reduce__``), ``flax/linen/module.py``, ``flax/training/train_state.py``,
sbx 0.28 (``common/policies.py`` and each algorithm's ``policies.py``).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ...errors import FormatError
from ...pickles import Call, Global, Node
from ..checks import check, kind_of
from ..jax_values import OPTIMIZER_STATES, FlaxModule, JaxArray, JaxPolicy, TrainState
from ..names import current_name
from ..opaque import Opaque, find_opaque
from ..references import FunctionReference, NamedTuple
from .arrays import build_array
from .recipe import Recipe, Table, attributes
from .references import reference

if TYPE_CHECKING:
    from .building import Builder

__all__ = ["RECIPES", "RECONSTRUCT_ARRAY"]

RECONSTRUCT = ("numpy._core.multiarray", "_reconstruct")
RECONSTRUCT_ARRAY = ("jax._src.array", "_reconstruct_array")
MADE_ANEW = frozenset({"_id", "_state", "_parent_ref", "name"})
"""Attributes by which flax knows a module among others while a program runs."""
MODULE_CODE = frozenset({"apply", "reset_noise"})
STATE_CODE = ("apply_fn", "tx")
NO_NETWORK = frozenset(
    (
        *("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set", "_is_full_backward_hook"),
        *("_backward_pre_hooks", "_backward_hooks", "_forward_hooks", "_forward_hooks_with_kwargs"),
        *("_forward_hooks_always_called", "_forward_pre_hooks", "_forward_pre_hooks_with_kwargs"),
        *("_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks"),
    )
)
"""What torch's Module keeps of networks and hooks: a policy of sbx is one by name only, and all of it is empty."""

FUNCTIONS: dict[str, str] = {
    **dict.fromkeys(
        (
            *("celu", "elu", "gelu", "glu", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu", "log_sigmoid"),
            *("log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_sign", "softmax", "softplus"),
            *("sparse_plus", "squareplus", "standardize"),
        ),
        "jax.nn",
    ),
    **dict.fromkeys(("cos", "sin", "tanh"), "jax.numpy"),
}
"""Functions of activations by name, and the public module that has them."""


def build_jax_array(builder: Builder, call: Call) -> JaxArray:
    """An array: the call that makes numpy's array, its state, and what JAX knows of the type."""
    function, arguments, state, kind = call.arguments
    if type(function) is not Global or current_name(function.module, function.name) != RECONSTRUCT:
        raise FormatError("expected an array of numpy inside of one of JAX")
    check(type(arguments) is tuple and len(arguments) == 3, "expected the arguments of numpy's reconstruction")
    check(type(kind) is dict and kind.keys() <= {"weak_type", "named_shape"}, "expected what JAX keeps of a type")
    check(not kind.get("named_shape"), "expected an array without named axes")
    inner = Call(function, arguments)
    inner.has_state, inner.state = True, state
    return JaxArray(array=build_array(builder, inner), weak_type=kind.get("weak_type", False))


def build_module(builder: Builder, call: Call) -> FlaxModule:
    """A module of flax: its fields. What it is bound to while it is used, which a kept one is not, must be absent."""
    state = state_of(call)
    check(state.get("_parent_ref") is None, "expected a module that stands alone")
    check(state.get("name") is None, "expected a module without a name")
    kept = {name: item for name, item in state.items() if name not in MADE_ANEW | MODULE_CODE}
    return FlaxModule(type=reference(call), fields=values_of(builder, kept), code=named(state, MODULE_CODE))


def build_train_state(builder: Builder, call: Call, *, others: tuple[str, ...] = ()) -> TrainState:
    """A train state: its step and its trees."""
    state = attributes(call, ("step", "params", "opt_state", *STATE_CODE, *others))
    parts = {name: builder.value(state[name]) for name in ("step", "params", "opt_state", *others)}
    refuse_opaque(parts)
    return TrainState(
        type=reference(call),
        step=parts.pop("step"),
        params=parts.pop("params"),
        opt_state=parts.pop("opt_state"),
        others=parts,
        code=STATE_CODE,
    )


def build_policy(builder: Builder, call: Call) -> JaxPolicy:
    """A policy: its train states, modules and settings. Anything of torch's in it would be a network, and is none."""
    state = state_of(call)
    for name in NO_NETWORK & state.keys():
        item = builder.value(state[name])
        check(item is None or (not isinstance(item, Opaque) and not item), f"expected nothing in {name}")
    kept = {name: item for name, item in state.items() if name not in NO_NETWORK}
    return JaxPolicy(type=reference(call), attributes=values_of(builder, kept))


def build_optimizer_state(builder: Builder, call: Call) -> NamedTuple:
    """A named tuple of an optimizer of optax."""
    items = tuple([builder.value(item) for item in call.arguments])
    refuse_opaque(items)
    return NamedTuple(reference(call), items)


def build_differentiable(builder: Builder, call: Call) -> FunctionReference:
    """A function with a derivative of its own, such as ``jax.nn.relu``."""
    state = state_of(call)
    return public_function(state.get("__qualname__"))


def build_compiled(builder: Builder, call: Call) -> FunctionReference:
    """A compiled function, such as ``jax.numpy.tanh``."""
    return public_function(state_of(call).get("function_name"))


def public_function(name: Node) -> FunctionReference:
    """The public function of a name; raises FormatError where the name is none of the known activations."""
    if type(name) is not str or name not in FUNCTIONS:
        raise FormatError("expected a function of jax.nn, found another")
    return FunctionReference(FUNCTIONS[name], name)


def state_of(call: Call) -> dict[str, Node]:
    """The attributes that a call's state sets, whatever they are called."""
    if type(call.state) is not dict:
        raise FormatError(f"expected a mapping of attributes, found {kind_of(call.state)}")
    for name in call.state:
        check(type(name) is str, "expected the names of attributes to be text")
    return call.state


def values_of(builder: Builder, nodes: dict[str, Node]) -> dict[str, Any]:
    """The values of attributes by name."""
    return {name: builder.value(item) for name, item in nodes.items()}


def named(state: dict[str, Node], names: frozenset[str]) -> tuple[str, ...]:
    """Which of some names a state has, in order."""
    return tuple(sorted(names & state.keys()))


def refuse_opaque(parts: Any) -> None:
    """Raise FormatError where a part is not understood: a tree of tensors with a hole in it is none."""
    for place, part in find_opaque(parts):
        raise FormatError(f"it holds at {place[:100]} {part.type}: {part.reason}")


ALIASES = "sbx.common.type_aliases"
COMMON = "sbx.common.policies"

MODULES: dict[str, tuple[str, ...]] = {
    COMMON: (
        *("ContinuousCritic", "SimbaContinuousCritic", "VectorCritic", "SimbaVectorCritic"),
        *("SquashedGaussianActor", "SimbaSquashedGaussianActor"),
    ),
    "sbx.common.jax_layers": ("NatureCNN",),
    "sbx.crossq.crossq": ("EntropyCoef", "ConstantEntropyCoef"),
    "sbx.crossq.policies": ("Critic", "SimbaCritic", "VectorCritic", "SimbaVectorCritic", "SimbaActor", "Actor"),
    "sbx.dqn.policies": ("QNetwork", "CnnQNetwork"),
    "sbx.ppo.policies": ("Critic", "Actor"),
    "sbx.sac.sac": ("EntropyCoef", "ConstantEntropyCoef"),
    "sbx.td3.policies": ("Actor",),
    "sbx.tqc.tqc": ("EntropyCoef", "ConstantEntropyCoef"),
}
"""The modules of flax that sbx's agents keep, by the module of Python that defines them."""

POLICIES: dict[str, tuple[str, ...]] = {
    "sbx.crossq.policies": ("CrossQPolicy", "SimbaCrossQPolicy"),
    "sbx.dqn.policies": ("DQNPolicy", "CNNPolicy"),
    "sbx.ppo.policies": ("PPOPolicy", "CnnPolicy"),
    "sbx.sac.policies": ("SACPolicy", "SimbaSACPolicy"),
    "sbx.td3.policies": ("TD3Policy",),
    "sbx.tqc.policies": ("TQCPolicy", "SimbaTQCPolicy"),
}
"""The policies of sbx, by the module that defines them."""


def made(build: Any) -> Recipe:
    """The recipe of an instance that is made without a constructor, and given its attributes."""
    return Recipe(build, (0,), kind="new", uses=("state",))


COMPILED = made(build_compiled)

RECIPES: Table = {
    RECONSTRUCT_ARRAY: Recipe(build_jax_array, (4,)),
    ("flax.training.train_state", "TrainState"): made(build_train_state),
    (ALIASES, "RLTrainState"): made(partial(build_train_state, others=("target_params",))),
    (ALIASES, "BatchNormTrainState"): made(partial(build_train_state, others=("batch_stats",))),
    ("jax._src.custom_derivatives", "custom_jvp"): made(build_differentiable),
    ("jaxlib._jax", "PjitFunction"): COMPILED,
    ("jaxlib.xla_extension", "PjitFunction"): COMPILED,
    **{(module, name): made(build_module) for module, names in MODULES.items() for name in names},
    **{(module, name): made(build_policy) for module, names in POLICIES.items() for name in names},
    **{name: Recipe(build_optimizer_state, (len(items),), kind="new") for name, items in OPTIMIZER_STATES.items()},
}
