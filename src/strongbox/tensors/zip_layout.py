"""torch's zip layout, which ``torch.save`` writes since 1.6.

::

    TOP/data.pkl                the pickle; storages are persistent ids
    TOP/byteorder               "little" (since torch 2.1)
    TOP/data/KEY                the bytes of one storage each
    TOP/version                 "3"
    TOP/.data/serialization_id, TOP/.format_version, TOP/.storage_alignment

``TOP`` is ``archive``, or the file's own name. TorchScript and ``torch.package`` files are zip files of
the same family; they hold code and are refused by name. Opening reads the zip directory, the small
members and the pickle, never the bytes of a storage.

Source: ``torch/serialization.py`` (``_save``, ``_load``), ``caffe2/serialize/inline_container.h``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..container import Directory, read_directory
from ..errors import FormatError, LimitError, UnsupportedError, locate
from ..limits import Limits
from ..pickles import Budget, decode
from .layout import Layout
from .storages import StorageTable

__all__ = ["open_zip_layout"]

_SMALL = 64
"""Bytes; what ``version`` and ``byteorder`` may have at most."""
_OLDEST_VERSION, _NEWEST_VERSION = 3, 10
_KNOWN = frozenset(
    ("data.pkl", "byteorder", "version", ".data/serialization_id", ".format_version", ".storage_alignment")
)
_CODE = ("constants.pkl", "code", ".data/extern_modules", ".data/python_version")
"""What TorchScript and torch.package files have."""


def open_zip_layout(view: memoryview, *, limits: Limits, budget: Budget) -> Layout:
    """Read the directory and the pickle of a file in torch's zip layout."""
    directory = read_directory(view, limits=limits, members=limits.inner_members)
    budget.count_inflated(directory.inflated_bytes)
    top = _top_folder(directory)
    _refuse_code(directory, top)
    _check_version(directory, top)
    _check_byte_order(directory, top)
    member = f"{top}/data.pkl"
    if directory[member].size > limits.pickle_bytes:
        raise LimitError(
            f"expected a pickle of at most {limits.pickle_bytes:,} bytes, found {directory[member].size:,}."
        )
    content = directory.read(member)
    with locate(member=member):
        decoded = decode(content, limits=limits, budget=budget, persistent=True)
    table = StorageTable(
        check=lambda key, nbytes: _check_record(directory, f"{top}/data/{key}", nbytes),
        read=lambda key: directory.read(f"{top}/data/{key}"),
        with_views=False,
    )
    return Layout("zip", decoded, table, member, lambda: tuple(_remarks(directory, top, table)))


def _top_folder(directory: Directory) -> str:
    """The one folder that everything lies in."""
    tops = {name.partition("/")[0] for name in directory}
    top = next(iter(tops), "")
    if len(tops) != 1 or f"{top}/data.pkl" not in directory:
        code = next((name for name in directory if name.endswith("/constants.pkl")), None)
        if code is not None:
            raise _holds_code(code)
        raise FormatError(
            "expected one folder with data.pkl in it, as torch.save writes, found another zip file.",
            hint="Is this a file that torch.save wrote?",
        )
    return top


def _refuse_code(directory: Directory, top: str) -> None:
    for part in _CODE:
        if f"{top}/{part}" in directory or any(name.startswith(f"{top}/{part}/") for name in directory):
            raise _holds_code(f"{top}/{part}")


def _holds_code(member: str) -> UnsupportedError:
    return UnsupportedError(
        f"expected a file that torch.save wrote, found a TorchScript or torch.package file ({member}).",
        hint="It holds a program. Save module.state_dict() with torch.save instead.",
    )


def _check_version(directory: Directory, top: str) -> None:
    text = _small(directory, f"{top}/version")
    if not re.fullmatch(r"[0-9]{1,9}\s*", text, re.ASCII):
        raise FormatError(f"expected a version number, found {text!r}.", member=f"{top}/version")
    version = int(text.strip())
    if not _OLDEST_VERSION <= version <= _NEWEST_VERSION:
        raise UnsupportedError(
            f"expected version {_OLDEST_VERSION} to {_NEWEST_VERSION} of torch's zip layout, found {version}.",
            member=f"{top}/version",
            hint="Load it with the torch that wrote it, and save it with a later one.",
        )


def _check_byte_order(directory: Directory, top: str) -> None:
    """Little-endian, which every file is that does not say otherwise."""
    member = f"{top}/byteorder"
    if member not in directory:
        return
    order = _small(directory, member)
    if order == "big":
        raise UnsupportedError(
            "expected numbers in little-endian byte order, found big-endian ones.",
            member=member,
            hint="Load it with torch and save it again on a little-endian machine.",
        )
    if order != "little":
        raise FormatError(f"expected little or big as the byte order, found {order!r}.", member=member)


def _small(directory: Directory, member: str) -> str:
    """The text of a member of a few bytes."""
    if member in directory and directory[member].size > _SMALL:
        raise FormatError(f"expected at most {_SMALL} bytes, found {directory[member].size:,}.", member=member)
    return bytes(directory.read(member)).decode("ascii", errors="replace")


def _check_record(directory: Directory, member: str, nbytes: int) -> None:
    if member not in directory:
        raise FormatError(f"expected the storage {member!r}, found no such member.")
    if directory[member].size != nbytes:
        raise FormatError(
            f"expected {nbytes:,} bytes in {member!r}, as the pickle declares, found {directory[member].size:,}.",
            hint="The file is damaged, or was made to read outside of its own memory.",
        )


def _remarks(directory: Directory, top: str, table: StorageTable) -> Iterator[str]:
    """What a person should know: deflated members, and members that no tensor belongs to."""
    yield from directory.remarks
    for name in directory:
        rest = name[len(top) + 1 :]
        if rest not in _KNOWN and not (rest.startswith("data/") and rest[len("data/") :] in table):
            yield f"{name} belongs to no tensor and is never read."
