"""What a caller may ask of a load: a class, replacements, names left out, trust, an environment."""

from __future__ import annotations

import base64
import contextlib
import copy
import pickle
import random
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import numpy
import pytest
import torch
from stable_baselines3 import A2C, DDPG, PPO, TD3
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from strongbox.adapters import LeftBehind, LoadReport, load, save
from strongbox.archive import open_archive
from strongbox.errors import FormatError, MismatchError, RefusedError, StrongboxError, UnsupportedError
from tests.live.adapters.archives import change_archive, change_data, change_tensors, sb3_archive
from tests.live.adapters.likeness import actions_of, assert_same_agent
from tests.live.adapters.tiny import AGENTS, OwnExtractor, TinyEnv, make_agent

ROOT = Path(__file__).resolve().parents[3]
OWN = f"{OwnExtractor.__module__}.{OwnExtractor.__qualname__}"


class MyPPO(PPO):
    """Somebody's own algorithm."""


class Thing:
    """Something that hangs on an agent."""

    def __init__(self) -> None:
        self.content = 3


def pickled(item: Any) -> dict[str, str]:
    return {":type:": str(type(item)), ":serialized:": base64.b64encode(cloudpickle.dumps(item)).decode()}


def own_agent(path: Path) -> Any:
    options = {"features_extractor_class": OwnExtractor, "net_arch": [4]}
    agent = PPO("MlpPolicy", TinyEnv(), n_steps=8, batch_size=4, policy_kwargs=options, device="cpu")
    agent.save(path)
    return agent


# -- the class ----------------------------------------------------------------------------------


def test_the_class_comes_from_the_archive(tmp_path: Path) -> None:
    assert type(load(sb3_archive("ddpg", tmp_path), device="cpu")) is DDPG
    assert type(load(sb3_archive("td3", tmp_path), device="cpu", cls=TD3)) is TD3


@pytest.mark.parametrize(("name", "cls"), [("ppo", A2C), ("td3", DDPG), ("ddpg", TD3)])
def test_another_class_is_an_error_that_names_both(name: str, cls: type, tmp_path: Path) -> None:
    with pytest.raises(MismatchError) as caught:
        load(sb3_archive(name, tmp_path), cls=cls)
    assert cls.__name__ in str(caught.value)
    assert AGENTS[name].algorithm.__name__ in str(caught.value)


def test_an_algorithm_of_ones_own_is_given_or_named(tmp_path: Path) -> None:
    own = MyPPO("MlpPolicy", TinyEnv(), n_steps=8, batch_size=4, device="cpu")
    save(own, tmp_path / "own.zip", durable=False)
    with pytest.raises(RefusedError, match="cls=MyPPO"):
        load(tmp_path / "own.zip")
    assert type(load(tmp_path / "own.zip", cls=MyPPO)) is MyPPO
    assert type(load(tmp_path / "own.zip", trust=f"{__name__}.MyPPO")) is MyPPO
    own.save(tmp_path / "sb3.zip")
    assert type(load(tmp_path / "sb3.zip", cls=MyPPO)) is MyPPO


def test_an_archive_that_tells_no_algorithm_needs_the_class(tmp_path: Path) -> None:
    path = change_data(sb3_archive("a2c", tmp_path), lambda data: data.pop("gae_lambda"))
    with pytest.raises(MismatchError, match="cls="):
        load(path)
    assert type(load(path, cls=A2C, device="cpu")) is A2C


# -- names replaced and left out ------------------------------------------------------------------


def test_custom_objects_replace_by_name(tmp_path: Path) -> None:
    model = load(sb3_archive("ppo", tmp_path), custom_objects={"learning_rate": 0.5, "n_epochs": 7})
    assert (model.learning_rate, model.n_epochs) == (0.5, 7)
    assert model.lr_schedule(1.0) == 0.5
    assert set(model.strongbox_report.replaced) == {"learning_rate", "n_epochs"}


def test_custom_objects_stand_in_for_what_cannot_be_read(tmp_path: Path) -> None:
    def spoil(data: dict[str, Any]) -> None:
        data["observation_space"][":serialized:"] = "gARO"

    path = change_data(sb3_archive("ppo", tmp_path), spoil)
    with pytest.raises(RefusedError, match="custom_objects"):
        load(path)
    space = make_agent("ppo").observation_space
    assert load(path, custom_objects={"observation_space": space}).observation_space is space


