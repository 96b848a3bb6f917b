"""Open converted archives in an unmodified SB3, under every Python from 3.10 to 3.13 that this machine offers.

Each interpreter gets an environment of its own, ``.venv-sb3-3.10`` to ``.venv-sb3-3.13``, with SB3, gymnasium and
torch, but without gym, shimmy and Strongbox. Strongbox converts under the Python that runs this program::

    python -m tests.conversions [VERSION …]

torch comes from where pip looks for it, and for most Pythons that is a build of some gigabytes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.interpreters import ROOT, VERSIONS, find_interpreters, prepare_environment

__all__ = ["main"]

REQUIREMENTS = ("requirements/sb3.txt",)
NUMPY = ("--constraint", "requirements/core-test.txt")


def opens(python: Path, version: str) -> bool:
    print(f"\n---- Python {version}: an unmodified SB3 opens what was converted", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/live/conversion/test_opens.py"]
    environment = {**os.environ, "STRONGBOX_SB3_PYTHON": str(python)}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0


def main() -> int:
    """Make each environment and open in it, one after the other, and say what was found."""
    passed = {
        version: opens(prepare_environment(interpreter, f"sb3-{version}", REQUIREMENTS, *NUMPY), version)
        for version, interpreter in find_interpreters().items()
        if version in (sys.argv[1:] or VERSIONS)
    }
    print("\nConverted archives: " + ", ".join(f"{v} {'opened' if ok else 'FAILED'}" for v, ok in passed.items()))
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
