"""The names of an archive's members."""

from __future__ import annotations

__all__ = [
    "DATA",
    "INEXACT",
    "KNOWN",
    "MANIFEST",
    "NORMALIZATION",
    "REPLAY_INDEX",
    "REPLAY_SEGMENTS",
    "RESUME",
    "SYSTEM_INFO",
    "VARIABLES",
    "VERSION",
    "resume_member",
]

MANIFEST = "strongbox.json"
DATA, NORMALIZATION, SYSTEM_INFO, VERSION = "data", "normalize.json", "system_info.txt", "_stable_baselines3_version"
VARIABLES = ("pytorch_variables.pth", "tensors.pth")
"""The member of loose tensors, and its name before SB3 0.9."""
RESUME = "resume/"
"""The folder of members that only an exact continuation needs."""
INEXACT = "inexact"
"""The part of the resume state that says what is not exact, so that the archive says it wherever it goes."""
REPLAY_INDEX, REPLAY_SEGMENTS = "replay/replay.json", "replay/segments"
"""The members of a checkpoint's replay, where it was packed into the archive."""
KNOWN = frozenset((DATA, NORMALIZATION, SYSTEM_INFO, VERSION, MANIFEST, *VARIABLES, REPLAY_INDEX, REPLAY_SEGMENTS))


def resume_member(name: str) -> str:
    """The member that holds one part of what an exact continuation needs."""
    return f"{RESUME}{name}.json"
