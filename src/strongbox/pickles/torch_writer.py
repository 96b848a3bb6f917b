"""How nodes are written for ``torch.load(weights_only=True)``: protocol 2, and its opcodes alone.

The reader is ``torch/_weights_only_unpickler.py``. It knows no sets that are filled, no frozen sets, no
bytes (torch writes a call of ``_codecs.encode``), no way to throw a value away, no keyword arguments
and no integers above 255 bytes; what would need one of these raises UnsupportedError.
"""

from __future__ import annotations

from typing import ClassVar

from ..errors import UnsupportedError
from .names import check_name
from .nodes import Call, Global, Node
from .opcodes import Opcode
from .writer import Method, Writer

__all__ = ["TorchWriter"]

ENCODE = Global("_codecs", "encode")
LATIN_1 = "latin1"


class TorchWriter(Writer):
    """One encoding in progress, in protocol 2."""

    protocol = 2
    methods: ClassVar[dict[type, Method]]

    def written_with(self, node: Node) -> tuple[Node, ...]:
        """Bytes are written by way of a name and a text; names are text of their own."""
        return (ENCODE, LATIN_1) if type(node) is bytes else ()

    def memoize(self, index: int) -> None:
        """Give a number to what is on top of the stack."""
        self.emit_index(index, Opcode.BINPUT, Opcode.LONG_BINPUT)

    def write_long(self, node: int) -> None:
        """Write a whole number of more than 32 bits."""
        if node.bit_length() >= 8 * 255:
            raise _unsupported("an integer of more than 255 bytes")
        super().write_long(node)

    def write_text(self, node: str) -> None:
        """Write text, lone surrogates included."""
        self._emit_text(node)
        self.remember(node)

    def write_bytes(self, node: bytes) -> None:
        """Write bytes as torch's pickler does, which maps each byte to the character of its number."""
        self.write(ENCODE)
        self._emit_text(node.decode("latin-1"))
        self.write(LATIN_1)
        self.emit(Opcode.TUPLE2)
        self.emit(Opcode.REDUCE)
        self.remember(node)

    def write_global(self, node: Global) -> None:
        """Write a name as two lines; a name has no line break in it, or it is refused."""
        check_name(node.module, node.name)
        self.emit(Opcode.GLOBAL, f"{node.module}\n{node.name}\n".encode("ascii"))
        self.remember(node)

    def emit_call(self, node: Call) -> None:
        """Write the opcode of a call whose function and arguments are on the stack."""
        if node.keywords:
            raise _unsupported("a call with keyword arguments")
        super().emit_call(node)

    def drop(self, count: int | None) -> None:
        """Refuse to throw anything away."""
        raise _unsupported("a call whose result is thrown away, or a tuple that contains itself")

    def refuse(self, node: Node) -> None:
        """Refuse a kind of value that the reader does not know."""
        raise _unsupported(f"a {type(node).__name__}")

    def _emit_text(self, text: str) -> None:
        self.emit_measured(text.encode("utf-8", "surrogatepass"), ((Opcode.BINUNICODE, 4),))


TorchWriter.methods = {
    **Writer.methods,
    str: TorchWriter.write_text,
    bytes: TorchWriter.write_bytes,
    bytearray: TorchWriter.refuse,
    set: TorchWriter.refuse,
    frozenset: TorchWriter.refuse,
    Global: TorchWriter.write_global,
}


def _unsupported(what: str) -> UnsupportedError:
    return UnsupportedError(
        f"expected values that torch.load(weights_only=True) reads, found {what}.",
        hint="Keep it in the archive's data, not in a .pth file.",
    )
