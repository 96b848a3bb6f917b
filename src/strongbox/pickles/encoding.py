"""Inert nodes become pickle bytes: the only pickle writer of the project.

Rules:

- Canonical: the same graph gives the same bytes, always. Elements of sets are put in order; what is
  referred to once is not memoised; there are no frames.
- Protocol 4 for data (5 where the graph holds a bytearray, which has no opcode before): any
  ``pickle.loads`` since Python 3.4 (3.8) reads it. Protocol 2 for ``.pth`` files: :mod:`.torch_writer`.
- Shared parts stay shared, as :mod:`.sharing` tells.
- Cycles: lists, dictionaries, sets and calls are memoised as soon as they exist, before what is put
  into them. A tuple, frozen set or call that is met again while the parts it is made from are being
  written is written a second time there, and the first attempt is thrown away, as CPython's pickler does.
- Popped calls: one whose first argument is a Call comes right after that Call is complete, which is
  where cloudpickle's reader needs it; any other comes first of all.
- Whatever is written can be read back under the same limits.
"""

from __future__ import annotations

from ..errors import LimitError, UnsupportedError
from ..limits import DEFAULT_LIMITS, Limits
from .graph import measure
from .nodes import Decoded, Encoded, Node
from .torch_writer import TorchWriter
from .writer import Writer

__all__ = ["encode", "encode_part"]

WRITERS: dict[int, type[Writer]] = {2: TorchWriter, 4: Writer}


def encode(node: Node | Decoded, *, protocol: int = 4, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Write a graph of nodes, or a Decoded with its popped calls, as one pickle.

    ``protocol`` is 4 or 2. Raises UnsupportedError for a value of a type that no node has, or that
    protocol 2 cannot hold, FormatError for a value that contains itself, RefusedError for a key or
    name that a reader would refuse, and LimitError above ``limits``.
    """
    kind = _writer(protocol)
    decoded = node if isinstance(node, Decoded) else Decoded(node)
    _, cyclic = measure([decoded.root, *decoded.popped], limits)
    # Where something may be met again before it is complete, all its parts must be known by then.
    writer = kind(limits, share_all=cyclic or bool(decoded.popped))
    pickle = writer.write_all(decoded)
    if len(pickle) > limits.pickle_bytes:
        raise LimitError(f"expected a pickle of at most {limits.pickle_bytes} bytes, found {len(pickle)}.")
    return pickle


def encode_part(node: Node, *, protocol: int = 4, limits: Limits = DEFAULT_LIMITS) -> Encoded:
    """Write a tree of nodes once, to stand in many pickles; what it shares, it writes again each time.

    Raises as :func:`encode`, and UnsupportedError where the tree refers back to itself.
    """
    kind = _writer(protocol)
    _, cyclic = measure([node], limits)
    if cyclic:
        raise UnsupportedError("expected a tree to encode as a part, found a value that contains itself.")
    return Encoded(kind(limits, share_all=False).write_part(node), protocol)


def _writer(protocol: int) -> type[Writer]:
    if protocol not in WRITERS:
        raise UnsupportedError(f"expected pickle protocol 2 or 4 to write, found {protocol}.")
    return WRITERS[protocol]
