"""The random states of the process: Python's, numpy's global one, and torch's on the CPU and on every CUDA device.

torch's are those of a process that has loaded torch, and nothing here loads it but a state that has to be put back.
torch keeps a state as bytes in a layout of its own, which may differ from version to version.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy

from ..errors import CheckpointError
from ..values import RandomGenerator
from .generators import hold_generator, write_generator
from .later import settle
from .torch_values import refuse_torch_state

__all__ = ["capture_random_states", "hold_random_states", "keep_random_states", "restore_random_states"]

PLACES = ("python", "numpy", "torch", "cuda")


def capture_random_states() -> dict[str, Any]:
    """The random states by place: ``python``, ``numpy``, ``torch``, ``cuda``.

    The first two are generators; torch's are uint8 arrays, a tuple of them for the CUDA devices.

    ``torch`` is None where torch is not loaded in this process, and ``cuda`` is empty unless it has begun to use CUDA.
    """
    state: dict[str, Any] = settle(hold_random_states())
    return state


def hold_random_states() -> dict[str, Any]:
    """The same, copied, with the values of the generators to be made later."""
    state: dict[str, Any] = {"python": hold_generator(_python()), "numpy": hold_generator(_numpy())}
    torch = sys.modules.get("torch")
    if torch is None:
        return {**state, "torch": None, "cuda": ()}
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return {
        **state,
        "torch": torch.get_rng_state().numpy(),  # a tensor of its own
        "cuda": tuple(state.cpu().numpy().copy() for state in cuda),
    }


def restore_random_states(state: Any) -> dict[str, str]:
    """Put the random states back; returns what could not be restored, each with the reason.

    Raises CheckpointError where ``state`` is not what :func:`capture_random_states` gives.
    """
    if type(state) is not dict or set(state) != set(PLACES):
        raise CheckpointError(f"expected the random states of {', '.join(PLACES)}, found others.")
    inexact: dict[str, str] = {}
    for place in PLACES:
        try:
            inexact.update(RESTORERS[place](state[place]))
        except CheckpointError as error:
            inexact[place] = error.problem
    return inexact


@contextmanager
def keep_random_states() -> Iterator[None]:
    """Give all random states back as they were, whatever is drawn in between."""
    state = capture_random_states()
    try:
        yield
    finally:
        restore_random_states(state)


def _python() -> random.Random:
    """The generator behind ``random.random()``."""
    instance: random.Random = random._inst
    return instance


def _numpy() -> numpy.random.RandomState:
    """The generator behind ``numpy.random.random()``."""
    instance: numpy.random.RandomState = numpy.random.mtrand._rand
    return instance


def _restore_python(value: Any) -> dict[str, str]:
    write_generator(_python(), _generator(value))
    return {}


def _restore_numpy(value: Any) -> dict[str, str]:
    write_generator(_numpy(), _generator(value))
    return {}


def _generator(value: Any) -> RandomGenerator:
    if not isinstance(value, RandomGenerator):
        raise CheckpointError(f"expected the state of a random generator, found {type(value).__name__}.")
    return value


def _restore_torch(value: Any) -> dict[str, str]:
    if value is None:
        if "torch" in sys.modules:
            raise CheckpointError("expected a state of torch's generator, found that of a process without torch.")
        return {}
    torch = _torch()
    problem = refuse_torch_state(torch.default_generator, value)
    if problem:
        raise CheckpointError(f"{problem}.")
    torch.set_rng_state(torch.from_numpy(value.copy()))
    return {}


def _restore_cuda(value: Any) -> dict[str, str]:
    if type(value) not in (tuple, list):
        raise CheckpointError(f"expected a tuple of the states of CUDA devices, found {type(value).__name__}.")
    if not value:
        return {}
    torch = _torch()
    devices = torch.cuda.device_count()
    if len(value) != devices:
        return {
            "cuda": f"expected the states of {devices} CUDA devices, as many as there are here, found {len(value)}."
        }
    states = [_bytes(state, torch.cuda.get_rng_state(index).numel()) for index, state in enumerate(value)]
    torch.cuda.set_rng_state_all([torch.from_numpy(state) for state in states])
    return {}


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise CheckpointError("expected torch, whose random state the checkpoint has, found none.") from error
    return torch


def _bytes(value: Any, size: int) -> numpy.ndarray[Any, numpy.dtype[numpy.uint8]]:
    """A writable copy of a state of exactly so many bytes."""
    if type(value) is not numpy.ndarray or value.dtype != numpy.uint8 or value.shape != (size,):
        shown = f"{value.dtype} of {value.shape}" if isinstance(value, numpy.ndarray) else type(value).__name__
        raise CheckpointError(
            f"expected a state of torch's generator, {size:,} bytes in this version of torch, found {shown}."
        )
    copied: numpy.ndarray[Any, numpy.dtype[numpy.uint8]] = value.copy()
    return copied


RESTORERS: dict[str, Callable[[Any], dict[str, str]]] = {
    "python": _restore_python,
    "numpy": _restore_numpy,
    "torch": _restore_torch,
    "cuda": _restore_cuda,
}
