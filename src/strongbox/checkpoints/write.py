"""Writing a checkpoint: all of it beside its place, then one rename.

The order is what makes it safe. The segments that it needs are in place before. Its files are written into a
folder of a temporary name, ``commit.json`` last, with the sizes and digests of the others; files and folder are
synced, the folder takes its name, and the folder above is synced. A process that is killed, a disk that is full, a
failing system call at any point leave either no checkpoint or the whole one.

A checkpoint of the same step that is there already (training went on from an older one) stays until the new one
stands beside it.
"""

from __future__ import annotations

import contextlib
import os
import time as clock
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..archive import INEXACT, Contents, dump_lines, write_archive
from ..container import sync_folder
from ..errors import CheckpointError, FormatError
from .checkpoint import REPLAY_FOLDER, SEGMENT_SUFFIX, Checkpoint, folder_name, read_checkpoint, segment_names
from .commit import AGENT_FILE, COMMIT_FILE, POINTS, REPLAY_FILE, Commit, FileRecord
from .contents import NEWER_SUFFIX
from .files import create_file, hash_file, is_there, make_folder, regular_size, remove, system_errors, temporary_name
from .run_folder import RunFolder
from .sweep import set_aside, settle

__all__ = ["write_checkpoint"]

BUFFER = 1 << 18
"""Bytes gathered before they are written: a small agent is written in one go."""

STEPS = 10**18
"""Beyond the steps that the name of a checkpoint's folder may have."""


def write_checkpoint(
    folder: RunFolder,
    *,
    step: int,
    contents: Contents,
    replay: Mapping[str, Any] | None = None,
    point: str = POINTS[0],
    metrics: Mapping[str, float] | None = None,
    inexact: Mapping[str, str] | None = None,
    logs: Mapping[str, int] | None = None,
    time: float | None = None,
    pickles: bool = True,
    durable: bool = True,
) -> Checkpoint:
    """Write and commit a checkpoint, under the run's lock; see :class:`Commit` for what its parts mean.

    ``replay`` is the content of ``replay.json``, whose segments are there already; ``time`` is now unless given.
    ``durable=False`` skips fsync: a killed process still loses nothing, a power failure may. Raises
    CheckpointError where the system refuses or a segment is missing, and what
    :func:`strongbox.archive.write_archive` raises; the run is then what it was before.
    """
    folder.require_lock("writing a checkpoint")
    if point not in POINTS:
        raise CheckpointError(f"expected one of {', '.join(POINTS)} as the clean point, found {point!r}.")
    commit = Commit(
        step=int(step),
        time=clock.time() if time is None else time,
        point=point,
        metrics={name: float(value) for name, value in (metrics or {}).items()},
        inexact=dict(inexact or {}),
        logs={_way_from(folder.path, path): size for path, size in (logs or {}).items()},
        files={},
    )
    _require_segments(folder, replay)
    contents = replace(contents, resume={**contents.resume, INEXACT: dict(commit.inexact)})
    with system_errors(os.path.join(folder.checkpoints_path, folder_name(step)), "writing the checkpoint"):
        make_folder(folder.checkpoints_path, durable=durable)
        made = os.path.join(folder.checkpoints_path, temporary_name(folder_name(step)))
        try:
            _fill(made, commit, contents, replay, pickles=pickles, durable=durable)
            _read_back(folder, made, step)
            return _place(folder, made, step, durable=durable)
        except BaseException:
            with contextlib.suppress(OSError):  # Its temporary name says that it does not count, and sweep takes it.
                remove(made)
            raise


def _way_from(run: str, path: str) -> str:
    """A log's path from the run's folder where both are in the working folder, so that a project may be moved."""
    try:
        here = os.path.realpath(os.getcwd())
    except OSError:
        return path  # The working folder is gone.
    places = [os.path.realpath(run), os.path.realpath(path)]
    if places != [os.path.abspath(run), os.path.abspath(path)] or any(
        os.path.commonpath([here, place]) != here for place in places
    ):
        return path  # Links lead elsewhere from another place.
    return os.path.relpath(path, run).replace(os.sep, "/")


def _require_segments(folder: RunFolder, replay: Mapping[str, Any] | None) -> None:
    for name in () if replay is None else segment_names(replay):
        path = os.path.join(folder.path, REPLAY_FOLDER, name + SEGMENT_SUFFIX)
        if regular_size(path) is None:
            raise CheckpointError("expected a replay segment that the checkpoint needs, found none.", path=path)


def _fill(
    made: str, commit: Commit, contents: Contents, replay: Mapping[str, Any] | None, *, pickles: bool, durable: bool
) -> None:
    """Make the folder and write everything into it, the commit last."""
    os.mkdir(made)
    files = {}
    with open(os.path.join(made, AGENT_FILE), "x+b", buffering=BUFFER) as file:
        write_archive(file, contents, pickles=pickles)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    if replay is not None:
        create_file(os.path.join(made, REPLAY_FILE), dump_lines(dict(replay)) + b"\n", durable=durable)
        files[REPLAY_FILE] = FileRecord(*hash_file(os.path.join(made, REPLAY_FILE)))
    files[AGENT_FILE] = FileRecord(*hash_file(os.path.join(made, AGENT_FILE)))
    create_file(os.path.join(made, COMMIT_FILE), replace(commit, files=files).to_bytes(), durable=durable)
    if durable:
        sync_folder(made)


def _read_back(folder: RunFolder, made: str, step: int) -> None:
    """Hold what was written against the reader's rules before it counts."""
    commit = Commit.read(os.path.join(made, COMMIT_FILE), limits=folder.limits)
    if not 0 <= step < STEPS:
        raise CheckpointError(f"expected a step from 0 to {STEPS - 1:,}, found {step:,}.")
    _ = Checkpoint(folder.path, made, commit, limits=folder.limits).replay


def _place(folder: RunFolder, made: str, step: int, *, durable: bool) -> Checkpoint:
    """Give the folder its name: at once, or where the step has a checkpoint already, beside and then in its place."""
    place = os.path.join(folder.checkpoints_path, folder_name(step))
    newer = place + NEWER_SUFFIX
    _make_room(folder, newer)
    os.rename(made, newer if is_there(place) else place)
    if durable:
        sync_folder(folder.checkpoints_path)
    _make_room(folder, newer)
    return read_checkpoint(folder.path, place, limits=folder.limits)


def _make_room(folder: RunFolder, newer: str) -> None:
    """Let a newer checkpoint of the step take its place; one that is damaged goes, since the step is written again."""
    if not is_there(newer):
        return
    try:
        checkpoint = read_checkpoint(folder.path, newer, limits=folder.limits)
    except FormatError:
        for path in set_aside(folder, [newer]):
            remove(path)
    else:
        settle(folder, checkpoint)
