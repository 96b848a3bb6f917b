"""What agents of one's own and their runs are kept with is imported without any framework, installed or not."""

from __future__ import annotations

import subprocess
import sys

import pytest

MODULES = (
    *(
        "strongbox.adapters.environments",
        "strongbox.adapters.environments.workers",
        "strongbox.adapters.environments.plain",
    ),
    *("strongbox.adapters.generators", "strongbox.adapters.random_states", "strongbox.adapters.restore"),
    *("strongbox.adapters.schedules", "strongbox.adapters.environment_id", "strongbox.adapters.preserving"),
    *("strongbox.adapters.own", "strongbox.adapters.own.session", "strongbox.runs"),
)

FRAMEWORKS = ("torch", "gymnasium", "stable_baselines3", "sb3_contrib", "cloudpickle")

PROGRAM = """
import importlib, sys
importlib.import_module(sys.argv[1])
print(sorted(set(sys.argv[2:]) & sys.modules.keys()))
"""


@pytest.mark.parametrize("module", MODULES)
def test_it_brings_no_framework_along(module: str) -> None:
    program = [sys.executable, "-c", PROGRAM, module, *FRAMEWORKS]
    assert subprocess.run(program, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_framework_would_be_noticed() -> None:
    program = [sys.executable, "-c", PROGRAM, "decimal", "decimal"]
    assert subprocess.run(program, capture_output=True, text=True, check=True).stdout.strip() == "['decimal']"
