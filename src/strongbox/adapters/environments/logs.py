"""The CSV files of Monitor and VecMonitor, which a new process would begin anew.

A capture flushes the file and keeps its path and size. When restoring, that many bytes of a preserved copy take the
place of what the new process has written, and the file is appended to from there: no row twice, none lost. Which file
is written is the script's choice alone; a state never names one.
"""

from __future__ import annotations

import os
from typing import Any

from ..loaded import loaded_classes
from ..slots import fields_of
from .notes import Notes

__all__ = ["capture_log", "has_log", "restore_log"]

PIECE = 1 << 20
"""Bytes that are copied at once."""


def has_log(live: Any) -> bool:
    """Whether an object writes results into a file."""
    return isinstance(
        fields_of(live).get("results_writer"), loaded_classes("stable_baselines3.common.monitor", "ResultsWriter")
    )


def capture_log(live: Any, notes: Notes) -> dict[str, Any]:
    """The file's path and its size in bytes, as flushed."""
    handler = live.results_writer.file_handler
    if not handler.closed:
        handler.flush()
    path = os.path.realpath(handler.name)
    notes.logs[path] = os.path.getsize(path)
    return {"path": path, "size": notes.logs[path]}


def restore_log(live: Any, state: Any, place: str, notes: Notes) -> None:
    """Let the preserved copy's first bytes stand in the live file; where there is none, that is reported."""
    path = os.path.realpath(live.results_writer.file_handler.name)
    size = state.get("size") if type(state) is dict else None
    copies = {os.path.realpath(known): copy for known, copy in notes.copies.items()}
    if type(size) is not int or size < 0:
        notes.add(f"{place} log", "expected the size of its file, found none: rows before the checkpoint are missing")
    elif path not in copies:
        notes.add(f"{place} log", f"no preserved copy of {path}: rows before the checkpoint are missing")
    else:
        problem = _replace(live.results_writer.file_handler, path, copies[path], size)
        if problem:
            notes.add(f"{place} log", problem)


def _replace(handler: Any, path: str, copy: str, size: int) -> str | None:
    """Write the first bytes of a copy into an open file; returns what prevented it."""
    try:
        if os.path.getsize(copy) < size:
            return f"expected at least {size:,} bytes in {copy}, found {os.path.getsize(copy):,}"
        handler.flush()
        if os.path.samefile(copy, path):
            handler.seek(0, os.SEEK_END)
            handler.truncate(size)
            handler.seek(0, os.SEEK_END)
            return None
        handler.seek(0)
        handler.truncate(0)
        with open(copy, "rb") as source:
            left = size
            while left and (piece := source.read(min(PIECE, left))):
                handler.buffer.write(piece)
                left -= len(piece)
        handler.flush()
    except OSError as error:
        return f"its file could not be restored: {error}"
    return None
