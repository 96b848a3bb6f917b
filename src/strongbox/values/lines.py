"""Values in one readable line each, for people; never for programs, and never to be read back.

One row of SHOWN for each type. Text out of a file is shown as Python writes it, quoted and escaped, so
that no control character reaches a terminal; everything is cut to the width.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import Any

import numpy

from . import jax_values, noise, normalization, references, schedules, spaces, torch_values
from .checks import Array
from .generators import RandomGenerator
from .opaque import Opaque

__all__ = ["describe"]

MOST_ITEMS = 12
DEEPEST = 6


def describe(value: Any, *, width: int = 100) -> str:
    """One line of at most ``width`` characters that says what a value is."""
    text = _show(value, 0)
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def _show(value: Any, depth: int) -> str:
    if depth > DEEPEST:
        return "…"
    for kind in type(value).__mro__:
        if kind in SHOWN:
            return SHOWN[kind](value, depth + 1)
    return f"<{_plain(type(value).__qualname__)}>"


def _plain(text: str) -> str:
    """Text of a file without its quotes, where it is harmless."""
    return text if text.isascii() and text.isprintable() else ascii(text)[1:-1]


def _text(value: str, depth: int) -> str:
    plain = str(value)  # text of numpy is derived from str, and shows itself otherwise
    return repr(plain) if plain.isprintable() else ascii(plain)


def _number(value: float) -> str:
    """A number as short as it can be told, without a needless point."""
    whole = value == value and abs(value) < 1e15 and value == int(value)
    return str(int(value)) if whole else f"{value:.6g}"


def _integer(value: int, depth: int) -> str:
    return str(value) if value.bit_length() <= 256 else f"integer of {value.bit_length()} bits"


def _sequence(value: Iterable[Any], depth: int, brackets: str) -> str:
    items = list(value)
    parts = [_show(item, depth) for item in items[:MOST_ITEMS]]
    if len(items) > MOST_ITEMS:
        parts.append(f"… {len(items):,} in all")
    return f"{brackets[0]}{', '.join(parts)}{brackets[1]}"


def _mapping(value: dict[Any, Any], depth: int) -> str:
    parts = [f"{_key(key, depth)}: {_show(item, depth)}" for key, item in list(value.items())[:MOST_ITEMS]]
    if len(value) > MOST_ITEMS:
        parts.append(f"… {len(value):,} in all")
    return f"{{{', '.join(parts)}}}"


def _key(key: Any, depth: int) -> str:
    return key if isinstance(key, str) and key.isidentifier() and key.isascii() else _show(key, depth)


def _set(value: Iterable[Any], depth: int) -> str:
    shown = sorted(_show(item, depth) for item in value)
    more = [f"… {len(shown):,} in all"] if len(shown) > MOST_ITEMS else []
    return f"{{{', '.join(shown[:MOST_ITEMS] + more)}}}" if shown else "empty set"


def _deque(value: deque[Any], depth: int) -> str:
    limit = "" if value.maxlen is None else f" of at most {value.maxlen:,}"
    if not value:
        return f"nothing{limit}"
    episodes = [item for item in value if isinstance(item, dict)]
    if len(episodes) == len(value):
        means = [f"mean {name} {_mean(episodes, key)}" for key, name in EPISODE if _mean(episodes, key)]
        if means:
            return f"{len(value):,} episodes{limit}, {', '.join(means)}"
    numbers = [float(item) for item in value if isinstance(item, bool | int | float | numpy.number | numpy.bool_)]
    if len(numbers) == len(value):
        return f"{len(value):,} numbers{limit}, mean {_number(sum(numbers) / len(numbers))}"
    return f"{len(value):,} items{limit}"


EPISODE = (("r", "reward"), ("l", "length"))
"""What Monitor calls an episode's reward and length."""


def _mean(episodes: list[dict[Any, Any]], key: str) -> str:
    numbers = [episode.get(key) for episode in episodes]
    if not all(isinstance(number, int | float | numpy.number) and numpy.isrealobj(number) for number in numbers):
        return ""
    return _number(sum(float(number) for number in numbers if number is not None) / len(numbers))


def _array(value: Array, depth: int) -> str:
    shape = "×".join(str(size) for size in value.shape)
    head = f"{value.dtype} array {shape}".rstrip()
    if value.dtype.kind in "US":
        return head
    if value.size <= 4:
        return f"{head} [{', '.join(_element(item) for item in value.flat)}]"
    if value.dtype.kind == "b":
        return f"{head}, {int(value.sum()):,} true"
    if value.dtype.kind == "c":
        return head
    return f"{head} from {_element(value.min())} to {_element(value.max())}"


