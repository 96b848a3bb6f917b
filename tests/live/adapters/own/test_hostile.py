"""Archives that were made to do harm, loaded into an agent: refused, and nothing of the agent changed."""

from __future__ import annotations

import io
import subprocess
from collections import OrderedDict
from enum import Enum
from typing import Any

import numpy
import pytest
import torch
from torch import nn

import strongbox
from strongbox.adapters.generators import read_generator
from strongbox.archive import Contents, Typed, write_archive
from strongbox.errors import FormatError, LimitError, MismatchError, StrongboxError
from strongbox.tensors import StorageData, TensorData
from strongbox.values import ClassReference, EnumMember, FunctionReference, NamedTuple, Partial

CALLED: list[str] = []


class Mode(Enum):
    TRAIN = "train"


class Victim:
    """An agent with properties and methods that a file would like to reach."""

    def __init__(self) -> None:
        self.net = nn.Linear(2, 2)
        self.optimizer = torch.optim.Adam(self.net.parameters())
        self.rate = torch.optim.lr_scheduler.StepLR(self.optimizer, 3)
        self.array = numpy.zeros(2)
        self.growing = numpy.zeros(0)
        self.nothing: Any = None
        self.number = 1
        self.mode = Mode.TRAIN
        self.kind: type = nn.ReLU
        self.rng = numpy.random.default_rng(0)
        self.generator = torch.Generator()

    @property
    def reward(self) -> float:
        return 0.0

    @reward.setter
    def reward(self, value: float) -> None:
        CALLED.append("reward")

    def reset(self) -> None:
        CALLED.append("reset")


def saved(agent: Any) -> bytes:
    file = io.BytesIO()
    strongbox.save(agent, file)
    return file.getvalue()


def archive_of(
    data: dict[str, Any] | None = None,
    parameters: dict[str, Any] | None = None,
    variables: dict[str, Any] | None = None,
    shared: dict[str, str] | None = None,
    leave: tuple[str, ...] = (),
) -> bytes:
    """A victim's archive with parts of it replaced, whatever they are."""
    kept = strongbox.load(saved(Victim()))
    entries = {name: Typed(type="", value=value) for name, value in (data or {}).items()}
    file = io.BytesIO()
    original = strongbox.open(saved(Victim()))
    old = {name: Typed(type="", value=original.data[name]) for name in original.data}
    states = {name: _described(tree) for name, tree in kept.parameters.items()}
    tensors = {name: _described(tensor) for name, tensor in kept.variables.items()}
    contents = Contents(
        algorithm=original.algorithm or "",
        data={name: entry for name, entry in {**old, **entries}.items() if name not in leave},
        parameters={name: tree for name, tree in {**states, **(parameters or {})}.items() if name not in leave},
        variables={name: it for name, it in {**tensors, **(variables or {})}.items() if name not in leave},
        shared=shared or {},
    )
    write_archive(file, contents, pickles=False)
    return file.getvalue()


def _described(tree: Any) -> Any:
    if isinstance(tree, torch.Tensor):
        return tree.numpy()
    if isinstance(tree, dict | OrderedDict):
        return {key: _described(item) for key, item in tree.items()}
    return [_described(item) for item in tree] if isinstance(tree, list) else tree


def expanded(*shape: int) -> TensorData:
    """A tensor of many elements that are all one."""
    storage = StorageData(buffer=bytes(4), dtype="float32")
    return TensorData(dtype="float32", shape=shape, strides=(0,) * len(shape), storage_offset=0, storage=storage)


def groups(**settings: Any) -> dict[str, Any]:
    state: dict[str, Any] = _described(Victim().optimizer.state_dict())
    return {"state": {}, "param_groups": [{**state["param_groups"][0], **settings}]}


def rate(**changes: Any) -> dict[str, Any]:
    return {**Victim().rate.state_dict(), **changes}


SHELL = ClassReference("subprocess", "Popen")
TORCH_STATE = torch.Generator().get_state().numpy()
BEYOND = TORCH_STATE.copy()
BEYOND[8:12] = 255

