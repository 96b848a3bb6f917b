"""Archives for the tests of the command: real small ones, and ones made to order."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from hypothesis import settings

from tests.draws import drawn

__all__ = ["ARCHIVES", "EXAMPLES", "PPO", "hostile_text", "make_archive"]

EXAMPLES = settings(max_examples=drawn(200), deadline=None, derandomize=True, database=None)
"""How long property tests try, the same way every time."""

ARCHIVES = Path(__file__).resolve().parents[2] / "data" / "archives"
PPO = ARCHIVES / "ppo.zip"

hostile_text = "\x1b[2J\x1b]0;title\x07\r\n\x9b31m\u202e\u200bend"
"""Clears the screen, renames the window, returns the carriage, turns the direction of writing."""


def make_archive(path: Path, data: Any, **members: bytes) -> Path:
    """A zip file with this data as JSON, and other members (``__`` in their names stands for a dot)."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("data", json.dumps(data))
        for name, member in members.items():
            archive.writestr(name.replace("__", "."), member)
    path.write_bytes(content.getvalue())
    return path
