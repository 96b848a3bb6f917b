"""Tensors and random generators of torch as values, and what of a value torch would trust unseen.

Nothing here loads torch: whoever has such an object has loaded it.
"""

from __future__ import annotations

from typing import Any

import numpy

from ..values import TorchTensor

__all__ = ["read_tensor", "read_torch_state", "refuse_torch_state"]

MT_LEFT, MT_NEXT, MT_WORDS = 8, 16, 624
"""Where torch's CPU generator holds how many words are left and whether it was seeded, and the next word (uint64)."""


def read_tensor(live: Any) -> TorchTensor:
    """A dense tensor, copied."""
    dtype = str(live.dtype).partition(".")[2]
    plain = live.detach().cpu()
    array = (plain.float() if dtype == "bfloat16" else plain).numpy()
    return TorchTensor(
        array=numpy.array(array, order="C"),
        dtype=dtype,
        device=str(live.device),
        requires_grad=bool(live.requires_grad),
        parameter=type(live).__name__ == "Parameter",
    )


def read_torch_state(live: Any) -> numpy.ndarray[Any, numpy.dtype[numpy.uint8]]:
    """The state of a generator of torch: bytes in a layout of its own, which may differ from version to version."""
    state: numpy.ndarray[Any, numpy.dtype[numpy.uint8]] = live.get_state().cpu().numpy().copy()
    return state


def refuse_torch_state(live: Any, value: Any) -> str | None:
    """Why a value is no state for a live generator, or None where it is one.

    torch trusts the bytes of a state, and its CPU generator is one more MT19937: a position outside of its words
    would read from beyond its memory.
    """
    size = live.get_state().numel()
    if not isinstance(value, numpy.ndarray) or value.dtype != numpy.uint8 or value.shape != (size,):
        shown = f"{value.dtype} of {value.shape}" if isinstance(value, numpy.ndarray) else type(value).__name__
        return f"expected a state of torch's generator, {size:,} bytes in this version of torch, found {shown}"
    if live.device.type != "cpu":
        return None
    state = value.copy()
    left, seeded = state[MT_LEFT : MT_LEFT + 8].view(numpy.int32).tolist()
    following = int(state[MT_NEXT : MT_NEXT + 8].view(numpy.uint64)[0])
    if not (seeded in (0, 1) and left >= 1 and left + following <= MT_WORDS + 1):
        return "expected a state of torch's generator whose position lies inside of it, found another"
    return None
