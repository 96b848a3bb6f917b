"""The replay store: what changed in a replay buffer becomes immutable segments, and segments the buffer again.

A checkpoint writes only the rows that were added since the last one, and never a row twice: a segment is named by
its content and shared by all checkpoints that name it in their manifest.
"""

from .change import Change
from .manifest import MANIFEST_NAME, ReplayManifest, segments_named
from .store import ReplayStore

__all__ = ["MANIFEST_NAME", "Change", "ReplayManifest", "ReplayStore", "segments_named"]
