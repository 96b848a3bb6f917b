"""Without the training framework: an error that names the command to install it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

WITHOUT = """
import sys

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {module!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hide())
import strongbox
try:
    strongbox.load({path!r})
except strongbox.errors.MissingExtra as error:
    print(error)
"""


@pytest.mark.parametrize("module", ["torch", "stable_baselines3", "gymnasium"])
def test_what_is_missing_is_named_with_the_command_that_installs_it(module: str) -> None:
    archive = ROOT / "tests" / "data" / "archives" / "ppo.zip"
    script = WITHOUT.format(module=module, path=str(archive))
    process = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)
    assert f"needs '{module}', which is not installed" in process.stdout
    assert 'pip install "strongbox[sb3]"' in process.stdout


def test_sb3_contrib_is_asked_for_by_its_own_agents_alone() -> None:
    archives = ROOT / "tests" / "data" / "archives"
    script = WITHOUT.format(module="sb3_contrib", path=str(archives / "trpo.zip"))
    script += f"print(type(strongbox.load({str(archives / 'ppo.zip')!r})).__name__)"
    process = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)
    assert "needs 'sb3_contrib', which is not installed" in process.stdout
    assert process.stdout.strip().endswith("PPO")
