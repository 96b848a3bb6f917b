"""The attributes of an object: which it has, which its class leaves out, and how one of them is set."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from threading import Thread
from typing import Any

from ...errors import MismatchError
from ..request import read_names
from ..slots import fields_of
from .kinds import framework, is_module

__all__ = ["REPORT", "attributes_of", "names_left_out", "put_attribute", "refuses"]

REPORT = "strongbox_report"
"""What a load leaves on an agent."""


def attributes_of(live: Any) -> dict[str, Any]:
    """The attributes of an object by name, in order: those in its slots and its dictionary, or what it says itself."""
    if hasattr(type(live), "__strongbox_state__"):
        return _own_state(live)
    found = fields_of(live)
    not_its_own = _of_every_module() if is_module(live) else _of_every_thread() if isinstance(live, Thread) else ()
    return {name: found[name] for name in sorted(found) if name != REPORT and name not in not_its_own}


def _own_state(live: Any) -> dict[str, Any]:
    state = live.__strongbox_state__()
    if not isinstance(state, Mapping) or not all(type(name) is str for name in state):
        raise MismatchError(
            f"expected a mapping by name from {type(live).__qualname__}.__strongbox_state__, "
            f"found {type(state).__name__}."
        )
    return dict(sorted(state.items()))


@functools.cache
def _of_every_module() -> frozenset[str]:
    """What torch itself keeps in each of its networks; asked for once there is one."""
    torch = framework("torch")
    return frozenset((*vars(torch.nn.Module()), "_orig_mod", "_compiled_call_impl", "_is_torch_compile"))


@functools.cache
def _of_every_thread() -> frozenset[str]:
    """What the standard library keeps in each thread: whether it runs, and where."""
    return frozenset(vars(Thread()))


def names_left_out(kind: type) -> frozenset[str]:
    """The names and patterns that a class and those that it is derived from leave out."""
    found: frozenset[str] = frozenset()
    for base in kind.__mro__:
        found |= read_names(vars(base).get("__strongbox_exclude__"), "__strongbox_exclude__")
    return found


def put_attribute(live: Any, name: str) -> Callable[[Any], None]:
    """What sets one attribute; of a frozen dataclass, too, whose fields are this agent's to restore."""
    parameters = getattr(type(live), "__dataclass_params__", None)
    if parameters is not None and parameters.frozen:
        return lambda value: object.__setattr__(live, name, value)
    return lambda value: setattr(live, name, value)


def refuses(kind: type) -> bool:
    """Whether setting an attribute runs code of the class, which may raise; frozen dataclasses are got round."""
    parameters = getattr(kind, "__dataclass_params__", None)
    if parameters is not None and parameters.frozen:
        return False
    torch = framework("torch")
    known = (object.__setattr__,) if torch is None else (object.__setattr__, torch.nn.Module.__setattr__)
    return kind.__setattr__ not in known
