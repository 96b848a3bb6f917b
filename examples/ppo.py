"""PPO on CartPole in one file, in the style of CleanRL: exact when it is killed and started again.

    python examples/ppo.py --run runs/cartpole-ppo --total 100000

Whatever one iteration hands on to the next is an attribute of the agent; the rest is Strongbox's.
"""

from __future__ import annotations

import argparse

import gymnasium
import numpy
import torch
from torch import nn

import strongbox

GAMMA, LAMBDA, CLIP, ENTROPY, EPOCHS, MINIBATCHES = 0.99, 0.95, 0.2, 0.01, 4, 4


class Network(nn.Module):
    """An actor and a critic, each with two layers."""

    def __init__(self, envs: gymnasium.vector.VectorEnv) -> None:
        super().__init__()
        inputs, actions = envs.single_observation_space.shape[0], envs.single_action_space.n
        self.actor = nn.Sequential(
            nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, actions)
        )
        self.critic = nn.Sequential(nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))

    def forward(self, observation: torch.Tensor) -> tuple[torch.distributions.Categorical, torch.Tensor]:
        return torch.distributions.Categorical(logits=self.actor(observation)), self.critic(observation).squeeze(-1)


class PPO:
    """The networks, their optimizer, and where the training stands."""

    def __init__(self, envs: gymnasium.vector.VectorEnv, arguments: argparse.Namespace) -> None:
        self.network = Network(envs)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=2.5e-4, eps=1e-5)
        self.rate = torch.optim.lr_scheduler.LambdaLR(self.optimizer, Annealing(arguments))
        self.global_step = 0
        self.observation = None  # what the environments have shown last
        self.done = torch.zeros(envs.num_envs)  # which of them will only be reset by the next step
        self.returns = []

    def rollout(self, envs: gymnasium.vector.VectorEnv, steps: int) -> dict[str, torch.Tensor]:
        """So many steps of all environments, with the advantages and returns that they come to."""
        names = ("observations", "actions", "logarithms", "rewards", "dones", "values")
        rows = {name: [] for name in names}
        for _ in range(steps):
            seen = torch.as_tensor(self.observation, dtype=torch.float32)
            with torch.no_grad():
                distribution, value = self.network(seen)
                action = distribution.sample()
            self.observation, reward, terminated, truncated, info = envs.step(action.numpy())
            row = (seen, action, distribution.log_prob(action), torch.as_tensor(reward).float(), self.done, value)
            for name, column in zip(names, row, strict=True):
                rows[name].append(column)
            self.done = torch.as_tensor(terminated | truncated).float()
            self.global_step += envs.num_envs
            if "episode" in info:
                self.returns = [*self.returns, *map(float, info["episode"]["r"][info["_episode"]])][-100:]
        batch = {name: torch.stack(column) for name, column in rows.items()}
        return {**batch, **self.advantages(batch)}

    def advantages(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Generalized advantage estimation."""
        with torch.no_grad():
            _, following = self.network(torch.as_tensor(self.observation, dtype=torch.float32))
        advantages, running = torch.zeros_like(batch["rewards"]), torch.zeros_like(self.done)
        going_on = 1.0 - self.done
        for step in reversed(range(len(advantages))):
            difference = batch["rewards"][step] + GAMMA * following * going_on - batch["values"][step]
            running = difference + GAMMA * LAMBDA * going_on * running
            advantages[step] = running
            following, going_on = batch["values"][step], 1.0 - batch["dones"][step]
        return {"advantages": advantages, "returns": advantages + batch["values"]}

    def learn(self, batch: dict[str, torch.Tensor]) -> None:
        """Some epochs over the rollout; the step that only resets an environment teaches nothing."""
        kept = batch["dones"].flatten() == 0
        flat = {name: column.flatten(0, 1)[kept] for name, column in batch.items()}
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(flat["actions"])).chunk(MINIBATCHES):
                self.descend({name: column[rows] for name, column in flat.items()})
        self.rate.step()

    def descend(self, rows: dict[str, torch.Tensor]) -> None:
        """One step of the optimizer."""
        distribution, values = self.network(rows["observations"])
        ratio = (distribution.log_prob(rows["actions"]) - rows["logarithms"]).exp()
        advantages = (rows["advantages"] - rows["advantages"].mean()) / (rows["advantages"].std() + 1e-8)
        policy_loss = -torch.min(advantages * ratio, advantages * ratio.clamp(1 - CLIP, 1 + CLIP)).mean()
        value_loss = 0.5 * (values - rows["returns"]).square().mean()
        self.optimizer.zero_grad()
        (policy_loss + 0.5 * value_loss - ENTROPY * distribution.entropy().mean()).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 0.5)
        self.optimizer.step()


class Annealing:
    """The learning rate falls to nothing over the whole training."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.iterations = max(arguments.total // (arguments.num_envs * arguments.num_steps), 1)

    def __call__(self, iteration: int) -> float:
        return max(1.0 - iteration / self.iterations, 0.0)


def train(arguments: argparse.Namespace) -> tuple[PPO, gymnasium.vector.VectorEnv]:
    torch.manual_seed(arguments.seed)
    envs = gymnasium.vector.SyncVectorEnv([lambda: gymnasium.make("CartPole-v1")] * arguments.num_envs)
    envs = gymnasium.wrappers.vector.RecordEpisodeStatistics(envs)
    run = strongbox.Run(arguments.run)
    agent = run.resume(lambda: PPO(envs, arguments), envs=envs)
    agent.observation, _ = envs.reset(seed=arguments.seed)
    keep = strongbox.Keep(last=3, best=1, metric="return")
    while agent.global_step < arguments.total:
        metrics = {"return": float(numpy.mean(agent.returns))} if agent.returns else {}
        if not run.step(agent, every=arguments.every, keep=keep, on_signal=True, metrics=metrics):
            break
        agent.learn(agent.rollout(envs, arguments.num_steps))
    run.save(agent, keep=keep)
    run.close()
    return agent, envs


def parse(line: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="runs/cartpole-ppo")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--total", type=int, default=100_000, help="steps of all environments")
    parser.add_argument("--every", type=int, default=10_000, help="steps from one checkpoint to the next")
    parser.add_argument("--num-envs", type=int, default=4)
    parser.add_argument("--num-steps", type=int, default=128, help="steps of each environment in a rollout")
    return parser.parse_args(line)


if __name__ == "__main__":
    trained, _ = train(parse())
    print(f"mean return of the last episodes: {numpy.mean(trained.returns):.1f}")
