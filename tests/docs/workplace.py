"""The folder in which the documentation's code runs: the files that its pages speak of."""

from __future__ import annotations

import base64
import json
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

from strongbox.checkpoints import RunFolder, write_checkpoint
from tests.core.checkpoints.runs import add_segment, agent, replay_of
from tests.docs.pages import ROOT

__all__ = ["furnish"]

ARCHIVES = ROOT / "tests" / "data" / "archives"


def furnish(folder: Path) -> None:
    """Put the archives of the documentation into a folder.

    ``ppo.zip``, ``sac.zip``, ``td3.zip`` and ``recurrent.zip`` are what SB3 wrote, ``sbx-sac.zip`` is what sbx did,
    ``own.zip`` has a schedule and a features extractor of somebody's own in it, ``downloads/stranger.zip`` runs a
    command when it is unpickled; ``runs/pendulum`` is a run.
    """
    copies = {"ppo": "cartpole", "sac": "sac", "td3": "td3", "own": "ppo-own-code", "pendulum": "ppo-gsde-normalized"}
    copies["recurrent"] = "recurrent-ppo"
    for name, source in copies.items():
        shutil.copy(ARCHIVES / f"{source}.zip", folder / f"{name}.zip")
    shutil.copy(ARCHIVES.parent / "sbx" / "sac.zip", folder / "sbx-sac.zip")
    shutil.copy(ARCHIVES / "ppo-gsde-normalized.vecnormalize.pkl", folder / "vecnormalize.pkl")
    downloads = folder / "downloads"
    downloads.mkdir()
    for name in ("a2c", "dqn"):
        shutil.copy(ARCHIVES / f"{name}.zip", downloads)
    make_stranger(ARCHIVES / "cartpole.zip", downloads / "stranger.zip")
    make_run(folder / "runs" / "pendulum")


def make_run(path: Path) -> None:
    """A run of five checkpoints that share replay segments; one of them is not exact."""
    folder, segments = RunFolder(path), []
    with folder.lock():
        folder.begin(algorithm="stable_baselines3.sac.sac.SAC", environment="Pendulum-v1")
        for number in range(1, 6):
            segments.append(add_segment(folder, bytes(1000 * number)))
            write_checkpoint(
                folder,
                step=10_000 * number,
                contents=agent(10_000 * number, algorithm="stable_baselines3.sac.sac.SAC"),
                replay=replay_of(*segments),
                metrics={"eval/mean_reward": -1000.0 + 40 * number * (7 - number)},
                inexact={"environments[0]": "Pendulum-v1: the generator was replaced"} if number == 2 else {},
                logs={"progress.csv": 812 * number},
                time=1764108062.0 + 100 * number,
            )


class Command:
    """An object whose pickle runs a command of the system when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.system, ("echo Your files are mine now",)


def make_stranger(source: Path, target: Path) -> None:
    """The same archive with a hostile pickle in the place of an attribute that nobody looks at."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "data":
                data = json.loads(content)
                pickled = base64.b64encode(pickle.dumps(Command(), protocol=4)).decode()
                data["_last_obs"] = {":type:": "<class 'numpy.ndarray'>", ":serialized:": pickled}
                content = json.dumps(data, indent=4).encode()
            new.writestr(name, content)
