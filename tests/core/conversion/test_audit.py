"""An audit hook watches conversions: files are read and written, and nothing else happens.

As in ``tests/core/archive/test_audit.py``; what Strongbox's own modules need is imported by one conversion before.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.core.archive.test_audit import HARMLESS, hostile
from tests.core.conversion.archives import ARCHIVES, NAMES
from tests.zoo import ZOO, requires_zoo

PROGRAM = """
import json, sys
import numpy
import strongbox

harmless, folder, *files = sys.argv[1:]
harmless = set(json.loads(harmless))
events = []
armed = False

def watch(event, arguments):
    if armed and event not in harmless and not event.startswith(("gc.", "cpython.", "fcntl.")):
        events.append([event, [argument if isinstance(argument, str) else repr(argument) for argument in arguments]])

sys.addaudithook(watch)
strongbox.convert(files[0], folder + "/new.zip")
armed = True
for file in files:
    strongbox.convert(file, folder + "/new.zip")
    THEN
armed = False
json.dump(events, sys.stdout)
"""


WRITING = {"open", "os.remove", "os.listdir", "os.scandir"}

FOLLOWED = 'import pickle; pickle.loads(pickle.dumps(__import__("wave").Error))'
"""What an ordinary unpickler does where a pickle names a class."""


def watch(folder: Path, files: list[Path], *, then: str = "pass") -> list[tuple[str, list[str]]]:
    """What happens while files are converted; the first is converted once before, unwatched."""
    folder.mkdir()
    program = PROGRAM.replace("THEN", then)
    command = [sys.executable, "-c", program, json.dumps(sorted(HARMLESS)), str(folder), *map(str, files)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    return [(event, arguments) for event, arguments in json.loads(finished.stdout)]


def unexpected(events: list[tuple[str, list[str]]], folder: Path, files: list[Path]) -> list[Any]:
    """Every event but reading the files, with statistics beside them, and putting new ones into the folder."""
    sources = {str(path) for file in files for path in (file, file.with_suffix(".vecnormalize.pkl"))}
    new = folder / "new.zip"
    return [
        (event, arguments)
        for event, arguments in events
        if not (event == "open" and arguments[0] in sources and arguments[1] == "r")
        and not (event in {"open", "os.chmod"} and arguments[0].isdigit())
        and not (event in WRITING and is_inside(folder, arguments[0]))
        and not (event == "os.rename" and is_inside(folder, arguments[0]) and arguments[1] == str(new))
    ]


def is_inside(folder: Path, path: str) -> bool:
    return Path(path) == folder or Path(path).parent == folder


def test_the_hook_sees_what_an_ordinary_unpickler_does(tmp_path: Path) -> None:
    events = watch(tmp_path / "new", [ARCHIVES / "ppo.zip"], then=FOLLOWED)
    assert any(event == "import" and arguments[0] == "wave" for event, arguments in events)


def test_archives_of_every_algorithm_cause_no_other_event(tmp_path: Path) -> None:
    files = [ARCHIVES / f"{name}.zip" for name in NAMES]
    events = watch(tmp_path / "new", files)
    assert sum(event == "os.rename" for event, _ in events) == len(files)
    assert unexpected(events, tmp_path / "new", files) == []


def test_hostile_archives_cause_no_other_event(tmp_path: Path) -> None:
    files = [ARCHIVES / "ppo.zip", *hostile(tmp_path, member="evil.bin")]
    events = watch(tmp_path / "new", files)
    assert sum(event == "os.rename" for event, _ in events) == len(files)
    assert unexpected(events, tmp_path / "new", files) == []
    assert not (tmp_path / "planted").exists()


@requires_zoo
@pytest.mark.zoo
def test_real_archives_cause_no_other_event(tmp_path: Path) -> None:
    files = sorted(ZOO.glob("*.zip"))[::5]
    assert unexpected(watch(tmp_path / "new", files), tmp_path / "new", files) == []
