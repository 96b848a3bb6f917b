"""The archive that a call of SB3's reads, and what SB3 prints of it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...archive import Archive, Contents, open_archive, write_archive
from ...container import identify
from ...errors import FormatError, locate
from ..report import warn
from .places import find_target, open_to_read
from .trust import naming_install

__all__ = ["open_model", "print_saved_system", "write_model"]

SYSTEM_INFO = "system_info.txt"


@contextmanager
def open_model(path: Any, *, verbose: int = 0) -> Iterator[Archive]:
    """The archive at a path or in a file object; raises FormatError, in SB3's words, where it is no zip file."""
    with open_to_read(path, "zip", verbose=verbose) as file, naming_install():
        try:
            archive = open_archive(file)
        except FormatError as error:
            file.seek(0)
            known = identify(file.read(512))
            if known is None or known.name != "a zip archive":
                error.problem = f"Error: the file {path} wasn't a zip-file: {error.problem}"
            raise
        with archive, locate(path=archive.path):
            yield archive


def print_saved_system(archive: Archive) -> None:
    """Print on which system an archive was written, as SB3 does."""
    if SYSTEM_INFO in archive.members:
        print("== SAVED MODEL SYSTEM INFO ==")
        print(bytes(archive.members.read(SYSTEM_INFO)).decode(errors="replace"))
    else:
        warn("The model was saved with SB3 <= 1.2.0 and thus cannot print system information.")


def write_model(path: Any, contents: Contents) -> None:
    """Write an archive to a path, replacing an old file whole, or to a file object; warn of what was left out."""
    target = find_target(path, "zip")
    if isinstance(target, Path):
        report = write_archive(target, contents)
    elif target.seekable():
        report = write_archive(target, contents)
        target.truncate()  # A longer one may have been there before.
    else:
        memory = io.BytesIO()
        report = write_archive(memory, contents)
        target.write(memory.getbuffer())
    if report.left_out:
        listed = "; ".join(f"{name} ({reason})" for name, reason in report.left_out.items())
        warn(f"{report.path or 'archive'}: left out of the file: {listed}.")
