"""PPO on CartPole with the modules of TorchRL: exact when it is killed and started again.

    python examples/torchrl_ppo.py --run runs/cartpole-torchrl --total 50000

Actor, critic, loss and advantages are TorchRL's; the environments and the loop are those of any other script.
"""

from __future__ import annotations

import argparse

import gymnasium
import numpy
import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torchrl.modules import MLP, OneHotCategorical, ProbabilisticActor, ValueOperator
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE

import strongbox

EPOCHS, MINIBATCHES = 4, 4


class PPO:
    """TorchRL's loss with the actor and the critic in it, its optimizer, and where the training stands."""

    def __init__(self, envs: gymnasium.vector.VectorEnv) -> None:
        inputs, actions = envs.single_observation_space.shape[0], int(envs.single_action_space.n)
        layers = {"num_cells": [64, 64], "activation_class": torch.nn.Tanh}
        logits = TensorDictModule(MLP(inputs, actions, **layers), in_keys=["observation"], out_keys=["logits"])
        self.actor = ProbabilisticActor(
            logits, in_keys=["logits"], distribution_class=OneHotCategorical, return_log_prob=True
        )
        self.critic = ValueOperator(MLP(inputs, 1, **layers), in_keys=["observation"])
        self.loss = ClipPPOLoss(self.actor, self.critic, clip_epsilon=0.2, entropy_coeff=0.01)
        self.advantage = GAE(gamma=0.99, lmbda=0.95, value_network=self.critic)
        self.optimizer = torch.optim.Adam(self.loss.parameters(), lr=1e-3)
        self.global_step = 0
        self.observation = None  # what the environments have shown last
        self.returns = []

    def rollout(self, envs: gymnasium.vector.VectorEnv, steps: int) -> TensorDict:
        """So many steps of all environments, in the layout that TorchRL's objectives read."""
        rows = []
        for _ in range(steps):
            row = TensorDict({"observation": torch.as_tensor(self.observation)}, batch_size=[envs.num_envs])
            with torch.no_grad():
                row = self.actor(row)
            self.observation, reward, terminated, truncated, info = envs.step(row["action"].argmax(-1).numpy())
            row["next"] = self.outcome(reward, terminated, truncated, info)
            rows.append(row)
            self.global_step += envs.num_envs
            if "episode" in info.get("final_info", {}):
                returns = info["final_info"]["episode"]["r"][info["final_info"]["_episode"]]
                self.returns = [*self.returns, *map(float, returns)][-100:]
        return torch.stack(rows, 1)

    def outcome(self, reward: numpy.ndarray, terminated: numpy.ndarray, truncated: numpy.ndarray, info: dict) -> dict:
        """What a step came to; the environments that ended show already how their next episode begins."""
        following = self.observation.copy()
        for index in numpy.flatnonzero(terminated | truncated):
            following[index] = info["final_obs"][index]
        return {
            "observation": torch.as_tensor(following),
            "reward": torch.as_tensor(reward).float().unsqueeze(-1),
            "done": torch.as_tensor(terminated | truncated).unsqueeze(-1),
            "terminated": torch.as_tensor(terminated).unsqueeze(-1),
        }

    def learn(self, batch: TensorDict) -> None:
        """Some epochs over the rollout."""
        with torch.no_grad():
            flat = self.advantage(batch).flatten()
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(flat)).chunk(MINIBATCHES):
                losses = self.loss(flat[rows])
                self.optimizer.zero_grad()
                sum(losses[name] for name in ("loss_objective", "loss_critic", "loss_entropy")).backward()
                torch.nn.utils.clip_grad_norm_(self.loss.parameters(), 0.5)
                self.optimizer.step()


def train(arguments: argparse.Namespace) -> tuple[PPO, gymnasium.vector.VectorEnv]:
    torch.manual_seed(arguments.seed)
    envs = gymnasium.vector.SyncVectorEnv(
        [lambda: gymnasium.wrappers.RecordEpisodeStatistics(gymnasium.make("CartPole-v1"))] * arguments.num_envs,
        autoreset_mode=gymnasium.vector.AutoresetMode.SAME_STEP,
    )
    run = strongbox.Run(arguments.run)
    agent = run.resume(lambda: PPO(envs), envs=envs)
    agent.observation, _ = envs.reset(seed=arguments.seed)
    keep = strongbox.Keep(last=3)
    while agent.global_step < arguments.total:
        if not run.step(agent, every=arguments.every, keep=keep, on_signal=True):
            break
        agent.learn(agent.rollout(envs, arguments.num_steps))
    run.save(agent, keep=keep)
    run.close()
    return agent, envs


def parse(line: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="runs/cartpole-torchrl")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--total", type=int, default=50_000, help="steps of all environments")
    parser.add_argument("--every", type=int, default=10_000, help="steps from one checkpoint to the next")
    parser.add_argument("--num-envs", type=int, default=4)
    parser.add_argument("--num-steps", type=int, default=128, help="steps of each environment in a rollout")
    return parser.parse_args(line)


if __name__ == "__main__":
    trained, _ = train(parse())
    print(f"mean return of the last episodes: {numpy.mean(trained.returns):.1f}")
