"""Attempts at a script, each in a process of its own: to its end, or until it is killed.

Importing torch takes longer than a whole case, so one process imports everything, learns nothing itself, and
forks for each attempt::

    python -m tests.live.runs.attempts < one JSON object per line
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Attempts", "open_attempts"]

ROOT = Path(__file__).parents[3]


class Attempts:
    """The process that forks, seen from the test."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, **order: Any) -> int:
        """Make one attempt, and give its exit status, negative for a signal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order, default=str) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def open_attempts() -> Iterator[Attempts]:
    """Start the process that forks."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    program = [sys.executable, "-m", "tests.live.runs.attempts"]
    with subprocess.Popen(
        program, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Attempts(process)
        assert process.stdin is not None
        process.stdin.close()


# -- in the process that forks ------------------------------------------------------------------------------


def main() -> None:
    """Fork for every order on standard input, and answer with the child's exit status."""
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(order)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(status, flush=True)


def _become(order: dict[str, Any]) -> None:
    """Make the attempt, with what it prints in a file, and end the process whatever happens."""
    with open(order["output"], "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    status = 0
    try:
        warnings.simplefilter("error")
        attempt(order)
    except BaseException:  # noqa: BLE001 - the child must never go on as its parent
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def attempt(order: dict[str, Any]) -> None:
    """Run a case: without a run where no ``run`` is named, else resumed, and killed after ``kill`` if that is given."""
    import torch

    from strongbox import Keep, Run
    from tests.live.runs.cases import CASES
    from tests.live.runs.fingerprint import fingerprint
    from tests.live.runs.killing import KillAfter

    torch.set_num_threads(1)
    case, folder = CASES[order["case"]], Path(order["folder"])
    callbacks = case.callbacks(folder)
    if order.get("run") is None:
        model = case.make_model(folder)
        for length in case.lengths:
            model.learn(length, callback=list(callbacks), **case.learn)
    else:
        run = Run(order["run"], durable=False)
        model = run.resume(lambda: case.make_model(folder))
        for length in case.lengths:
            own = [run.callback(every=case.every, keep=Keep(last=2)), KillAfter(run, order.get("kill"))]
            model.learn(length, callback=[*callbacks, *own], **case.learn)
        run.close()
        print(run.report)
        if not run.report.exact:
            raise AssertionError(str(run.report))
    Path(order["result"]).write_text(json.dumps(fingerprint(model, callbacks, folder)))


def kill() -> None:
    """End this process as a machine does that loses its power."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    import Box2D  # type: ignore[import-untyped]  # noqa: F401 - it warns while it is imported, which children take for an error

    import strongbox.runs  # noqa: F401
    import tests.live.runs.cases
    import tests.live.runs.fingerprint  # noqa: F401 - imported once, before any fork

    main()