@pytest.mark.parametrize("option", ["custom_objects", "skip"])
def test_a_name_that_the_archive_lacks_is_an_error_that_names_near_ones(option: str, tmp_path: Path) -> None:
    given: Any = {"learning_rat": 1.0} if option == "custom_objects" else ["learning_rat"]
    with pytest.raises(MismatchError, match=r"'learning_rat'.*learning_rate"):
        load(sb3_archive("ppo", tmp_path), **{option: given})


def test_attributes_are_skipped(tmp_path: Path) -> None:
    model = load(sb3_archive("ppo", tmp_path), skip=["n_epochs", "_last_obs"])
    assert model.n_epochs == 10
    assert model._last_obs is None
    assert set(model.strongbox_report.skipped) == {"n_epochs", "_last_obs"}


def test_an_optimizer_is_skipped(tmp_path: Path) -> None:
    model = load(sb3_archive("sac", tmp_path), skip="actor.optimizer")
    assert not model.actor.optimizer.state
    assert model.critic.optimizer.state


def test_networks_that_are_skipped_are_initialised(tmp_path: Path) -> None:
    torch.manual_seed(3)
    model = load(sb3_archive("ppo", tmp_path), skip=["policy", "policy.optimizer"])
    for name, parameter in model.policy.named_parameters():
        bias = name.endswith("bias")
        assert torch.isfinite(parameter).all()
        assert bool((parameter == 0).all()) == bias


def test_what_the_agent_is_built_with_cannot_be_skipped(tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match="'policy_class'"):
        load(sb3_archive("ppo", tmp_path), skip=["policy_class"])


def test_what_the_archive_lacks_and_the_agent_is_built_with_is_given(tmp_path: Path) -> None:
    path = change_data(sb3_archive("ppo", tmp_path), lambda data: data.pop("policy_class"))
    with pytest.raises(MismatchError, match=r"custom_objects=\{'policy_class'"):
        load(path, device="cpu")
    given = {"policy_class": make_agent("ppo").policy_class}
    assert_same_agent(make_agent("ppo"), load(path, device="cpu", custom_objects=given))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"device": "nonsense"}, "device of torch, found 'nonsense'"),
        ({"device": 5.5}, "device of torch"),
        ({"env": "CartPole-v1"}, r"gymnasium\.make\('CartPole-v1'\)"),
        ({"env": 5}, "environment in env, found 5"),
        ({"cls": 5}, "class of an algorithm in cls, found 5"),
        ({"cls": dict}, "class of an algorithm in cls"),
        ({"custom_objects": []}, "mapping from names to objects"),
        ({"skip": 5}, "names in skip, found int"),
        ({"skip": [5]}, "names in skip, found list"),
        ({"trust": 5}, "names in trust"),
        ({"trust": ["nosuch.mod.Cls"]}, "'nosuch.mod.Cls', which it does not"),
        ({"trust": ["stable_baselines3.common.policies.ActorCriticPolic"]}, r"near to it: \S+\.ActorCriticPolicy"),
    ],
)
def test_a_request_that_means_nothing_is_a_mismatch(options: dict[str, Any], problem: str, tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match=problem):
        load(sb3_archive("ppo", tmp_path), **{"device": "cpu", **options})


def test_none_is_nothing(tmp_path: Path) -> None:
    model = load(sb3_archive("ppo", tmp_path), device="cpu", trust=None, skip=None, custom_objects=None)
    assert_same_agent(make_agent("ppo"), model)


def test_trust_may_name_what_is_replaced_or_skipped(tmp_path: Path) -> None:
    agent = own_agent(tmp_path / "own.zip")
    options = {"policy_kwargs": agent.policy_kwargs}
    save(agent, tmp_path / "own-value.zip", durable=False)
    for name in ("own", "own-value"):
        model = load(tmp_path / f"{name}.zip", device="cpu", trust=OWN, custom_objects=options)
        assert_same_agent(agent, model)


# -- what is not understood -------------------------------------------------------------------------


