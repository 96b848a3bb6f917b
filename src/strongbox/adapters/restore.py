"""Values become live objects: each by a constructor that stands here in the source.

The table at the end maps a type of value to the function that builds its live counterpart. Nothing
that the file says is called; classes come from the list of :mod:`strongbox.adapters.classes` alone.
Every array is a fresh, writable copy, since the archive's own are read-only views on the file.
"""

from __future__ import annotations

import functools
from collections import OrderedDict, deque
from collections.abc import Callable, Collection
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

import gymnasium
import numpy
import torch
from stable_baselines3.common import noise

from .. import values
from ..errors import RefusedError, UnsupportedError
from .classes import find_class, find_function
from .dtypes import TORCH_DTYPES
from .schedules import live_schedule

__all__ = ["Restorer"]

_BIT_GENERATORS: dict[str, Callable[[numpy.random.SeedSequence], numpy.random.BitGenerator]] = {
    "MT19937": numpy.random.MT19937,
    "PCG64": numpy.random.PCG64,
    "PCG64DXSM": numpy.random.PCG64DXSM,
    "Philox": numpy.random.Philox,
    "SFC64": numpy.random.SFC64,
}


class Restorer:
    """Builds live objects from values.

    ``trust`` names the caller's own classes by full path; ``device`` is where tensors go that were
    saved on an accelerator. Raises RefusedError where a value names a class that is not listed or
    has a part that is opaque.
    """

    def __init__(self, *, trust: Collection[str] = (), device: torch.device | str = "cpu") -> None:
        self.trust = trust
        self.device = torch.device(device)

    def __call__(self, value: Any) -> Any:
        """The live object for a value; numbers, strings and None stand for themselves."""
        build = _BUILDERS.get(type(value))
        if build is not None:
            return build(self, value)
        if isinstance(value, numpy.generic | numpy.dtype) or type(value) in _THEMSELVES:
            return value
        raise UnsupportedError(f"expected a value that has a live counterpart, found {type(value).__name__}.")


_THEMSELVES = frozenset((type(None), bool, int, float, complex, str, bytes))


def _refuse_opaque(restore: Restorer, value: values.Opaque) -> Any:
    raise RefusedError(f"expected a value that Strongbox understands, found {value.type}: {value.reason}.")


# -- containers and names -----------------------------------------------------------------------


def _restore_items(restore: Restorer, value: Any) -> Any:
    return type(value)(restore(item) for item in value)


def _restore_mapping(restore: Restorer, value: Any) -> Any:
    return type(value)((restore(key), restore(item)) for key, item in value.items())


def _restore_deque(restore: Restorer, value: deque[Any]) -> deque[Any]:
    return deque((restore(item) for item in value), maxlen=value.maxlen)


def _restore_class(restore: Restorer, value: values.ClassReference) -> Any:
    return find_class(value, trust=restore.trust)


def _restore_function(restore: Restorer, value: values.FunctionReference) -> Any:
    return find_function(value, trust=restore.trust)


def _restore_enum(restore: Restorer, value: values.EnumMember) -> Any:
    return find_class(value.enum, trust=restore.trust)(value.value)


def _restore_named_tuple(restore: Restorer, value: values.NamedTuple) -> Any:
    return find_class(value.type, trust=restore.trust)(*(restore(item) for item in value.items))


def _restore_partial(restore: Restorer, value: values.Partial) -> Any:
    keywords = {name: restore(item) for name, item in value.keywords.items()}
    return functools.partial(restore(value.function), *(restore(item) for item in value.arguments), **keywords)


def _restore_path(restore: Restorer, value: PurePath) -> PurePath:
    """A path that can be opened where it is one of this system; another system's stays a name."""
    return Path(value) if isinstance(Path(), type(value)) else value


# -- arrays, tensors and random states ----------------------------------------------------------


def _restore_array(restore: Restorer, value: numpy.ndarray[Any, Any]) -> numpy.ndarray[Any, Any]:
    copied: numpy.ndarray[Any, Any] = value.copy(order="C")
    return copied


