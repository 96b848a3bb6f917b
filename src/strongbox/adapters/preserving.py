"""Copies of text logs as they were at a checkpoint, made before a script opens the files anew, which empties them."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ..archive import Archive
from ..container import replace_file
from ..errors import MismatchError

__all__ = ["BLOCK", "MONITOR", "preserve_logs", "read_rows"]

TEXT_SUFFIXES, TEXT_NAMES = (".csv", ".json", ".txt"), ("progress", "log")
"""How the names of the text files of SB3's logger end, and how they begin."""

MONITOR = "monitor.csv"
"""How the names of Monitor's files end; they belong to the environments."""

BLOCK = 1 << 20
"""Bytes that are read at once."""


def read_rows(archive: Archive) -> dict[str, int]:
    """The lines that CSV files had at a checkpoint, by name; raises MismatchError where they are none."""
    log: Any = archive.resume.get("log", {})
    rows = log.get("rows", {}) if isinstance(log, Mapping) else None
    if not isinstance(rows, Mapping) or not all(type(count) is int and count >= 0 for count in rows.values()):
        raise MismatchError("expected numbers of rows in resume/log.json, found others.")
    return dict(rows)


def preserve_logs(sizes: Mapping[str, int], rows: Mapping[str, int], folder: Path) -> dict[str, str]:
    """Copy what text files held at a checkpoint, before the script opens them anew, which empties them.

    Gives the copies by the path of the file. One that is there already is from an earlier attempt to go on from
    the same checkpoint, and is kept. Only files are read whose names are those of SB3's logger and Monitor.
    """
    copies: dict[str, str] = {}
    for path, size in sizes.items():
        source = Path(path)
        if not (
            source.name.endswith(MONITOR) or (source.suffix in TEXT_SUFFIXES and source.name.startswith(TEXT_NAMES))
        ):
            continue
        copy = folder / f"{hashlib.sha256(path.encode()).hexdigest()[:16]}{source.suffix}"
        if copy.is_symlink():
            copy.unlink()  # The run's folder may come from a stranger, and a link lead anywhere.
        if not copy.exists() and source.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            with source.open("rb") as file, replace_file(copy) as written:
                _copy_beginning(file, written, size, rows.get(source.name))
        if copy.is_file() and not copy.is_symlink():
            copies[path] = str(copy)
    return copies


def _copy_beginning(file: BinaryIO, written: BinaryIO, size: int, rows: int | None) -> None:
    if rows is not None:
        written.writelines(itertools.islice(file, rows))
        return
    while size and (block := file.read(min(size, BLOCK))):
        written.write(block)
        size -= len(block)