def test_what_is_not_understood_stays_behind_with_one_warning(tmp_path: Path) -> None:
    def add(data: dict[str, Any]) -> None:
        data.update(thing=pickled(Thing()), other=pickled(Thing()))

    path = change_data(sb3_archive("ppo", tmp_path), add)
    with pytest.warns(LeftBehind) as caught:
        model = load(path, device="cpu")
    assert len(caught) == 1
    warning = caught[0].message
    assert isinstance(warning, LeftBehind)
    assert set(warning.names) == {"thing", "other"} == set(model.strongbox_report.left)
    assert warning.report is model.strongbox_report
    assert "thing" in str(warning)
    assert caught[0].filename == __file__
    assert not hasattr(model, "thing")
    assert_same_agent(make_agent("ppo"), model)


def test_a_class_of_ones_own_is_refused_until_it_is_named(tmp_path: Path) -> None:
    agent = own_agent(tmp_path / "own.zip")
    with pytest.raises(RefusedError) as caught:
        load(tmp_path / "own.zip")
    assert "'policy_kwargs'" in str(caught.value)
    assert f'trust=["{OWN}"]' in str(caught.value)
    assert "custom_objects={'policy_kwargs': ...}" in str(caught.value)
    assert_same_agent(agent, load(tmp_path / "own.zip", trust=[OWN], device="cpu"))
    assert_same_agent(agent, load(tmp_path / "own.zip", trust="pickle", device="cpu"))
    replaced = load(tmp_path / "own.zip", custom_objects={"policy_kwargs": agent.policy_kwargs}, device="cpu")
    assert_same_agent(agent, replaced)


@pytest.mark.parametrize("trust", ["tests", "tests.live.adapters.tiny", "OwnExtractor", f"{OWN}.__init__"])
def test_trust_is_by_exact_name(trust: str, tmp_path: Path) -> None:
    own_agent(tmp_path / "own.zip")
    with pytest.raises(RefusedError):
        load(tmp_path / "own.zip", trust=trust)


def test_a_trusted_class_that_cannot_be_imported_says_so(tmp_path: Path) -> None:
    own_agent(tmp_path / "own.zip")

    def move(data: dict[str, Any]) -> None:
        content = base64.b64decode(data["policy_kwargs"][":serialized:"])
        moved = content.replace(b"tests.live.adapters.tiny", b"tests.live.adapters.gone")
        data["policy_kwargs"][":serialized:"] = base64.b64encode(moved).decode()

    path = change_data(tmp_path / "own.zip", move)
    with pytest.raises(RefusedError, match="No module named"):
        load(path, trust=["tests.live.adapters.gone.OwnExtractor"])


def test_an_agent_with_code_in_its_networks(tmp_path: Path) -> None:
    path = ROOT / "tests" / "data" / "archives" / "ppo-own-code.zip"
    with pytest.raises(RefusedError) as caught:
        load(path)
    assert caught.value.problem.endswith(".")
    assert not caught.value.problem.endswith("..")
    assert "policy_kwargs['features_extractor_class']" in str(caught.value)
    assert 'trust="pickle"' in str(caught.value)
    assert "custom_objects={'policy_kwargs': ...}" in str(caught.value)
    with open_archive(path) as archive:
        wrote = archive.python_version
    if wrote == sys.version_info[:2]:
        assert load(path, trust="pickle", device="cpu").policy.features_extractor.features_dim == 3
    else:
        with pytest.raises(UnsupportedError, match="expected code of Python"):
            load(path, trust="pickle")


def halved(progress_remaining: float) -> float:
    return 1e-3 * float(0.5 ** (4 * (1 - progress_remaining)))


def test_a_schedule_of_ones_own_is_worked_out_and_said_so(tmp_path: Path) -> None:
    schedule = pickled(lambda progress_remaining: 1e-3 * 0.5 ** (4 * (1 - progress_remaining)))
    path = change_data(sb3_archive("ppo", tmp_path), lambda data: data.update(learning_rate=schedule))
    model = load(path, device="cpu")
    assert model.learning_rate(0.25) == halved(0.25)
    assert model.lr_schedule(0.1234) == pytest.approx(halved(0.1234), rel=1e-5)
    (note,) = [note for note in model.strongbox_report.notes if note.startswith("learning_rate: a table of ")]
    assert "largest error" in note
    assert "learning_rate" not in model.strongbox_report.left


