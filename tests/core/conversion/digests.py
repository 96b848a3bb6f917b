"""What the small archives become, as digests: every Python has to convert to the same bytes.

    python -m tests.core.conversion.digests

writes ``tests/data/golden/converted.json`` anew, where a change of what a conversion writes was meant.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from strongbox.archive import dump_lines, open_archive
from strongbox.conversion import convert
from tests.core.conversion.archives import ARCHIVES, NAMES

__all__ = ["GOLDEN", "member_digests"]

GOLDEN = Path(__file__).resolve().parents[2] / "data" / "golden" / "converted.json"


def member_digests(name: str, folder: Path) -> dict[str, str]:
    """The SHA-256 of every member of a small archive that was converted, as its ``strongbox.json`` has them."""
    new = folder / f"{name}.zip"
    convert(ARCHIVES / f"{name}.zip", new, normalization=None, durable=False)
    with open_archive(new) as archive:
        parsed = json.loads(bytes(archive.members.read("strongbox.json")))
    found: dict[str, str] = parsed["digests"]
    return found


def main() -> None:
    """Write the golden file."""
    with tempfile.TemporaryDirectory() as folder:
        GOLDEN.write_bytes(dump_lines({name: member_digests(name, Path(folder)) for name in NAMES}) + b"\n")


if __name__ == "__main__":
    main()
