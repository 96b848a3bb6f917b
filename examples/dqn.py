"""DQN on CartPole in one file, with SB3's replay buffer: exact when it is killed and started again.

    python examples/dqn.py --run runs/cartpole-dqn --total 20000

The replay buffer stands beside the agent in the run's folder: a checkpoint writes the rows that are new.
"""

from __future__ import annotations

import argparse
import copy

import gymnasium
import numpy
import torch
from stable_baselines3.common.buffers import ReplayBuffer
from torch import nn

import strongbox

GAMMA, BATCH = 0.99, 64


class DQN:
    """Two networks, an optimizer, a replay buffer, and where the training stands."""

    def __init__(self, env: gymnasium.Env, arguments: argparse.Namespace) -> None:
        inputs, self.actions = env.observation_space.shape[0], int(env.action_space.n)
        self.network = nn.Sequential(nn.Linear(inputs, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 2))
        self.target = copy.deepcopy(self.network)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-3)
        self.buffer = ReplayBuffer(arguments.buffer, env.observation_space, env.action_space, device="cpu")
        self.rng = numpy.random.default_rng(arguments.seed)
        self.global_step = 0
        self.observation = None
        self.episode_return = 0.0
        self.returns = []

    def act(self, arguments: argparse.Namespace) -> int:
        """The best action, or any: at first always, later in one of twenty cases."""
        exploration = max(1.0 - self.global_step / (0.5 * arguments.total), 0.05)
        if self.rng.random() < exploration:
            return int(self.rng.integers(self.actions))
        with torch.no_grad():
            return int(self.network(torch.as_tensor(self.observation)).argmax())

    def step(self, env: gymnasium.Env, arguments: argparse.Namespace) -> None:
        """One step of the environment, and what is learned from it."""
        action = self.act(arguments)
        following, reward, terminated, truncated, info = env.step(action)
        self.buffer.add(self.observation, following, numpy.array([action]), reward, numpy.array([terminated]), [info])
        self.observation, self.episode_return = following, self.episode_return + float(reward)
        if terminated or truncated:
            self.returns, self.episode_return = [*self.returns, self.episode_return][-100:], 0.0
            self.observation, _ = env.reset()
        self.global_step += 1
        if self.global_step >= arguments.learning_starts:
            self.learn()
        if self.global_step % 250 == 0:
            self.target.load_state_dict(self.network.state_dict())

    def learn(self) -> None:
        """One step of the optimizer."""
        batch = self.buffer.sample(BATCH)
        with torch.no_grad():
            future = self.target(batch.next_observations).max(1, keepdim=True).values
            goal = batch.rewards + GAMMA * future * (1 - batch.dones)
        loss = nn.functional.smooth_l1_loss(self.network(batch.observations).gather(1, batch.actions), goal)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def train(arguments: argparse.Namespace) -> tuple[DQN, gymnasium.Env]:
    torch.manual_seed(arguments.seed)
    numpy.random.seed(arguments.seed)  # which SB3's buffer draws from
    env = gymnasium.make("CartPole-v1")
    run = strongbox.Run(arguments.run)
    agent = run.resume(lambda: DQN(env, arguments), envs=env)
    agent.observation, _ = env.reset(seed=arguments.seed)
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
    parser.add_argument("--run", default="runs/cartpole-dqn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--total", type=int, default=20_000, help="steps of the environment")
    parser.add_argument("--every", type=int, default=2_000, help="steps from one checkpoint to the next")
    parser.add_argument("--buffer", type=int, default=10_000, help="rows of the replay buffer")
    parser.add_argument("--learning-starts", type=int, default=1_000, help="steps before anything is learned")
    return parser.parse_args(line)


if __name__ == "__main__":
    trained, _ = train(parse())
    print(f"mean return of the last episodes: {numpy.mean(trained.returns):.1f}")
