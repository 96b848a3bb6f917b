"""A tabular Q-learner on FrozenLake, with numpy alone: exact when it is killed and started again.

python examples/tabular.py --run runs/frozen-lake --total 20000
"""

from __future__ import annotations

import argparse

import gymnasium
import numpy

import strongbox


class QLearner:
    """A table of the values of actions, and all that one step hands on to the next."""

    def __init__(self, env: gymnasium.Env, seed: int) -> None:
        self.table = numpy.zeros((env.observation_space.n, env.action_space.n))
        self.rng = numpy.random.default_rng(seed)
        self.global_step = 0
        self.observation = 0
        self.episode_return = 0.0
        self.returns = []

    def act(self, observation: int) -> int:
        """The best action, or any in one of ten cases."""
        if self.rng.random() < 0.1:
            return int(self.rng.integers(self.table.shape[1]))
        best = self.table[observation] == self.table[observation].max()
        return int(self.rng.choice(numpy.flatnonzero(best)))

    def learn(self, action: int, reward: float, following: int, *, terminated: bool) -> None:
        """One step of Q-learning."""
        future = 0.0 if terminated else 0.99 * self.table[following].max()
        self.table[self.observation, action] += 0.1 * (reward + future - self.table[self.observation, action])


def train(arguments: argparse.Namespace) -> tuple[QLearner, gymnasium.Env]:
    env = gymnasium.make("FrozenLake-v1", is_slippery=True)
    run = strongbox.Run(arguments.run)
    agent = run.resume(lambda: QLearner(env, arguments.seed), envs=env)
    agent.observation, _ = env.reset(seed=arguments.seed)
    while agent.global_step < arguments.total:
        if not run.step(agent, every=arguments.every, keep=strongbox.Keep(last=3), on_signal=True):
            break
        action = agent.act(agent.observation)
        following, reward, terminated, truncated, _ = env.step(action)
        agent.learn(action, reward, following, terminated=terminated)
        agent.observation = following
        agent.episode_return += float(reward)
        if terminated or truncated:
            agent.returns = [*agent.returns, agent.episode_return][-100:]
            agent.episode_return = 0.0
            agent.observation, _ = env.reset()
        agent.global_step += 1
    run.save(agent, keep=strongbox.Keep(last=3))
    run.close()
    return agent, env


def parse(line: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="runs/frozen-lake")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--total", type=int, default=20_000, help="steps of the environment")
    parser.add_argument("--every", type=int, default=1_000, help="steps from one checkpoint to the next")
    return parser.parse_args(line)


if __name__ == "__main__":
    trained, _ = train(parse())
    print(f"mean return of the last episodes: {numpy.mean(trained.returns):.2f}")
