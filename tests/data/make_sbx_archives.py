"""Make the small archives of ``tests/data/sbx`` with the ``save`` of sbx, an SB3 on JAX.

They are committed, so that the core's tests read files that Strongbox did not write, without JAX. Each network has one
layer of 8 units; most of a file is the code that cloudpickle writes for compiled functions, so the members are
deflated afterwards, as by a person who repacks the file. To make them again, in the environment of
``make test-sbx``, which must lie where no path of a person is in the name, since cloudpickle writes it into each
function that it pickles by value:

    python tests/data/make_sbx_archives.py [NAME…]
"""

from __future__ import annotations

import io
import platform
import sys
import zipfile
from pathlib import Path
from typing import Any

import sbx

ARCHIVES = Path(__file__).parent / "sbx"
OFF_POLICY: dict[str, Any] = {"learning_starts": 20, "batch_size": 8, "buffer_size": 100}
ON_POLICY: dict[str, Any] = {"n_steps": 32, "batch_size": 16, "n_epochs": 2}
AGENTS: dict[str, tuple[type, str, dict[str, Any]]] = {
    "crossq": (sbx.CrossQ, "Pendulum-v1", OFF_POLICY),
    "dqn": (sbx.DQN, "CartPole-v1", OFF_POLICY),
    "ppo": (sbx.PPO, "CartPole-v1", ON_POLICY),
    "sac": (sbx.SAC, "Pendulum-v1", OFF_POLICY),
}


def main(names: list[str]) -> None:
    """Make the named archives, or all."""
    platform.platform = lambda *_, **__: "Linux-6.0-x86_64-with-glibc2.35"
    platform.version = lambda: "#1 SMP"
    ARCHIVES.mkdir(exist_ok=True)
    for name in names or AGENTS:
        algorithm, environment, settings = AGENTS[name]
        model: Any = algorithm("MlpPolicy", environment, seed=0, policy_kwargs={"net_arch": [8]}, **settings)
        model.learn(64)
        saved = io.BytesIO()
        model.save(saved)
        (ARCHIVES / f"{name}.zip").write_bytes(deflated(saved))
        print(name)


def deflated(file: io.BytesIO) -> bytes:
    """The same archive with its members deflated and without times."""
    packed = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name), old.read(name), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


if __name__ == "__main__":
    main(sys.argv[1:])
