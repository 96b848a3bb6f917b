"""Settings given anew at load reach what hangs on them: schedules, optimizers, buffers, noise, exploration."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy
import pytest
from gymnasium import spaces
from sb3_contrib import QRDQN
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.buffers import NStepReplayBuffer, ReplayBuffer
from stable_baselines3.common.noise import NormalActionNoise, VectorizedActionNoise
from stable_baselines3.common.type_aliases import TrainFreq, TrainFrequencyUnit
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import DummyVecEnv

import strongbox
from strongbox.adapters.overrides import setting_parameters
from strongbox.adapters.state import live_optimizers
from strongbox.errors import MismatchError
from tests.live.adapters.tiny import AGENTS, TinyEnv, make_agent

STEPS = 24


def saved(model: Any) -> bytes:
    file = io.BytesIO()
    strongbox.save(model, file)
    return file.getvalue()


def load_anew(name: str, **overrides: Any) -> Any:
    return strongbox.load(saved(make_agent(name)), env=AGENTS[name].make_env(), device="cpu", **overrides)


def load_in_place(name: str, **overrides: Any) -> Any:
    return strongbox.load(saved(make_agent(name)), into=AGENTS[name].make(), **overrides)


WAYS = pytest.mark.parametrize("take", [load_anew, load_in_place])
Load = Callable[..., Any]


def rates(model: Any) -> set[float]:
    return {group["lr"] for optimizer in live_optimizers(model).values() for group in optimizer.param_groups}


@WAYS
@pytest.mark.parametrize("name", ["ppo", "a2c", "trpo", "recurrent-ppo", "dqn", "qrdqn", "sac", "td3", "tqc", "crossq"])
def test_a_learning_rate_reaches_the_schedule_and_every_optimizer(name: str, take: Load) -> None:
    model = take(name, learning_rate=0.0123)
    assert rates(model) == {0.0123}
    assert model.learning_rate == 0.0123
    assert model.lr_schedule(1.0) == model.lr_schedule(0.0) == 0.0123
    assert len(live_optimizers(model)) == {"sac": 3, "tqc": 3, "crossq": 3, "td3": 2}.get(name, 1)
    model.learn(STEPS)
    assert rates(model) == {0.0123}
    assert "learning_rate" in model.strongbox_report.overridden


def test_a_schedule_as_a_learning_rate_is_at_the_progress_of_the_agent() -> None:
    model = load_anew("ppo", learning_rate=LinearSchedule(1e-2, 1e-4, 1.0))
    assert rates(model) == {model.lr_schedule(model._current_progress_remaining)}
    assert model.lr_schedule(1.0) == 1e-2


@WAYS
@pytest.mark.parametrize("name", ["ppo", "a2c", "recurrent-ppo", "ppo-dict", "maskable-ppo"])
def test_settings_of_a_rollout_make_its_buffer_anew(name: str, take: Load) -> None:
    model = take(name, n_steps=12, gamma=0.5, gae_lambda=0.25)
    buffer = model.rollout_buffer
    assert (model.n_steps, model.gamma, model.gae_lambda) == (12, 0.5, 0.25)
    assert (buffer.buffer_size, buffer.gamma, buffer.gae_lambda) == (12, 0.5, 0.25)
    model.learn(12 * model.n_envs)
    assert model.rollout_buffer is buffer
    assert buffer.pos == 12
    assert buffer.rewards.shape == (12, model.n_envs)


@WAYS
def test_what_an_update_takes_is_taken(take: Load) -> None:
    model = take("ppo", batch_size=8, n_epochs=3, clip_range=0.05, clip_range_vf=0.3, ent_coef=0.5, target_kl=9.0)
    assert (model.batch_size, model.n_epochs, model.ent_coef, model.target_kl) == (8, 3, 0.5, 9.0)
    assert model.clip_range(1.0) == 0.05
    assert model.clip_range_vf(0.5) == 0.3
    before = model._n_updates
    model.learn(16, reset_num_timesteps=False)
    assert model._n_updates == before + 3


@WAYS
@pytest.mark.parametrize("name", ["dqn", "qrdqn", "sac", "td3", "tqc", "her-sac"])
def test_the_size_of_a_replay_buffer_is_that_asked_for(name: str, take: Load) -> None:
    model = take(name, buffer_size=34, learning_starts=4, batch_size=3, gradient_steps=2)
    assert model.replay_buffer.buffer_size == 34 // model.n_envs
    assert model.replay_buffer.rewards.shape == (34 // model.n_envs, model.n_envs)
    model.learn(STEPS)
    assert (model.buffer_size, model.batch_size, model.gradient_steps) == (34, 3, 2)
    assert model.replay_buffer.size() == STEPS // model.n_envs


@WAYS
def test_returns_of_several_steps_get_their_own_buffer_and_lose_it_again(take: Load) -> None:
    model = take("td3", n_steps=3, gamma=0.5)
    assert type(model.replay_buffer) is NStepReplayBuffer
    assert (model.replay_buffer.n_steps, model.replay_buffer.gamma) == (3, 0.5)
    model.learn(STEPS)
    assert type(model.replay_buffer) is NStepReplayBuffer
    assert model.replay_buffer.n_steps == 3
    again = strongbox.load(saved(model), env=AGENTS["td3"].make_env(), gamma=0.25, buffer_size=50)
    assert type(again.replay_buffer) is NStepReplayBuffer
    assert again.replay_buffer.gamma == 0.25
    back = strongbox.load(saved(model), env=AGENTS["td3"].make_env(), n_steps=1)
    assert type(back.replay_buffer) is ReplayBuffer
    back.learn(STEPS)


def test_a_live_replay_buffer_stays_unless_something_it_hangs_on_changes() -> None:
    agent = AGENTS["sac"].make()
    buffer = agent.replay_buffer
    strongbox.load(saved(make_agent("sac")), into=agent, gamma=0.5, batch_size=3, tau=0.25)
    assert agent.replay_buffer is buffer
    assert buffer.size() == STEPS
    strongbox.load(saved(make_agent("sac")), into=agent, buffer_size=40)
    assert agent.replay_buffer is not buffer
    assert agent.replay_buffer.size() == 0
    assert f"{STEPS} transitions" in agent.strongbox_report.reset["replay_buffer"]


@WAYS
@pytest.mark.parametrize("cls", [DQN, QRDQN])
def test_exploration_follows_its_settings(cls: type, take: Load) -> None:
    name = cls.__name__.lower()
    settings = {"exploration_fraction": 1.0, "exploration_initial_eps": 0.5, "exploration_final_eps": 0.25}
    model = take(name, **settings)
    assert model.exploration_schedule(1.0) == 0.5
    assert model.exploration_schedule(0.0) == 0.25
    assert model.exploration_rate == model.exploration_schedule(model._current_progress_remaining)
    model.learn(STEPS)
    assert model.exploration_rate == pytest.approx(0.25)


@WAYS
def test_the_epsilon_of_qrdqn_follows_the_size_of_a_batch(take: Load) -> None:
    agent = QRDQN("MlpPolicy", TinyEnv(), **AGENTS["qrdqn"].options, policy_kwargs={"net_arch": [4], "n_quantiles": 3})
    assert agent.policy.optimizer.param_groups[0]["eps"] == 0.01 / 4
    if take is load_anew:
        model = strongbox.load(saved(agent), env=TinyEnv(), batch_size=8)
    else:
        model = strongbox.load(saved(agent), into=agent, batch_size=8)
    assert model.policy.optimizer.param_groups[0]["eps"] == 0.01 / 8


@WAYS
@pytest.mark.parametrize("name", ["sac", "tqc", "crossq"])
def test_a_fixed_entropy_coefficient_gives_up_the_learned_one(name: str, take: Load) -> None:
    model = take(name, ent_coef=0.3)
    assert model.ent_coef_optimizer is None
    assert float(model.ent_coef_tensor) == pytest.approx(0.3)
    model.learn(STEPS)
    assert float(model.ent_coef_tensor) == pytest.approx(0.3)
    again = strongbox.load(saved(model), env=AGENTS[name].make_env(), ent_coef="auto_0.2")
    assert again.log_ent_coef.exp().item() == pytest.approx(0.2)
    assert not again.ent_coef_optimizer.state
    again.learn(STEPS)
    assert again.ent_coef_optimizer.state
    assert again.log_ent_coef.exp().item() != pytest.approx(0.2)


@WAYS
@pytest.mark.parametrize(("target", "expected"), [(-0.75, -0.75), ("auto", -2.0)])
def test_a_target_entropy_is_a_number_or_worked_out(target: Any, expected: float, take: Load) -> None:
    assert take("sac", target_entropy=target).target_entropy == expected


@WAYS
def test_how_often_is_trained_is_converted_as_the_constructor_does(take: Load) -> None:
    model = take("sac", train_freq=(3, "step"), target_update_interval=2, tau=0.5)
    assert model.train_freq == TrainFreq(3, TrainFrequencyUnit.STEP)
    assert (model.target_update_interval, model.tau) == (2, 0.5)
    before = model._n_updates
    model.learn(STEPS, reset_num_timesteps=False)
    assert model._n_updates == before + STEPS // 3


@WAYS
def test_noise_is_the_one_given(take: Load) -> None:
    noise = NormalActionNoise(numpy.zeros(2), 0.2 * numpy.ones(2))
    model = take("td3", action_noise=noise)
    assert model.action_noise is noise
    model.learn(STEPS)
    assert isinstance(model.action_noise, VectorizedActionNoise)
    assert model.action_noise.base_noise is noise


@pytest.mark.parametrize("name", ["td3", "sac", "dqn", "ppo", "a2c", "recurrent-ppo"])
@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_environments_learns(name: str, count: int) -> None:
    agent = AGENTS[name]
    env = DummyVecEnv([lambda: TinyEnv(agent.observation, agent.action) for _ in range(count)])
    model = strongbox.load(saved(make_agent(name)), env=env, device="cpu")
    assert model.n_envs == count
    buffer = getattr(model, "replay_buffer", None) or model.rollout_buffer
    assert buffer.n_envs == count
    assert buffer.rewards.shape[1] == count
    model.learn(STEPS)
    if name == "td3" and count > 1:
        assert len(model.action_noise.noises) == count


@WAYS
def test_statistics_of_episodes_have_the_size_asked_for(take: Load) -> None:
    model = take("ppo", stats_window_size=2)
    assert isinstance(model.ep_info_buffer, deque)
    assert model.ep_info_buffer.maxlen == 2
    model.learn(16, reset_num_timesteps=False)
    assert model.ep_info_buffer.maxlen == model.ep_success_buffer.maxlen == 2


@WAYS
def test_the_population_of_ars_follows(take: Load) -> None:
    model = take("ars", n_delta=3, delta_std=0.5)
    assert (model.n_delta, model.pop_size, model.n_top) == (3, 6, 3)
    assert model.delta_std_schedule(1.0) == 0.5
    model.learn(STEPS)


@WAYS
def test_a_seed_makes_what_follows_the_same(take: Load) -> None:
    first, second = (take("ppo", seed=5).learn(16) for _ in range(2))
    assert first.seed == second.seed == 5
    for left, right in zip(first.policy.parameters(), second.policy.parameters(), strict=True):
        assert left.equal(right)


def test_settings_of_the_policy_are_merged_and_its_optimizer_begins_anew() -> None:
    model = load_anew("ppo", policy_kwargs={"optimizer_kwargs": {"eps": 0.125}})
    assert model.policy.optimizer.param_groups[0]["eps"] == 0.125
    assert model.policy_kwargs == {"net_arch": [4], "optimizer_kwargs": {"eps": 0.125}}
    assert model.strongbox_report.reset["policy.optimizer"] == "as asked"


def test_everything_that_a_constructor_takes_can_be_given_but_what_is_fixed() -> None:
    assert setting_parameters(PPO).keys() >= {"learning_rate", "n_steps", "target_kl", "policy", "seed", "verbose"}
    assert not setting_parameters(PPO).keys() & {"self", "env", "device", "_init_setup_model"}


# -- what cannot be ---------------------------------------------------------------------------------


@WAYS
@pytest.mark.parametrize(
    ("name", "overrides", "found"),
    [
        ("ppo", {"learning_rat": 1e-3}, "Did you mean learning_rate.*batch_size, clip_range"),
        ("ppo", {"on_mismach": "skip"}, "Did you mean on_mismatch"),
        ("ppo", {"buffer_size": 5}, "settings of PPO, found 'buffer_size'"),
        ("ddpg", {"policy_delay": 2}, "settings of DDPG"),
        ("ppo", {"use_sde": True}, "part of the networks"),
        ("a2c", {"rms_prop_eps": 1e-3}, "optimizer_kwargs"),
        ("ppo", {"n_steps": "many"}, "expected a number for n_steps"),
        ("ppo", {"learning_rate": float("nan")}, "expected a finite number"),
        ("ppo", {"batch_size": 1}, "must be greater than 1"),
        ("ppo", {"gamma": None, "n_steps": -3}, "PPO can be built with"),
        ("sac", {"train_freq": (1, "year")}, "must be either 'step' or 'episode'"),
        ("her-sac", {"n_steps": 3}, "HerReplayBuffer, which does not obey it"),
    ],
)
def test_a_setting_that_cannot_be_is_an_error_before_anything_changes(
    name: str, overrides: dict[str, Any], found: str, take: Load
) -> None:
    content, model = saved(make_agent(name)), AGENTS[name].make()
    before = saved(model)
    where = {"into": model} if take is load_in_place else {"env": AGENTS[name].make_env()}
    with pytest.raises(MismatchError, match=found):
        strongbox.load(content, **where, **overrides)
    assert saved(model) == before


class Own(PPO):
    """Somebody's own algorithm, with two settings: one that it keeps under its name, and one that it does not."""

    def __init__(self, *arguments: Any, kept: int = 3, hidden: int = 4, **keywords: Any) -> None:
        self.kept, self._inside = kept, hidden
        super().__init__(*arguments, **keywords)