def _restore_tensor(restore: Restorer, value: values.TorchTensor) -> torch.Tensor:
    device = torch.device("cpu") if value.device == "cpu" else restore.device
    tensor = torch.from_numpy(value.array.copy(order="C")).to(device, TORCH_DTYPES[value.dtype])
    if value.parameter:
        return torch.nn.Parameter(tensor, requires_grad=value.requires_grad)
    return tensor.requires_grad_(value.requires_grad)


def _restore_device(restore: Restorer, value: values.Device) -> torch.device:
    return torch.device(value.name)


def _restore_torch_dtype(restore: Restorer, value: values.TorchDtype) -> torch.dtype:
    return TORCH_DTYPES[value.name]


def _restore_size(restore: Restorer, value: values.TorchSize) -> torch.Size:
    return torch.Size(value.sizes)


def _restore_generator(restore: Restorer, value: values.RandomGenerator) -> Any:
    if value.kind == "RandomState":
        state = numpy.random.RandomState(0)
        state.set_state(_with_gauss(value.state))
        return state
    return numpy.random.Generator(_restore_bits(value))


def _restore_bits(value: values.RandomGenerator) -> numpy.random.BitGenerator:
    bits = _BIT_GENERATORS[value.bit_generator](_restore_seed_sequence(value.seed_sequence))
    bits.state = {key: item for key, item in value.state.items() if key not in ("has_gauss", "gauss")}
    return bits


def _restore_seed_sequence(value: values.SeedSequence | None) -> numpy.random.SeedSequence:
    """What the generator was seeded with; it matters to what is spawned from it alone."""
    if value is None:
        return numpy.random.SeedSequence(0)
    return numpy.random.SeedSequence(
        list(value.entropy) if isinstance(value.entropy, tuple) else value.entropy,
        spawn_key=value.spawn_key,
        pool_size=value.pool_size,
        n_children_spawned=value.children,
    )


def _with_gauss(state: dict[str, Any]) -> dict[str, Any]:
    return {"has_gauss": 0, "gauss": 0.0, **state}


# -- spaces ---------------------------------------------------------------------------------------

Space = gymnasium.spaces.Space[Any]


def _restore_box(restore: Restorer, value: values.Box) -> Space:
    # The constructor casts its bounds; given in their own type already, they stay bit for bit.
    low, high = value.low.astype(value.dtype), value.high.astype(value.dtype)
    return gymnasium.spaces.Box(low, high, value.shape, value.dtype.type)


def _restore_discrete(restore: Restorer, value: values.Discrete) -> Space:
    if value.dtype == numpy.int64:
        return gymnasium.spaces.Discrete(value.n, start=value.start)
    return gymnasium.spaces.Discrete(value.n, start=value.start, dtype=value.dtype.type)


def _restore_multi_discrete(restore: Restorer, value: values.MultiDiscrete) -> Space:
    start = None if value.start is None else value.start.copy()
    return gymnasium.spaces.MultiDiscrete(value.nvec.copy(), dtype=value.dtype.type, start=start)


def _restore_multi_binary(restore: Restorer, value: values.MultiBinary) -> Space:
    return gymnasium.spaces.MultiBinary(value.n)


def _restore_dict_space(restore: Restorer, value: values.Dict) -> Space:
    # An ordered mapping keeps its order; an ordinary one would be sorted by the constructor.
    return gymnasium.spaces.Dict(OrderedDict((key, restore(space)) for key, space in value.spaces.items()))


def _restore_tuple_space(restore: Restorer, value: values.Tuple) -> Space:
    return gymnasium.spaces.Tuple(tuple(restore(space) for space in value.spaces))


def _restore_text(restore: Restorer, value: values.Text) -> Space:
    return gymnasium.spaces.Text(value.max_length, min_length=value.min_length, charset=value.characters)


def _restore_sequence(restore: Restorer, value: values.Sequence) -> Space:
    return gymnasium.spaces.Sequence(restore(value.feature_space), stack=value.stack)


def _restore_graph(restore: Restorer, value: values.Graph) -> Space:
    edges = None if value.edge_space is None else restore(value.edge_space)
    return gymnasium.spaces.Graph(restore(value.node_space), edges)


