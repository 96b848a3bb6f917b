"""Makes ``tests/data/schedules/zoo.json``: what the real archives' schedules give under the Python that wrote them.

Run it with a Python that has Strongbox, naming interpreters, where ``../shared/zoo`` lies beside the clone::

    python tests/data/make_zoo_schedules.py 3.6=/path/to/python3.6 3.7=/path/to/python3.7 … 3.9=/path/to/python3.9

The functions stand in the archives as code. Strongbox reads it as data and hands it to the interpreter that can
run it, which gives the values at 0, 1/16, …, 1. Code of Python 3.6 and 3.7 is alike, so both run what does not
say which of them wrote it::

    {"a2c-Acrobot-v1_1-Acrobot-v1": {"learning_rate": [0.0, …], …}, …}
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from strongbox.archive import Archive, open_archive
from strongbox.pickles import Call, Decoded
from strongbox.values import SCHEDULE_NAMES
from strongbox.values.recipes.code import CLOUDPICKLE, called, makes_function, read_function

ROOT = Path(__file__).resolve().parents[2]
ZOO = ROOT.parent / "shared" / "zoo"

RUN = """
import base64, json, sys, types

def decoded(part):
    if isinstance(part, dict) and "bytes" in part:
        return base64.b64decode(part["bytes"])
    if isinstance(part, dict) and "tuple" in part:
        return tuple(decoded(item) for item in part["tuple"])
    return function(part) if isinstance(part, dict) else part

def cell(content):
    return (lambda: content).__closure__[0]

def function(row):
    code = types.CodeType(*[decoded(part) for part in row["parts"]])
    cells = tuple(cell(decoded(content)) for content in row["cells"])
    return types.FunctionType(code, {"__builtins__": __builtins__}, "f", None, cells)

rows = [function(row) for row in json.load(sys.stdin)]
print(json.dumps([[row(point / 16) for point in range(17)] for row in rows]))
"""


def encoded(part: Any, decoded: Decoded) -> Any:
    if isinstance(part, bytes):
        return {"bytes": base64.b64encode(part).decode()}
    if isinstance(part, tuple):
        return {"tuple": [encoded(item, decoded) for item in part]}
    return as_row(part, decoded) if isinstance(part, Call) else part


def is_function(node: Any) -> bool:
    return isinstance(node, Call) and (makes_function(node.function) or called(node) == (CLOUDPICKLE, "_fill_function"))


def as_row(node: Call, decoded: Decoded) -> dict[str, Any]:
    """A function by value as JSON, the functions in its cells too."""
    function = read_function(node, decoded.statements_on(node))
    code = node.arguments[0] if makes_function(node.function) else node.arguments[0].arguments[0]
    return {
        "parts": [encoded(part, decoded) for part in code.arguments],
        "cells": [encoded(function.cells[name], decoded) for name in function.code.free_names],
    }


def versions_of(archive: Archive, parts: int) -> list[str]:
    """The Pythons that may have written an archive's code."""
    if archive.python_version is not None:
        return [".".join(map(str, archive.python_version))]
    return ["3.6", "3.7"] if parts == 15 else ["3.8", "3.9"]


def main(arguments: list[str]) -> None:
    """Gather the functions, have them run, and write what they gave."""
    interpreters = dict(argument.split("=", 1) for argument in arguments)
    jobs: dict[str, list[tuple[str, str, Any]]] = {}
    for path in sorted(ZOO.glob("*.zip")):
        with open_archive(path) as archive:
            for name in sorted(SCHEDULE_NAMES & set(archive.data)):
                decoded = archive.data.decoded(name)
                if decoded is not None and is_function(decoded.root):
                    row = as_row(decoded.root, decoded)
                    for version in versions_of(archive, len(row["parts"])):
                        jobs.setdefault(version, []).append((path.stem, name, row))
    found: dict[str, dict[str, Any]] = {}
    for version, rows in jobs.items():
        command = [interpreters[version], "-c", RUN]
        sent = json.dumps([row for *_, row in rows])
        done = subprocess.run(command, input=sent, stdout=subprocess.PIPE, text=True, check=True)
        for (archive_name, name, _), values in zip(rows, json.loads(done.stdout), strict=True):
            known = found.setdefault(archive_name, {}).setdefault(name, values)
            assert known == values, f"{archive_name}: two Pythons do not agree on {name}"
    (ROOT / "tests" / "data" / "schedules" / "zoo.json").write_text(json.dumps(found, indent=0, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