def test_whoever_trusts_the_code_gets_the_schedule_itself(tmp_path: Path) -> None:
    schedule = pickled(lambda progress_remaining: 1e-3 * 0.5 ** (4 * (1 - progress_remaining)))
    path = change_data(sb3_archive("ppo", tmp_path), lambda data: data.update(learning_rate=schedule))
    model = load(path, device="cpu", trust="pickle")
    assert model.learning_rate.__name__ == "<lambda>"
    assert not [note for note in model.strongbox_report.notes if note.startswith("learning_rate: ")]


def test_code_is_run_only_when_pickles_are_trusted_and_python_is_the_same(tmp_path: Path) -> None:
    path = change_data(sb3_archive("ppo", tmp_path), lambda data: data.update(extra=pickled(lambda: 42)))
    with pytest.warns(LeftBehind):
        assert not hasattr(load(path), "extra")
    assert load(path, trust="pickle").extra() == 42


@pytest.mark.parametrize("info", [b"- Python: 3.6.9\n", None])
def test_code_of_another_or_an_unknown_python_is_an_error(info: bytes | None, tmp_path: Path) -> None:
    path = change_data(sb3_archive("ppo", tmp_path), lambda data: data.update(extra=pickled(lambda: 42)))
    change_archive(path, {"system_info.txt": info})
    with pytest.raises(UnsupportedError, match=r"expected code of Python.*skip=\['extra'\]"):
        load(path, trust="pickle")
    assert not hasattr(load(path, trust="pickle", skip="extra"), "extra")


def test_a_pickle_that_fails_says_so(tmp_path: Path) -> None:
    content = {":type:": "x", ":serialized:": base64.b64encode(b"\x80\x04cnowhere\nThing\n)R.").decode()}
    path = change_data(sb3_archive("ppo", tmp_path), lambda data: data.update(extra=content))
    with pytest.raises(UnsupportedError, match="ModuleNotFoundError"):
        load(path, trust="pickle")


# -- the report ---------------------------------------------------------------------------------


def test_the_report_is_on_the_model_but_in_no_file(tmp_path: Path) -> None:
    model = load(sb3_archive("ppo", tmp_path), skip=["n_epochs"], device="cpu")
    report = model.strongbox_report
    assert isinstance(report, LoadReport)
    assert report.algorithm == "stable_baselines3.ppo.ppo.PPO"
    assert report.path == str(tmp_path / "ppo.zip")
    assert "strongbox_report" not in vars(model)
    model.save(tmp_path / "sb3.zip")
    save(model, tmp_path / "strongbox.zip", durable=False)
    for name in ("sb3", "strongbox"):
        with open_archive(tmp_path / f"{name}.zip") as archive:
            assert not any("strongbox" in each for each in archive.data)
            assert b"strongbox" not in bytes(archive.members.read("data"))
    assert isinstance(pickle.loads(cloudpickle.dumps(model.policy.state_dict())), dict)
    copied = copy.deepcopy(model.policy)
    assert type(copied) is type(model.policy)


def test_other_models_have_no_report(tmp_path: Path) -> None:
    load(sb3_archive("ppo", tmp_path))
    assert not hasattr(make_agent("ppo"), "strongbox_report")


# -- what is left alone -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ppo", "sac", "ars", "a2c-image"])
def test_random_states_of_the_process_are_left_alone(name: str, tmp_path: Path) -> None:
    path = sb3_archive(name, tmp_path)
    random.seed(1)
    numpy.random.seed(1)
    torch.manual_seed(1)
    expected = random.random(), numpy.random.random(), float(torch.rand(()))
    random.seed(1)
    numpy.random.seed(1)
    torch.manual_seed(1)
    model = load(path, device="cpu")
    assert (random.random(), numpy.random.random(), float(torch.rand(()))) == expected
    assert model.seed == 3


def test_arrays_of_the_model_are_its_own(tmp_path: Path) -> None:
    with open_archive(sb3_archive("ppo", tmp_path)) as archive:
        model = load(archive, device="cpu")
        model._last_obs[:] = 9.0
        with torch.no_grad():
            for parameter in model.policy.parameters():
                parameter.zero_()
        assert_same_agent(make_agent("ppo"), load(archive, device="cpu"))


