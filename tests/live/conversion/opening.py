"""A program for an unmodified SB3: open every archive of a folder, warnings being errors, and tell what came out.

    python -I opening.py FOLDER GOLDENS

It knows neither Strongbox nor gym, and writes JSON: for each archive what it lacks, its learning rate at nine
points, and how far its actions are from the golden ones, where ``GOLDENS`` holds ``NAME.npz``.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

warnings.simplefilter("error")

import gymnasium  # noqa: E402
import numpy  # noqa: E402
import sb3_contrib  # noqa: E402
import stable_baselines3  # noqa: E402
import torch  # noqa: E402
from stable_baselines3.common.save_util import load_from_zip_file  # noqa: E402


class Goals(gymnasium.Env[Any, Any]):
    """HerReplayBuffer does not open without an environment."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.observation_space, self.action_space = data["observation_space"], data["action_space"]

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        return self.observation_space.sample(), {}

    def compute_reward(self, achieved: Any, desired: Any, info: Any) -> Any:
        return numpy.zeros(len(achieved))


def open_all(folder: Path, goldens: Path) -> dict[str, Any]:
    return {path.stem: tell(path, goldens / f"{path.stem}.npz") for path in sorted(folder.glob("*.zip"))}


def tell(path: Path, golden: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        name = json.loads(archive.read("strongbox.json"))["algorithm"].rpartition(".")[2]
    algorithm = getattr(stable_baselines3, name, None) or getattr(sb3_contrib, name)
    data, _, _ = load_from_zip_file(path, device="cpu")
    assert data is not None
    her = getattr(data.get("replay_buffer_class"), "__name__", "") == "HerReplayBuffer"
    # A buffer of a million transitions is more memory than this machine may have.
    settings: dict[str, Any] = {"env": Goals(data)} if her else {"buffer_size": 1} if "buffer_size" in data else {}
    model = algorithm.load(path, device="cpu", **settings)
    told = {"missing": sorted(set(data) - set(vars(model))), "learning_rate": numbers(model.learning_rate)}
    return {**told, **compare(model, golden)} if golden.is_file() else told


def numbers(schedule: Any) -> Any:
    return [float(schedule(point / 8)) for point in range(9)] if callable(schedule) else schedule


def compare(model: Any, golden: Path) -> dict[str, Any]:
    """How far the actions are from the golden ones, and of what kind they are."""
    content = numpy.load(golden)
    observation = (
        content["obs"] if "obs" in content else {key[4:]: content[key] for key in content if key.startswith("obs/")}
    )
    space = model.observation_space
    if isinstance(space, gymnasium.spaces.Dict) and not isinstance(observation, dict):
        observation = in_parts(observation, space)
    action, _ = model.predict(observation, deterministic=True)
    error = numpy.abs(action.astype(float) - content["action"].astype(float)).max()
    return {"error": float(error), "kind": action.dtype.kind}


def in_parts(observation: Any, space: Any) -> dict[str, Any]:
    """HER of 1.0 laid observation and desired goal in a row; what was achieved has no weight."""
    cut = space["observation"].shape[0]
    goal = observation[:, cut:]
    return {"observation": observation[:, :cut], "desired_goal": goal, "achieved_goal": goal}


if __name__ == "__main__":
    torch.set_num_threads(1)
    found = open_all(*map(Path, sys.argv[1:]))
    assert not any(map(importlib.util.find_spec, ("gym", "shimmy"))), "they are not needed, and shall not be there"
    assert "strongbox" not in sys.modules
    print(json.dumps(found))
