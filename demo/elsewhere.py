"""What the demo does in processes of their own: go on with an archive, open it with SB3 alone, fail to save.

python demo/elsewhere.py continue FILE STEPS
python demo/elsewhere.py sb3 FILE
python demo/elsewhere.py fail FILE
"""

from __future__ import annotations

import resource
import shutil
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor


def go_on(file: Path, steps: int) -> None:
    import strongbox

    model = strongbox.load(file, env=Monitor(gym.make("CartPole-v1")), device="cpu")
    print(f"loaded: {type(model).__name__} after {model.num_timesteps:,} steps, nothing named but the file")
    report_return("as loaded          ", model)
    model.learn(total_timesteps=steps, reset_num_timesteps=False)
    report_return("after learning more", model)
    show_one_action(model)
    strongbox.save(model, file)
    print(f"kept again, after {model.num_timesteps:,} steps")


def open_with_sb3(file: Path) -> None:
    model = PPO.load(file, device="cpu")
    assert "strongbox" not in sys.modules
    print(f"PPO.load: {model.num_timesteps:,} steps, learning rate {model.learning_rate}")
    report_return("under SB3          ", model)
    show_one_action(model)


def fail_to_save(file: Path) -> None:
    """Bound the size that any file may reach, save with both, and look at what is left of the old file."""
    import strongbox

    model = strongbox.load(file, device="cpu")
    other = file.with_name("saved-by-sb3.zip")
    shutil.copy(file, other)
    unchanged = file.read_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    for who, target in (("Strongbox", file), ("SB3", other)):
        try:
            strongbox.save(model, target) if who == "Strongbox" else model.save(target)
        except (OSError, strongbox.StrongboxError) as error:
            print(f"{who + ' says:':16} {error}")
        state = "the old file, byte for byte" if target.read_bytes() == unchanged else "destroyed"
        print(f"{'what is left:':16} {state} ({target.stat().st_size:,} bytes)")


def report_return(when: str, model: BaseAlgorithm) -> None:
    env = Monitor(gym.make("CartPole-v1"))
    env.reset(seed=100)
    mean, spread = evaluate_policy(model, env, n_eval_episodes=20)
    print(f"mean return {when}: {mean:6.1f} ± {spread:.1f}")


def show_one_action(model: BaseAlgorithm) -> None:
    observation = [0.01, -0.02, 0.03, 0.04]
    action, _ = model.predict(np.array(observation, np.float32), deterministic=True)
    print(f"observation {observation} -> action {action}")


if __name__ == "__main__":
    task, file = sys.argv[1], Path(sys.argv[2])
    if task == "continue":
        go_on(file, int(sys.argv[3]))
    elif task == "sb3":
        open_with_sb3(file)
    else:
        fail_to_save(file)
