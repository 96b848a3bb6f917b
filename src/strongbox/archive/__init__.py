"""Archives: members of a zip file as data, parameters and variables, read lazily and written whole."""

from .archive import Archive, ArchiveFile, open_archive
from .check import CheckReport, Finding, check_archive
from .contents import Contents, Entry, Exact, SaveReport, Typed
from .json_text import measure_depth
from .manifest import MANIFEST, is_environment_id
from .statistics import open_normalization
from .write import entry_text, write_archive

__all__ = [
    "MANIFEST",
    "Archive",
    "ArchiveFile",
    "CheckReport",
    "Contents",
    "Entry",
    "Exact",
    "Finding",
    "SaveReport",
    "Typed",
    "check_archive",
    "entry_text",
    "is_environment_id",
    "measure_depth",
    "open_archive",
    "open_normalization",
    "write_archive",
]