def _element(item: Any) -> str:
    if isinstance(item, numpy.bool_):
        return str(bool(item))
    return str(item) if isinstance(item, numpy.complexfloating) else _number(float(item))


def _scalar(value: numpy.generic, depth: int) -> str:
    if isinstance(value, numpy.bool_ | numpy.number):
        return f"{_element(value)} ({value.dtype})"
    return _show(value.item(), depth)


def _box(value: spaces.Box, depth: int) -> str:
    shape = "×".join(str(size) for size in value.shape) or "one number"
    return f"Box({shape}, {_bounds(value)}, {value.dtype})"


def _bounds(value: spaces.Box) -> str:
    if value.low.size == 0:
        return "empty"
    low, high = (_range(array) for array in (value.low, value.high))
    return f"{low} to {high}"


def _range(array: Array) -> str:
    smallest, largest = _element(array.min()), _element(array.max())
    return smallest if smallest == largest else f"{smallest}…{largest}"


def _discrete(value: spaces.Discrete, depth: int) -> str:
    return f"Discrete({value.n})" if value.start == 0 else f"Discrete({value.n}, from {value.start})"


def _multi_discrete(value: spaces.MultiDiscrete, depth: int) -> str:
    from_zero = value.start is None or not value.start.any()
    start = "" if from_zero else f", from {value.start.ravel().tolist()[:MOST_ITEMS]}"  # type: ignore[union-attr]
    return f"MultiDiscrete({_sequence(value.nvec.ravel().tolist(), depth, '[]')}{start})"


def _multi_binary(value: spaces.MultiBinary, depth: int) -> str:
    return f"MultiBinary({'×'.join(str(size) for size in value.shape)})"


def _dict_space(value: spaces.Dict, depth: int) -> str:
    return f"Dict({_mapping(dict(value.spaces), depth)[1:-1]})"


def _text_space(value: spaces.Text, depth: int) -> str:
    return f"Text({value.min_length} to {value.max_length} of {len(value.characters)} characters)"


def _sequence_space(value: spaces.Sequence, depth: int) -> str:
    return f"Sequence({_show(value.feature_space, depth)}{', stacked' if value.stack else ''})"


def _graph(value: spaces.Graph, depth: int) -> str:
    edges = "none" if value.edge_space is None else _show(value.edge_space, depth)
    return f"Graph(nodes {_show(value.node_space, depth)}, edges {edges})"


def _constant(value: schedules.ConstantSchedule, depth: int) -> str:
    return f"constant {_number(value.value)}"


def _linear(value: schedules.LinearSchedule, depth: int) -> str:
    part = "" if value.end_fraction == 1 else f" over the first {_number(100 * value.end_fraction)} % of training"
    return f"linear, {_number(value.start)} to {_number(value.end)}{part}"


def _table(value: schedules.TableSchedule, depth: int) -> str:
    source = f" of {_plain(value.source)}" if value.source else ""
    error = "" if value.largest_error != value.largest_error else f", largest error {value.largest_error:.3g}"
    first, last = _number(value.values[-1]), _number(value.values[0])
    return f"table{source}, {first} to {last} in {len(value.values):,} points{error}"


def _normal(value: noise.NormalNoise, depth: int) -> str:
    return f"normal noise, mean {_amount(value.mean)}, sigma {_amount(value.sigma)}"


def _ornstein_uhlenbeck(value: noise.OrnsteinUhlenbeckNoise, depth: int) -> str:
    return (
        f"Ornstein-Uhlenbeck noise, mean {_amount(value.mean)}, sigma {_amount(value.sigma)}, "
        f"theta {_number(value.theta)}, dt {_number(value.dt)}"
    )


def _vectorized(value: noise.VectorizedNoise, depth: int) -> str:
    return f"{len(value.noises)} × {_show(value.base, depth)}"


def _amount(value: Array | float) -> str:
    if isinstance(value, float):
        return _number(value)
    return _range(value) if value.size else "empty"


def _reference(value: references.ClassReference | references.FunctionReference, depth: int) -> str:
    return _plain(value.name.rpartition(".")[2])


def _partial(value: references.Partial, depth: int) -> str:
    given = [_show(item, depth) for item in value.arguments]
    given += [_named(value.keywords, depth)] if value.keywords else []
    return f"{_reference(value.function, depth)}({', '.join([*given, '…'])})"


def _member(value: references.EnumMember, depth: int) -> str:
    return f"{_reference(value.enum, depth)} {_plain(str(value.value))}"


def _named_tuple(value: references.NamedTuple, depth: int) -> str:
    members = [
        _plain(str(item.value)) if isinstance(item, references.EnumMember) else _show(item, depth)
        for item in value.items
    ]
    return f"{_reference(value.type, depth)}({', '.join(members)})"


