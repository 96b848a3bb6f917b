"""Building networks without initialising them, where every parameter is about to be overwritten.

Constructing a policy of two 4096-wide layers takes seconds, nearly all of it spent on orthogonal
matrices that the next step throws away. Inside :func:`skip_initialisation` the functions of
``torch.nn.init`` leave parameters as they are and write down which; the caller then checks that the
archive brings each of them (:meth:`Skipped.all_in`), and builds again in the ordinary way if not.

An archive that asks for layers far wider than the ones it brings is given up at the first of them
(``most``), before anything touches the memory that torch has set aside for it.

The functions are replaced for the whole process, but do nothing different outside of the thread that
asked for it, and never for a tensor that is not a parameter.
"""

from __future__ import annotations

import functools
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy
import torch

from ..errors import MismatchError

__all__ = ["Skipped", "keep_random_states", "skip_initialisation"]

INITIALISERS = (
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
)
"""The functions of ``torch.nn.init`` that fill a tensor."""


class Skipped:
    """The parameters that were left uninitialised; of more than ``most`` elements in all, none is taken."""

    def __init__(self, most: int | None = None) -> None:
        self.parameters: list[torch.Tensor] = []
        self._known: set[int] = set()
        self._elements = 0
        self._most = most

    def add(self, parameter: torch.Tensor) -> None:
        """Write a parameter down; raises MismatchError where they have become too many."""
        self.parameters.append(parameter)
        if id(parameter) not in self._known:
            self._known.add(id(parameter))
            self._elements += parameter.numel()
        if self._most is not None and self._elements > self._most:
            raise MismatchError(
                "expected settings of networks that fit the parameters in policy, "
                f"found ones that ask for more than {self._most:,} numbers.",
                hint="Give the settings yourself: custom_objects={'policy_kwargs': ...}.",
            )

    def all_in(self, covered: Iterable[torch.Tensor]) -> bool:
        """Whether each of them is one of the tensors given, which the archive brings."""
        known = {id(tensor) for tensor in covered}
        return all(id(parameter) in known for parameter in self.parameters)


_local = threading.local()
_lock = threading.Lock()
_originals: dict[str, Callable[..., Any]] = {}
_users = 0


@contextmanager
def skip_initialisation(most: int | None = None) -> Iterator[Skipped]:
    """Leave the parameters of networks that this thread builds uninitialised, and write down which.

    More than ``most`` elements in all are a MismatchError.
    """
    skipped = Skipped(most)
    _install()
    _local.skipped = skipped
    try:
        yield skipped
    finally:
        _local.skipped = None
        _remove()


@contextmanager
def keep_random_states(device: torch.device) -> Iterator[None]:
    """Give the random generators of Python, numpy and torch back as they were."""
    python_state, numpy_state = random.getstate(), numpy.random.get_state()
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        random.setstate(python_state)
        numpy.random.set_state(numpy_state)


def _install() -> None:
    global _users
    with _lock:
        if _users == 0:
            for name in INITIALISERS:
                original = getattr(torch.nn.init, name)
                _originals[name] = original
                setattr(torch.nn.init, name, _skipping(original))
        _users += 1


def _remove() -> None:
    global _users
    with _lock:
        _users -= 1
        if _users == 0:
            for name, original in _originals.items():
                setattr(torch.nn.init, name, original)


def _skipping(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def initialise(tensor: torch.Tensor, *arguments: Any, **keywords: Any) -> Any:
        skipped: Skipped | None = getattr(_local, "skipped", None)
        if skipped is None or not isinstance(tensor, torch.nn.Parameter):
            return original(tensor, *arguments, **keywords)
        skipped.add(tensor)
        return tensor

    return initialise
