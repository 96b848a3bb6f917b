"""State dicts of live objects as trees that a file of tensors holds, and such trees as what an object takes back.

Networks and optimizers of torch are compared in full and filled in place. Anything else that gives a state dict
is given one of the same form: its own containers, its own kinds of arrays and numbers, under the names that it has.
"""

from __future__ import annotations

import contextlib
import copy
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy

from ...errors import MismatchError, StrongboxError
from ...limits import DEFAULT_LIMITS
from ...tensors import Tensor, TensorData, TorchName
from .kinds import framework, is_module, is_optimizer, is_tensor

__all__ = ["StateFiller", "is_certain", "state_tree"]

SCALARS = (type(None), bool, float, str)
INTEGER_BITS = 8 * DEFAULT_LIMITS.long_bytes - 1
COMPILED = "_orig_mod."
"""What torch.compile puts into the names of the network inside."""

MAPPINGS = (Counter, OrderedDict)


def state_tree(state: Any, path: str) -> Any:
    """A state dict as a tree of tensors and plain data; None where it is none that a file of tensors holds.

    Raises UnsupportedError for a tensor that no file holds, such as a sparse one.
    """
    if not isinstance(state, Mapping):
        return None
    if framework("torch") is not None:
        from ..trees import describe_tree

        tree = describe_tree(state, path)
    else:
        tree = _plain_tree(state)
    return tree if _fits_file(tree) else None


