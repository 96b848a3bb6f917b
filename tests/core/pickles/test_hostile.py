"""Pickles made to hurt: no crash, no gigabytes, no import, file, socket or compilation, whatever they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.pickles.hostile import HOSTILE

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits on memory are tried on Linux")

OUTCOMES = {
    "deep tuple as a key": "RefusedError: found tuples nested deeper",
    "deep tuple in a set": "RefusedError: found tuples nested deeper",
    "deep tuple in a frozen set": "RefusedError: found tuples nested deeper",
    "deep tuple": "LimitError: nested at most 64 deep",
    "deep list": "LimitError: nested at most 64 deep",
    "deep dictionary": "LimitError: nested at most 64 deep",
    "deep arguments": "LimitError: nested at most 64 deep",
    "deep functions": "LimitError: nested at most 64 deep",
    "deep states": "LimitError: nested at most 64 deep",
    "deep persistent ids": "LimitError: nested at most 64 deep",
    "memo index of four thousand million": "value: NoneType []",
    "bytearray of two thousand million bytes": "FormatError: found the end of its bytes",
    "bytes of nine quintillion": "FormatError: found the end of its bytes",
    "text of eighteen quintillion": "FormatError: found the end of its bytes",
    "integer of two thousand million bytes": "FormatError: found the end of its bytes",
    "integer of fifteen million bytes": "LimitError: an integer of at most 16 bytes",
    "frame of eighteen quintillion bytes": "FormatError: found the end of its bytes",
    "number as text": "RefusedError: opcode INT is not allowed",
    "doubled sixty times": "LimitError: at most 1000000 values",
    "doubled in arguments": "LimitError: at most 1000000 values",
    "long arguments, often": "LimitError: at most 1000000 values",
    "long keywords, often": "LimitError: at most 64 keyword arguments",
    "long tuple as a key, often": "LimitError: a tuple of at most 64 values as a key",
    "colliding integers": "RefusedError: an integer key of at most 60 bits",
    "colliding tuples": "LimitError: at most 4096 tuples as keys",
    "calls that hold each other": "value: list ['os.system']",
    "more calls that hold each other": "LimitError: nested at most 64 deep",
    "a million sets": "FormatError: found 999000",
    "a million marks": "FormatError: expected every MARK to be used up",
    "two million opcodes": "LimitError: at most 1000000 opcodes in all",
    "a large memo": "LimitError: at most 100000 entries",
    "a million memo entries by index": "LimitError: at most 100000 entries",
    "one call thrown away often": "value: Call ['os.system']",
    "many calls thrown away": "LimitError: at most 100000 shared parts",
    "many names": "value: NoneType []",
    "long name": "LimitError: names of at most 256 characters",
    "seventeen million bytes": "LimitError: a pickle of at most 16777216 bytes",
    "nothing but bytes": "RefusedError: expected a pickle of protocol 2 to 5",
    "pip by name": "value: Call ['pip.main']",
    "a module below a module": "value: Call ['idlelib.run.Executive']",
    "eval of an import": "value: Call ['builtins.eval']",
    "a socket": "value: Call ['socket.socket']",
    "a file": "value: Call ['builtins.open']",
}


@pytest.fixture(scope="module")
def report() -> dict[str, list[str]]:
    """What a process with little memory says of each pickle: audit events, class, words."""
    program = [sys.executable, "-m", "tests.core.pickles.hostile"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src")))}
    result = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert (result.returncode, result.stderr) == (0, ""), f"it ended after {lines[-1:]}"
    return {line[0]: line[1:] for line in lines}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles(name: str, report: dict[str, list[str]]) -> None:
    events, kind, words = report[name]
    expected_kind, _, expected_words = OUTCOMES[name].partition(": ")
    assert kind == expected_kind
    assert expected_words in words
    assert events == ""
