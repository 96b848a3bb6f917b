"""What was converted opens in an unmodified SB3, with gymnasium only, warnings being errors, and acts as it did.

Everything runs in one process of its own, ``opening.py``, in which neither Strongbox nor gym is ever imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from strongbox.archive import open_archive
from strongbox.conversion import convert
from strongbox.values import ConstantSchedule, LinearSchedule
from tests.core.conversion.archives import ARCHIVES, NAMES
from tests.zoo import ZOO, requires_zoo

PYTHON = os.environ.get("STRONGBOX_SB3_PYTHON", sys.executable)
"""The interpreter that opens; ``make test-convert`` names one after another."""

OPENING = Path(__file__).with_name("opening.py")


def opened(folder: Path, goldens: Path) -> dict[str, Any]:
    """What an unmodified SB3 says of every archive in a folder."""
    # MKL computes as it did where the golden actions were made; see tests/live/adapters/test_zoo.py.
    environment = {**os.environ, "MKL_CBWR": "AVX2"}
    command = [PYTHON, "-I", str(OPENING), str(folder), str(goldens)]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    found: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return found


def expected_learning_rate(path: Path) -> Any:
    with open_archive(path) as archive:
        rate = archive.data["learning_rate"]
    return [rate(point / 8) for point in range(9)] if isinstance(rate, ConstantSchedule | LinearSchedule) else rate


@requires_zoo
@pytest.mark.zoo
def test_every_real_archive_opens_and_gives_its_golden_actions(tmp_path: Path) -> None:
    sources = sorted(ZOO.glob("*.zip"))
    for path in sources:
        convert(path, tmp_path / path.name, durable=False)
    found = opened(tmp_path, ZOO)
    assert sorted(found) == sorted(path.stem for path in sources)
    acted = {name: (told["kind"], told["error"]) for name, told in found.items() if "error" in told}
    assert len(acted) == 56
    assert not {name for name, (kind, error) in acted.items() if error > (0 if kind in "iu" else 1e-5)}
    assert not [name for name, told in found.items() if told["missing"]]
    assert {path.stem: expected_learning_rate(path) for path in sources} == {
        name: told["learning_rate"] for name, told in found.items()
    }


OF_ONE_PYTHON = ["ppo-own-code"]
"""Its features extractor is code by value, of Python 3.11, which other Pythons may crash over; the report names it."""


def is_of_another_python() -> bool:
    """Whether the interpreter that opens is another than the one that wrote the small archives."""
    question = "import sys; print(sys.version_info[:2] != (3, 11))"
    return subprocess.run([PYTHON, "-c", question], capture_output=True, text=True, check=True).stdout == "True\n"


def test_the_small_archives_open(tmp_path: Path) -> None:
    reports = {name: convert(ARCHIVES / f"{name}.zip", tmp_path / f"{name}.zip", durable=False) for name in NAMES}
    of_one_python = [
        name for name, report in reports.items() if any(part.needs_code for part in report.opaque.values())
    ]
    assert of_one_python == OF_ONE_PYTHON
    for name in OF_ONE_PYTHON if is_of_another_python() else ():
        (tmp_path / f"{name}.zip").unlink()
    found = opened(tmp_path, tmp_path)
    assert sorted(found) == [name for name in NAMES if (tmp_path / f"{name}.zip").exists()]
    assert not [name for name, told in found.items() if told["missing"]]
