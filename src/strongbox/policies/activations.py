"""Which function an activation's class stands for: every one of torch.nn that has a closed form.

``policy_kwargs["activation_fn"]`` names a class, or a ``functools.partial`` of one. The class is never
looked up; its name and its arguments are read from a table of torch's signatures
(https://docs.pytorch.org/docs/stable/nn.html#non-linear-activations-weighted-sum-nonlinearity). What is
random in training alone stands here as it is in evaluation: RReLU has its mean slope, Dropout is nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import FormatError, UnsupportedError
from ..records import record
from ..values import ClassReference, Opaque, Partial
from .layers import Activation

__all__ = ["FORMULAS", "LEARNED", "REBUILD", "read_activation", "read_number"]

FORMULAS: Mapping[str, str] = {
    "celu": "max(x, 0) + min(a * (exp(x / a) - 1), 0)",
    "elu": "x where x > 0, else a * (exp(x) - 1)",
    "exp": "exp(x)",
    "gelu": "x * 0.5 * (1 + erf(x / sqrt(2)))",
    "gelu_tanh": "x * 0.5 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))",
    "hard_shrink": "x where abs(x) > a, else 0",
    "hard_sigmoid": "min(max(x / 6 + 0.5, 0), 1)",
    "hard_swish": "x * min(max(x + 3, 0), 6) / 6",
    "hard_tanh": "min(max(x, a), b)",
    "leaky_relu": "x where x > 0, else a * x",
    "log_sigmoid": "-log(1 + exp(-x))",
    "log_softmax": "x - log(sum(exp(x))), over the features",
    "mish": "x * tanh(log(1 + exp(x)))",
    "relu": "max(x, 0)",
    "selu": "1.0507009873554805 * (x where x > 0, else 1.6732632423543772 * (exp(x) - 1))",
    "sigmoid": "1 / (1 + exp(-x))",
    "silu": "x / (1 + exp(-x))",
    "soft_shrink": "x - min(max(x, -a), a)",
    "softmax": "exp(x) / sum(exp(x)), over the features",
    "softmin": "exp(-x) / sum(exp(-x)), over the features",
    "softplus": "log(1 + exp(a * x)) / a, and x where a * x > b",
    "softsign": "x / (1 + abs(x))",
    "tanh": "tanh(x)",
    "tanh_shrink": "x - tanh(x)",
    "threshold": "x where x > a, else b",
}
"""The formula of each kind of :class:`~.layers.Activation`; a and b are its parameters."""

LEARNED = Activation("leaky_relu")
"""What PReLU is read as: its slope is a weight of the network (:class:`~.layers.ParametricRelu`)."""

REBUILD = (
    "Load the agent with strongbox.load(file, trust=[...]) and export its network through torch (torch.onnx.export)."
)
"""What to do with a network whose structure the archive does not tell."""


LARGEST = 1e30


@record(frozen=True, eq=False)
class Signature:
    """A class of torch.nn: the kind of its function, its numbers by name with their defaults, what it ignores."""

    kind: str | None
    numbers: Mapping[str, float | None] | None = None
    ignored: tuple[str, ...] = ("inplace",)


SIGNATURES: Mapping[str, Signature] = {
    "CELU": Signature("celu", {"alpha": 1.0}),
    "Dropout": Signature(None, {"p": 0.5}),
    "ELU": Signature("elu", {"alpha": 1.0}),
    "Hardshrink": Signature("hard_shrink", {"lambd": 0.5}),
    "Hardsigmoid": Signature("hard_sigmoid"),
    "Hardswish": Signature("hard_swish"),
    "Hardtanh": Signature("hard_tanh", {"min_val": -1.0, "max_val": 1.0}),
    "Identity": Signature(None),
    "LeakyReLU": Signature("leaky_relu", {"negative_slope": 0.01}),
    "LogSigmoid": Signature("log_sigmoid"),
    "LogSoftmax": Signature("log_softmax", None, ("dim",)),
    "Mish": Signature("mish"),
    "ReLU": Signature("relu"),
    "ReLU6": Signature("hard_tanh"),
    "RReLU": Signature("leaky_relu", {"lower": 1 / 8, "upper": 1 / 3}),
    "SELU": Signature("selu"),
    "SiLU": Signature("silu"),
    "Sigmoid": Signature("sigmoid"),
    "Softmax": Signature("softmax", None, ("dim",)),
    "Softmin": Signature("softmin", None, ("dim",)),
    "Softplus": Signature("softplus", {"beta": 1.0, "threshold": 20.0}),
    "Softshrink": Signature("soft_shrink", {"lambd": 0.5}),
    "Softsign": Signature("softsign"),
    "Tanh": Signature("tanh"),
    "Tanhshrink": Signature("tanh_shrink"),
    "Threshold": Signature("threshold", {"threshold": None, "value": None}),
}


def read_activation(value: object) -> Activation | None:
    """The function that a class of torch.nn, or a partial call of one, stands for; None for no function.

    PReLU gives :data:`LEARNED`. Raises UnsupportedError, by name, for any other class.
    """
    arguments: tuple[object, ...] = ()
    keywords: Mapping[str, object] = {}
    if isinstance(value, Partial):
        arguments, keywords, value = value.arguments, value.keywords, value.function
    if not isinstance(value, ClassReference) or not value.module.startswith("torch.nn."):
        raise UnsupportedError(f"expected an activation of torch.nn, found {_shown(value)}.", hint=REBUILD)
    if value.name == "PReLU":
        return LEARNED
    if value.name == "GELU":
        given = arguments[0] if arguments else keywords.get("approximate", "none")
        return Activation("gelu_tanh" if given == "tanh" else "gelu")
    signature = SIGNATURES.get(value.name)
    if signature is None:
        raise UnsupportedError(f"expected an activation with a closed form, found {value.path}.", hint=REBUILD)
    return _activation(value.name, signature, _bind(value.path, signature, arguments, keywords))


def _activation(name: str, signature: Signature, numbers: tuple[float, ...]) -> Activation | None:
    if name == "ReLU6":
        numbers = (0.0, 6.0)
    elif name == "RReLU":
        numbers = ((numbers[0] + numbers[1]) / 2,)
    return Activation(signature.kind, numbers) if signature.kind is not None else None


def _bind(
    path: str, signature: Signature, arguments: tuple[object, ...], keywords: Mapping[str, object]
) -> tuple[float, ...]:
    """The numbers that a class is called with, in the order of its signature."""
    defaults = signature.numbers or {}
    names = (*defaults, *signature.ignored)
    if signature.kind is None:
        return ()
    given = dict(zip(names, arguments, strict=False)) | dict(keywords)
    if len(arguments) > len(names) or not set(given) <= set(names):
        raise FormatError(f"expected {path} to be called with {', '.join(names)}, found other arguments.")
    if given.get("dim") not in (None, 1, -1):
        raise UnsupportedError(f"expected {path} over the features (dim=1), found dim={given['dim']!r}.", hint=REBUILD)
    return tuple(read_number(given.get(name, default), f"{name} of {path}") for name, default in defaults.items())


def read_number(value: object, what: str) -> float:
    """A number that float32 can hold; raises FormatError for anything else."""
    if not isinstance(value, int | float) or not abs(value) < LARGEST:
        raise FormatError(f"expected {what} to be a number that float32 holds, found {_shown(value)}.")
    return float(value)


def _shown(value: object) -> str:
    if isinstance(value, Opaque):
        return value.type
    return value.path if isinstance(value, ClassReference) else repr(value)[:80]
