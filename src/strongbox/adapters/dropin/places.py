"""Where the drop-in writes and reads: paths and file objects, by SB3's rules for them.

A path without a suffix gets one, a folder is not written over but beside, and a file that is not found is looked for
with the suffix. What SB3 warns of is warned of. Source: ``open_path`` in ``stable_baselines3/common/save_util.py``.
"""

from __future__ import annotations

import io
import pathlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from stable_baselines3.common.save_util import open_path

from ..report import warn

__all__ = ["find_target", "open_to_read"]


def find_target(path: Any, suffix: str, *, verbose: int = 0) -> Any:
    """The path to write to, or the file object itself; raises TypeError and ValueError, as SB3, for what is neither."""
    if not isinstance(path, str | pathlib.Path):
        return open_path(path, "w", verbose=verbose, suffix=suffix)
    path = pathlib.Path(path)
    path = path if path.suffix else pathlib.Path(f"{path}.{suffix}")
    while path.is_dir():
        warn(f"Path '{path}' is a folder. Will save instead to {path}_2")
        path = pathlib.Path(f"{path}_2")
    if path.is_file() and verbose >= 2:
        warn(f"Path '{path}' exists, will overwrite it.")
    if not path.parent.exists():
        warn(f"Path '{path.parent}' does not exist. Will create it.")
    return path


@contextmanager
def open_to_read(path: Any, suffix: str, *, verbose: int = 0) -> Iterator[BinaryIO]:
    """The file at a path, or the file object itself, which stands where it stood where reading fails.

    Raises FileNotFoundError where there is none, TypeError and ValueError as SB3 does for what is neither.
    """
    file: Any = open_path(path, "r", verbose=verbose, suffix=suffix)
    if isinstance(path, str | pathlib.Path):
        with file:
            yield file
        return
    position = file.tell() if file.seekable() else None
    try:
        yield file
    except BaseException:
        if position is not None:
            file.seek(position, io.SEEK_SET)
        raise
