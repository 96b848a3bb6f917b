"""How a model is built: without drawing random numbers, without memory for a buffer that nobody uses."""

from __future__ import annotations

import copy
import io
import pickle
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import DQN, PPO, HerReplayBuffer
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer
from stable_baselines3.common.torch_layers import FlattenExtractor

from strongbox.adapters import load, save
from strongbox.adapters.initialisation import INITIALISERS, skip_initialisation
from strongbox.errors import MismatchError
from tests.live.adapters.archives import change_data, change_tensors, sb3_archive
from tests.live.adapters.likeness import assert_same_agent
from tests.live.adapters.tiny import AGENTS, TinyEnv, make_agent

ROOT = Path(__file__).resolve().parents[3]

# -- networks -------------------------------------------------------------------------------------


def test_every_function_that_fills_a_parameter_is_skipped() -> None:
    named = {name for name in vars(torch.nn.init) if name.endswith("_") and not name.startswith("_")}
    assert set(INITIALISERS) == named


def test_parameters_stay_as_they_are_inside_and_are_filled_outside() -> None:
    originals = {name: vars(torch.nn.init)[name] for name in INITIALISERS}
    state = torch.get_rng_state()
    with skip_initialisation() as skipped:
        layer = torch.nn.Linear(3, 4)
        assert [id(parameter) for parameter in layer.parameters()] == [
            id(each) for each in dict.fromkeys(skipped.parameters)
        ]
        assert torch.equal(torch.get_rng_state(), state)
        plain = torch.nn.init.ones_(torch.empty(3))
    assert bool((plain == 1).all())
    assert {name: vars(torch.nn.init)[name] for name in INITIALISERS} == originals
    torch.nn.Linear(3, 4)
    assert not torch.equal(torch.get_rng_state(), state)


def test_other_threads_initialise_as_ever() -> None:
    found: list[float] = []

    def build() -> None:
        found.append(float(torch.nn.LayerNorm(3).weight.detach().sum()))

    with skip_initialisation() as skipped:
        thread = threading.Thread(target=build)
        thread.start()
        thread.join()
    assert found == [3.0]
    assert not skipped.parameters


def test_it_ends_with_an_error_too() -> None:
    original = torch.nn.init.ones_
    with pytest.raises(ZeroDivisionError), skip_initialisation():
        raise ZeroDivisionError
    assert torch.nn.init.ones_ is original


class Hidden(FlattenExtractor):
    """A features extractor with a parameter that no state dict brings."""

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space)
        self.hidden = [torch.nn.Parameter(torch.empty(3))]
        torch.nn.init.constant_(self.hidden[0], 2.0)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return super().forward(observations) * self.hidden[0]


def test_what_the_archive_does_not_bring_is_initialised(tmp_path: Path) -> None:
    options = {"features_extractor_class": Hidden, "net_arch": [4]}
    agent = PPO("MlpPolicy", TinyEnv(), n_steps=8, batch_size=4, policy_kwargs=options, device="cpu")
    agent.save(tmp_path / "agent.zip")
    model = load(tmp_path / "agent.zip", trust=[f"{__name__}.Hidden"], device="cpu")
    assert torch.equal(model.policy.features_extractor.hidden[0], torch.full((3,), 2.0))
    assert_same_agent(agent, model)


class Loads(FlattenExtractor):
    """A features extractor with its own way of loading."""

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space)
        self.count = 0

    def get_extra_state(self) -> Any:
        return {"count": self.count}

    def set_extra_state(self, state: Any) -> None:
        self.count = state["count"]


def test_a_module_that_loads_itself_is_let(tmp_path: Path) -> None:
    options = {"features_extractor_class": Loads, "net_arch": [4]}
    agent: Any = PPO("MlpPolicy", TinyEnv(), n_steps=8, batch_size=4, policy_kwargs=options, device="cpu")
    agent.policy.features_extractor.count = 7
    save(agent, tmp_path / "agent.zip", durable=False)
    model = load(tmp_path / "agent.zip", trust=[f"{__name__}.Loads"], device="cpu")
    assert model.policy.features_extractor.count == 7


def test_a_state_dict_of_another_precision_is_cast(tmp_path: Path) -> None:
    def doubled(state: Any) -> Any:
        return {key: value.double() for key, value in state.items()}

    model = load(change_tensors(sb3_archive("ppo", tmp_path), "policy.pth", doubled), device="cpu")
    assert_same_agent(make_agent("ppo"), model)


@pytest.mark.parametrize("trust", [(), "pickle"])
def test_networks_that_the_tensors_do_not_fit_are_refused_before_they_are_initialised(
    trust: Any, tmp_path: Path
) -> None:
    def widen(data: dict[str, Any]) -> None:
        data["policy_kwargs"] = {"net_arch": [3000] * 4}

    path = change_data(sb3_archive("sac", tmp_path), widen)
    state = torch.get_rng_state()
    with pytest.raises(MismatchError, match=r"policy_kwargs|actor\.latent_pi\.2\.weight"):
        load(path, device="cpu", trust=trust)
    assert torch.equal(torch.get_rng_state(), state)


