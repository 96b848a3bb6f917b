"""Archives: members of a zip file as data, parameters and variables, read lazily and written whole."""

from .archive import Archive, ArchiveFile, open_archive
from .check import CheckReport, Finding, check_archive
from .contents import Contents, Entry, Exact, SaveReport, Typed
from .difference import ABSENT, Difference, TensorDifference, TensorForm, compare_archives
from .json_text import measure_depth
from .statistics import open_normalization
from .write import entry_text, write_archive

__all__ = [
    "ABSENT",
    "Archive",
    "ArchiveFile",
    "CheckReport",
    "Contents",
    "Difference",
    "Entry",
    "Exact",
    "Finding",
    "SaveReport",
    "TensorDifference",
    "TensorForm",
    "Typed",
    "check_archive",
    "compare_archives",
    "entry_text",
    "measure_depth",
    "open_archive",
    "open_normalization",
    "write_archive",
]
