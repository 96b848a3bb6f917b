"""Networks layer by layer: a state dict's tensors grouped by the module that they belong to.

A state dict names its tensors ``module.path.leaf``. What the module was is told by the names of its
leaves and their shapes, as ``torch.nn``, SB3 and flax name them; where no rule fits, each tensor stands for
itself. A tensor that looks at the same elements as an earlier one is shared, and counted once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from math import prod
from typing import Any, TypeAlias

from ..archive import HeldTensor
from ..records import record
from ..tensors import Tensor

__all__ = ["Layer", "Network", "group_layers", "group_networks"]

Shape: TypeAlias = tuple[int, ...]
Shapes: TypeAlias = Mapping[str, Shape]
AnyTensor: TypeAlias = "Tensor | HeldTensor"


@record(frozen=True, kw_only=True)
class Layer:
    """One module, or one tensor that belongs to none.

    ``kind`` is torch's class name or ``"Tensor"``, ``form`` says its sizes, ``tensors`` maps the names
    of its leaves to their shapes. ``parameters`` counts elements, ``buffers`` those of running
    statistics; ``shared`` those of both that were counted before, in the layer ``shared_with``.
    """

    name: str
    kind: str
    form: str
    parameters: int
    buffers: int = 0
    shared: int = 0
    shared_with: str | None = None
    dtype: str = "float32"
    tensors: Shapes


@record(frozen=True, kw_only=True)
class Network:
    """The layers of one part of an agent (``mlp_extractor``, ``critic_target``), all in one state dict.

    Of an agent of one's own the part is all of the state dict, and has no name besides.
    """

    state_dict: str
    name: str
    layers: tuple[Layer, ...]

    @property
    def parameters(self) -> int:
        """Elements of all layers, shared ones counted where they come first."""
        return sum(layer.parameters + layer.buffers - layer.shared for layer in self.layers)


def group_networks(state_dict: str, tensors: Iterable[tuple[str, AnyTensor]]) -> tuple[Network, ...]:
    """The networks of one state dict: its layers, by the first part of their names."""
    layers = group_layers(tensors)
    return tuple(
        Network(state_dict=state_dict, name=name, layers=tuple(members))
        for name, members in groupby(layers, key=lambda layer: layer.name.partition(".")[0])
    )


def group_layers(tensors: Iterable[tuple[str, AnyTensor]]) -> tuple[Layer, ...]:
    """The layers of named tensors, in the order of their first tensor."""
    modules: dict[str, dict[str, AnyTensor]] = {}
    for name, tensor in tensors:
        module, dot, leaf = name.rpartition(".")
        modules.setdefault(module + dot, {})[leaf] = tensor
    seen: dict[Any, str] = {}
    return tuple(layer for prefix, leaves in modules.items() for layer in _layers_of(prefix, leaves, seen))


def _layers_of(prefix: str, leaves: Mapping[str, AnyTensor], seen: dict[Any, str]) -> list[Layer]:
    """The layers under a prefix of names: ``"actor.mu."``, or nothing for tensors without a module."""
    kind, form = _recognise({leaf: tensor.shape for leaf, tensor in leaves.items()}) if prefix else ("", "")
    if kind:
        return [_layer(prefix[:-1], kind, form, leaves, seen)]
    return [
        _layer(prefix + leaf, "Tensor", _sizes(tensor.shape), {leaf: tensor}, seen) for leaf, tensor in leaves.items()
    ]


def _layer(name: str, kind: str, form: str, leaves: Mapping[str, AnyTensor], seen: dict[Any, str]) -> Layer:
    parameters = buffers = shared = 0
    shared_with = None
    for leaf, tensor in leaves.items():
        count = prod(tensor.shape)
        if leaf in BUFFERS and kind != "Tensor":
            buffers += count
        else:
            parameters += count
        first = seen.setdefault(_elements(tensor), name)
        if first != name:
            shared, shared_with = shared + count, shared_with or first
    return Layer(
        name=name,
        kind=kind,
        form=form,
        parameters=parameters,
        buffers=buffers,
        shared=shared,
        shared_with=shared_with,
        dtype=" ".join(dict.fromkeys(tensor.dtype for leaf, tensor in leaves.items() if leaf not in BUFFERS)),
        tensors={leaf: tensor.shape for leaf, tensor in leaves.items()},
    )


def _elements(tensor: AnyTensor) -> tuple[Any, ...]:
    """Which elements a tensor looks at; an empty one shares nothing, and neither does one of JAX."""
    if isinstance(tensor, HeldTensor) or 0 in tensor.shape:
        return (id(tensor),)
    return (id(tensor.storage), tensor.storage_offset, tensor.shape, tensor.strides)


# -- what a module was, by its leaves -----------------------------------------------------------

BUFFERS = frozenset(("running_mean", "running_var", "num_batches_tracked", "ra_mean", "ra_var", "steps"))
"""Leaves that are running statistics and not learned (torch's BatchNorm, sb3-contrib's BatchRenorm)."""

NORMALIZATIONS = {"BatchNorm": ("running_mean", "running_var"), "BatchRenorm": ("ra_mean", "ra_var")}

Recognised: TypeAlias = "tuple[str, str] | None"


def _recognise(shapes: Shapes) -> tuple[str, str]:
    for rule in RULES:
        found = rule(shapes)
        if found is not None:
            return found
    return "", ""


def _batch_norm(shapes: Shapes) -> Recognised:
    for kind, statistics in NORMALIZATIONS.items():
        if all(leaf in shapes for leaf in statistics):
            return kind, _sizes(shapes[statistics[0]])
    return None


def _dense_or_convolution(shapes: Shapes) -> Recognised:
    if not {"weight"} <= set(shapes) <= {"weight", "bias"}:
        return None
    weight, bias = shapes["weight"], shapes.get("bias")
    if len(weight) == 2 and bias in (None, weight[:1]):
        return "Linear", f"{weight[1]} → {weight[0]}{'' if bias else ', no bias'}"
    if 3 <= len(weight) <= 5 and bias in (None, weight[:1]):
        form = f"{weight[1]} → {weight[0]}, kernel {_sizes(weight[2:])}{'' if bias else ', no bias'}"
        return f"Conv{len(weight) - 2}d", form
    if len(weight) == 1 and bias in (None, weight):
        return "Norm", _sizes(weight)
    return None


def _flax(shapes: Shapes) -> Recognised:
    if set(shapes) == {"scale", "bias"} and shapes["scale"] == shapes["bias"]:
        return "Norm", _sizes(shapes["scale"])
    if {"mean", "var"} <= set(shapes) <= {"mean", "var", "r_max", "d_max", "steps"}:
        return "Statistics", _sizes(shapes["mean"])
    if not {"kernel"} <= set(shapes) <= {"kernel", "bias"}:
        return None
    kernel, bias = shapes["kernel"], shapes.get("bias")
    rest = "" if bias else ", no bias"
    if len(kernel) == 2 and bias in (None, kernel[1:]):
        return "Dense", f"{kernel[0]} → {kernel[1]}{rest}"
    if len(kernel) == 3 and bias == (kernel[0], kernel[2]):
        return "Dense", f"{kernel[1]} → {kernel[2]}, {kernel[0]} times"
    if len(kernel) == 4 and bias in (None, kernel[3:]):
        return "Conv", f"{kernel[2]} → {kernel[3]}, kernel {_sizes(kernel[:2])}{rest}"
    return None


GATES = {4: "LSTM", 3: "GRU", 1: "RNN"}
"""Rows of ``weight_hh_l0`` for each hidden unit (torch.nn.modules.rnn)."""


def _recurrent(shapes: Shapes) -> Recognised:
    inputs, hidden = shapes.get("weight_ih_l0", ()), shapes.get("weight_hh_l0", ())
    if len(inputs) != 2 or len(hidden) != 2 or inputs[0] != hidden[0] or not hidden[1]:
        return None
    gates, rest = divmod(hidden[0], hidden[1])
    if rest or gates not in GATES:
        return None
    count = sum(1 for leaf in shapes if leaf.startswith("weight_hh_l") and leaf[len("weight_hh_l") :].isdigit())
    directions = ", both directions" if "weight_hh_l0_reverse" in shapes else ""
    return GATES[gates], f"{inputs[1]} → {hidden[1]}{f', {count} layers' if count > 1 else ''}{directions}"


def _attention(shapes: Shapes) -> Recognised:
    weight = shapes.get("in_proj_weight", ())
    return ("MultiheadAttention", f"{weight[1]}") if len(weight) == 2 else None


RULES: tuple[Callable[[Shapes], Recognised], ...] = (_batch_norm, _dense_or_convolution, _recurrent, _attention, _flax)


def _sizes(shape: Shape) -> str:
    """Sizes for people: ``64``, ``8×8``; a tensor without dimensions is a scalar."""
    return "×".join(map(str, shape)) or "scalar"
