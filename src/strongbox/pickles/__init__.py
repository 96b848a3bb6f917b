"""Pickle bytes to inert nodes and back: nothing is imported, called or set."""

from .budget import Budget
from .decoding import decode, decode_next
from .encoding import encode, encode_part
from .graph import children, walk
from .nodes import Call, Decoded, Encoded, Global, Node, PersistentId

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
