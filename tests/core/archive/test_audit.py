"""An audit hook watches a whole process open, inspect and check archives: nothing else happens.

Python raises an audit event for every import, compile, exec, open file, socket, subprocess and more
(PEP 578). The process below arms a hook that cannot be taken off again, and reports every event.
"""

from __future__ import annotations

import base64
import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.zoo import ZOO, requires_zoo

ARCHIVES = Path(__file__).resolve().parents[2] / "data" / "archives"

HARMLESS = {"builtins.id", "object.__getattr__", "sys._getframe", "mmap.__new__", "os.fstat", "os.stat"}
"""Events that tell of nothing that a file could ask for."""

PROGRAM = """
import contextlib, io, json, sys
import numpy
import strongbox, strongbox.cli
from strongbox.cli import main

harmless, warm, *files = sys.argv[1:]
harmless = set(json.loads(harmless))
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    main(["inspect", warm]), main(["check", warm]), main(["inspect", "--json", warm])
    dict(strongbox.open(warm).parameters["policy"])

events = []
armed = True

def watch(event, arguments):
    if armed and event not in harmless and not event.startswith(("gc.", "cpython.", "fcntl.")):
        events.append([event, repr(arguments)[:300]])

sys.addaudithook(watch)
for file in files:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        main(["inspect", file])
        main(["inspect", "--json", file])
        main(["check", file])
        try:
            with strongbox.open(file) as archive:
                dict(archive.data), archive.opaque, archive.normalization, archive.variables
                for state_dict in archive.parameters.values():
                    dict(state_dict)
        except strongbox.StrongboxError:
            pass
armed = False
json.dump(events, sys.stdout)
"""


class Runs:
    """Unpickling this would run a command, were it unpickled."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        function, *arguments = self.call
        return function, tuple(arguments)


def watch(*files: Path) -> list[list[str]]:
    command = [sys.executable, "-c", PROGRAM, json.dumps(sorted(HARMLESS)), str(ARCHIVES / "ppo.zip"), *map(str, files)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    events: list[list[str]] = json.loads(finished.stdout)
    return events


def unexpected(events: list[list[str]], files: list[Path]) -> list[list[str]]:
    """Every event but that of opening one of the files themselves, for reading."""
    opened = tuple(f"({str(file)!r}, 'r" for file in files)
    return [[event, what] for event, what in events if not (event == "open" and what.startswith(opened))]


def hostile(folder: Path, *, member: str = "evil.pth") -> list[Path]:
    """Archives whose pickles would import, run, open and connect, were they unpickled."""
    import os
    import socket
    import webbrowser

    victims = {
        "system": Runs(os.system, "echo pwned"),
        "exec": Runs(exec, "import this"),
        "eval": Runs(eval, "__import__('os').getpid()"),
        "open": Runs(open, str(folder / "planted"), "w"),
        "connect": Runs(socket.create_connection, ("127.0.0.1", 9)),
        "browser": Runs(webbrowser.open, "http://127.0.0.1/"),
    }
    paths = []
    with zipfile.ZipFile(ARCHIVES / "ppo.zip") as original:
        members = {name: original.read(name) for name in original.namelist()}
    for name, victim in victims.items():
        content = pickle.dumps(victim)
        data = json.loads(members["data"])
        data["victim"] = {":type:": "dict", ":serialized:": base64.b64encode(content).decode()}
        path = folder / f"{name}.zip"
        with zipfile.ZipFile(path, "w") as file:
            for known, old in members.items():
                file.writestr(known, json.dumps(data).encode() if known == "data" else old)
            file.writestr(member, content)
        paths.append(path)
    return paths


def test_the_hook_sees_what_ordinary_loading_does() -> None:
    program = PROGRAM.replace(
        'main(["check", file])', "import pickle; pickle.loads(pickle.dumps(__import__('wave').Error))"
    )
    command = [sys.executable, "-c", program, json.dumps(sorted(HARMLESS)), *[str(ARCHIVES / "ppo.zip")] * 2]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert any(event == "import" and "wave" in what for event, what in json.loads(finished.stdout))


def test_archives_of_every_algorithm_cause_no_other_event() -> None:
    files = sorted(ARCHIVES.glob("*.zip"))
    events = watch(*files)
    assert sum(event == "open" for event, _ in events) >= 4 * len(files)
    assert unexpected(events, files) == []


def test_hostile_archives_cause_no_other_event(tmp_path: Path) -> None:
    files = hostile(tmp_path)
    assert unexpected(watch(*files), files) == []
    assert not (tmp_path / "planted").exists()


@requires_zoo
@pytest.mark.zoo
def test_real_archives_cause_no_other_event() -> None:
    files = sorted(ZOO.glob("*.zip"))[::3]
    assert unexpected(watch(*files), files) == []
