"""Pickle bytes to inert nodes and back: nothing is imported, called or set.

What writes loads when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .budget import Budget
from .decoding import decode, decode_next
from .graph import children, walk
from .nodes import Call, Decoded, Encoded, Global, Node, PersistentId

if TYPE_CHECKING:
    from .encoding import encode, encode_part

__all__ = [
    "Budget",
    "Call",
    "Decoded",
    "Encoded",
    "Global",
    "Node",
    "PersistentId",
    "children",
    "decode",
    "decode_next",
    "encode",
    "encode_part",
    "walk",
]


def __getattr__(name: str) -> Any:
    if name in ("encode", "encode_part"):
        from . import encoding

        return getattr(encoding, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
