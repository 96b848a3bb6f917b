"""The folder in which the documentation's code runs: the files that its pages speak of."""

from __future__ import annotations

import base64
import json
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

from tests.docs.pages import ROOT

__all__ = ["furnish"]

ARCHIVES = ROOT / "tests" / "data" / "archives"


def furnish(folder: Path) -> None:
    """Put the archives of the documentation into a folder.

    ``ppo.zip``, ``sac.zip``, ``td3.zip`` and ``recurrent.zip`` are what SB3 wrote, ``own.zip`` has a schedule and
    a features extractor of somebody's own in it, ``downloads/stranger.zip`` runs a command when it is unpickled.
    """
    copies = {"ppo": "cartpole", "sac": "sac", "td3": "td3", "own": "ppo-own-code", "pendulum": "ppo-gsde-normalized"}
    copies["recurrent"] = "recurrent-ppo"
    for name, source in copies.items():
        shutil.copy(ARCHIVES / f"{source}.zip", folder / f"{name}.zip")
    shutil.copy(ARCHIVES / "ppo-gsde-normalized.vecnormalize.pkl", folder / "vecnormalize.pkl")
    downloads = folder / "downloads"
    downloads.mkdir()
    for name in ("a2c", "dqn"):
        shutil.copy(ARCHIVES / f"{name}.zip", downloads)
    make_stranger(ARCHIVES / "cartpole.zip", downloads / "stranger.zip")


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