def test_settings_of_ones_own_algorithm_are_its_attributes() -> None:
    content = saved(Own("MlpPolicy", TinyEnv(), n_steps=8, batch_size=4, device="cpu"))
    model = strongbox.load(content, cls=Own, env=TinyEnv(), kept=5, gamma=0.5)
    assert (model.kept, model.gamma, model.rollout_buffer.gamma) == (5, 0.5, 0.5)
    with pytest.raises(MismatchError, match="'hidden', which no attribute is called"):
        strongbox.load(content, cls=Own, hidden=5)
    with pytest.raises(MismatchError, match="'hidden', which no attribute is called"):
        strongbox.load(content, into=model, hidden=5)


def test_a_setting_given_twice_is_an_error() -> None:
    with pytest.raises(MismatchError, match="once"):
        load_anew("ppo", gamma=0.5, custom_objects={"gamma": 0.25})


def test_without_an_environment_settings_are_there_when_one_comes() -> None:
    model = strongbox.load(
        saved(make_agent("sac")), device="cpu", buffer_size=20, learning_rate=0.5, target_entropy="auto"
    )
    model.set_env(AGENTS["sac"].make_env())
    model.learn(STEPS)
    assert model.replay_buffer.buffer_size == 20
    assert rates(model) == {0.5}
    assert model.target_entropy == -2.0
    assert isinstance(model.action_space, spaces.Box)
