"""An example that is killed and started again is the one that was never interrupted, to the last bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from strongbox.checkpoints import RunFolder

ROOT = Path(__file__).parents[3]

LINES = {
    "tabular": "--total 1500 --every 300",
    "ppo": "--total 768 --every 128 --num-envs 2 --num-steps 32",
    "dqn": "--total 500 --every 100 --buffer 300 --learning-starts 100",
    "sac": "--total 500 --every 100 --buffer 300 --learning-starts 150",
    "torchrl_ppo": "--total 512 --every 128 --num-envs 2 --num-steps 32",
}
"""Few steps of each example, with episodes that end and memories that go round."""

KILLS = {"tabular": (300, 900), "ppo": (128, 400), "dqn": (100, 300), "sac": (100, 300), "torchrl_ppo": (128, 256)}

NEVER = "1000000000"

Attempt = Callable[..., int]


@contextmanager
def _attempts() -> Iterator[Attempt]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    program = [sys.executable, "-m", "tests.live.examples.attempts"]
    with subprocess.Popen(
        program, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        orders, answers = process.stdin, process.stdout

        def attempt(**order: Any) -> int:
            orders.write(json.dumps(order, default=str) + "\n")
            orders.flush()
            return int(answers.readline())

        yield attempt
        orders.close()


@pytest.fixture(scope="module")
def attempt() -> Iterator[Attempt]:
    with _attempts() as made:
        yield made


@pytest.mark.parametrize("name", LINES)
def test_a_killed_example_goes_on_to_the_last_bit(name: str, attempt: Attempt, tmp_path: Path) -> None:
    output, arguments = tmp_path / "output.txt", LINES[name].split()
    plain = {"example": name, "output": output}
    reference = {"run": tmp_path / "once", "result": tmp_path / "once.json"}
    assert attempt(**plain, **reference, arguments=[*arguments, "--every", NEVER], seed=3) == 0, output.read_text()
    resumed = {**plain, "run": tmp_path / "run", "result": tmp_path / "run.json", "arguments": arguments}
    # What a process is seeded with matters to the first alone.
    for seed, step in enumerate(KILLS[name], start=3):
        assert attempt(**resumed, kill=step, seed=seed) == -signal.SIGKILL, output.read_text()
    assert attempt(**resumed, seed=7) == 0, output.read_text()
    expected, found = json.loads((tmp_path / "once.json").read_text()), json.loads((tmp_path / "run.json").read_text())
    differing = [key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)]
    assert not differing, "\n".join(f"{k}: {expected.get(k)} and {found.get(k)}" for k in sorted(differing)[:20])
    _look(tmp_path / "run")


def _look(run: Path) -> None:
    """The commands that look at any other run look at this one."""
    newest = RunFolder(str(run)).newest()
    assert newest is not None
    assert newest.commit.inexact == {}
    for line in (["inspect", newest.agent_path], ["check", newest.agent_path], ["checkpoints", "list", str(run)]):
        done = subprocess.run([sys.executable, "-m", "strongbox", *line], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    verified = [sys.executable, "-m", "strongbox", "checkpoints", "verify", str(run)]
    assert subprocess.run(verified, capture_output=True, check=False).returncode == 0
