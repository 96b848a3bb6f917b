"""The main job of Strongbox, end to end, in under two minutes: ``make demo``.

An agent is trained with Stable-Baselines3, kept with Strongbox, looked into, checked, loaded in a new
process, goes on learning there, acts, and is opened by Stable-Baselines3 itself. A save fails half way and
the old file stays; a training is killed and goes on to the last bit. Everything goes through the public
interface; the files are in demo-output/.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import gymnasium as gym
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.utils import LinearSchedule

import strongbox

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parent / "demo-output"
ARCHIVE = OUTPUT / "cartpole.zip"
COMMAND = Path(sys.executable).with_name("strongbox")
STEPS = 10_000


def say(title: str, text: str = "") -> None:
    print(f"\n\033[1m{title}\033[0m" if sys.stdout.isatty() else f"\n== {title}")
    if text:
        print(textwrap.indent(textwrap.dedent(text).strip(), "   "), flush=True)


def run(*command: str | Path, expected: int = 0) -> str:
    """Run a program as a person would type it, show what it says, and return its last line."""
    shown = " ".join(part.name if isinstance(part, Path) else part for part in command)
    print(f"\n   $ {shown}", flush=True)
    done = subprocess.run(command, cwd=OUTPUT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    print(textwrap.indent(done.stdout.rstrip(), "   "), flush=True)
    if done.returncode != expected:
        sys.exit(f"The demo stops here: {shown} ended with exit code {done.returncode}.")
    return done.stdout.rstrip().rpartition("\n")[2]


def train() -> PPO:
    say("1. Train an agent with Stable-Baselines3", f"PPO on CartPole-v1, {STEPS:,} steps; the learning rate falls.")
    env = Monitor(gym.make("CartPole-v1"))
    model = PPO("MlpPolicy", env, learning_rate=LinearSchedule(1e-3, 1e-4, 1.0), n_steps=512, seed=4, device="cpu")
    report_return("before training", model)
    model.learn(total_timesteps=STEPS)
    report_return("after training ", model)
    return model


def report_return(when: str, model: PPO) -> None:
    env = Monitor(gym.make("CartPole-v1"))
    env.reset(seed=100)
    mean, spread = evaluate_policy(model, env, n_eval_episodes=20)
    print(f"   mean return {when}: {mean:6.1f} ± {spread:.1f}", flush=True)


def keep(model: PPO) -> None:
    say("2. Keep it with Strongbox", 'strongbox.save(model, "cartpole.zip")')
    strongbox.save(model, ARCHIVE)
    first = ARCHIVE.read_bytes()
    strongbox.save(model, ARCHIVE)
    assert ARCHIVE.read_bytes() == first
    print(f"   {ARCHIVE.name}: {len(first):,} bytes; saved twice, the same bytes", flush=True)


def look() -> None:
    say(
        "3. Look into it",
        "No torch, no gymnasium, no Stable-Baselines3 is loaded for this, and no code of the file runs.",
    )
    run(COMMAND, "inspect", ARCHIVE.name)
    say("4. Check it", "Structure, digests, checksums, and what an ordinary loader would have executed.")
    run(COMMAND, "check", ARCHIVE.name)


def go_on_elsewhere() -> None:
    say("5. Load it in a new process, go on learning there, act")
    run(Path(sys.executable), HERE / "elsewhere.py", "continue", ARCHIVE.name, str(STEPS))
    say("6. Stable-Baselines3 itself opens the file", "Unmodified, in one more process that never imports Strongbox.")
    run(Path(sys.executable), HERE / "elsewhere.py", "sb3", ARCHIVE.name)


def fail_to_save() -> None:
    say("7. A save that fails leaves the old file as it was", "The disk seems to be full after 20,000 bytes.")
    run(Path(sys.executable), HERE / "elsewhere.py", "fail", ARCHIVE.name)


def kill_and_go_on() -> None:
    say("8. Kill a training, and start the same script again", "SAC on Pendulum-v1, a checkpoint every 100 steps.")
    script = (Path(sys.executable), HERE / "training.py")
    for name in ("killed", "uninterrupted"):
        shutil.rmtree(OUTPUT / "runs" / name, ignore_errors=True)
    run(*script, "runs/killed", "--kill-at", "350", expected=-signal.SIGKILL)
    run(COMMAND, "checkpoints", "list", "runs/killed")
    resumed = run(*script, "runs/killed")
    uninterrupted = run(*script, "runs/uninterrupted")
    if resumed != uninterrupted:
        sys.exit("The demo stops here: the resumed training is not the uninterrupted one.")
    print("   the same as without the interruption, to the last bit", flush=True)


def main() -> None:
    began = time.monotonic()
    OUTPUT.mkdir(exist_ok=True)
    keep(train())
    look()
    go_on_elsewhere()
    fail_to_save()
    kill_and_go_on()
    say(f"Done in {time.monotonic() - began:.0f} seconds", f"The archive is {ARCHIVE.relative_to(HERE.parent)}.")


if __name__ == "__main__":
    main()
