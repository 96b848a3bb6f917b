"""The pickles of tests/data/values, which tests/data/make_values.py made under Pythons 3.6 to 3.13."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongbox.pickles import Call, Decoded, Global, decode
from strongbox.values import Opaque, to_value

__all__ = ["FIXTURES", "Fixture", "call", "new", "reason_of"]

FOLDER = Path(__file__).resolve().parents[2] / "data" / "values"


@dataclass(frozen=True)
class Fixture:
    """One pickle, what made it, and what it should be read as."""

    name: str
    python: str
    made_with: str
    pickle: bytes
    expected: Any

    def __str__(self) -> str:
        return f"{self.name} ({self.python}, {self.made_with})"

    def decode(self) -> Decoded:
        """The pickle as nodes."""
        return decode(self.pickle)


def _load() -> list[Fixture]:
    fixtures = []
    for path in sorted(FOLDER.glob("python-*.json")):
        content = json.loads(path.read_text())
        for row in content["fixtures"]:
            pickled = zlib.decompress(base64.b64decode(row["pickle"]))
            fixtures.append(Fixture(row["name"], content["python"], row["made_with"], pickled, row["expected"]))
    if not fixtures:
        raise FileNotFoundError(f"no fixtures in {FOLDER}; make them with tests/data/make_values.py")
    return fixtures


FIXTURES = _load()


def named(path: str) -> Global:
    """A name by its dotted path; where there is a class in it, from the class on it is the name."""
    parts = path.split(".")
    first = next((index for index, part in enumerate(parts[:-1]) if part[:1].isupper()), len(parts) - 1)
    return Global(".".join(parts[:first]), ".".join(parts[first:]))


def call(name: str, *arguments: Any, state: Any = None, kind: str = "reduce") -> Call:
    """A call of a dotted name, as a pickle would write it down."""
    made = Call(named(name), arguments, kind=kind)
    if state is not None:
        made.state, made.has_state = state, True
    return made


def new(name: str, **attributes: Any) -> Call:
    """An instance of a class with attributes, as a pickle would write it down."""
    return call(name, state=attributes, kind="new")


def reason_of(node: Any) -> str:
    """Why a node stays opaque."""
    value = to_value(node)
    assert isinstance(value, Opaque), value
    return value.reason