def _plain_tree(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain_tree(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)([_plain_tree(item) for item in value])
    return value


def _fits_file(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(type(key) in (int, str, bool) for key in value) and all(map(_fits_file, value.values()))
    if type(value) in (list, tuple):
        return all(map(_fits_file, value))
    if type(value) is numpy.ndarray:
        return value.dtype.kind in "biufc" and value.dtype.char not in "gG"
    if type(value) is int:
        return value.bit_length() <= INTEGER_BITS
    number = isinstance(value, numpy.number | numpy.bool_) and value.dtype.kind in "biuf" and value.dtype.itemsize <= 8
    return type(value) in SCALARS or isinstance(value, TensorData) or number


class StateFiller:
    """Compares state dicts of a file with live objects, and puts them in; ``release`` gives back the file's memory."""

    def __init__(self, release: Callable[[], None]) -> None:
        self._release = release

    def check(self, live: Any, tree: Any, path: str) -> None:
        """Compare names, shapes and types of elements; raises MismatchError, and changes nothing."""
        if not isinstance(tree, Mapping):
            raise MismatchError(f"expected a state dict for {path}, found {type(tree).__name__}.")
        if is_module(live):
            self._check_module(live, _named_as(live, tree), path)
        elif is_optimizer(live):
            from ..optimizers import check_optimizer

            check_optimizer(live, tree, path)
            for group, kept in zip(live.param_groups, tree["param_groups"], strict=True):
                _check_kinds(group, kept, path)
        else:
            _check_names(live, tree, path)

    def check_kept(self, live: Any, state: Any, path: str) -> None:
        """The same for a state that data holds, and that may be of any form."""
        if is_module(live) or is_optimizer(live):
            raise MismatchError(f"expected a file of tensors for {path}, found plain data.")
        if isinstance(state, Mapping) or isinstance(live.state_dict(), Mapping):
            self.check(live, state, path)

    def fill(self, live: Any, tree: Any, path: str) -> Callable[[], None]:
        """Put a state dict in; gives what puts back what was there."""
        if is_module(live) or is_optimizer(live):
            return self._fill_torch(live, tree, path)
        return self.give(live, _like(tree, live.state_dict(), self._torch_value), path)

    def give(self, live: Any, state: Any, path: str) -> Callable[[], None]:
        """Have an object of any other class load a state, or the one that it had where it refuses this one."""
        before = copy.deepcopy(live.state_dict())
        try:
            live.load_state_dict(state)
        except Exception as error:
            # Every class says in its own way that a state is another's.
            _put_back(live, before)
            raise MismatchError(
                f"expected {path} to fit this agent, found that it does not: {type(error).__name__}: {error}.",
                hint=f'Leave it out with skip=["{path}"].',
            ) from error
        return lambda: _put_back(live, before)

    def _fill_torch(self, live: Any, tree: Any, path: str) -> Callable[[], None]:
        """Fill a network or an optimizer, which were compared in full; what they keep otherwise is given back."""
        tree = _named_as(live, tree) if is_module(live) else tree
        if is_certain(live):
            self._filler.fill_module(live, tree, path)
            return _keep
        # An optimizer takes other tensors than those that it had, so that these are still there.
        before = copy.deepcopy(live.state_dict()) if is_module(live) else live.state_dict()
        fill = self._filler.fill_module if is_module(live) else self._filler.fill_optimizer
        try:
            fill(live, tree, path)
        except StrongboxError:
            _put_back(live, before)
            raise
        return lambda: _put_back(live, before)

    def _check_module(self, live: Any, tree: Any, path: str) -> None:
        self._filler.check_module(live, tree, path)
        for key, target in live.state_dict().items():
            found = tree.get(key)
            dtype = str(target.dtype).partition(".")[2] if is_tensor(target) else None
            if isinstance(found, Tensor) and dtype is not None and found.dtype != dtype:
                raise MismatchError(f"expected a tensor of {dtype} for {path}: {key}, found one of {found.dtype}.")

    @property
    def _filler(self) -> Any:
        from ..state import Filler

        return Filler(self._release)

    def _torch_value(self, value: Any) -> Any:
        return self._filler.torch_value(value)


def _named_as(live: Any, tree: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """A state dict under the names of a live network, of which other parts are compiled."""
    names = {str(name).replace(COMPILED, ""): name for name in live.state_dict()}
    return {names.get(str(name).replace(COMPILED, ""), name): value for name, value in tree.items()}


def is_certain(live: Any) -> bool:
    """Whether filling cannot fail after the comparison: a network without ways of loading of its own."""
    if not is_module(live):
        return False
    from ..state import loads_itself

    return not loads_itself(live)


def _put_back(live: Any, before: Any) -> None:
    """Have an object load the state that it had, which one that takes no state at all refuses, too."""
    with contextlib.suppress(Exception):
        live.load_state_dict(before)


def _keep() -> None:
    """A network was compared in full before it was filled, and nothing after that fails."""


def _check_names(live: Any, tree: Mapping[Any, Any], path: str) -> None:
    """Hold the names of a state dict against those that the live object gives.

    Many classes take every name they are given as an attribute. Where the live names are attributes, no others are
    let through; where they are none (states of a table, positions), what is there is content.
    """
    state = live.state_dict()
    names = set(state) if isinstance(state, Mapping) else set()
    attributes = all(type(name) is str and name.isidentifier() for name in names) and bool(names)
    strangers = [str(name) for name in tree if name not in names]
    if attributes and (strangers or len(tree) != len(names)):
        shown = sorted(strangers) or sorted(map(str, names - set(tree)))
        raise MismatchError(
            f"expected {', '.join(sorted(map(str, names)))} in {path}, found {'another' if strangers else 'no'} "
            f"{shown[0][:100]!r}."
        )
    _check_kinds(state if names else {}, tree, path)


def _check_kinds(live: Mapping[Any, Any], tree: Mapping[Any, Any], path: str) -> None:
    for name in live.keys() & tree.keys():
        expected, found = _kind(live[name]), _kind(tree[name])
        if "nothing" not in (expected, found) and expected != found:
            raise MismatchError(f"expected {expected} for {name!r} in {path}, found {found}.")


def _kind(value: Any) -> str:
    if isinstance(value, Tensor | numpy.ndarray) or is_tensor(value):
        return "numbers"  # A tensor of one number and a number are taken for each other.
    if isinstance(value, bool | int | float | numpy.generic):
        return "numbers"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a row"
    return "text" if isinstance(value, str) else "nothing"


def _like(found: Any, live: Any, torch_value: Callable[[Any], Any]) -> Any:
    """A tree of a file in the containers, and of the kinds of arrays and numbers, that live state has."""
    if isinstance(found, Tensor):
        if isinstance(live, numpy.ndarray) or framework("torch") is None:
            return found.copy()
        return torch_value(found).to(live.device) if is_tensor(live) else torch_value(found)
    if isinstance(found, Mapping):
        old = live if isinstance(live, Mapping) else {}
        items = {key: _like(item, old.get(key), torch_value) for key, item in found.items()}
        if isinstance(live, defaultdict):
            return defaultdict(live.default_factory, items)
        return type(live)(items) if type(live) in MAPPINGS else items
    if type(found) in (list, tuple):
        old_items = live if isinstance(live, list | tuple) and len(live) == len(found) else [None] * len(found)
        return type(found)([_like(item, one, torch_value) for item, one in zip(found, old_items, strict=True)])
    if isinstance(live, numpy.generic) and isinstance(found, bool | int | float):
        return type(live)(found)
    return torch_value(found) if isinstance(found, TorchName) else found
