"""One checkpoint in one zip file, which :func:`strongbox.open` and :func:`strongbox.load` read.

Without its replay that is the agent's archive as it lies in the run, byte for byte. With it, every member is
that of the archive, byte for byte, and two follow: an index and the segments. ``strongbox.json``, which lists
the digests of all members, is written again with theirs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from ..archive import MANIFEST, REPLAY_INDEX, REPLAY_SEGMENTS, Archive, dump_lines, parse_json, replay_index
from ..container import ZipWriter, replace_file
from ..errors import CheckpointError, FormatError, locate
from .checkpoint import Checkpoint
from .commit import AGENT_FILE
from .contents import CHECKPOINTS_FOLDER
from .files import CHUNK, is_there, open_regular, regular_size, system_errors
from .run_file import RUN_FILE

__all__ = ["pack"]

ALIGNMENT = 64
"""Bytes: members of tensors begin at multiples of this, as where the archive was written."""

Tell = Callable[[int], None]


def pack(
    checkpoint: Checkpoint,
    target: str | os.PathLike[str],
    *,
    replay: bool = True,
    durable: bool = True,
    tell: Tell | None = None,
) -> int:
    """Write a checkpoint into one zip file at ``target``, replacing an old file whole; returns its size in bytes.

    ``replay`` says whether the replay segments go along; ``tell`` hears how many bytes were copied, piece by piece.
    Digests are verified on the way. Raises CheckpointError where the target lies in the folder of a run, the checkpoint
    has no replay to pack or the system refuses, and FormatError where a file is not what was committed.
    """
    _refuse_run(os.fspath(target))
    if replay and checkpoint.replay is None:
        raise CheckpointError(
            "expected a checkpoint with a replay buffer, found one without.",
            path=checkpoint.path,
            hint="Pack it without: the agent had none.",
        )
    with system_errors(os.fspath(target), "packing"), replace_file(target, durable=durable) as file:
        if replay:
            _pack_members(checkpoint, file, tell)
        else:
            _copy_agent(checkpoint, file, tell)
        return file.seek(0, os.SEEK_END)


def _refuse_run(target: str) -> None:
    """Raise CheckpointError for a file in the folder of any run: it could be that of a checkpoint."""
    folder = os.path.dirname(os.path.realpath(target))
    while True:
        if is_there(os.path.join(folder, RUN_FILE)) and is_there(os.path.join(folder, CHECKPOINTS_FOLDER)):
            raise CheckpointError(
                f"expected a target outside of every run, found one in the run {folder}.",
                path=target,
                hint="Name a file in another folder: what lies in a run is the run's alone.",
            )
        parent = os.path.dirname(folder)
        if parent == folder:
            return
        folder = parent


def _copy_agent(checkpoint: Checkpoint, file: BinaryIO, tell: Tell | None) -> None:
    digest = checkpoint.commit.files[AGENT_FILE].sha256
    for piece in _pieces(checkpoint.agent_path, digest, tell):
        file.write(piece)


def _pack_members(checkpoint: Checkpoint, file: BinaryIO, tell: Tell | None) -> None:
    with checkpoint.open() as archive, locate(path=archive.path), ZipWriter(file) as writer:
        digests = {}
        for name in archive.members:
            if name != MANIFEST:
                content = archive.members.read(name)
                digests[name] = writer.add(name, content, align=ALIGNMENT if name.endswith(".pth") else 1).sha256
                _tell(tell, len(content))
        lengths = {name: _segment_size(checkpoint, name) for name in checkpoint.segments}
        index = replay_index(checkpoint.replay or {}, lengths)
        digests[REPLAY_INDEX] = writer.add(REPLAY_INDEX, index).sha256
        segments = writer.add(
            REPLAY_SEGMENTS, _segments(checkpoint, lengths, tell), size=sum(lengths.values()), align=ALIGNMENT
        )
        digests[REPLAY_SEGMENTS] = segments.sha256
        writer.add(MANIFEST, _manifest(archive, digests))


def _manifest(archive: Archive, digests: dict[str, str]) -> bytes:
    """What the archive says of itself, with the digests of the members that were added."""
    with locate(member=MANIFEST):
        parsed: Any = parse_json(archive.members.read(MANIFEST), limits=archive.limits)
        if not isinstance(parsed, dict):
            raise FormatError("expected an object, found another.")
        return dump_lines({**parsed, "digests": digests})


def _segment_size(checkpoint: Checkpoint, name: str) -> int:
    path = checkpoint.segment_path(name)
    size = regular_size(path)
    if size is None:
        raise FormatError("expected a replay segment, found none.", path=path)
    return size


def _segments(checkpoint: Checkpoint, names: dict[str, int], tell: Tell | None) -> Iterator[bytes]:
    for name in names:
        yield from _pieces(checkpoint.segment_path(name), name, tell)


def _pieces(path: str, expected: str, tell: Tell | None) -> Iterator[bytes]:
    """A file piece by piece; raises FormatError at the end where its SHA-256 is another."""
    digest = hashlib.sha256()
    with open(open_regular(path), "rb", buffering=0) as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
            _tell(tell, len(piece))
            yield piece
    if digest.hexdigest() != expected:
        raise FormatError(f"expected SHA-256 {expected}, found {digest.hexdigest()}: the file is damaged.", path=path)


def _tell(tell: Tell | None, count: int) -> None:
    if tell is not None:
        tell(count)
