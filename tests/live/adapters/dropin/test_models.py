"""model.save and Algorithm.load with the drop-in: SB3's arguments and rules, Strongbox's archives."""

from __future__ import annotations

import copy
import io
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from stable_baselines3 import A2C, PPO, SAC
from stable_baselines3.common.callbacks import CheckpointCallback, EvalCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import strongbox
from strongbox.archive import open_archive
from strongbox.errors import MismatchError, RefusedError, StrongboxWarning
from tests.live.adapters.likeness import assert_same_agent
from tests.live.adapters.tiny import AGENTS, OwnExtractor, TinyEnv, make_agent

ROOT = Path(__file__).resolve().parents[4]
ARCHIVES = ROOT / "tests" / "data" / "archives"
OWN = f"{OwnExtractor.__module__}.{OwnExtractor.__qualname__}"
NAMES = ["ppo", "a2c-dict", "ppo-box-sde", "dqn", "sac", "td3", "her-sac", "tqc", "recurrent-ppo", "ars", "crossq"]


@pytest.fixture(autouse=True)
def _installed() -> Iterator[None]:
    with strongbox.sb3.installed():
        yield


def fresh(**options: Any) -> PPO:
    return PPO(
        "MlpPolicy", TinyEnv(), n_steps=8, batch_size=4, device="cpu", policy_kwargs={"net_arch": [4]}, **options
    )


@pytest.mark.parametrize("name", NAMES)
def test_what_is_saved_is_loaded(name: str, tmp_path: Path) -> None:
    agent, kind = make_agent(name), AGENTS[name]
    assert agent.save(tmp_path / "agent") is None
    env = kind.make_env()
    loaded: Any = kind.algorithm.load(tmp_path / "agent", env=env, device="cpu")
    assert loaded.get_env() is env
    assert_same_agent(agent, loaded, attributes=False)
    loaded.learn(16)


@pytest.mark.parametrize("name", ["ppo", "sac", "ars"])
def test_sb3_itself_opens_what_was_saved(name: str, tmp_path: Path) -> None:
    agent = make_agent(name)
    agent.save(tmp_path / "agent.zip")
    strongbox.sb3.uninstall()
    assert_same_agent(agent, AGENTS[name].algorithm.load(tmp_path / "agent.zip", device="cpu"), attributes=False)


def test_a_save_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = fresh()
    model.save(tmp_path / "agent.zip")
    before = (tmp_path / "agent.zip").read_bytes()
    model.policy.register_buffer("sparse", torch.eye(2).to_sparse())
    with pytest.raises(strongbox.errors.UnsupportedError):
        model.save(tmp_path / "agent.zip")
    assert (tmp_path / "agent.zip").read_bytes() == before
    assert os.listdir(tmp_path) == ["agent.zip"]


# -- paths and file objects ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize(
    ("given", "written"), [("a", "a.zip"), ("a.zip", "a.zip"), ("a.b", "a.b"), ("a.b.zip", "a.b.zip")]
)
def test_a_path_without_a_suffix_gets_one(kind: Any, given: str, written: str, tmp_path: Path) -> None:
    fresh().save(kind(tmp_path / given))
    assert os.listdir(tmp_path) == [written]
    assert PPO.load(kind(tmp_path / given), device="cpu").num_timesteps == 0


def test_a_folder_is_not_written_over_but_beside(tmp_path: Path) -> None:
    (tmp_path / "agent.zip").mkdir()
    with pytest.warns(UserWarning, match="is a folder. Will save instead to") as caught:
        fresh().save(tmp_path / "agent.zip")
    assert caught[0].filename == __file__
    assert sorted(os.listdir(tmp_path)) == ["agent.zip", "agent.zip_2"]


def test_a_missing_folder_is_made_with_a_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="does not exist. Will create it."):
        fresh().save(str(tmp_path / "some" / "where" / "agent"))
    assert (tmp_path / "some" / "where" / "agent.zip").is_file()


def test_files_in_memory_and_open_ones() -> None:
    memory = io.BytesIO(bytes(1_000_000))
    fresh().save(memory)
    assert len(memory.getvalue()) < 1_000_000
    memory.seek(0)
    assert type(PPO.load(memory, device="cpu")) is PPO
    with tempfile.TemporaryFile() as file:
        fresh().save(file)
        assert type(PPO.load(file, device="cpu")) is PPO
        assert not file.closed


