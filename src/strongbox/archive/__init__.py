"""Archives: members of a zip file as data, parameters and variables, read lazily and written whole.

What writes and checks loads when it is first asked for: who looks at an archive, or acts, needs none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .archive import Archive, ArchiveFile, open_archive
from .held_tensors import HeldTensor, find_states, held_tensors, without_tensors
from .json_text import check_format, dump_lines, is_sha256, measure_depth, parse_json
from .manifest import is_environment_id
from .members import INEXACT, MANIFEST, REPLAY_INDEX, REPLAY_SEGMENTS

if TYPE_CHECKING:
    from .check import CheckReport, Finding, check_archive
    from .contents import Contents, Entry, Exact, SaveReport, Typed
    from .replay import PackedReplay, replay_index
    from .statistics import open_normalization
    from .write import entry_text, write_archive

__all__ = [
    "INEXACT",
    "MANIFEST",
    "REPLAY_INDEX",
    "REPLAY_SEGMENTS",
    "Archive",
    "ArchiveFile",
    "CheckReport",
    "Contents",
    "Entry",
    "Exact",
    "Finding",
    "HeldTensor",
    "PackedReplay",
    "SaveReport",
    "Typed",
    "check_archive",
    "check_format",
    "dump_lines",
    "entry_text",
    "find_states",
    "held_tensors",
    "is_environment_id",
    "is_sha256",
    "measure_depth",
    "open_archive",
    "open_normalization",
    "parse_json",
    "replay_index",
    "without_tensors",
    "write_archive",
]


def __getattr__(name: str) -> Any:
    if name in ("CheckReport", "Finding", "check_archive"):
        from . import check

        return getattr(check, name)
    if name in ("Contents", "Entry", "Exact", "SaveReport", "Typed"):
        from . import contents

        return getattr(contents, name)
    if name in ("PackedReplay", "replay_index"):
        from . import replay

        return getattr(replay, name)
    if name == "open_normalization":
        from . import statistics

        return getattr(statistics, name)
    if name in ("entry_text", "write_archive"):
        from . import write

        return getattr(write, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
