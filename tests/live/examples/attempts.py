"""Attempts at an example, each in a process of its own: to its end, or until it is killed.

One process imports everything and forks for each attempt::

    python -m tests.live.examples.attempts < one JSON object per line
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import signal
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy

import strongbox
from strongbox.checkpoints import RunFolder
from tests.live.examples.fingerprint import fingerprint

EXAMPLES = Path(__file__).parents[3] / "examples"

BEYOND = 5
"""Steps at least that are trained after the checkpoint, all of which are lost."""


def main() -> None:
    """Fork for every order on standard input, and answer with the child's exit status."""
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(order)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(order: dict[str, Any]) -> None:
    """Make the attempt, with what it prints in a file, and end the process whatever happens."""
    with open(order["output"], "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    status = 0
    try:
        warnings.simplefilter("error", strongbox.StrongboxWarning)
        _attempt(order)
    except BaseException:  # noqa: BLE001 - the child must never go on as its parent
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _attempt(order: dict[str, Any]) -> None:
    """Run an example, which is killed some steps after a checkpoint at or after ``kill``, if that is given."""
    random.seed(order["seed"])
    numpy.random.seed(order["seed"])
    strongbox.Run = _run_that_is_killed(order.get("kill"))  # type: ignore[misc]
    example = read_example(order["example"])
    agent, environment = example.train(example.parse([*order["arguments"], "--run", order["run"]]))
    Path(order["result"]).write_text(json.dumps(fingerprint(agent, environment)))


def read_example(name: str) -> Any:
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _run_that_is_killed(kill: int | None) -> type[strongbox.Run]:
    class Killed(strongbox.Run):
        """A run that ends as on a machine that loses its power."""

        def step(self, agent: Any, **options: Any) -> bool:
            goes_on = super().step(agent, **options)
            if not self.report.exact:
                raise AssertionError(str(self.report))
            if kill is not None:
                self.wait()
                newest = RunFolder(self.path).newest()
                if newest is not None and newest.step >= kill and self.steps_done >= newest.step + BEYOND:
                    os.kill(os.getpid(), signal.SIGKILL)
            return goes_on

    return Killed


if __name__ == "__main__":
    import gymnasium  # noqa: F401 - imported once, before any fork
    import stable_baselines3.common.buffers  # noqa: F401
    import torch
    import torchrl.modules  # type: ignore[import-untyped]
    import torchrl.objectives  # type: ignore[import-untyped]  # noqa: F401

    torch.set_num_threads(1)
    main()
