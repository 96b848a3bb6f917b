"""What kind of file this is, told by its first bytes and never by its name.

The list holds what people hand to a loader of agents by mistake, so that the message can say what the
file is instead of what it is not.
"""

from __future__ import annotations

from ..records import record
from .records import END_SIGNATURE, LOCAL_SIGNATURE

__all__ = ["FileFormat", "identify"]

SAVE_HINT = "An agent is a zip archive, as model.save() of Stable-Baselines3 or strongbox.save() writes it."


@record(frozen=True)
class FileFormat:
    """A known kind of file: what to call it and what to do with it."""

    name: str
    hint: str = SAVE_HINT


ZIP = FileFormat("a zip archive")
SAFETENSORS = FileFormat("a safetensors file")

MAGIC: tuple[tuple[int, bytes, FileFormat], ...] = (
    (0, LOCAL_SIGNATURE, ZIP),
    (0, END_SIGNATURE, ZIP),
    (
        0,
        b"PK\x07\x08",
        FileFormat("one part of a split zip archive", "Join the parts: zip -s 0 PART.zip --out WHOLE.zip"),
    ),
    (0, b"PK00", FileFormat("one part of a split zip archive", "Join the parts: zip -s 0 PART.zip --out WHOLE.zip")),
    (0, b"\x1f\x8b", FileFormat("a gzip file", "Unpack it first: gunzip FILE, or tar -xzf FILE")),
    (0, b"BZh", FileFormat("a bzip2 file", "Unpack it first: bunzip2 FILE, or tar -xjf FILE")),
    (0, b"\xfd7zXZ\x00", FileFormat("an xz file", "Unpack it first: unxz FILE, or tar -xJf FILE")),
    (0, b"\x28\xb5\x2f\xfd", FileFormat("a Zstandard file", "Unpack it first: unzstd FILE")),
    (0, b"7z\xbc\xaf\x27\x1c", FileFormat("a 7z archive", "Unpack it, and pack its files as zip.")),
    (0, b"Rar!\x1a\x07", FileFormat("a RAR archive", "Unpack it, and pack its files as zip.")),
    (257, b"ustar", FileFormat("a tar archive", "Unpack it first: tar -xf FILE")),
    (0, b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9", FileFormat("a .pth file in torch's old layout")),
    (0, b"\x80\x02", FileFormat("a bare pickle")),
    (0, b"\x80\x03", FileFormat("a bare pickle")),
    (0, b"\x80\x04", FileFormat("a bare pickle")),
    (0, b"\x80\x05", FileFormat("a bare pickle")),
    (0, b"\x89HDF\r\n\x1a\n", FileFormat("an HDF5 file")),
    (0, b"GGUF", FileFormat("a GGUF file")),
    (0, b"\x93NUMPY", FileFormat("a numpy .npy file")),
    (
        0,
        b"version https://git-lfs.github.com/spec/",
        FileFormat("a Git LFS pointer, not the file itself", "Fetch the file: git lfs pull"),
    ),
    (0, b"<!DOCTYPE", FileFormat("a web page", "The download went wrong: fetch the file itself, not its page.")),
    (0, b"<!doctype", FileFormat("a web page", "The download went wrong: fetch the file itself, not its page.")),
    (0, b"<html", FileFormat("a web page", "The download went wrong: fetch the file itself, not its page.")),
)


def identify(view: bytes | bytearray | memoryview) -> FileFormat | None:
    """Name the format of a file from its content, or return None where it is not a known one."""
    for start, magic, file_format in MAGIC:
        if bytes(view[start : start + len(magic)]) == magic:
            return file_format
    return SAFETENSORS if is_safetensors(view) else None


def is_safetensors(view: bytes | bytearray | memoryview) -> bool:
    """Whether the file begins as safetensors do: the length of a JSON object, then that object."""
    header = int.from_bytes(bytes(view[:8]), "little")
    return bytes(view[8:9]) == b"{" and 2 <= header <= len(view) - 8
