"""Training that is killed and resumed is the training that was never interrupted, to the last bit.

Each case is run once to its end by SB3 alone, with no run at all, and once with SIGKILL after a checkpoint, again and
again, each time in a new process.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.runs.attempts import Attempts, open_attempts
from tests.live.runs.cases import CASES


@pytest.fixture(scope="module")
def attempts() -> Iterator[Attempts]:
    with open_attempts() as opened:
        yield opened


@pytest.mark.parametrize("name", CASES)
def test_a_killed_run_goes_on_to_the_last_bit(name: str, attempts: Attempts, tmp_path: Path) -> None:
    reference, logs = tmp_path / "reference.json", tmp_path / "uninterrupted"
    output = tmp_path / "output.txt"
    plain = {"case": name, "output": output}
    assert attempts.run(**plain, folder=logs, result=reference) == 0, output.read_text()
    resumed = {**plain, "run": tmp_path / "run", "folder": tmp_path / "resumed", "result": tmp_path / "resumed.json"}
    for step in CASES[name].kills:
        assert attempts.run(**resumed, kill=step) == -signal.SIGKILL, output.read_text()
    assert attempts.run(**resumed) == 0, output.read_text()
    expected, found = json.loads(reference.read_text()), json.loads((tmp_path / "resumed.json").read_text())
    differing = [key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)]
    assert not differing, "\n".join(f"{k}: {expected.get(k)} and {found.get(k)}" for k in sorted(differing)[:20])
