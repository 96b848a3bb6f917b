"""The list of classes that an archive may name: all there, nothing else reachable."""

from __future__ import annotations

import importlib
import inspect
import sys

import pytest
import sb3_contrib
import stable_baselines3
import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from strongbox.adapters.classes import ALGORITHMS, CLASSES, FUNCTIONS, find_class, find_function
from strongbox.errors import RefusedError, UnsupportedError
from strongbox.values import ClassReference, FunctionReference
from tests.live.adapters.tiny import OwnExtractor


def listed(table: dict[str, frozenset[str]]) -> list[tuple[str, str]]:
    """Every name of a table by its module, without those of JAX, which tests/live/adapters/jax looks at."""
    return [(module, name) for module, names in table.items() for name in sorted(names) if not on_jax(module)]


def on_jax(module: str) -> bool:
    return module.partition(".")[0] in ("jax", "optax", "sbx")


LISTED = listed(CLASSES)
LISTED_FUNCTIONS = listed(FUNCTIONS)


@pytest.mark.parametrize(("module", "name"), LISTED)
def test_every_listed_class_is_found_under_the_name_it_is_pickled_by(module: str, name: str) -> None:
    found = find_class(ClassReference(module, name))
    assert inspect.isclass(found)
    assert found.__qualname__ in (name, name.rstrip("_"))
    assert found.__module__ == module


@pytest.mark.parametrize(("module", "name"), LISTED_FUNCTIONS)
def test_every_listed_function_is_found(module: str, name: str) -> None:
    assert find_function(FunctionReference(module, name)) is vars(importlib.import_module(module))[name]


def test_the_thirteen_algorithms_and_their_policies_are_listed() -> None:
    algorithms = [
        item
        for package in (stable_baselines3, sb3_contrib)
        for item in vars(package).values()
        if inspect.isclass(item) and issubclass(item, BaseAlgorithm)
    ]
    assert len(algorithms) == 13 == len(listed(ALGORITHMS))
    for algorithm in algorithms:
        for cls in (algorithm, *algorithm.policy_aliases.values()):
            assert cls.__qualname__ in CLASSES[cls.__module__]


def test_the_optimizers_and_activations_of_torch_are_listed() -> None:
    for item in vars(torch.nn.modules.activation).values():
        if inspect.isclass(item) and item.__module__ == "torch.nn.modules.activation":
            assert item.__qualname__ in CLASSES[item.__module__] or item.__qualname__.startswith("_")
    for name in ("Adam", "AdamW", "SGD", "RMSprop"):
        assert find_class(ClassReference(f"torch.optim.{name.lower()}", name)) is vars(torch.optim)[name]


HOSTILE = [
    ("os", "system"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "__import__"),
    ("builtins", "getattr"),
    ("subprocess", "Popen"),
    ("torch", "load"),
    ("torch.nn", "ReLU"),
    ("torch.nn.modules.activation", "ReLU.__init__"),
    ("torch.nn.modules.activation", "torch"),
    ("stable_baselines3.common.save_util", "load_from_pkl"),
    ("stable_baselines3.common.policies", "np.load"),
    ("stable_baselines3.common.policies", "BasePolicy.load"),
    ("stable_baselines3.ppo.ppo.PPO", "load"),
    ("stable_baselines3..ppo.ppo", "PPO"),
    ("", "PPO"),
    ("stable_baselines3.ppo.ppo", ""),
    ("this", "s"),
    ("antigravity", "webbrowser"),
]


@pytest.mark.parametrize(("module", "name"), HOSTILE)
def test_no_other_name_is_looked_up(module: str, name: str) -> None:
    before = set(sys.modules)
    with pytest.raises(RefusedError):
        find_class(ClassReference(module, name))
    with pytest.raises(RefusedError):
        find_function(FunctionReference(module, name))
    assert {"this", "antigravity"}.isdisjoint(set(sys.modules) - before)


def test_a_class_of_the_caller_is_found_by_its_whole_name_alone() -> None:
    module, name = OwnExtractor.__module__, OwnExtractor.__qualname__
    assert find_class(ClassReference(module, name), trust=[f"{module}.{name}"]) is OwnExtractor
    for trust in (module, name, f"{module}.", f"{module}.*", f"{module}.{name}.linear"):
        with pytest.raises(RefusedError):
            find_class(ClassReference(module, name), trust=[trust])


@pytest.mark.parametrize(
    "path", ["tests.live.adapters.tiny.Nothing", "tests.nowhere.Thing", "tests.live.adapters.tiny.AGENTS.x"]
)
def test_a_trusted_name_that_is_not_there_says_so(path: str) -> None:
    module, _, name = path.partition(".tiny.") if ".tiny." in path else path.rpartition(".")
    module = f"{module}.tiny" if ".tiny." in path else module
    with pytest.raises(UnsupportedError):
        find_class(ClassReference(module, name), trust=[path])
