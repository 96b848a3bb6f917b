"""SAC on Pendulum in one file, with a replay memory of its own: exact when it is killed and started again.

    python examples/sac.py --run runs/pendulum-sac --total 10000

Its memory is arrays of numpy, and so a part of the agent like any other: every checkpoint holds all of it. For a large
one, take SB3's replay buffer (see dqn.py), of which a checkpoint writes the rows that are new.
"""

from __future__ import annotations

import argparse
import copy
from dataclasses import dataclass

import gymnasium
import numpy
import torch
from torch import nn

import strongbox

GAMMA, TAU, BATCH = 0.99, 0.005, 64


def layers(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, outputs))


class Actor(nn.Module):
    """A normal distribution, squeezed into the space of actions."""

    def __init__(self, inputs: int, outputs: int, bound: float) -> None:
        super().__init__()
        self.net = layers(inputs, 2 * outputs)
        self.register_buffer("bound", torch.tensor(bound))

    def forward(self, observation: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, deviation = self.net(observation).chunk(2, -1)
        normal = torch.distributions.Normal(mean, deviation.clamp(-5, 2).exp())
        drawn = normal.rsample()
        squeezed = torch.tanh(drawn)
        logarithm = normal.log_prob(drawn) - torch.log(self.bound * (1 - squeezed.square()) + 1e-6)
        return self.bound * squeezed, logarithm.sum(-1, keepdim=True)


@dataclass
class Memory:
    """The last transitions, a row each."""

    rows: numpy.ndarray
    position: int = 0
    size: int = 0

    def add(self, *parts: object) -> None:
        self.rows[self.position] = numpy.concatenate([numpy.ravel(part) for part in parts])
        self.position = (self.position + 1) % len(self.rows)
        self.size = min(self.size + 1, len(self.rows))


class SAC:
    """An actor, two critics with their targets, the temperature, the memory, and where the training stands."""

    def __init__(self, env: gymnasium.Env, arguments: argparse.Namespace) -> None:
        self.inputs, self.outputs = env.observation_space.shape[0], env.action_space.shape[0]
        self.actor = Actor(self.inputs, self.outputs, float(env.action_space.high[0]))
        self.critics = nn.ModuleList(layers(self.inputs + self.outputs, 1) for _ in range(2))
        self.targets = copy.deepcopy(self.critics)
        self.log_alpha = torch.zeros(1, requires_grad=True)
        self.optimizers = {
            "actor": torch.optim.Adam(self.actor.parameters(), lr=1e-3),
            "critics": torch.optim.Adam(self.critics.parameters(), lr=1e-3),
            "alpha": torch.optim.Adam([self.log_alpha], lr=1e-3),
        }
        width = 2 * self.inputs + self.outputs + 2
        self.memory = Memory(numpy.zeros((arguments.buffer, width), numpy.float32))
        self.rng = numpy.random.default_rng(arguments.seed)
        self.global_step = 0
        self.observation = None
        self.episode_return = 0.0
        self.returns = []

    def step(self, env: gymnasium.Env, arguments: argparse.Namespace) -> None:
        """One step of the environment, and what is learned from it."""
        if self.global_step < arguments.learning_starts:
            action = env.action_space.sample()
        else:
            with torch.no_grad():
                action = self.actor(torch.as_tensor(self.observation))[0].numpy()
        following, reward, terminated, truncated, _ = env.step(action)
        self.memory.add(self.observation, following, action, reward, terminated)
        self.observation, self.episode_return = following, self.episode_return + float(reward)
        if terminated or truncated:
            self.returns, self.episode_return = [*self.returns, self.episode_return][-20:], 0.0
            self.observation, _ = env.reset()
        self.global_step += 1
        if self.global_step >= arguments.learning_starts:
            self.learn()

    def learn(self) -> None:
        """One step of each optimizer."""
        rows = torch.from_numpy(self.memory.rows[self.rng.integers(self.memory.size, size=BATCH)])
        seen, following, action, reward, ended = rows.split([self.inputs, self.inputs, self.outputs, 1, 1], -1)
        alpha = self.log_alpha.exp().detach()
        with torch.no_grad():
            next_action, logarithm = self.actor(following)
            future = self.least(self.targets, following, next_action) - alpha * logarithm
            goal = reward + GAMMA * (1 - ended) * future
        both = torch.cat([seen, action], -1)
        self.descend("critics", sum((critic(both) - goal).square().mean() for critic in self.critics))
        new_action, logarithm = self.actor(seen)
        self.descend("actor", (alpha * logarithm - self.least(self.critics, seen, new_action)).mean())
        self.descend("alpha", -(self.log_alpha.exp() * (logarithm.detach() - self.outputs)).mean())
        with torch.no_grad():
            for target, source in zip(self.targets.parameters(), self.critics.parameters(), strict=True):
                target.lerp_(source, TAU)

    @staticmethod
    def least(critics: nn.ModuleList, observation: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        both = torch.cat([observation, action], -1)
        return torch.min(critics[0](both), critics[1](both))

    def descend(self, name: str, loss: torch.Tensor) -> None:
        self.optimizers[name].zero_grad()
        loss.backward()
        self.optimizers[name].step()


def train(arguments: argparse.Namespace) -> tuple[SAC, gymnasium.Env]:
    torch.manual_seed(arguments.seed)
    env = gymnasium.make("Pendulum-v1")
    run = strongbox.Run(arguments.run)
    agent = run.resume(lambda: SAC(env, arguments), envs=env)
    agent.observation, _ = env.reset(seed=arguments.seed)
    env.action_space.seed(arguments.seed)
    keep = strongbox.Keep(last=3)
    while agent.global_step < arguments.total:
        if not run.step(agent, every=arguments.every, keep=keep, on_signal=True):
            break
        agent.step(env, arguments)
    run.save(agent, keep=keep)
    run.close()
    return agent, env


def parse(line: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="runs/pendulum-sac")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--total", type=int, default=10_000, help="steps of the environment")
    parser.add_argument("--every", type=int, default=1_000, help="steps from one checkpoint to the next")
    parser.add_argument("--buffer", type=int, default=10_000, help="rows of the memory")
    parser.add_argument("--learning-starts", type=int, default=500, help="steps before anything is learned")
    return parser.parse_args(line)


if __name__ == "__main__":
    trained, _ = train(parse())
    print(f"mean return of the last episodes: {numpy.mean(trained.returns):.1f}")