def _restore_one_of(restore: Restorer, value: values.OneOf) -> Space:
    return gymnasium.spaces.OneOf(tuple(restore(space) for space in value.spaces))


def _seeded(build: Callable[[Restorer, Any], Space]) -> Callable[[Restorer, Any], Space]:
    """A space with its random generator put back.

    gym drew from numpy's RandomState, gymnasium draws from a Generator: the state of the former goes
    on in a Generator over the same bits.
    """

    @functools.wraps(build)
    def restore_space(restore: Restorer, value: Any) -> Space:
        space = build(restore, value)
        if isinstance(value.random_state, values.RandomGenerator):
            space._np_random = numpy.random.Generator(_restore_bits(value.random_state))
        return space

    return restore_space


# -- schedules and noise --------------------------------------------------------------------------


def _restore_schedule(restore: Restorer, value: values.Schedule) -> Any:
    return live_schedule(value)


def _restore_normal_noise(restore: Restorer, value: values.NormalNoise) -> noise.ActionNoise:
    dtype = numpy.float32 if value.dtype is None else value.dtype.type
    return noise.NormalActionNoise(restore(value.mean), restore(value.sigma), dtype=dtype)


def _restore_ornstein_noise(restore: Restorer, value: values.OrnsteinUhlenbeckNoise) -> noise.ActionNoise:
    made = noise.OrnsteinUhlenbeckActionNoise(
        restore(value.mean),
        restore(value.sigma),
        theta=value.theta,
        dt=value.dt,
        initial_noise=restore(value.initial),
        dtype=numpy.float32 if value.dtype is None else value.dtype.type,
    )
    if value.previous is not None:
        made.noise_prev = restore(value.previous)
    return made


def _restore_vectorized_noise(restore: Restorer, value: values.VectorizedNoise) -> noise.ActionNoise:
    made = noise.VectorizedActionNoise(restore(value.base), len(value.noises))
    made.noises = [restore(single) for single in value.noises]
    for live, single in zip(made.noises, value.noises, strict=True):
        # Setting the noises has reset each of them; where the process stood is put back.
        if isinstance(single, values.OrnsteinUhlenbeckNoise) and single.previous is not None:
            live.noise_prev = restore(single.previous)  # type: ignore[attr-defined]
    return made


_BUILDERS: dict[type, Callable[[Restorer, Any], Any]] = {
    values.Opaque: _refuse_opaque,
    list: _restore_items,
    tuple: _restore_items,
    set: _restore_items,
    frozenset: _restore_items,
    dict: _restore_mapping,
    OrderedDict: _restore_mapping,
    deque: _restore_deque,
    PurePosixPath: _restore_path,
    PureWindowsPath: _restore_path,
    values.ClassReference: _restore_class,
    values.FunctionReference: _restore_function,
    values.EnumMember: _restore_enum,
    values.NamedTuple: _restore_named_tuple,
    values.Partial: _restore_partial,
    numpy.ndarray: _restore_array,
    values.TorchTensor: _restore_tensor,
    values.Device: _restore_device,
    values.TorchDtype: _restore_torch_dtype,
    values.TorchSize: _restore_size,
    values.RandomGenerator: _restore_generator,
    values.Box: _seeded(_restore_box),
    values.Discrete: _seeded(_restore_discrete),
    values.MultiDiscrete: _seeded(_restore_multi_discrete),
    values.MultiBinary: _seeded(_restore_multi_binary),
    values.Dict: _seeded(_restore_dict_space),
    values.Tuple: _seeded(_restore_tuple_space),
    values.Text: _seeded(_restore_text),
    values.Sequence: _seeded(_restore_sequence),
    values.Graph: _seeded(_restore_graph),
    values.OneOf: _seeded(_restore_one_of),
    values.ConstantSchedule: _restore_schedule,
    values.LinearSchedule: _restore_schedule,
    values.TableSchedule: _restore_schedule,
    values.NormalNoise: _restore_normal_noise,
    values.OrnsteinUhlenbeckNoise: _restore_ornstein_noise,
    values.VectorizedNoise: _restore_vectorized_noise,
}
