"""What was converted opens in an unmodified SB3, with gymnasium only, warnings being errors, and acts as it did.

Everything runs in one process of its own, in which neither Strongbox nor gym is ever imported.
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

OPEN = """
import json, sys, warnings, zipfile
from pathlib import Path
warnings.simplefilter("error")
import gymnasium, numpy, sb3_contrib, stable_baselines3, torch
from stable_baselines3.common.save_util import load_from_zip_file

torch.set_num_threads(1)
folder, goldens = map(Path, sys.argv[1:])


class Goals(gymnasium.Env):
    # HerReplayBuffer does not open without an environment.
    def __init__(self, data):
        self.observation_space, self.action_space = data["observation_space"], data["action_space"]

    def reset(self, *, seed=None, options=None):
        return self.observation_space.sample(), {}

    def compute_reward(self, achieved, desired, info):
        return numpy.zeros(len(achieved))


def in_parts(observation, space):
    # HER of 1.0 laid observation and desired goal in a row; what was achieved has no weight.
    cut = space["observation"].shape[0]
    return {"observation": observation[:, :cut], "desired_goal": observation[:, cut:],
            "achieved_goal": observation[:, cut:]}


def numbers(schedule):
    return [float(schedule(point / 8)) for point in range(9)] if callable(schedule) else schedule


found = {}
for path in sorted(folder.glob("*.zip")):
    name = json.loads(zipfile.ZipFile(path).read("strongbox.json"))["algorithm"].rpartition(".")[2]
    algorithm = getattr(stable_baselines3, name, None) or getattr(sb3_contrib, name)
    data, _, _ = load_from_zip_file(path, device="cpu")
    her = getattr(data.get("replay_buffer_class"), "__name__", "") == "HerReplayBuffer"
    # A buffer of a million transitions is more memory than this machine may have.
    settings = {"env": Goals(data)} if her else {"buffer_size": 1} if "buffer_size" in data else {}
    model = algorithm.load(path, device="cpu", **settings)
    told = {"missing": sorted(set(data) - set(vars(model))), "learning_rate": numbers(model.learning_rate)}
    golden = goldens / f"{path.stem}.npz"
    if golden.is_file():
        content = numpy.load(golden)
        observation = content["obs"] if "obs" in content else {
            key.removeprefix("obs/"): content[key] for key in content if key.startswith("obs/")
        }
        space = model.observation_space
        if isinstance(space, gymnasium.spaces.Dict) and not isinstance(observation, dict):
            observation = in_parts(observation, space)
        action, _ = model.predict(observation, deterministic=True)
        told["error"] = float(numpy.abs(action.astype(float) - content["action"].astype(float)).max())
        told["kind"] = action.dtype.kind
    found[path.stem] = told
assert not {"gym", "shimmy", "strongbox"} & set(sys.modules)
print(json.dumps(found))
"""


def opened(folder: Path, goldens: Path) -> dict[str, Any]:
    """What an unmodified SB3 says of every archive in a folder."""
    # MKL computes as it did where the golden actions were made; see tests/live/adapters/test_zoo.py.
    environment = {**os.environ, "MKL_CBWR": "AVX2"}
    command = [sys.executable, "-I", "-c", OPEN, str(folder), str(goldens)]
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


def test_the_small_archives_open(tmp_path: Path) -> None:
    for name in NAMES:
        convert(ARCHIVES / f"{name}.zip", tmp_path / f"{name}.zip", durable=False)
    found = opened(tmp_path, tmp_path)
    assert sorted(found) == NAMES
    assert not [name for name, told in found.items() if told["missing"]]
