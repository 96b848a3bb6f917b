"""Make ``tests/core/policies/goldens.npz``: what SB3 answers with the small archives of ``tests/data/archives``.

For each archive NAME: ``NAME/obs`` (or ``NAME/obs/KEY``), 16 observations, and ``NAME/action``; where action
masks matter ``NAME/masks``; of recurrent agents ``NAME/action`` has a second row of answers, with the state
after the first. Observations are raw where statistics of VecNormalize stand beside the archive. To make them
again, after the archives:

    python -m tests.live.policies.make_goldens
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy
import torch
from gymnasium import spaces
from sb3_contrib import ARS, QRDQN, TQC, TRPO, CrossQ, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import DummyVecEnv

import strongbox
from tests.live.policies.agents import RandomEnv, draw

__all__ = ["answers", "main"]

ROOT = Path(__file__).resolve().parents[2]
ARCHIVES = ROOT / "data" / "archives"
GOLDENS = ROOT / "core" / "policies" / "goldens.npz"
COUNT = 16
ALGORITHMS = (A2C, ARS, CrossQ, DDPG, DQN, MaskablePPO, PPO, QRDQN, RecurrentPPO, SAC, TD3, TQC, TRPO)
CLASSES: dict[str, type[BaseAlgorithm]] = {kind.__name__: kind for kind in ALGORITHMS}


def load_agent(path: Path) -> BaseAlgorithm:
    """An archive loaded by SB3 itself; HER insists on an environment."""
    with strongbox.open(path) as archive:
        kind = CLASSES[str(archive.algorithm).rsplit(".", 1)[-1]]
    if not path.stem.startswith("her"):
        return kind.load(path, device="cpu")
    space = spaces.Dict({key: spaces.MultiBinary(3) for key in ("achieved_goal", "desired_goal", "observation")})
    return kind.load(path, device="cpu", env=DummyVecEnv([lambda: RandomEnv(space, spaces.Box(-1, 1, (3,)))]))


def answers(path: Path) -> dict[str, Any]:
    """Observations for an archive and what SB3 answers."""
    agent = load_agent(path)
    found: dict[str, Any] = {}
    batch = draw(agent.observation_space, COUNT, numpy.random.default_rng(0))
    for key, part in batch.items() if isinstance(batch, dict) else [("", batch)]:
        found[f"obs/{key}" if key else "obs"] = part
    given, options = batch, {}
    statistics = path.with_suffix(".vecnormalize.pkl")
    if statistics.exists():
        given = pickle.loads(statistics.read_bytes()).normalize_obs(batch)
    if isinstance(agent, MaskablePPO):
        found["masks"] = numpy.random.default_rng(1).random((COUNT, 6)) < 0.6
        options["action_masks"] = found["masks"]
    predict: Any = agent.predict
    found["action"], state = predict(given, deterministic=True, **options)
    if state is not None:
        again, _ = predict(given, state, numpy.arange(COUNT) % 3 == 0, deterministic=True)
        found["action"] = numpy.stack([found["action"], again])
    return found


def main() -> None:
    torch.set_num_threads(1)
    made = {}
    for path in sorted(ARCHIVES.glob("*.zip")):
        if path.stem != "ppo-own-code":
            made.update({f"{path.stem}/{name}": array for name, array in answers(path).items()})
    numpy.savez_compressed(GOLDENS, **made)


if __name__ == "__main__":
    main()
