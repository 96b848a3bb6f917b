"""What attributes hold of torch's: tensors, those of networks, and random generators, each with a label.

Each is kept as a value, and put into the live object in place, so that whoever else holds it sees it, too. A tensor
that still is what the object was made with is a setting of the script, and only its digest is kept: so a frozen network
costs next to nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy

from ...values import TorchTensor, same
from ..later import Later
from ..loaded import loaded_classes
from ..slots import fields_of
from ..torch_values import read_tensor, read_torch_state, refuse_torch_state
from .notes import Notes

__all__ = ["digest_torch", "hold_torch", "restore_torch", "shorten_torch", "torch_items", "torch_of"]

WITHOUT = frozenset((type(None), bool, int, float, str, bytes, numpy.ndarray))
"""Types of attributes that hold nothing of torch's."""

UNCHANGED = "as it was made, SHA-256 "


def torch_items(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The tensors and generators of an attribute: its own, those in a list or by name, those of a network."""
    held, network = loaded_classes("torch", "Tensor", "Generator"), loaded_classes("torch.nn", "Module")
    if not held:
        return
    pairs = _pairs(name, value)
    if not pairs or not all(isinstance(item, held + network) for _, item in pairs):
        return
    for label, item in pairs:
        if isinstance(item, held):
            yield label, item
        else:
            named = [*item.named_parameters(label), *item.named_buffers(label)]
            yield from named


def _pairs(name: str, value: Any) -> list[tuple[str, Any]]:
    if type(value) is dict and all(type(key) is str for key in value):
        return [(f"{name}.{key}", item) for key, item in value.items()]
    if type(value) in (list, tuple):
        return [(f"{name}.{index}", item) for index, item in enumerate(value)]
    return [(name, value)]


def torch_of(attributes: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The tensors and generators of attributes, by label."""
    return {
        label: item
        for name, value in attributes
        if type(value) not in WITHOUT
        for label, item in torch_items(name, value)
    }


def hold_torch(items: Mapping[str, Any], *, largest: int = 1 << 62) -> tuple[dict[str, Any], dict[str, str]]:
    """Copies of tensors and generators of up to ``largest`` bytes, and which have none, with the reason."""
    copies, left_out = {}, {}
    for label, item in items.items():
        try:
            if getattr(item, "nbytes", 0) <= largest:
                copies[label] = _read(item)
        except Exception as error:  # noqa: BLE001 - a tensor that is sparse, quantized, without memory, or of one's own
            left_out[label] = f"a {type(item).__name__} that cannot be copied: {error}"
    return copies, left_out


def _read(item: Any) -> Any:
    return read_tensor(item) if isinstance(item, loaded_classes("torch", "Tensor")) else read_torch_state(item)


def shorten_torch(copies: dict[str, Any], made: Mapping[str, Any]) -> Later:
    """The copies, with the digest alone of each that is what the object was made with; a generator never is."""
    return Later(_shorten, copies, made)


def _shorten(copies: dict[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    return {label: digest_torch(copy) if _is_made(copy, made.get(label)) else copy for label, copy in copies.items()}


def _is_made(copy: Any, made: Any) -> bool:
    return isinstance(copy, TorchTensor) and same(copy, made)


def digest_torch(copy: Any) -> str:
    """What tells the copy of a tensor or a generator from any other; such a text is its own digest."""
    if type(copy) is str or not isinstance(copy, TorchTensor | numpy.ndarray):
        return str(copy)
    array = copy.array if isinstance(copy, TorchTensor) else copy
    kind = copy.dtype if isinstance(copy, TorchTensor) else "generator"
    return f"{UNCHANGED}{kind} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()}"


# -- restoring ----------------------------------------------------------------------------------------------


def restore_torch(
    live: Any, items: Mapping[str, Any], state: Any, made: Mapping[str, Any], place: str, notes: Notes
) -> None:
    """Put copies back into the tensors and generators of an object; what does not fit is reported."""
    state = state if type(state) is dict else {}
    for label in items.keys() - state.keys():
        notes.add(f"{place}.{label}", "the checkpoint does not have it")
    for label, value in state.items():
        problem = _restore_item(live, label, items.get(label), value, made.get(label))
        if problem:
            notes.add(f"{place}.{label}", problem)


def _restore_item(live: Any, label: str, item: Any, value: Any, made: Any) -> str | None:
    if type(value) is str:
        if made is None or digest_torch(made) != value:
            return "a setting of the script: another tensor here than in the checkpoint"
        value = made
    if isinstance(value, TorchTensor):
        return _restore_tensor(live, label, item, value)
    if not isinstance(item, loaded_classes("torch", "Generator")):
        return "there is no such generator here"
    problem = refuse_torch_state(item, value)
    if problem is None:
        item.set_state(_tensor(value))
    return problem


def _restore_tensor(live: Any, label: str, item: Any, value: TorchTensor) -> str | None:
    tensors = loaded_classes("torch", "Tensor")
    if item is None:
        if not tensors or fields_of(live).get(label, ()) is not None:
            return "there is no such tensor here"
        setattr(live, label, _like(value))
        return None
    if not isinstance(item, tensors):
        return "expected a tensor, found a generator"
    if str(item.dtype) != f"torch.{value.dtype}":
        return f"expected a tensor of {item.dtype}, found one of {value.dtype}"
    if tuple(item.shape) == value.array.shape:
        item.detach().copy_(_tensor(value.array))
        return None
    attribute: Any = fields_of(live).get(label)
    if attribute is not item:
        return f"expected a tensor of {tuple(item.shape)}, found one of {value.array.shape}"
    setattr(live, label, _like(value).to(item.device))
    return None


def _like(value: TorchTensor) -> Any:
    import torch

    dtype: Any = getattr(torch, value.dtype)
    return torch.from_numpy(value.array.copy()).to(dtype).requires_grad_(value.requires_grad)


def _tensor(array: numpy.ndarray[Any, Any]) -> Any:
    import torch

    return torch.from_numpy(array.copy())
