"""Old archives brought up to date: the migrations, which load uses too, and the conversion of files."""

from .convert import REQUIRED, convert
from .draft import Draft, Live, Tree, read_draft
from .goals import GOAL_KEYS, sees_row_of_goals, widen_goals
from .migrations import MIGRATIONS, Migration, migrate
from .node_paths import may_hold_paths, shorten_paths
from .paths import inside_working_folder, is_machine_path, machine_folders, shorten_path, shorten_text, without_machine
from .report import Change, ConvertReport
from .value_paths import note_shortened, without_paths

__all__ = [
    "GOAL_KEYS",
    "MIGRATIONS",
    "REQUIRED",
    "Change",
    "ConvertReport",
    "Draft",
    "Live",
    "Migration",
    "Tree",
    "convert",
    "inside_working_folder",
    "is_machine_path",
    "machine_folders",
    "may_hold_paths",
    "migrate",
    "note_shortened",
    "read_draft",
    "sees_row_of_goals",
    "shorten_path",
    "shorten_paths",
    "shorten_text",
    "widen_goals",
    "without_machine",
    "without_paths",
]