def test_a_pipe_takes_an_agent_too(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    model = PPO("MlpPolicy", TinyEnv(), n_steps=8, batch_size=4, device="cpu", policy_kwargs={"net_arch": [1]})
    expected = io.BytesIO()
    model.save(expected)
    assert len(expected.getvalue()) < 1 << 16
    with open(reading, "rb") as reader:
        with open(writing, "wb") as writer:
            model.save(writer)
        assert reader.read() == expected.getvalue()


@pytest.mark.parametrize("path", [5, None, io.StringIO()])
def test_what_is_no_place_is_a_type_error_as_in_sb3(path: Any) -> None:
    with pytest.raises(TypeError, match="invalid type"):
        fresh().save(path)
    with pytest.raises(TypeError, match="invalid type"):
        PPO.load(path)


def test_missing_and_closed_files_and_those_that_are_no_archives(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        PPO.load(tmp_path / "nothing")
    (tmp_path / "text.zip").write_text("this is no zip file")
    with pytest.raises(ValueError, match="wasn't a zip-file"):
        PPO.load(tmp_path / "text.zip")
    closed = io.BytesIO()
    closed.close()
    with pytest.raises(ValueError, match="closed"):
        PPO.load(closed)


# -- arguments ------------------------------------------------------------------------------------------


def test_exclude_and_include(tmp_path: Path) -> None:
    model = fresh(verbose=2)
    model.save(tmp_path / "a.zip", exclude=["verbose", "no such name"])
    assert PPO.load(tmp_path / "a.zip", device="cpu").verbose == 0
    model.save(tmp_path / "a.zip", exclude=["verbose"], include=["verbose"])
    assert PPO.load(tmp_path / "a.zip", device="cpu").verbose == 2


def test_custom_objects_replace_what_is_there_and_nothing_else(tmp_path: Path) -> None:
    fresh(learning_rate=1e-3).save(tmp_path / "a.zip")
    rate = lambda progress: 1e-5 * progress  # noqa: E731
    loaded = PPO.load(tmp_path / "a.zip", device="cpu", custom_objects={"learning_rate": rate, "dummy": 1.0})
    assert loaded.learning_rate is rate
    assert loaded.lr_schedule(1.0) == 1e-5
    assert not hasattr(loaded, "dummy")
    with pytest.raises(ValueError, match="custom_objects"):
        PPO.load(tmp_path / "a.zip", custom_objects=["learning_rate"])  # type: ignore[arg-type]


def test_other_arguments_are_set_before_the_networks_are_built(tmp_path: Path) -> None:
    fresh().save(tmp_path / "a.zip")
    kwargs = {"net_arch": [4]}
    loaded: Any = PPO.load(tmp_path / "a.zip", env=TinyEnv(), n_steps=16, policy_kwargs=kwargs, my_own=3, device="cpu")
    assert (loaded.n_steps, loaded.rollout_buffer.buffer_size, loaded.my_own) == (16, 16, 3)
    with pytest.raises(ValueError, match="policy kwargs do not equal"):
        PPO.load(tmp_path / "a.zip", policy_kwargs={"net_arch": [5]})


def test_the_environment_begins_anew_unless_it_is_told_not_to(tmp_path: Path) -> None:
    model = fresh().learn(8)
    model.save(tmp_path / "a.zip")
    env = model.get_env()
    assert PPO.load(tmp_path / "a.zip", env=env, device="cpu")._last_obs is None
    kept = PPO.load(tmp_path / "a.zip", env=env, force_reset=False, device="cpu")
    assert isinstance(kept._last_obs, numpy.ndarray)
    assert kept.learn(8, reset_num_timesteps=False).num_timesteps == 16
    several = DummyVecEnv([TinyEnv] * 3)
    assert PPO.load(tmp_path / "a.zip", env=several, device="cpu").learn(24).n_envs == 3


def test_other_spaces_are_a_value_error_as_in_sb3(tmp_path: Path) -> None:
    fresh().save(tmp_path / "a.zip")
    with pytest.raises(ValueError, match="spaces"):
        PPO.load(tmp_path / "a.zip", env=TinyEnv(action="box"))


def test_system_information_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fresh().save(tmp_path / "a.zip")
    PPO.load(tmp_path / "a.zip", print_system_info=True, device="cpu")
    printed = capsys.readouterr().out
    assert printed.index("== CURRENT SYSTEM INFO ==") < printed.index("== SAVED MODEL SYSTEM INFO ==")
    assert printed.count("Stable-Baselines3: ") == 2


def test_a_seed_is_drawn_from_as_sb3_does(tmp_path: Path) -> None:
    fresh(seed=3).save(tmp_path / "a.zip")
    drawn = []
    for _ in range(2):
        PPO.load(tmp_path / "a.zip", device="cpu")
        drawn.append((torch.rand(1).item(), numpy.random.rand()))
    PPO.load(tmp_path / "a.zip", device="cpu", seed=4)
    assert drawn[0] == drawn[1] != (torch.rand(1).item(), numpy.random.rand())


# -- what is different on purpose --------------------------------------------------------------------


def test_an_agent_of_another_algorithm_is_an_error(tmp_path: Path) -> None:
    fresh().save(tmp_path / "a.zip")
    with pytest.raises(MismatchError, match=r"as A2C\.load asks, found one of stable_baselines3.ppo") as caught:
        A2C.load(tmp_path / "a.zip")
    assert "Call PPO.load" in str(caught.value)


class MyPPO(PPO):
    """Somebody's own algorithm."""


def test_an_agent_of_ones_own_class_is_loaded_as_that_or_as_what_it_is_derived_from(tmp_path: Path) -> None:
    MyPPO("MlpPolicy", TinyEnv(), n_steps=8, batch_size=4, device="cpu").save(tmp_path / "a.zip")
    assert type(MyPPO.load(tmp_path / "a.zip", device="cpu")) is MyPPO
    assert type(PPO.load(tmp_path / "a.zip", device="cpu")) is PPO
    fresh().save(tmp_path / "a.zip")
    assert type(MyPPO.load(tmp_path / "a.zip", device="cpu")) is MyPPO


def test_a_class_of_ones_own_is_trusted_by_name(tmp_path: Path) -> None:
    options: Any = {"features_extractor_class": OwnExtractor, "net_arch": [4]}
    model = PPO("MlpPolicy", TinyEnv(), n_steps=8, batch_size=4, device="cpu", policy_kwargs=options)
    model.save(tmp_path / "a.zip")
    with pytest.raises(RefusedError) as caught:
        PPO.load(tmp_path / "a.zip")
    assert f'strongbox.sb3.install(trust=["{OWN}"])' in str(caught.value)
    with strongbox.sb3.installed(trust=[OWN, "not.used.Here"]):
        assert isinstance(PPO.load(tmp_path / "a.zip", device="cpu").policy.features_extractor, OwnExtractor)
    given = PPO.load(tmp_path / "a.zip", device="cpu", custom_objects={"policy_kwargs": options})
    assert isinstance(given.policy.features_extractor, OwnExtractor)


def test_code_in_a_file_runs_where_pickles_are_trusted(tmp_path: Path) -> None:
    class Local(OwnExtractor):
        """A class that no import finds, and which is pickled as code."""

    options: Any = {"features_extractor_class": Local, "net_arch": [4]}
    PPO("MlpPolicy", TinyEnv(), n_steps=8, batch_size=4, device="cpu", policy_kwargs=options).save(tmp_path / "a.zip")
    with pytest.raises(RefusedError) as caught:
        PPO.load(tmp_path / "a.zip")
    assert 'strongbox.sb3.install(trust="pickle")' in str(caught.value)
    with strongbox.sb3.installed(trust="pickle"):
        assert type(PPO.load(tmp_path / "a.zip", device="cpu").policy.features_extractor).__name__ == "Local"


def test_what_cannot_be_kept_is_warned_of(tmp_path: Path) -> None:
    model: Any = fresh()
    with open(tmp_path / "open.txt", "w") as file:
        model.my_file = file
        with pytest.warns(StrongboxWarning, match=r"left out of the file: my_file \(.*it is an open file"):
            model.save(tmp_path / "a.zip")


def test_a_path_of_this_machine_is_left_out_with_a_warning(tmp_path: Path) -> None:
    model = fresh(tensorboard_log=str(tmp_path / "logs"))
    with pytest.warns(StrongboxWarning, match="tensorboard_log"):
        model.save(tmp_path / "a.zip")
    assert PPO.load(tmp_path / "a.zip", device="cpu").tensorboard_log is None
    assert PPO.load(tmp_path / "a.zip", device="cpu", tensorboard_log="logs").tensorboard_log == "logs"


def test_logs_inside_of_the_working_folder_go_on_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fresh(tensorboard_log=str(tmp_path / "logs" / "ppo")).save("a.zip")
    model = PPO.load("a.zip", device="cpu")
    assert model.tensorboard_log == os.path.join("logs", "ppo")
    report = strongbox.save(fresh(tensorboard_log=str(tmp_path)), "b.zip")
    assert not report.left_out
    assert list(report.shortened) == ["tensorboard_log: ."]
    with pytest.warns(StrongboxWarning, match="tensorboard_log"):
        fresh(tensorboard_log=str(tmp_path.parent / f"{tmp_path.name}-beside")).save("c.zip")


def test_networks_far_larger_than_the_file_are_an_error(tmp_path: Path) -> None:
    model = fresh()
    model.policy_kwargs = {"net_arch": [10**6, 10**6]}
    model.save(tmp_path / "a.zip")
    with pytest.raises(MismatchError, match="fit the parameters in policy"):
        PPO.load(tmp_path / "a.zip", learning_starts=3, device="cpu")


def test_a_schedule_that_is_a_function_becomes_one_of_sb3s(tmp_path: Path) -> None:
    fresh(learning_rate=lambda progress: 1e-3, clip_range=lambda progress: 0.5 * progress**2).save(tmp_path / "a.zip")
    loaded: Any = PPO.load(tmp_path / "a.zip", device="cpu")
    assert loaded.learning_rate(0.3) == loaded.lr_schedule(0.3) == 1e-3
    assert loaded.clip_range(0.4) == pytest.approx(0.08, abs=1e-4)


def test_an_attribute_that_is_not_understood_is_warned_of(tmp_path: Path) -> None:
    model: Any = fresh()
    model.my_own = MyPPO.__init__
    model.save(tmp_path / "a.zip")
    with pytest.warns(UserWarning, match="my_own.*custom_objects"):
        loaded = PPO.load(tmp_path / "a.zip", device="cpu")
    assert "my_own" in loaded.strongbox_report.left  # type: ignore[attr-defined]
    replaced: Any = PPO.load(tmp_path / "a.zip", device="cpu", custom_objects={"my_own": 7})
    assert replaced.my_own == 7


def test_statistics_are_kept_with_the_agent_and_the_environment_stays_the_scripts(tmp_path: Path) -> None:
    agent = make_agent("ppo-box-sde")
    agent.save(tmp_path / "a.zip")
    raw = DummyVecEnv([lambda: TinyEnv(action="box")])
    with pytest.warns(StrongboxWarning, match="trained with VecNormalize"):
        loaded = PPO.load(tmp_path / "a.zip", env=raw, device="cpu")
    assert loaded.get_env() is raw
    normalizing: Any = VecNormalize(raw)
    PPO.load(tmp_path / "a.zip", env=normalizing, device="cpu")
    assert normalizing.obs_rms.count < agent.get_vec_normalize_env().obs_rms.count
    PPO.load(tmp_path / "a.zip", device="cpu").save(tmp_path / "b.zip")
    with open_archive(tmp_path / "a.zip") as first, open_archive(tmp_path / "b.zip") as second:
        assert first.normalization is not None
        assert first.normalization == second.normalization


def test_an_old_file_is_brought_up_to_date_with_a_warning(tmp_path: Path) -> None:
    agent = copy.deepcopy(AGENTS["ppo-image"]).make()
    parameters = [parameter.clone() for parameter in agent.policy.pi_features_extractor.parameters()]
    del agent.policy.pi_features_extractor  # SB3 before 1.7 had none.
    agent.save(tmp_path / "a.zip")
    with pytest.warns(StrongboxWarning, match="brought up to date: features_extractors"):
        loaded: Any = PPO.load(tmp_path / "a.zip", device="cpu")
    for kept, found in zip(parameters, loaded.policy.pi_features_extractor.parameters(), strict=True):
        assert torch.equal(kept, found)


# -- SB3's own callers -------------------------------------------------------------------------------------


def test_checkpoints_and_the_best_model_of_callbacks(tmp_path: Path) -> None:
    env = VecNormalize(DummyVecEnv([lambda: TinyEnv(action="box")]))
    model = SAC("MlpPolicy", env, buffer_size=50, learning_starts=8, device="cpu", policy_kwargs={"net_arch": [4]})
    checkpoints = CheckpointCallback(10, str(tmp_path), save_replay_buffer=True, save_vecnormalize=True)
    best = VecNormalize(DummyVecEnv([lambda: TinyEnv(action="box")]), training=False)
    evaluations = EvalCallback(best, n_eval_episodes=1, eval_freq=10, best_model_save_path=str(tmp_path), verbose=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Evaluation environment is not wrapped with a ``Monitor``")
        model.learn(20, callback=[checkpoints, evaluations])
    names = ["best_model.zip", "rl_model_10_steps.zip", "rl_model_20_steps.zip"]
    assert [name for name in sorted(os.listdir(tmp_path)) if name.endswith(".zip")] == names
    for name in names:
        with open_archive(tmp_path / name) as archive:
            assert archive.manifest is not None
            assert archive.normalization is not None
    normalized = VecNormalize.load(str(tmp_path / "rl_model_vecnormalize_20_steps.pkl"), best.venv)
    loaded = SAC.load(tmp_path / "rl_model_20_steps", env=normalized, device="cpu")
    loaded.load_replay_buffer(tmp_path / "rl_model_replay_buffer_20_steps")
    assert loaded.replay_buffer is not None
    assert loaded.replay_buffer.size() == 19  # The callback is asked before the row is there.
    loaded.learn(10, reset_num_timesteps=False)


def test_old_archives_load_into_the_installed_sb3() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert PPO.load(ARCHIVES / "ppo-gsde-normalized.zip", device="cpu").use_sde
