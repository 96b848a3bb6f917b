"""Zip files: read with every rule checked, written the same way every time, replaced whole or not at all.

What writes loads when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .checksum import checksum, combine_crc
from .directory import Directory, Member, read_directory
from .formats import FileFormat, identify
from .names import check_name
from .source import Source, open_source

if TYPE_CHECKING:
    from .atomic import explain, replace_file, sync_folder
    from .plan import ZipPlan
    from .writer import Written, ZipWriter

__all__ = [
    "Directory",
    "FileFormat",
    "Member",
    "Source",
    "Written",
    "ZipPlan",
    "ZipWriter",
    "check_name",
    "checksum",
    "combine_crc",
    "explain",
    "identify",
    "open_source",
    "read_directory",
    "replace_file",
    "sync_folder",
]


def __getattr__(name: str) -> Any:
    if name in ("explain", "replace_file", "sync_folder"):
        from . import atomic

        return getattr(atomic, name)
    if name == "ZipPlan":
        from . import plan

        return getattr(plan, name)
    if name in ("Written", "ZipWriter"):
        from . import writer

        return getattr(writer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
