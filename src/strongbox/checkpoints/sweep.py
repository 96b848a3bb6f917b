"""Taking away what does not count, in such an order that whatever counts stays whole at every instant.

A checkpoint that is to go is renamed first: under its temporary name it does not count, however far the deleting
comes. Its segments go only when the new names have reached the disk, so that no power failure brings back a
checkpoint without them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator

from ..archive import is_sha256
from ..container import sync_folder
from ..errors import CheckpointError, StrongboxError
from .checkpoint import SEGMENT_SUFFIX, Checkpoint, folder_name
from .contents import NEWER_SUFFIX, RunContents
from .files import is_temporary, is_there, list_folder, remove, system_errors, temporary_name

__all__ = ["drop", "set_aside", "settle", "sweep", "unnamed_segments"]


def sweep(folder: RunContents) -> tuple[str, ...]:
    """Delete leftovers, under the run's lock; see :meth:`RunFolder.sweep`."""
    removed = []
    with system_errors(folder.path, "sweeping leftovers"):
        for checkpoint in folder.scan().committed.values():
            settle(folder, checkpoint)
        for path in (*_temporary(folder), *unnamed_segments(folder)):
            remove(path)
            removed.append(os.path.relpath(path, folder.path))
    return tuple(removed)


def settle(folder: RunContents, checkpoint: Checkpoint) -> None:
    """Give a checkpoint that stands beside an older one of its step that one's place."""
    if not checkpoint.path.endswith(NEWER_SUFFIX):
        return
    place = os.path.join(folder.checkpoints_path, folder_name(checkpoint.step))
    aside = set_aside(folder, [place])
    os.rename(checkpoint.path, place)
    sync_folder(folder.checkpoints_path)
    for path in aside:
        remove(path)


def drop(folder: RunContents, checkpoints: Iterable[Checkpoint], *, hold: Collection[str] = ()) -> tuple[str, ...]:
    """Delete checkpoints, then the segments that none which stays names; returns the paths in the run's folder."""
    dropped = list(checkpoints)
    aside = set_aside(folder, [checkpoint.path for checkpoint in dropped])
    if aside:
        sync_folder(folder.checkpoints_path)
    segments = list(unnamed_segments(folder, hold=hold))
    for path in (*aside, *segments):
        remove(path)
    return tuple(os.path.relpath(path, folder.path) for path in (*(c.path for c in dropped), *segments))


def set_aside(folder: RunContents, paths: Iterable[str]) -> list[str]:
    """Rename what is there to temporary names, from which moment it does not count; returns these."""
    aside = []
    for path in paths:
        if is_there(path):
            new = os.path.join(folder.checkpoints_path, temporary_name(f"{os.path.basename(path)}-dropped"))
            os.rename(path, new)
            aside.append(new)
    return aside


def unnamed_segments(folder: RunContents, *, hold: Collection[str] = ()) -> Iterator[str]:
    """The paths of segments that no committed checkpoint names, but for the names in ``hold``.

    None at all where a checkpoint is damaged or its replay cannot be read: nobody knows what it names.
    """
    scan = folder.scan()
    try:
        named = {name for checkpoint in scan.committed.values() for name in checkpoint.segments}
    except CheckpointError:
        raise
    except StrongboxError:
        return
    if scan.damaged:
        return
    kept = {name + SEGMENT_SUFFIX for name in (*named, *hold)}
    for name in list_folder(folder.replay_path):
        if is_segment(name) and name not in kept:
            yield os.path.join(folder.replay_path, name)


def is_segment(name: str) -> bool:
    """Whether a file's name is that of a segment; whatever else lies there is somebody's own."""
    return name.endswith(SEGMENT_SUFFIX) and is_sha256(name.removesuffix(SEGMENT_SUFFIX))


def _temporary(folder: RunContents) -> Iterator[str]:
    """What bears a temporary name, anywhere in the run."""
    for parent in (folder.path, folder.checkpoints_path, folder.replay_path):
        yield from (os.path.join(parent, name) for name in list_folder(parent) if is_temporary(name))
