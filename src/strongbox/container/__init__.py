"""Zip files: read with every rule checked, written the same way every time, replaced whole or not at all."""

from __future__ import annotations

from .atomic import explain, replace_file, sync_folder
from .checksum import checksum, combine_crc
from .directory import Directory, Member, read_directory
from .formats import FileFormat, identify
from .plan import ZipPlan
from .source import Source, open_source
from .writer import Written, ZipWriter

__all__ = [
    "Directory",
    "FileFormat",
    "Member",
    "Source",
    "Written",
    "ZipPlan",
    "ZipWriter",
    "checksum",
    "combine_crc",
    "explain",
    "identify",
    "open_source",
    "read_directory",
    "replace_file",
    "sync_folder",
]
