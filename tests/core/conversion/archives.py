"""Archives made by hand from the small ones that SB3 wrote, for tests of what a conversion does with them."""

from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from strongbox.pickles import encode

__all__ = ["ARCHIVES", "NAMES", "change_data", "change_members", "pickled"]

ARCHIVES = Path(__file__).resolve().parents[2] / "data" / "archives"
NAMES = sorted(path.stem for path in ARCHIVES.glob("*.zip"))


def change_members(name: str, target: Path, changes: dict[str, bytes | None]) -> Path:
    """A small archive under another path, with members replaced, added, or (None) removed."""
    with zipfile.ZipFile(ARCHIVES / f"{name}.zip") as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    with zipfile.ZipFile(target, "w") as archive:
        for member, content in {**members, **changes}.items():
            if content is not None:
                archive.writestr(member, content)
    return target


def change_data(name: str, target: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """A small archive under another path, with its ``data`` changed in place by ``change``."""
    with zipfile.ZipFile(ARCHIVES / f"{name}.zip") as archive:
        data = json.loads(archive.read("data"))
    change(data)
    return change_members(name, target, {"data": json.dumps(data).encode()})


def pickled(node: Any) -> dict[str, str]:
    """An entry of data whose pickle says what a node says."""
    return {":type:": "<class 'object'>", ":serialized:": base64.b64encode(encode(node)).decode("ascii")}
