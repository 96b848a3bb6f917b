"""A training script that may be killed at any time: started again, it goes on to the last bit where it was.

python demo/training.py RUN [--kill-at STEP]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal

from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback

import strongbox

STEPS = 600


def make_model() -> SAC:
    return SAC("MlpPolicy", "Pendulum-v1", learning_starts=100, buffer_size=10_000, seed=4, device="cpu")


class Killed(BaseCallback):
    """Ends the process at once, as a power failure or ``kill -9`` would."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def _on_step(self) -> bool:
        if self.num_timesteps == self.step:
            print(f"killed at step {self.step}", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    def state_dict(self) -> dict[str, int]:
        """It remembers nothing that training depends on."""
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """There is nothing to put back."""


def digest(model: SAC) -> str:
    """The SHA-256 of every parameter and optimizer moment, and of the replay buffer."""
    found = hashlib.sha256()
    for state in (model.policy.state_dict(), model.critic.optimizer.state_dict()["state"]):
        for value in state.values():
            for tensor in value.values() if isinstance(value, dict) else [value]:
                found.update(tensor.detach().numpy().tobytes())
    assert model.replay_buffer is not None
    found.update(model.replay_buffer.observations.tobytes())
    return found.hexdigest()[:32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--kill-at", type=int, default=0)
    arguments = parser.parse_args()
    run = strongbox.Run(arguments.run)
    model = run.resume(make_model)
    print(f"goes on from step {run.steps_done}" if run.steps_done else "begins", flush=True)
    model.learn(STEPS, callback=[run.callback(every=100), Killed(arguments.kill_at)])
    run.close()
    print(f"{model.num_timesteps} steps; networks, optimizer and replay buffer: {digest(model)}")


if __name__ == "__main__":
    main()
