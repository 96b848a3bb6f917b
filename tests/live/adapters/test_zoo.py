"""The real archives: every one loads, with gymnasium alone and without an environment, and acts as it did."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from strongbox.adapters import load
from strongbox.archive import open_archive
from tests.core.policies.test_zoo import NAMES, golden, tolerance
from tests.zoo import ZOO, requires_zoo

ROOT = Path(__file__).resolve().parents[3]
ARCHIVES = sorted(path.stem for path in ZOO.glob("*.zip")) if ZOO.is_dir() else []

ACT = """
import sys, warnings
from pathlib import Path
import numpy, torch
from strongbox.adapters import load
warnings.simplefilter("error")
torch.set_num_threads(1)
found = {}
for path in sorted(Path(sys.argv[1]).glob("*.npz")):
    model = load(path.with_suffix(".zip"), device="cpu")
    golden = numpy.load(path)
    observation = golden["obs"] if "obs" in golden else {
        key.removeprefix("obs/"): golden[key] for key in golden if key.startswith("obs/")
    }
    found[path.stem], _ = model.predict(observation, deterministic=True)
assert "gym" not in sys.modules and "shimmy" not in sys.modules
numpy.savez(sys.argv[2], **found)
"""


@requires_zoo
def test_the_golden_actions_are_answered(tmp_path: Path) -> None:
    """As the numpy policies answer them: discrete ones exactly, others as far as float32 is certain."""
    file = tmp_path / "found.npz"
    subprocess.run([sys.executable, "-c", ACT, str(ZOO), str(file)], cwd=ROOT, check=True)
    found = numpy.load(file)
    assert sorted(found) == NAMES
    assert len(NAMES) == 56
    for name in NAMES:
        policy, observation, expected = golden(name)
        assert found[name].dtype == expected.dtype
        off = numpy.abs(found[name].astype(float) - expected.astype(float))
        assert (off <= tolerance(policy, observation, expected)).all(), name


@requires_zoo
@pytest.mark.parametrize("name", ARCHIVES)
def test_every_archive_loads_whole(name: str) -> None:
    with open_archive(ZOO / f"{name}.zip") as archive:
        model = load(archive, device="cpu")
        report = model.strongbox_report
        assert not report.left
        for each, state in archive.parameters.items():
            assert_equal_state(model, each, state)
    assert model.num_timesteps > 0


def assert_equal_state(model: Any, name: str, state: Any) -> None:
    """Every tensor of the file is the live one of the same name, where migrations have left the names alone."""
    if name != "policy":
        return
    live = model.policy.state_dict()
    for key, tensor in state.tensors():
        if key in live:
            assert torch.equal(live[key], torch.from_numpy(numpy.array(tensor.numpy())))