def _generator(value: RandomGenerator, depth: int) -> str:
    return f"{value.kind} over {value.bit_generator}"


def _tensor(value: torch_values.TorchTensor, depth: int) -> str:
    kind = "parameter" if value.parameter else "tensor"
    device = "" if value.device == "cpu" else f" on {_plain(value.device)}"
    described = _array(value.array, depth).replace(f"{value.array.dtype} array", f"{value.dtype} {kind}", 1)
    return f"{described}{device}"


def _jax_array(value: jax_values.JaxArray, depth: int) -> str:
    return f"JAX, {_array(value.array, depth)}"


def _module(value: jax_values.FlaxModule, depth: int) -> str:
    return f"{_reference(value.type, depth)}({_named(value.fields, depth)})"


def _train_state(value: jax_values.TrainState, depth: int) -> str:
    step = value.step.array.item() if isinstance(value.step, jax_values.JaxArray) else value.step
    count = sum(array.array.size for _, array in jax_values.walk_arrays(value.params))
    return f"{_reference(value.type, depth)}, {count:,} parameters after {step:,} steps"


def _policy(value: jax_values.JaxPolicy, depth: int) -> str:
    return f"{_reference(value.type, depth)} with {', '.join(map(_plain, value.states)) or 'no train state'}"


def _named(value: dict[str, Any], depth: int) -> str:
    return ", ".join(f"{_plain(name)}={_show(item, depth)}" for name, item in value.items())


def _normalization(value: normalization.Normalization, depth: int) -> str:
    what = [name for name, on in (("observations", value.norm_obs), ("rewards", value.norm_reward)) if on]
    return f"VecNormalize of {' and '.join(what) or 'nothing'}, {_number(value.rewards.count)} samples"


def _opaque(value: Opaque, depth: int) -> str:
    return f"not understood: {_plain(value.type)} ({_plain(value.reason)})"


SHOWN: dict[type, Callable[[Any, int], str]] = {
    type(None): lambda value, depth: "none",
    bool: lambda value, depth: "yes" if value else "no",
    int: _integer,
    float: lambda value, depth: _number(value),
    complex: lambda value, depth: str(value),
    str: _text,
    bytes: lambda value, depth: f"{len(value):,} bytes",
    bytearray: lambda value, depth: f"{len(value):,} bytes",
    list: lambda value, depth: _sequence(value, depth, "[]"),
    tuple: lambda value, depth: _sequence(value, depth, "()"),
    dict: _mapping,
    OrderedDict: _mapping,
    set: _set,
    frozenset: _set,
    deque: _deque,
    PurePath: lambda value, depth: _text(str(value), depth),
    numpy.ndarray: _array,
    numpy.generic: _scalar,
    numpy.dtype: lambda value, depth: str(value),
    spaces.Box: _box,
    spaces.Discrete: _discrete,
    spaces.MultiDiscrete: _multi_discrete,
    spaces.MultiBinary: _multi_binary,
    spaces.Dict: _dict_space,
    spaces.Tuple: lambda value, depth: f"Tuple{_sequence(value.spaces, depth, '()')}",
    spaces.Text: _text_space,
    spaces.Sequence: _sequence_space,
    spaces.Graph: _graph,
    spaces.OneOf: lambda value, depth: f"OneOf{_sequence(value.spaces, depth, '()')}",
    schedules.ConstantSchedule: _constant,
    schedules.LinearSchedule: _linear,
    schedules.TableSchedule: _table,
    noise.NormalNoise: _normal,
    noise.OrnsteinUhlenbeckNoise: _ornstein_uhlenbeck,
    noise.VectorizedNoise: _vectorized,
    references.ClassReference: _reference,
    references.FunctionReference: _reference,
    references.EnumMember: _member,
    references.NamedTuple: _named_tuple,
    references.Partial: _partial,
    RandomGenerator: _generator,
    torch_values.TorchTensor: _tensor,
    torch_values.TorchSize: lambda value, depth: "size " + ("×".join(map(str, value.sizes)) or "of one number"),
    torch_values.Device: lambda value, depth: f"device {_plain(value.name)}",
    torch_values.TorchDtype: lambda value, depth: f"torch.{value.name}",
    jax_values.JaxArray: _jax_array,
    jax_values.FlaxModule: _module,
    jax_values.TrainState: _train_state,
    jax_values.JaxPolicy: _policy,
    normalization.Normalization: _normalization,
    normalization.RunningStatistics: lambda value, depth: f"statistics of {_number(value.count)} samples",
    Opaque: _opaque,
}
"""How each type is shown; a type derived from one of these is shown like it."""
