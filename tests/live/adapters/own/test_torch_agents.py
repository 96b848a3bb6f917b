"""Agents made with torch: networks, optimizers and all that hangs on them, exactly as they were."""

from __future__ import annotations

import argparse
import copy
import io
import itertools
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium
import numpy
import pytest
import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter

import strongbox
from strongbox.errors import MismatchError, UnsupportedError


def saved(agent: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    strongbox.save(agent, file, **options)
    return file.getvalue()


def network(*sizes: int, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    layers = [nn.Linear(before, after, dtype=dtype) for before, after in itertools.pairwise(sizes)]
    return nn.Sequential(*layers)


@dataclass
class Settings:
    rate: float = 1e-3
    steps: int = 4
    device: Any = field(default_factory=lambda: torch.device("cpu"))
    dtype: Any = torch.float32
    activation: type = nn.ReLU


class Actor(nn.Module):
    """A network with an optimizer of its own, as SB3's have, and something beside its tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = network(3, 4)
        self.head = nn.Linear(4, 2)
        self.optimizer = torch.optim.Adam(self.parameters(), lr=1e-3)
        self.calls = 0
        self.last = torch.zeros(2)

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        found: torch.Tensor = self.head(self.encoder(observation))
        self.last = found.detach().mean(0)
        return found


class Tied(nn.Module):
    """Two layers of one weight, and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.norm = nn.BatchNorm1d(3)

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.second(self.norm(self.first(observation)))
        return found


class Learner:
    """An agent with one of everything."""

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.settings = Settings()
        self.arguments = argparse.Namespace(gamma=0.99, hidden=[64, 64])
        self.actor = Actor()
        self.target = copy.deepcopy(self.actor.encoder)
        self.average = torch.optim.swa_utils.AveragedModel(self.actor.encoder)
        self.tied = Tied()
        self.tied_again = self.tied
        self.critics = [network(3, 1), network(3, 1)]
        self.heads = {"left": network(3, 1), "right": network(3, 1)}
        self.half = network(3, 2, dtype=torch.bfloat16)
        self.parameters = [*self.critics[0].parameters(), *self.critics[1].parameters(), *self.tied.parameters()]
        self.log_alpha = nn.Parameter(torch.zeros(1))
        self.weights = OrderedDict(scale=torch.ones(2, dtype=torch.bfloat16), shift=torch.zeros(2))
        self.optimizer = torch.optim.SGD([*self.parameters, self.log_alpha], lr=0.1, momentum=0.9)
        self.rates = [
            torch.optim.lr_scheduler.MultiStepLR(self.optimizer, [2, 5]),
            torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: 0.9**step),
        ]
        self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(self.actor.optimizer, patience=1)
        self.scaler = torch.amp.GradScaler("cpu", init_scale=64.0, growth_interval=2)
        self.generator = torch.Generator().manual_seed(seed)
        self.rng = numpy.random.default_rng(seed)
        self.observation_space = gymnasium.spaces.Dict(
            {"a": gymnasium.spaces.Box(-1, 1, (3,)), "b": gymnasium.spaces.Discrete(4)}
        )
        self.observation_space.seed(seed)
        self.env = gymnasium.make("CartPole-v1")
        self.moments = [torch.zeros(2), torch.zeros(3)]
        self.expanded = torch.zeros(1).expand(3)
        self.global_step = 0

    def step(self) -> None:
        """One step, in which everything changes and draws."""
        observation = torch.randn(4, 3, generator=self.generator) + self.observation_space.sample()["a"][0]
        loss = self.actor(observation).square().mean()
        loss = loss + sum(critic(observation).square().mean() for critic in self.critics)
        loss = loss + self.tied(observation).square().mean() + self.log_alpha.exp().sum()
        self.actor.optimizer.zero_grad()
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.actor.optimizer.step()
        self.scaler.update()
        for rate in self.rates:
            rate.step()
        self.plateau.step(loss.item())
        self.average.update_parameters(self.actor.encoder)
        self.weights["scale"] *= 0.5
        self.expanded = torch.full((1,), float(self.global_step)).expand(3)
        self.moments = [moment + self.rng.normal() for moment in self.moments]
        next(self.half.parameters()).data.mul_(0.75)
        self.arguments.hidden[0] += 1
        self.global_step += 1


def trained(seed: int, steps: int, kind: Callable[[int], Any] = Learner) -> Any:
    agent = kind(seed)
    for _ in range(steps):
        agent.step()
    return agent


def test_an_agent_of_torch_goes_on_as_if_it_had_never_stopped() -> None:
    agent, other = trained(1, 3), trained(7, 2)
    content = saved(agent)
    network, alpha, generator = other.actor, other.log_alpha, other.generator
    assert strongbox.load(content, into=other) is other
    assert other.actor is network
    assert other.log_alpha is alpha
    assert other.generator is generator
    assert other.optimizer.param_groups[0]["params"][-1] is alpha
    assert other.parameters[0] is other.critics[0][0].weight
    assert other.tied.second.weight is other.tied.first.weight
    assert saved(other) == content
    for _ in range(3):
        agent.step()
        other.step()
    assert saved(other) == saved(agent)
    assert saved(other) != content


def test_parts_have_the_names_of_the_places_where_they_stand() -> None:
    archive = strongbox.open(saved(trained(1, 1)))
    assert list(archive.parameters) == sorted(
        (
            *("actor", "actor.optimizer", "average", "critics.0", "critics.1", "half", "heads.left", "heads.right"),
            *("optimizer", "plateau", "rates.0", "rates.1", "scaler", "target", "tied"),
        )
    )
    assert archive.variables is not None
    assert set(archive.variables) == {"actor.last", "expanded", "log_alpha", "weights.scale", "weights.shift"}
    assert archive.shared["tied_again"] == "tied"
    assert archive.shared["parameters.0"] == "critics.0.0.weight"
    assert archive.data["actor.calls"] == 1
    assert archive.data["settings.rate"] == 1e-3
    assert archive.left_out == {"env": "it is an environment"}
    assert archive.manifest is not None
    assert archive.manifest.arrays == ()
    assert archive.parameters["half"].raw["0.weight"].dtype == "bfloat16"
    assert strongbox.check(saved(trained(1, 1))).clean


def test_tensors_of_one_memory_are_written_once() -> None:
    raw = strongbox.open(saved(trained(1, 1))).parameters["tied"].raw
    assert raw["first.weight"].storage is raw["second.weight"].storage


def test_torch_opens_the_state_dicts() -> None:
    agent = trained(1, 2)
    archive = strongbox.open(saved(agent))
    for name in archive.parameters:
        state = torch.load(io.BytesIO(bytes(archive.members.read(f"{name}.pth"))), weights_only=True)
        assert set(state) == set(archive.parameters[name])
    agent.optimizer.load_state_dict(
        torch.load(io.BytesIO(bytes(archive.members.read("optimizer.pth"))), weights_only=True)
    )


class CleanAgent(nn.Module):
    """An agent that is a network itself, as in CleanRL."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.actor, self.critic = network(4, 3, 2), network(4, 3, 1)
        self.log_std = nn.Parameter(torch.zeros(2))
        self.optimizer = torch.optim.Adam(self.parameters(), lr=1e-3)
        self.pool = [network(2, 2)]
        self.global_step = 0
        self.rng = numpy.random.default_rng(seed)

    def step(self) -> None:
        loss = self.actor(torch.ones(1, 4)).sum() + self.log_std.sum() * self.rng.random()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.global_step += 1


def test_an_agent_that_is_a_network_is_kept_whole() -> None:
    agent = trained(1, 3, CleanAgent)
    content = saved(agent)
    archive = strongbox.open(content)
    assert list(archive.parameters) == ["agent", "optimizer", "pool.0"]
    assert set(archive.data) == {"global_step", "rng"}
    other = strongbox.load(content, into=trained(5, 1, CleanAgent))
    agent.step()
    other.step()
    assert saved(other) == saved(agent)
    assert saved(strongbox.load(content, cls=CleanAgent)) == content


def test_without_an_agent_the_parts_are_live() -> None:
    agent = trained(1, 2)
    content = saved(agent)
    kept = strongbox.load(content)
    agent.actor.load_state_dict(kept.parameters["actor"])
    assert kept.parameters["half"]["0.weight"].dtype == torch.bfloat16
    assert kept.data["observation_space"] == agent.observation_space
    assert kept.data["settings.device"] == torch.device("cpu")
    assert kept.data["settings.dtype"] is torch.float32
    assert kept.data["settings.activation"] is nn.ReLU
    assert strongbox.diff(content, saved(kept)).equal
    meta = strongbox.load(content, device="meta")
    assert meta.parameters["actor"]["head.weight"].device.type == "meta"


# -- what does not fit -------------------------------------------------------------------------------


class Few:
    """An agent of few parts, which a test changes."""

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.net = network(3, 2)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.1 + seed)
        self.scale = torch.full((2,), float(seed))
        self.rate = torch.optim.lr_scheduler.StepLR(self.optimizer, 3 + seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.device = torch.device("cpu")
        self.net(torch.ones(1, 3)).sum().backward()
        self.optimizer.step()


def changed(**changes: Any) -> Few:
    agent = Few(seed=1)
    for name, value in changes.items():
        setattr(agent, name, value)
    return agent


wide = network(3, 4)
MISFITS: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "a wider layer": (lambda: {"net": wide}, r"expected a tensor of \(2, 3\) for net: 0\.weight, found one of \(4, 3"),
    "a layer more": (lambda: {"net": network(3, 2, 2)}, "expected the parameters of this agent's networks in net"),
    "another type": (lambda: {"net": network(3, 2, dtype=torch.float64)}, "expected a tensor of float32 for net: 0"),
    "another optimizer": (lambda: {"optimizer": torch.optim.Adam(wide.parameters())}, "expected exp_avg of"),
    "more parameters": (lambda: {"optimizer": torch.optim.Adam(network(1, 1, 1).parameters())}, "expected 2 param"),
    "no state dict": (lambda: {"net": 3}, "expected a file of tensors for net, found plain data"),
    "no optimizer": (lambda: {"optimizer": network(3, 2)}, "expected the state of an optimizer in optimizer"),
    "an optimizer for a network": (lambda: {"net": torch.optim.Adam(wide.parameters())}, "expected the parameters of"),
    "another scheduler": (
        lambda: {"rate": torch.optim.lr_scheduler.ExponentialLR(Few().optimizer, 0.5)},
        "expected .*base_lrs.* in rate, found no 'step_size'",
    ),
    "another shape": (lambda: {"scale": torch.ones(3)}, r"expected float32 of \(2,\) for 'scale', found .*\(3,\)"),
    "another precision": (lambda: {"scale": torch.ones(2).double()}, "expected float32 of"),
    "no tensor": (lambda: {"scale": "text"}, "expected a tensor for 'scale'"),
    "no generator": (lambda: {"generator": 3}, "expected a state of torch's generator"),
    "no device": (lambda: {"device": "cpu"}, "expected a device, found text"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_is_refused_and_changes_nothing(case: str) -> None:
    make, message = MISFITS[case]
    agent = Few()
    before = saved(agent)
    changes = make()
    if case == "another optimizer":
        wide(torch.ones(1, 3)).sum().backward()
        changes["optimizer"].step()
    with pytest.raises(MismatchError, match=message):
        strongbox.load(saved(changed(**changes)), into=agent)
    assert saved(agent) == before


class Stubborn(nn.Module):
    """A network that loads in its own way, and may refuse to."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        found = super().load_state_dict(state_dict, strict, assign)
        if bool((state_dict["layer.bias"] > 5).any()):
            raise RuntimeError("too large")
        return found


class Mixed(Few):
    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.stubborn = Stubborn()
        nn.init.constant_(self.stubborn.layer.bias, float(seed))


def test_a_network_that_refuses_its_state_leaves_everything_as_it_was() -> None:
    agent, good, bad = Mixed(0), Mixed(2), Mixed(9)
    before = saved(agent)
    with pytest.raises(MismatchError, match=r"expected stubborn to fit this agent.*too large"):
        strongbox.load(saved(bad), into=agent)
    assert saved(agent) == before
    assert saved(strongbox.load(saved(good), into=agent)) == saved(good)


def test_a_sparse_tensor_is_an_error_and_not_a_loss(tmp_path: Path) -> None:
    agent, file = Few(), tmp_path / "agent.zip"
    strongbox.save(agent, file)
    before = file.read_bytes()
    agent.scale = torch.eye(2).to_sparse()
    with pytest.raises(UnsupportedError, match="expected a dense tensor of a common type at scale"):
        strongbox.save(agent, file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]
    assert "scale" in strongbox.open(saved(agent, exclude="scale")).left_out


def test_too_many_state_dicts_are_refused_before_anything_is_written() -> None:
    class Many:
        def __init__(self) -> None:
            self.networks = [network(1, 1) for _ in range(60)]

    with pytest.raises(UnsupportedError, match=r"at most 48 state dicts in one agent, found 60.*ModuleList"):
        saved(Many())


def test_a_name_that_no_file_may_have_is_refused() -> None:
    class Keyed:
        def __init__(self, key: str) -> None:
            self.networks = {key: network(1, 1)}

    for key in ("left/right", "a:b", "é"):
        with pytest.raises(UnsupportedError, match="expected names that a file may have"):
            saved(Keyed(key))
    assert "networks.left hand" in strongbox.open(saved(Keyed("left hand"))).parameters


def test_spaces_stay_the_objects_that_they_are() -> None:
    agent, other = trained(1, 3), Learner(4)
    space, inner = other.observation_space, other.observation_space["a"]
    strongbox.load(saved(agent), into=other)
    assert other.observation_space is space
    assert other.observation_space["a"] is inner
    for _ in range(3):
        assert str(other.observation_space.sample()) == str(agent.observation_space.sample())


def test_a_state_dict_that_no_file_of_tensors_holds_stands_in_data() -> None:
    class Memory:
        def __init__(self) -> None:
            self.rng, self.seen = numpy.random.default_rng(3), {1, 2}

        def state_dict(self) -> dict[str, Any]:
            return {"rng": self.rng.bit_generator.state, "seen": self.seen}

        def load_state_dict(self, state: dict[str, Any]) -> None:
            self.rng.bit_generator.state, self.seen = state["rng"], state["seen"]

    class Holder:
        def __init__(self) -> None:
            self.memory = Memory()

    agent, other = Holder(), Holder()
    agent.memory.rng.random()
    agent.memory.seen.add(9)
    archive = strongbox.open(saved(agent))
    assert list(archive.data) == ["memory"]
    assert list(archive.parameters) == []
    strongbox.load(saved(agent), into=other)
    assert other.memory.seen == {1, 2, 9}
    assert other.memory.rng.random() == agent.memory.rng.random()


def test_replay_buffers_and_environments_are_left_to_the_run() -> None:
    from stable_baselines3.common.buffers import ReplayBuffer

    class OffPolicy:
        def __init__(self) -> None:
            self.envs = gymnasium.make_vec("CartPole-v1", 1, vectorization_mode="sync")
            self.buffer = ReplayBuffer(10, self.envs.single_observation_space, self.envs.single_action_space)
            self.steps = 3

    archive = strongbox.open(saved(OffPolicy()))
    assert archive.left_out == {
        "buffer": "it is a replay buffer, which a run keeps beside the agent",
        "envs": "it is an environment",
    }
    assert strongbox.load(saved(OffPolicy()), into=OffPolicy()).steps == 3


class Logged(Few):
    """An agent that writes down how it does."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.writer = SummaryWriter(str(folder))


def test_what_only_tells_of_an_agent_is_left_out_without_a_warning(tmp_path: Path) -> None:
    agent = Logged(tmp_path)
    report = strongbox.save(agent, tmp_path / "agent.zip")
    agent.writer.close()
    assert "belongs to the running process" in report.left_out["writer"]


COMPILING = pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")
"""torch's own compiler warns while it is imported."""


class Part(nn.Module):
    """An agent that is a network with one inside, which may be compiled."""

    def __init__(self, *, is_compiled: bool = False) -> None:
        super().__init__()
        inner = network(2, 2)
        self.inner: Any = torch.compile(inner) if is_compiled else inner
        self.steps = 0


@COMPILING
def test_a_compiled_agent_is_the_one_inside() -> None:
    agent = Part()
    agent.steps = 3
    content = saved(torch.compile(agent))
    assert content == saved(agent)
    for live, into in ((Part(), None), (Part(), torch.compile)):
        strongbox.load(content, into=live if into is None else into(live))
        assert live.steps == 3
        assert torch.equal(live.inner[0].weight, agent.inner[0].weight)


@COMPILING
@pytest.mark.parametrize("is_compiled", [False, True])
def test_what_is_compiled_inside_of_a_network_makes_no_difference(is_compiled: bool) -> None:
    agent, live = Part(is_compiled=is_compiled), Part(is_compiled=not is_compiled)
    strongbox.load(saved(agent), into=live)
    for mine, its in zip(live.parameters(), agent.parameters(), strict=True):
        assert torch.equal(mine, its)


def test_a_lazy_network_that_has_seen_nothing_is_an_error_that_says_so() -> None:
    class Lazy:
        def __init__(self) -> None:
            self.encoder = nn.LazyLinear(2)

    with pytest.raises(UnsupportedError, match=r"shapes are known in encoder.*agent\.network\(observation\)"):
        saved(Lazy())
    agent = Lazy()
    agent.encoder(torch.zeros(1, 3))
    with pytest.raises(UnsupportedError, match="has not seen an input yet"):
        strongbox.load(saved(agent), into=Lazy())


def test_names_that_differ_in_case_alone_are_an_error_that_says_so() -> None:
    with pytest.raises(UnsupportedError, match="found 'Q' and 'q'"):
        saved(argparse.Namespace(q=network(1, 1), Q=network(1, 1)))
