"""``save`` and ``load`` of a policy, or another network of SB3's, on its own: the file is SB3's, and never run.

Such a file is a dictionary of torch's: ``state_dict``, and ``data``, the arguments of the constructor. Source:
``BaseModel.save`` and ``load`` in ``stable_baselines3/common/policies.py``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import torch
from stable_baselines3.common.policies import BaseModel, BasePolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.utils import get_device

from ...container import open_source, replace_file
from ...errors import FormatError, MismatchError, RefusedError, StrongboxError, locate
from ...pickles import Call, Global, Node
from ...tensors import read_parts
from ...values import SCHEDULE_NAMES, ClassReference, find_opaque, to_value
from ..build import SPARE_ELEMENTS
from ..classes import find_class
from ..initialisation import keep_random_states, skip_initialisation
from ..restore import Restorer
from ..state import Filler
from .trust import WAY_OUT, naming_install, trusted_names, trusts_pickles

__all__ = ["load", "save"]

ARGUMENTS = "data"
TENSORS = "state_dict"
EXTRACTOR = "features_extractor"


def save(policy: BaseModel, path: Any) -> None:
    """Write a policy to a path, whole or not at all, or to a file object."""
    content = {TENSORS: policy.state_dict(), ARGUMENTS: policy._get_constructor_parameters()}
    if hasattr(path, "write"):
        torch.save(content, path)
        return
    with replace_file(path) as file:
        torch.save(content, file)


def load(cls: type[BaseModel], path: Any, device: torch.device | str = "auto") -> BaseModel:
    """A policy from a path or a file object, made by its own constructor from what values the file has for it.

    Raises FileNotFoundError where there is no such file, FormatError where it is of another kind, RefusedError
    where an argument is not understood, and MismatchError where they do not make a policy of this class.
    """
    device = get_device(device)
    with naming_install():
        if hasattr(path, "read"):
            return _load(cls, path, device)
        with open(path, "rb") as file:
            return _load(cls, file, device)


def _load(cls: type[BaseModel], file: Any, device: torch.device) -> BaseModel:
    with open_source(file) as source, locate(path=source.path):
        rest, node = read_parts(source.view, kept=ARGUMENTS)
        tensors = Filler(source.release_memory).torch_value(rest.get(TENSORS))
        if not isinstance(tensors, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in tensors.values()):
            raise FormatError(f"expected a dictionary of tensors in {TENSORS!r}, found something else.")
        with keep_random_states(device), skip_initialisation(_most_elements(tensors)):
            return _build(cls, _arguments(node, tensors), tensors).to(device)


def _build(cls: type[BaseModel], arguments: dict[str, Any], tensors: dict[str, torch.Tensor]) -> BaseModel:
    try:
        policy = cls(**arguments)
        policy.load_state_dict(tensors)
    except (AssertionError, AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, StrongboxError):
            raise
        raise MismatchError(f"expected a {cls.__name__}, found that it cannot be made: {error}.") from error
    return policy


def _most_elements(tensors: dict[str, torch.Tensor]) -> int | None:
    """How many numbers the networks may have; no matter how many where code of the caller's makes them."""
    if trusted_names() or trusts_pickles():
        return None
    return 2 * sum(tensor.numel() for tensor in tensors.values()) + SPARE_ELEMENTS


def _arguments(node: Node, tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    """The live arguments of the constructor; the one that is a network itself is made last, from the others."""
    if type(node) is not dict or not all(type(name) is str for name in node):
        raise FormatError(f"expected the arguments of a constructor in {ARGUMENTS!r}, found something else.")
    arguments: dict[str, Any] = {}
    for name, item in node.items():
        if name != EXTRACTOR or not isinstance(item, Call):
            arguments[name] = _argument(name, item)
    if isinstance(node.get(EXTRACTOR), Call):
        arguments[EXTRACTOR] = _make_extractor(node[EXTRACTOR], arguments, tensors)
    return arguments


def _argument(name: str, node: Node) -> Any:
    if _is_dummy_schedule(node):
        return BasePolicy._dummy_schedule
    value = to_value(node, is_schedule=name in SCHEDULE_NAMES)
    for path, part in find_opaque(value, name)[:1]:
        raise _refuse(path, f"{part.type}: {part.reason}")
    return Restorer(trust=trusted_names())(value)


def _refuse(name: str, found: str) -> RefusedError:
    return RefusedError(
        f"expected arguments of a policy that Strongbox understands, found {name}, {found}.",
        hint=WAY_OUT,
    )


def _is_dummy_schedule(node: Node) -> bool:
    """Whether a node is the schedule that SB3 gives to policies which are not to be trained."""
    if not isinstance(node, Call) or node.path not in ("__builtin__.getattr", "builtins.getattr"):
        return False
    holder, *names = node.arguments
    return isinstance(holder, Global) and holder.module == BasePolicy.__module__ and names == ["_dummy_schedule"]


def _make_extractor(node: Call, arguments: dict[str, Any], tensors: dict[str, torch.Tensor]) -> BaseFeaturesExtractor:
    """The features extractor that an actor or a Q network was given: made anew, its numbers are in the state dict."""
    if node.kind != "new" or not isinstance(node.function, Global) or type(node.state) is not dict:
        raise _refuse(EXTRACTOR, node.path or "something else")
    reference = ClassReference(node.function.module, node.function.name)
    kind = find_class(reference, trust=trusted_names())
    if not (isinstance(kind, type) and issubclass(kind, BaseFeaturesExtractor)):
        raise _refuse(EXTRACTOR, reference.path)
    make: Callable[..., BaseFeaturesExtractor] = kind
    possible = {
        "features_dim": node.state.get("_features_dim"),
        "normalized_image": not arguments.get("normalize_images", True),
        "cnn_output_dim": _width_of_images(tensors),
    }
    taken = inspect.signature(kind).parameters
    options = {name: value for name, value in possible.items() if name in taken and type(value) in (int, bool)}
    try:
        return make(arguments.get("observation_space"), **options)
    except (AssertionError, AttributeError, TypeError, ValueError) as error:
        if isinstance(error, StrongboxError):
            raise
        raise MismatchError(f"expected a {kind.__name__}, found that it cannot be made: {error}.") from error


def _width_of_images(tensors: dict[str, torch.Tensor]) -> int | None:
    """How many features a CombinedExtractor makes of each image; None where it has none."""
    widths = (
        len(tensor)
        for name, tensor in tensors.items()
        if re.fullmatch(rf"{EXTRACTOR}\.extractors\..+\.linear\.0\.bias", name)
    )
    return next(widths, None)
