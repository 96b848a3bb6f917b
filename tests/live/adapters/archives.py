"""Archives made by hand from an agent's, for tests of what a load does with them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.live.adapters.tiny import make_agent

__all__ = ["change_archive", "change_data", "change_tensors", "sb3_archive"]


def sb3_archive(name: str, folder: Path) -> Path:
    """One of the tiny agents, saved by SB3 itself."""
    path = folder / f"{name}.zip"
    make_agent(name).save(path)
    return path


def change_archive(path: Path, changes: dict[str, bytes | None]) -> Path:
    """The same archive with members replaced, added, or (None) removed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**members, **changes}.items():
            if content is not None:
                archive.writestr(name, content)
    return path


def change_data(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The same archive with another ``data``."""
    with zipfile.ZipFile(path) as archive:
        data = json.loads(archive.read("data"))
    change(data)
    return change_archive(path, {"data": json.dumps(data).encode()})


def change_tensors(path: Path, member: str, change: Callable[[Any], Any]) -> Path:
    """The same archive with another state dict; ``change`` gives the new one."""
    with zipfile.ZipFile(path) as archive:
        state = torch.load(io.BytesIO(archive.read(member)), weights_only=True)
    file = io.BytesIO()
    torch.save(change(state), file)
    return change_archive(path, {member: file.getvalue()})