def test_more_parameters_than_allowed_are_refused_at_the_first_too_many() -> None:
    with skip_initialisation(20) as skipped:
        torch.nn.Linear(3, 4)
        with pytest.raises(MismatchError, match="more than 20"):
            torch.nn.Linear(4, 4)
    assert len({id(parameter) for parameter in skipped.parameters}) == 3


MEASURE = """
import resource, sys
import torch
from stable_baselines3 import PPO
from strongbox.adapters import load
load(sys.argv[1], device="cpu")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model = load(sys.argv[2], device="cpu")
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) * 1024, sum(parameter.nbytes for parameter in model.policy.parameters()))
"""


def test_a_large_agent_does_not_stand_in_memory_twice(tmp_path: Path) -> None:
    options = {"net_arch": [3000, 3000], "ortho_init": False}
    agent = PPO("MlpPolicy", TinyEnv(), n_steps=8, batch_size=4, policy_kwargs=options, device="cpu")
    save(agent, tmp_path / "large.zip", durable=False)
    save(make_agent("ppo"), tmp_path / "small.zip", durable=False)
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "small.zip"), str(tmp_path / "large.zip")]
    process = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    taken, size = map(int, process.stdout.split())
    # Linux gives the largest resident size in KiB; what is mapped from the file counts until it is released.
    assert taken < 1.4 * size
    assert resource.getpagesize() > 0


# -- replay buffers -------------------------------------------------------------------------------


def test_an_agent_that_only_acts_has_a_buffer_that_takes_no_memory(tmp_path: Path) -> None:
    env = TinyEnv("image")
    agent = DQN("CnnPolicy", env, buffer_size=10, policy_kwargs={"features_extractor_kwargs": {"features_dim": 4}})
    agent.buffer_size = 10**12  # far more than any machine has
    agent.save(tmp_path / "agent.zip")
    model = load(tmp_path / "agent.zip", device="cpu")
    assert model.buffer_size == 10**12
    assert isinstance(model.replay_buffer, ReplayBuffer)
    assert model.predict(env.observation_space.sample())[0].shape == ()


def test_the_buffer_is_there_when_it_is_used(tmp_path: Path) -> None:
    model = load(sb3_archive("sac-dict", tmp_path), device="cpu")
    buffer = model.replay_buffer
    assert buffer.size() == 0
    assert type(buffer) is DictReplayBuffer
    assert buffer.buffer_size == 60
    assert set(buffer.observations) == {"vector", "more", "kind"}


def test_it_is_made_for_the_environment_that_comes_later(tmp_path: Path) -> None:
    model = load(sb3_archive("sac", tmp_path), device="cpu")
    model.set_env(AGENTS["sac"].make_env())
    model.learn(16, reset_num_timesteps=False)
    assert type(model.replay_buffer) is ReplayBuffer
    assert model.replay_buffer.size() == 16


def test_her_waits_for_its_environment(tmp_path: Path) -> None:
    model = load(sb3_archive("her-sac", tmp_path), device="cpu")
    assert isinstance(model.replay_buffer, HerReplayBuffer)
    model.set_env(AGENTS["her-sac"].make_env())
    model.learning_starts = model.num_timesteps + 8
    model.learn(16, reset_num_timesteps=False)
    assert model.replay_buffer.env is model.env


def test_it_is_saved_and_copied_as_an_ordinary_one(tmp_path: Path) -> None:
    model = load(sb3_archive("dqn", tmp_path), device="cpu")
    makers: list[Callable[[Any], Any]] = [lambda item: pickle.loads(pickle.dumps(item)), copy.deepcopy]
    for make in makers:
        copied: Any = make(load(sb3_archive("dqn", tmp_path), device="cpu").replay_buffer)
        assert type(copied) is ReplayBuffer
        assert copied.buffer_size == model.replay_buffer.buffer_size
    model.save_replay_buffer(file := io.BytesIO())
    assert type(pickle.loads(file.getvalue())) is ReplayBuffer
    fresh = load(sb3_archive("dqn", tmp_path), device="cpu")
    fresh.replay_buffer.pos = 3
    assert fresh.replay_buffer.pos == 3
    assert numpy.array_equal(fresh.replay_buffer.rewards, model.replay_buffer.rewards)


def test_with_an_environment_it_is_made_at_once(tmp_path: Path) -> None:
    model = load(sb3_archive("dqn", tmp_path), env=AGENTS["dqn"].make_env(), device="cpu")
    assert type(model.replay_buffer) is ReplayBuffer