# -- the environment ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", AGENTS)
def test_learning_goes_on(name: str, tmp_path: Path) -> None:
    agent = AGENTS[name]
    model = load(sb3_archive(name, tmp_path), env=agent.make_env(), device="cpu")
    before = model.num_timesteps
    assert model._last_obs is None
    if agent.observation == "goal":
        model.learning_starts = before + 8  # HER draws from whole episodes only
    model.learn(16, reset_num_timesteps=False)
    assert model.num_timesteps >= before + 16


def test_another_number_of_environments_is_taken_over(tmp_path: Path) -> None:
    path = sb3_archive("td3", tmp_path)
    for count in (1, 3):
        env = DummyVecEnv([lambda: TinyEnv(action="box") for _ in range(count)])
        model = load(path, env=env, device="cpu")
        assert model.n_envs == count
        model.learn(12, reset_num_timesteps=False)


def test_an_environment_of_other_spaces_is_a_mismatch(tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match="spaces"):
        load(sb3_archive("ppo", tmp_path), env=TinyEnv(action="box"))


def test_the_last_observation_stays_where_it_is_asked_for(tmp_path: Path) -> None:
    path = sb3_archive("ppo", tmp_path)
    env = AGENTS["ppo"].make_env()
    assert load(path, env=env)._last_obs is None
    kept = load(path, env=env, force_reset=False)._last_obs
    assert numpy.array_equal(kept, make_agent("ppo")._last_obs)


# -- what does not fit ----------------------------------------------------------------------------


def without(name: str) -> Callable[[Any], Any]:
    return lambda state: {key: value for key, value in state.items() if key != name}


def test_a_missing_parameter_is_a_mismatch_that_names_it(tmp_path: Path) -> None:
    path = change_tensors(sb3_archive("ppo", tmp_path), "policy.pth", without("value_net.weight"))
    with pytest.raises(MismatchError, match=r"value_net\.weight"):
        load(path)


def test_a_parameter_of_another_shape_is_a_mismatch_that_names_it(tmp_path: Path) -> None:
    def reshape(state: Any) -> Any:
        return {**state, "value_net.weight": torch.zeros(2, 2)}

    path = change_tensors(sb3_archive("ppo", tmp_path), "policy.pth", reshape)
    with pytest.raises(MismatchError, match=r"value_net\.weight"):
        load(path)


def test_an_optimizer_of_other_parameters_is_a_mismatch(tmp_path: Path) -> None:
    def shorten(state: Any) -> Any:
        state["param_groups"][0]["params"].pop()
        return state

    path = change_tensors(sb3_archive("ppo", tmp_path), "policy.optimizer.pth", shorten)
    with pytest.raises(MismatchError, match=r"policy\.optimizer"):
        load(path)


def test_a_missing_state_dict_is_a_mismatch(tmp_path: Path) -> None:
    path = change_archive(sb3_archive("ppo", tmp_path), {"policy.optimizer.pth": None})
    with pytest.raises(MismatchError, match="skip="):
        load(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_steps", "many"),
        ("n_envs", -1),
        ("policy_kwargs", {"net_arch": "wide"}),
        ("policy_kwargs", ["net_arch"]),
        ("observation_space", 3),
        ("learning_rate", "fast"),
        ("learn", 1),
        ("batch_norm", {"__class__": 1}),
        ("verbose", {}),
    ],
)
def test_attributes_that_make_no_sense_give_a_model_or_an_error_of_ours(name: str, value: Any, tmp_path: Path) -> None:
    path = change_data(sb3_archive("ppo", tmp_path), lambda data: data.update({name: value}))
    with contextlib.suppress(StrongboxError, LeftBehind):
        load(path, device="cpu")


def test_a_truncated_file_is_a_format_error(tmp_path: Path) -> None:
    path = sb3_archive("ppo", tmp_path)
    with pytest.raises(FormatError):
        load(path.read_bytes()[:-100])


def test_bytes_and_files_and_archives_load_alike(tmp_path: Path) -> None:
    path = sb3_archive("ppo", tmp_path)
    expected = actions_of(make_agent("ppo"))
    with open(path, "rb") as file, open_archive(path) as archive:
        for source in (path, str(path), str(path.with_suffix("")), path.read_bytes(), file, archive):
            assert numpy.array_equal(actions_of(load(source, device="cpu")), expected)


def test_no_warning_is_given_where_nothing_is_lost(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(sb3_archive("ppo-box-sde", tmp_path), env=VecNormalize(DummyVecEnv([lambda: TinyEnv(action="box")])))