ATTACKS: dict[str, dict[str, Any]] = {
    **{
        f"the name {name}": {"data": {name: 1}}
        for name in (
            *("__class__", "__dict__", "_modules", "reward", "reset", "net.training", "net._modules.weight"),
            *("net.weight", "optimizer.param_groups", "array.flags", "mode.value", "kind.forward", "", ".", "rng.x"),
        )
    },
    "tensors under the name of a method": {"parameters": {"reset": {"weight": numpy.ones(1)}}},
    "a variable under the name of a property": {"variables": {"reward": numpy.ones(1)}},
    "a network for a number": {"parameters": {"number": {"x": numpy.ones(1)}}, "leave": ("number",)},
    "data for a network": {"data": {"net": {"weight": 1}}, "leave": ("net",)},
    "a class that starts programs": {"data": {"kind": SHELL}},
    "a class that starts programs, where nothing is": {"data": {"nothing": SHELL}},
    "a call to be made later": {"data": {"nothing": Partial(function=SHELL, arguments=("ls",))}},
    "a function": {"data": {"nothing": FunctionReference("os", "system")}},
    "an enum of another module": {"data": {"mode": EnumMember(ClassReference("signal", "Signals"), 9)}},
    "no member of the enum": {"data": {"mode": EnumMember(ClassReference(__name__, "Mode"), "harm")}},
    "a named tuple of another module": {"data": {"nothing": NamedTuple(ClassReference("os", "stat_result"), (1,))}},
    "a tuple of a class that is none": {"data": {"nothing": NamedTuple(ClassReference(__name__, "Victim"), ())}},
    "a generator's position outside of its state": {"data": {"generator": BEYOND}},
    "a generator's state of another length": {"data": {"generator": TORCH_STATE[:-1].copy()}},
    "another generator": {"data": {"rng": read_generator(numpy.random.RandomState(0))}},
    "a method of a scheduler": {"parameters": {"rate": rate(step=1)}},
    "the optimizer of a scheduler": {"parameters": {"rate": rate(optimizer=None)}},
    "text in a scheduler": {"parameters": {"rate": rate(gamma="x")}},
    "text in an optimizer": {"parameters": {"optimizer": groups(lr="x")}},
    "parameters that an optimizer does not have": {"parameters": {"optimizer": groups(params=[0, 1, 2])}},
    "names that go round in circles": {"shared": {"number": "array", "array": "number"}, "leave": ("number", "array")},
    "a name shared with nothing": {"shared": {"number": "nowhere"}, "leave": ("number",)},
    "a name shared with a part of a network": {"shared": {"array": "net.weight"}, "leave": ("array",)},
}


LARGE: dict[str, dict[str, Any]] = {
    "for nothing": {"variables": {"other": expanded(1 << 30)}, "shared": {"nothing": "other"}, "leave": ("nothing",)},
    "for an empty array": {"variables": {"growing": expanded(1 << 30)}},
    "for a moment": {"parameters": {"optimizer": {**groups(), "state": {0: {"step": expanded(1 << 30)}}}}},
}


@pytest.mark.parametrize("attack", LARGE)
def test_a_small_file_is_no_large_agent(attack: str) -> None:
    content = archive_of(**LARGE[attack])
    with pytest.raises(LimitError, match="found tensors that expand far beyond them"):
        strongbox.load(content, into=Victim())
    with pytest.raises(LimitError, match="found tensors that expand far beyond them"):
        strongbox.load(content)


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_and_changes_nothing(attack: str) -> None:
    content = archive_of(**ATTACKS[attack])
    torch.manual_seed(0)
    agent = Victim()
    before, attributes = saved(agent), set(vars(agent))
    CALLED.clear()
    with pytest.raises((MismatchError, LimitError, FormatError)):
        strongbox.load(content, into=agent)
    assert saved(agent) == before
    assert set(vars(agent)) == attributes
    assert CALLED == []


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_parts_of_such_an_archive_are_inert(attack: str) -> None:
    try:
        kept = strongbox.load(archive_of(**ATTACKS[attack]))
    except StrongboxError:
        return
    assert all(value is not subprocess.Popen for value in kept.data.values())


def test_the_archive_that_the_attacks_are_made_from_is_loaded() -> None:
    agent = strongbox.load(archive_of(data={"number": 7}), into=Victim())
    assert agent.number == 7
