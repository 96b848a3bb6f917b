"""What load and convert share: an archive as a draft, its migrations, and paths of a machine cut out of it."""

from .draft import Draft, Live, Tree, read_draft
from .migrations import MIGRATIONS, Migration, migrate
from .node_paths import may_hold_paths, shorten_paths
from .paths import is_machine_path, machine_folders, shorten_path, shorten_text, without_machine
from .value_paths import note_shortened, without_paths

__all__ = [
    "MIGRATIONS",
    "Draft",
    "Live",
    "Migration",
    "Tree",
    "is_machine_path",
    "machine_folders",
    "may_hold_paths",
    "migrate",
    "note_shortened",
    "read_draft",
    "shorten_path",
    "shorten_paths",
    "shorten_text",
    "without_machine",
    "without_paths",
]
