"""The classes and functions that an archive may name: one explicit list, looked up by exact name.

A file names classes (``torch.nn.modules.activation.ReLU``); this list decides which of them exist
for it. There is no prefix rule and no walk along dotted names: a module is imported only when it
stands here, and an attribute is taken only when it stands beside its module. A caller's own classes
are added by naming each of them (``trust=["my_project.nets.Extractor"]``).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection
from typing import Any

from ..errors import MissingExtra, RefusedError, UnsupportedError
from ..values import ClassReference, FunctionReference

__all__ = ["ALGORITHMS", "CLASSES", "FUNCTIONS", "find_class", "find_function"]

Names = frozenset[str]


def _names(*lines: str) -> Names:
    return frozenset(" ".join(lines).split())


ALGORITHMS: dict[str, Names] = {
    "sb3_contrib.ars.ars": _names("ARS"),
    "sb3_contrib.crossq.crossq": _names("CrossQ"),
    "sb3_contrib.ppo_mask.ppo_mask": _names("MaskablePPO"),
    "sb3_contrib.ppo_recurrent.ppo_recurrent": _names("RecurrentPPO"),
    "sb3_contrib.qrdqn.qrdqn": _names("QRDQN"),
    "sb3_contrib.tqc.tqc": _names("TQC"),
    "sb3_contrib.trpo.trpo": _names("TRPO"),
    "sbx.crossq.crossq": _names("CrossQ"),
    "sbx.ddpg.ddpg": _names("DDPG"),
    "sbx.dqn.dqn": _names("DQN"),
    "sbx.ppo.ppo": _names("PPO"),
    "sbx.sac.sac": _names("SAC"),
    "sbx.td3.td3": _names("TD3"),
    "sbx.tqc.tqc": _names("TQC"),
    "stable_baselines3.a2c.a2c": _names("A2C"),
    "stable_baselines3.ddpg.ddpg": _names("DDPG"),
    "stable_baselines3.dqn.dqn": _names("DQN"),
    "stable_baselines3.ppo.ppo": _names("PPO"),
    "stable_baselines3.sac.sac": _names("SAC"),
    "stable_baselines3.td3.td3": _names("TD3"),
}
"""The algorithms by module; HER is a replay buffer of theirs since SB3 1.1."""

CLASSES: dict[str, Names] = {
    **ALGORITHMS,
    "builtins": _names("bool bytes complex dict float frozenset int list set str tuple"),
    "collections": _names("OrderedDict defaultdict deque"),
    "gymnasium.spaces.box": _names("Box"),
    "gymnasium.spaces.dict": _names("Dict"),
    "gymnasium.spaces.discrete": _names("Discrete"),
    "gymnasium.spaces.graph": _names("Graph"),
    "gymnasium.spaces.multi_binary": _names("MultiBinary"),
    "gymnasium.spaces.multi_discrete": _names("MultiDiscrete"),
    "gymnasium.spaces.oneof": _names("OneOf"),
    "gymnasium.spaces.sequence": _names("Sequence"),
    "gymnasium.spaces.space": _names("Space"),
    "gymnasium.spaces.text": _names("Text"),
    "gymnasium.spaces.tuple": _names("Tuple"),
    "numpy": _names(
        "bool_ complex128 complex64 dtype float16 float32 float64 int16 int32 int64 int8 ndarray",
        "uint16 uint32 uint64 uint8",
    ),
    "sb3_contrib.ars.policies": _names("ARSLinearPolicy ARSPolicy"),
    "sb3_contrib.common.maskable.buffers": _names("MaskableDictRolloutBuffer MaskableRolloutBuffer"),
    "sb3_contrib.common.maskable.policies": _names(
        "MaskableActorCriticCnnPolicy MaskableActorCriticPolicy MaskableMultiInputActorCriticPolicy"
    ),
    "sb3_contrib.common.recurrent.buffers": _names("RecurrentDictRolloutBuffer RecurrentRolloutBuffer"),
    "sb3_contrib.common.recurrent.policies": _names(
        "RecurrentActorCriticCnnPolicy RecurrentActorCriticPolicy RecurrentMultiInputActorCriticPolicy"
    ),
    "sb3_contrib.common.recurrent.type_aliases": _names("RNNStates"),
    "sb3_contrib.common.torch_layers": _names("BatchRenorm BatchRenorm1d"),
    "sb3_contrib.crossq.policies": _names("Actor CrossQCritic CrossQPolicy"),
    "sb3_contrib.qrdqn.policies": _names("CnnPolicy MultiInputPolicy QRDQNPolicy QuantileNetwork"),
    "sb3_contrib.tqc.policies": _names("Actor CnnPolicy Critic MultiInputPolicy TQCPolicy"),
    "sbx.common.jax_layers": _names("NatureCNN"),
    "sbx.common.policies": _names(
        "ContinuousCritic SimbaContinuousCritic SimbaSquashedGaussianActor SimbaVectorCritic SquashedGaussianActor",
        "VectorCritic",
    ),
    "sbx.crossq.policies": _names(
        "Actor Critic CrossQPolicy SimbaActor SimbaCritic SimbaCrossQPolicy SimbaVectorCritic VectorCritic"
    ),
    "sbx.dqn.policies": _names("CNNPolicy DQNPolicy"),
    "sbx.ppo.policies": _names("Actor CnnPolicy Critic PPOPolicy"),
    "sbx.sac.policies": _names("SACPolicy SimbaSACPolicy"),
    "sbx.td3.policies": _names("Actor TD3Policy"),
    "sbx.tqc.policies": _names("SimbaTQCPolicy TQCPolicy"),
    "stable_baselines3.common.buffers": _names(
        "DictReplayBuffer DictRolloutBuffer NStepReplayBuffer ReplayBuffer RolloutBuffer"
    ),
    "stable_baselines3.common.distributions": _names(
        "BernoulliDistribution CategoricalDistribution DiagGaussianDistribution MultiCategoricalDistribution",
        "SquashedDiagGaussianDistribution StateDependentNoiseDistribution",
    ),
    "stable_baselines3.common.noise": _names(
        "NormalActionNoise OrnsteinUhlenbeckActionNoise VectorizedActionNoise",
    ),
    "stable_baselines3.common.policies": _names(
        "ActorCriticCnnPolicy ActorCriticPolicy ContinuousCritic MultiInputActorCriticPolicy"
    ),
    "stable_baselines3.common.sb2_compat.rmsprop_tf_like": _names("RMSpropTFLike"),
    "stable_baselines3.common.torch_layers": _names(
        "BaseFeaturesExtractor CombinedExtractor FlattenExtractor MlpExtractor NatureCNN"
    ),
    "stable_baselines3.common.type_aliases": _names("TrainFreq TrainFrequencyUnit"),
    "stable_baselines3.common.utils": _names("ConstantSchedule FloatSchedule LinearSchedule"),
    "stable_baselines3.dqn.policies": _names("CnnPolicy DQNPolicy MultiInputPolicy QNetwork"),
    "stable_baselines3.her.goal_selection_strategy": _names("GoalSelectionStrategy"),
    "stable_baselines3.her.her_replay_buffer": _names("HerReplayBuffer"),
    "stable_baselines3.sac.policies": _names("Actor CnnPolicy MultiInputPolicy SACPolicy"),
    "stable_baselines3.td3.policies": _names("Actor CnnPolicy MultiInputPolicy TD3Policy"),
    "torch.nn.modules.activation": _names(
        "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid LogSoftmax Mish",
        "MultiheadAttention PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus",
        "Softshrink Softsign Tanh Tanhshrink Threshold",
    ),
    "torch.nn.modules.batchnorm": _names("BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm"),
    "torch.nn.modules.container": _names("ModuleDict ModuleList ParameterDict ParameterList Sequential"),
    "torch.nn.modules.conv": _names("Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d"),
    "torch.nn.modules.dropout": _names("AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout"),
    "torch.nn.modules.flatten": _names("Flatten Unflatten"),
    "torch.nn.modules.instancenorm": _names("InstanceNorm1d InstanceNorm2d InstanceNorm3d"),
    "torch.nn.modules.linear": _names("Bilinear Identity Linear"),
    "torch.nn.modules.loss": _names("BCELoss BCEWithLogitsLoss CrossEntropyLoss HuberLoss L1Loss MSELoss SmoothL1Loss"),
    "torch.nn.modules.module": _names("Module"),
    "torch.nn.modules.normalization": _names("GroupNorm LayerNorm LocalResponseNorm RMSNorm"),
    "torch.nn.modules.pooling": _names(
        "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d",
        "AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d MaxPool1d MaxPool2d MaxPool3d",
    ),
    "torch.nn.modules.rnn": _names("GRU GRUCell LSTM LSTMCell RNN RNNCell"),
    "torch.nn.modules.sparse": _names("Embedding EmbeddingBag"),
    "torch.nn.modules.transformer": _names(
        "Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer"
    ),
    "torch.nn.modules.upsampling": _names("Upsample UpsamplingBilinear2d UpsamplingNearest2d"),
    "torch.optim.adadelta": _names("Adadelta"),
    "torch.optim.adagrad": _names("Adagrad"),
    "torch.optim.adam": _names("Adam"),
    "torch.optim.adamax": _names("Adamax"),
    "torch.optim.adamw": _names("AdamW"),
    "torch.optim.asgd": _names("ASGD"),
    "torch.optim.lbfgs": _names("LBFGS"),
    "torch.optim.nadam": _names("NAdam"),
    "torch.optim.radam": _names("RAdam"),
    "torch.optim.rmsprop": _names("RMSprop"),
    "torch.optim.rprop": _names("Rprop"),
    "torch.optim.sgd": _names("SGD"),
    "torch.optim.sparse_adam": _names("SparseAdam"),
}
"""Every class that an archive may name, by the module that defines it."""

FUNCTIONS: dict[str, Names] = {
    "jax._src.nn.functions": _names("gelu softmax"),
    "jax.nn": _names(
        "celu elu gelu glu hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid log_softmax mish relu relu6 selu",
        "sigmoid silu soft_sign softmax softplus sparse_plus squareplus standardize",
    ),
    "jax.numpy": _names("cos sin tanh"),
    "optax._src.alias": _names(
        "adabelief adadelta adagrad adam adamax adamaxw adamw adan amsgrad lamb lion nadam nadamw novograd radam",
        "rmsprop rprop sgd sm3 yogi",
    ),
    "torch.nn.functional": _names("elu gelu leaky_relu mish relu relu6 selu sigmoid silu softplus tanh"),
    "torch.nn.init": _names(
        "constant_ kaiming_normal_ kaiming_uniform_ normal_ ones_ orthogonal_ trunc_normal_ uniform_",
        "xavier_normal_ xavier_uniform_ zeros_",
    ),
}
"""Every function that an archive may name, by the module that defines it."""

_EXTRAS = {
    **dict.fromkeys(("sb3_contrib", "stable_baselines3", "torch", "gymnasium"), "sb3"),
    **dict.fromkeys(("sbx", "jax", "flax", "optax"), "sbx"),
}
"""The extra that brings each package."""


def find_class(reference: ClassReference, *, trust: Collection[str] = ()) -> Any:
    """The class of this process that a reference names.

    Only classes of the list, and those that ``trust`` names by their full path. Raises RefusedError
    for any other, UnsupportedError where it is listed or trusted but not there, MissingExtra where
    its package is not installed.
    """
    return _find(reference.module, reference.name, CLASSES, trust, "class")


def find_function(reference: FunctionReference, *, trust: Collection[str] = ()) -> Callable[..., Any]:
    """The function of this process that a reference names; as :func:`find_class`."""
    found: Callable[..., Any] = _find(reference.module, reference.name, FUNCTIONS, trust, "function")
    return found


def _find(module: str, name: str, known: dict[str, Names], trust: Collection[str], kind: str) -> Any:
    path = f"{module}.{name}"
    if name in known.get(module, ()):
        return _attribute(_import(module), name, path)
    if path in trust:
        found = _import(module)
        for part in name.split("."):
            found = _attribute(found, part, path)
        return found
    raise RefusedError(
        f"expected a {kind} of SB3, sb3-contrib, torch or gymnasium, found {path}, which is not on the list.",
        hint=f'If it is yours and can be imported, name it: trust=["{path}"].',
    )


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except Exception as error:
        package = module.partition(".")[0]
        if package in _EXTRAS and isinstance(error, ImportError):
            raise MissingExtra(package, _EXTRAS[package], "loading this agent") from error
        raise UnsupportedError(
            f"expected to import {module}, found {type(error).__name__}: {error}.",
            hint="Is the module on the Python path?",
        ) from error


def _attribute(holder: Any, name: str, path: str) -> Any:
    try:
        return vars(holder)[name]
    except (KeyError, TypeError):
        raise UnsupportedError(
            f"expected {path}, found no {name!r} there.",
            hint="Does an older or newer version of the package define it?",
        ) from None
