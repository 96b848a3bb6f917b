"""Names that moved, and calls that are known."""

from __future__ import annotations

import pytest

from strongbox.pickles import Global
from strongbox.values import ClassReference, is_known_call, to_value
from strongbox.values.names import MODULES, NAMES, current_name
from strongbox.values.recipes.building import RECIPES
from tests.core.values.fixtures import FIXTURES

MOVED = [
    (("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")),
    (("numpy._core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")),
    (("numpy.random", "__RandomState_ctor"), ("numpy.random._pickle", "__randomstate_ctor")),
    (("gym.spaces.box", "Box"), ("gymnasium.spaces.box", "Box")),
    (("__builtin__", "set"), ("builtins", "set")),
    (("copy_reg", "_reconstructor"), ("copyreg", "_reconstructor")),
    (
        ("stable_baselines3.ppo.policies", "PPOPolicy"),
        ("stable_baselines3.common.policies", "ActorCriticPolicy"),
    ),
    (
        ("stable_baselines3.common.policies", "NatureCNN"),
        ("stable_baselines3.common.torch_layers", "NatureCNN"),
    ),
    # What never moved stays, and a prefix alone is no match.
    (("gym.spaces.boxes", "Box"), ("gym.spaces.boxes", "Box")),
    (("numpy.core.multiarray.evil", "scalar"), ("numpy.core.multiarray.evil", "scalar")),
    (("torch.nn.modules.activation", "ReLU"), ("torch.nn.modules.activation", "ReLU")),
]


@pytest.mark.parametrize(("old", "new"), MOVED, ids=lambda name: ".".join(name))
def test_current_name(old: tuple[str, str], new: tuple[str, str]) -> None:
    assert current_name(*old) == new


def test_a_current_name_is_current() -> None:
    for target in NAMES.values():
        assert current_name(*target) == target
    for module in MODULES.values():
        assert current_name(module, "anything") == (module, "anything")


def test_every_recipe_stands_under_a_current_name() -> None:
    for module, name in RECIPES:
        assert current_name(module, name) == (module, name)


def test_a_class_of_the_past_is_referred_to_by_its_name_of_today() -> None:
    value = to_value(Global("stable_baselines3.ppo.policies", "PPOPolicy"))
    assert value == ClassReference("stable_baselines3.common.policies", "ActorCriticPolicy")


@pytest.mark.parametrize(
    "path",
    [
        *("os.system", "builtins.eval", "builtins.exec", "builtins.getattr", "builtins.type", "builtins.__import__"),
        *("numpy.load", "torch.load", "subprocess.Popen", "my.code.Thing", "pickle.loads", "", "set", "deque"),
        *("cloudpickle.cloudpickle._make_skeleton_class", "cloudpickle.cloudpickle.subimport"),
        *("gym.spaces.box.Box.x", "gymnasium.utils.seeding.RandomNumberGenerator.other"),
    ],
)
def test_calls_that_are_worth_a_look(path: str) -> None:
    assert not is_known_call(path)


def test_what_known_programs_call_is_known() -> None:
    for fixture in FIXTURES:
        if "Extractor" not in str(fixture.expected):
            for named in fixture.decode().calls:
                assert is_known_call(named.path), (named.path, str(fixture))
