"""The replay of a packed checkpoint, put into a live model's replay buffer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ..checkpoints.replay import ReplayManifest, ReplayStore
from ..errors import CheckpointError

if TYPE_CHECKING:
    from ..archive import PackedReplay

__all__ = ["put_replay"]


def put_replay(model: Any, packed: PackedReplay) -> Mapping[str, str]:
    """Fill the replay buffer of a model, in place and to the last bit; returns what is inexact, by name.

    The segments stand in a temporary folder while they are read. Raises CheckpointError where the buffer is of
    another size or of other spaces, and FormatError where the replay is damaged.
    """
    from ..adapters.replay import restore_replay

    manifest = ReplayManifest.from_json(packed.replay)
    with TemporaryDirectory(prefix="strongbox-") as folder:
        store = ReplayStore(folder)
        for name, content in packed.items():
            Path(store.path(name)).write_bytes(content)
        try:
            return restore_replay(model.replay_buffer, manifest, store)
        except CheckpointError as error:
            error.hint = 'Load the agent without it: skip=["replay_buffer"].'
            raise
