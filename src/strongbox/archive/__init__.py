"""Archives: members of a zip file as data, parameters and variables, read lazily and written whole."""

from .archive import INEXACT, Archive, ArchiveFile, open_archive
from .check import CheckReport, Finding, check_archive
from .contents import Contents, Entry, Exact, SaveReport, Typed
from .json_text import dump_lines, measure_depth, parse_json
from .manifest import MANIFEST
from .replay import REPLAY_INDEX, REPLAY_SEGMENTS, PackedReplay, replay_index
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
    "PackedReplay",
    "SaveReport",
    "Typed",
    "check_archive",
    "dump_lines",
    "entry_text",
    "measure_depth",
    "open_archive",
    "open_normalization",
    "parse_json",
    "replay_index",
    "write_archive",
]
