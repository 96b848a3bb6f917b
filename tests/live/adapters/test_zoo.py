"""The real archives: every one loads, with gymnasium alone and without an environment, and acts as it did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from strongbox.adapters import load
from strongbox.archive import open_archive
from tests.zoo import ZOO, requires_zoo

ROOT = Path(__file__).resolve().parents[3]
ARCHIVES = sorted(path.stem for path in ZOO.glob("*.zip")) if ZOO.is_dir() else []

ACT = """
import json, sys, warnings
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
    action, _ = model.predict(observation, deterministic=True)
    error = float(numpy.abs(action.astype(float) - golden["action"].astype(float)).max())
    found[path.stem] = [action.dtype.kind, error]
assert "gym" not in sys.modules and "shimmy" not in sys.modules
print(json.dumps(found))
"""


@requires_zoo
def test_the_golden_actions_are_answered() -> None:
    # The golden actions were computed with kernels for AVX2. Wider ones round the last bits otherwise, which a few
    # of the policies enlarge to more than the tolerance; MKL is told to compute as it did then.
    environment = {**os.environ, "MKL_CBWR": "AVX2"}
    process = subprocess.run(
        [sys.executable, "-c", ACT, str(ZOO)], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    found = json.loads(process.stdout)
    assert len(found) == 56
    wrong = {name: error for name, (kind, error) in found.items() if error > (0 if kind in "iu" else 1e-5)}
    assert not wrong


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
