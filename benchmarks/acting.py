"""Acting: from a cold process to the first action, one call, a batch, an image; beside SB3's predict."""

from __future__ import annotations

import compileall
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import torch
from gymnasium import spaces
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.envs import FakeImageEnv

import strongbox

from .measure import alternate, milliseconds, ratio, table

RUNS = 15
CALLS = 200

COLD = {
    "SB3": "from stable_baselines3 import PPO; act = PPO.load(FILE, device='cpu').predict",
    "Strongbox": "import strongbox; act = strongbox.policy(FILE).predict",
}
PEAK = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"


def run() -> str:
    """The tables, as Markdown."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cold = _cold(folder)
        rows = _calls(folder)
    head = ["job", "ms: median (least–largest)", "times faster than SB3", "peak memory, MB"]
    calls = ["predict", f"SB3, ms for {CALLS} calls", f"Strongbox, ms for {CALLS} calls", "times faster"]
    return f"## Acting\n\n{table(head, cold)}\n\n{table(calls, rows)}\n\n{RUNS} runs each, in turn, on one thread."


def _cold(folder: Path) -> list[list[str]]:
    """Whole processes, from nothing to the first action of a CartPole agent."""
    # pip compiles what it installs; a checkout in development may have been kept from it.
    compileall.compile_dir(Path(strongbox.__file__).parent, quiet=1)
    file = folder / "cartpole.zip"
    PPO("MlpPolicy", "CartPole-v1", device="cpu").save(file)
    commands, peaks = {}, {}
    for who, code in COLD.items():
        program = f"{code.replace('FILE', repr(str(file)))}; import numpy; act(numpy.zeros(4, 'float32')); {PEAK}"
        command = [sys.executable, "-W", "ignore", "-c", program]
        commands[who] = partial(subprocess.run, command, check=True, stdout=subprocess.DEVNULL)
        finished = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
        peaks[who] = int(finished.stdout) / 1e3
    times = alternate(commands, RUNS)
    return [
        [f"cold process to the first action: {who}", milliseconds(each), ratio(each, times["SB3"]), f"{peaks[who]:.0f}"]
        for who, each in times.items()
    ]


def _calls(folder: Path) -> list[list[str]]:
    generator = numpy.random.default_rng(0)
    frames = FakeImageEnv(screen_height=84, screen_width=84, n_channels=4, discrete=True, channel_first=True)
    agents: list[tuple[str, Any, Any]] = [
        ("PPO, MLP 2 × 64, one observation", PPO("MlpPolicy", "CartPole-v1", device="cpu"), (4,)),
        ("PPO, MLP 2 × 64, 256 observations", PPO("MlpPolicy", "CartPole-v1", device="cpu"), (256, 4)),
        ("SAC, MLP 2 × 256, one observation", SAC("MlpPolicy", "Pendulum-v1", device="cpu", buffer_size=10), (3,)),
        ("SAC, MLP 2 × 256, 256 observations", SAC("MlpPolicy", "Pendulum-v1", device="cpu", buffer_size=10), (256, 3)),
        ("PPO, NatureCNN, one frame of 4 × 84 × 84", PPO("CnnPolicy", frames, device="cpu", n_steps=8), (4, 84, 84)),
    ]
    rows = []
    for number, (name, model, shape) in enumerate(agents):
        file = folder / f"{number}.zip"
        strongbox.save(model, file, durable=False)
        policy = strongbox.policy(file)
        image = isinstance(model.observation_space, spaces.Box) and model.observation_space.dtype == numpy.uint8
        observation = (
            generator.integers(0, 256, shape, dtype="uint8") if image else generator.random(shape, dtype="float32")
        )
        times = alternate(
            {
                "SB3": partial(_repeat, model.predict, observation),
                "Strongbox": partial(_repeat, policy.predict, observation),
            },
            RUNS,
        )
        gain = statistics.median(times["SB3"]) / statistics.median(times["Strongbox"])
        rows.append([name, milliseconds(times["SB3"]), milliseconds(times["Strongbox"]), f"{gain:.1f}"])
    return rows


def _repeat(predict: Any, observation: Any) -> None:
    for _ in range(CALLS):
        predict(observation, deterministic=True)
