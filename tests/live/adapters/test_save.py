"""What a save keeps, what it leaves out, and that nothing of the machine gets into the file."""

from __future__ import annotations

import io
import json
import os
import random
import sqlite3
import threading
import warnings
import zipfile
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, ClassVar

import cloudpickle  # type: ignore[import-untyped]
import numpy
import pytest
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.utils import FloatSchedule
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import strongbox
from strongbox.adapters import LeftBehind, load, save
from strongbox.adapters.load_model import REQUIRED
from strongbox.archive import Archive, check_archive, open_archive
from strongbox.errors import MismatchError, StrongboxError, UnsupportedError
from strongbox.values import Opaque
from tests.live.adapters.archives import sb3_archive
from tests.live.adapters.likeness import assert_same_agent
from tests.live.adapters.tiny import AGENTS, TinyEnv, make_agent

ROOT = Path(__file__).resolve().parents[3]


class Thing:
    """Something of the caller's that hangs on an agent."""

    def __init__(self, content: Any) -> None:
        self.content = content


class Stubborn:
    """Something that fails in every way when it is pickled or shown."""

    def __reduce__(self) -> Any:
        raise ZeroDivisionError("no")

    def __repr__(self) -> str:
        raise ZeroDivisionError("no")


def agent_with(path: Path, **attributes: Any) -> Any:
    """A fresh copy of the tiny PPO, with more on it."""
    model = load(sb3_archive("ppo", path), device="cpu")
    vars(model).update(attributes)
    return model


def saved(model: Any, folder: Path, **options: Any) -> tuple[Any, Archive]:
    report = save(model, folder / "saved.zip", durable=False, **options)
    return report, open_archive(folder / "saved.zip")


# -- which attributes -----------------------------------------------------------------------------


def test_the_names_are_those_that_sb3_saves(tmp_path: Path) -> None:
    for name in ("ppo", "sac", "recurrent-ppo", "ars"):
        make_agent(name).save(tmp_path / "sb3.zip")
        save(make_agent(name), tmp_path / "strongbox.zip", durable=False)
        with open_archive(tmp_path / "sb3.zip") as sb3, open_archive(tmp_path / "strongbox.zip") as strongbox:
            assert set(sb3.data) == set(strongbox.data)
            assert list(sb3.parameters) == list(strongbox.parameters)
            assert sb3.system_info == strongbox.system_info
            assert sb3.sb3_version == strongbox.sb3_version
            for each in sb3.data:
                if each not in ("ep_info_buffer",):
                    assert sb3.data.type(each) == strongbox.data.type(each), each


def test_names_are_excluded_and_included(tmp_path: Path) -> None:
    model = agent_with(tmp_path)
    _, archive = saved(model, tmp_path, exclude="n_epochs", include=["_custom_logger"])
    assert "n_epochs" not in archive.data
    assert archive.data["_custom_logger"] is False


@pytest.mark.parametrize(
    ("name", "said"),
    [("nonsense", "nonsense"), ("n_epoch", "n_epochs"), *((name, "built with") for name in REQUIRED)],
)
def test_what_cannot_be_excluded_is_said(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match=name) as raised:
        save(make_agent("ppo"), tmp_path / "saved.zip", exclude=[name])
    assert said in str(raised.value)
    assert not (tmp_path / "saved.zip").exists()


def test_what_is_excluded_anyway_may_be_named(tmp_path: Path) -> None:
    _, archive = saved(make_agent("ppo"), tmp_path, exclude=["env", "replay_buffer", "policy", "n_steps"])
    assert "n_steps" not in archive.data


@pytest.mark.parametrize("path", ["", ".", "/", b"agent.zip"])
def test_a_path_without_a_name_is_a_clear_error(path: Any) -> None:
    with pytest.raises(StrongboxError, match="path"):
        save(make_agent("ppo"), path)


def test_only_models_are_saved(tmp_path: Path) -> None:
    with pytest.raises(MismatchError):
        save({"policy": None}, tmp_path / "saved.zip")
    assert not (tmp_path / "saved.zip").exists()


def test_exactly_what_json_holds_stands_as_it_is(tmp_path: Path) -> None:
    model = agent_with(
        tmp_path, exact=[1, "a", {"b": [None, 0.5, float("inf")]}], pair=(1, 2), keyed={1: 2}, big=2**200
    )
    report, archive = saved(model, tmp_path)
    assert archive.data["exact"] == model.exact
    assert archive.data["pair"] == (1, 2)
    assert archive.data["keyed"] == {1: 2}
    assert "big" in report.left_out
    assert load(archive).pair == (1, 2)


# -- what is left out -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: open(__file__),  # noqa: SIM115
        lambda: sqlite3.connect(":memory:"),
        lambda: threading.Lock(),
        lambda: Stubborn(),
        lambda: numpy.zeros(3 << 20),
        lambda: [numpy.zeros(3 << 20)],
        lambda: torch.nn.Linear(3000, 3000),
        lambda: bytes(20 << 20),
        lambda: {"deep": Thing(Stubborn())},
    ],
)
def test_what_cannot_be_kept_is_left_out_by_name(make: Callable[[], Any], tmp_path: Path) -> None:
    foreign = make()
    report, archive = saved(agent_with(tmp_path, foreign=foreign), tmp_path)
    assert list(report.left_out) == ["foreign"] == list(archive.left_out)
    assert "foreign" not in archive.data
    assert (tmp_path / "saved.zip").stat().st_size < 100_000
    assert_same_agent(make_agent("ppo"), load(archive, device="cpu"))
    getattr(foreign, "close", lambda: None)()


def nested(wrap: Callable[[Any], Any], levels: int) -> Any:
    return wrap(nested(wrap, levels - 1)) if levels else None


TOO_MUCH: dict[str, Callable[[], dict[str, Any]]] = {
    "arrays": lambda: {f"array_{index}": numpy.random.default_rng(index).random(800_000) for index in range(5)},
    "values": lambda: {"hist": [0.5] * 1_100_000},
    "values in all": lambda: {f"hist_{index}": [0.5] * 400_000 for index in range(3)},
    "text": lambda: {"text": "x" * 20_000_000},
    "text in all": lambda: {f"text_{index}": "x" * 16_000_000 for index in range(5)},
    "pickles": lambda: {f"tuple_{index}": (1.5, 2) * 100_000 for index in range(3)},
    "depth": lambda: {"deep": nested(lambda inner: [inner], 63)},
    "depth of a portable form": lambda: {"deep": nested(lambda inner: (inner,), 50)},
    "episodes": lambda: {"ep_info_buffer": deque([0.5] * 1_000_000)},
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_no_more_is_kept_than_a_reader_takes(name: str, tmp_path: Path) -> None:
    attributes = TOO_MUCH[name]()
    report, archive = saved(agent_with(tmp_path, small=[1], **attributes), tmp_path)
    assert report.left_out
    assert set(report.left_out) <= set(attributes)
    assert set(attributes) - set(report.left_out) <= set(archive.data)
    assert len(attributes) - len(report.left_out) >= len(attributes) // 3
    assert archive.data["small"] == [1]
    assert check_archive(tmp_path / "saved.zip").readable
    assert_same_agent(make_agent("ppo"), load(archive, device="cpu"), attributes=False)


def test_the_largest_goes_first(tmp_path: Path) -> None:
    lengths = {"a": 5_000_000, "b": 15_000_000, "c": 14_000_000, "d": 14_000_000, "e": 15_500_000}
    report, _ = saved(agent_with(tmp_path, **{name: "x" * length for name, length in lengths.items()}), tmp_path)
    assert list(report.left_out) == ["e"]
    assert "together" in report.left_out["e"]


class Shown:
    """A class whose attributes JSON can write, but no reader takes."""

    keys: ClassVar[Any] = {1: "a", "1": "b"}
    long = 2**200
    deep: ClassVar[Any] = nested(lambda inner: [inner], 80)


def test_what_stands_beside_a_value_never_makes_data_unreadable(tmp_path: Path) -> None:
    _, archive = saved(agent_with(tmp_path, shown=Shown), tmp_path)
    assert set(archive.data.attributes("shown")) >= {"keys", "long", "deep"}


def test_sparse_tensors_do_no_harm(tmp_path: Path) -> None:
    for tensor in (torch.zeros(2, 2).to_sparse(), torch.eye(3).to_sparse()):
        _, archive = saved(agent_with(tmp_path, sparse=tensor), tmp_path)
        assert_same_agent(make_agent("ppo"), load_quietly(archive), attributes=False)


def load_quietly(archive: Archive) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeftBehind)
        return load(archive, device="cpu")


def test_what_is_not_understood_is_kept_opaque_for_sb3(tmp_path: Path) -> None:
    report, archive = saved(agent_with(tmp_path, thing=Thing(3)), tmp_path)
    assert isinstance(archive.data["thing"], Opaque)
    assert set(report.opaque) == {"thing"}
    assert vars(PPO.load(tmp_path / "saved.zip", device="cpu"))["thing"].content == 3
    with pytest.warns(LeftBehind, match="thing"):
        load(archive, device="cpu")


def test_without_pickles_what_is_opaque_is_refused_and_named(tmp_path: Path) -> None:
    model = agent_with(tmp_path, thing=Thing(3), other=Thing(4))
    (tmp_path / "saved.zip").write_bytes(b"as it was")
    with pytest.raises(UnsupportedError, match=r"other.*thing"):
        save(model, tmp_path / "saved.zip", pickles=False)
    assert (tmp_path / "saved.zip").read_bytes() == b"as it was"


# -- schedules --------------------------------------------------------------------------------------


def cosine(progress_remaining: float) -> float:
    return float(0.001 * (1 - numpy.cos(numpy.pi * progress_remaining)) / 2)


def steps(progress_remaining: float) -> float:
    return 0.1 if progress_remaining > 0.5 else 0.01


def make_linear(start: float) -> Callable[[float], float]:
    def linear(progress_remaining: float) -> float:
        return progress_remaining * start

    return linear


@pytest.mark.parametrize(
    ("function", "error"), [(cosine, 1e-8), (lambda progress: 0.1 * progress**3, 1e-6), (steps, 0.05)]
)
def test_any_other_function_is_a_table_with_its_error(
    function: Callable[[float], float], error: float, tmp_path: Path
) -> None:
    model = PPO("MlpPolicy", TinyEnv(), learning_rate=function, n_steps=8, batch_size=4, device="cpu")
    report, archive = saved(model, tmp_path)
    assert set(report.approximate) == {"learning_rate", "lr_schedule"}
    table = archive.data["learning_rate"]
    assert len(table.values) == 1025
    assert table.largest_error <= error
    assert "<lambda>" in table.source or function.__name__ in table.source
    for loaded in (load(archive, device="cpu"), PPO.load(tmp_path / "saved.zip", device="cpu")):
        for progress in numpy.linspace(0, 1, 1025):
            assert loaded.lr_schedule(progress) == pytest.approx(float(function(progress)), abs=1e-12)
        assert isinstance(loaded.lr_schedule(0.3), float)
    again = load(archive, device="cpu")
    save(again, tmp_path / "again.zip", durable=False)
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "saved.zip").read_bytes()
    again.save(tmp_path / "sb3.zip")
    with open_archive(tmp_path / "sb3.zip") as kept:
        assert not kept.opaque


def test_a_known_function_becomes_a_schedule_of_sb3(tmp_path: Path) -> None:
    model = PPO("MlpPolicy", TinyEnv(), learning_rate=make_linear(0.25), n_steps=8, batch_size=4, device="cpu")
    report, archive = saved(model, tmp_path)
    assert not report.approximate
    assert repr(archive.data["learning_rate"]) == "LinearSchedule(start=0.25, end=0.0)"
    assert archive.data.pickle("learning_rate") is not None
    assert b"cloudpickle" not in (archive.data.pickle("learning_rate") or b"")
    assert load(archive, device="cpu").lr_schedule(0.5) == 0.125


WITHOUT_A_TABLE = (
    lambda progress: "fast",
    lambda progress: None,
    lambda progress: 1 / progress,
    lambda progress: float("nan"),
    lambda progress, counter=[0]: counter.append(0) or len(counter),
    lambda progress: random.random(),
)


@pytest.mark.parametrize("function", WITHOUT_A_TABLE)
@pytest.mark.parametrize("name", ["learning_rate", "clip_range"])
def test_what_has_no_table_is_kept_for_the_same_python(name: str, function: Any, tmp_path: Path) -> None:
    report, archive = saved(agent_with(tmp_path, **{name: function}), tmp_path)
    assert not report.left_out
    assert list(report.opaque) == [name]
    assert "function" in report.opaque[name].reason
    assert isinstance(archive.data[name], Opaque)
    kept = cloudpickle.loads(archive.data.pickle(name))
    assert kept.__code__.co_code == function.__code__.co_code


def test_sb3_runs_a_function_that_has_no_table(tmp_path: Path) -> None:
    def inverse(progress_remaining: float) -> float:
        return 0.1 / progress_remaining

    model = PPO("MlpPolicy", TinyEnv(), clip_range=inverse, n_steps=8, batch_size=4, device="cpu")
    report, _ = saved(model, tmp_path)
    assert "clip_range" in report.opaque
    assert "ZeroDivisionError" in report.opaque["clip_range"].reason
    loaded = PPO.load(tmp_path / "saved.zip", env=TinyEnv(), device="cpu")
    assert loaded.clip_range(0.5) == 0.2  # type: ignore[operator]
    with pytest.raises(UnsupportedError, match="clip_range"):
        save(model, tmp_path / "saved.zip", pickles=False)


def test_a_function_that_cannot_be_pickled_either_is_left_out(tmp_path: Path) -> None:
    with open(__file__) as file:
        report, archive = saved(agent_with(tmp_path, learning_rate=lambda progress: file), tmp_path)
    assert list(report.left_out) == ["learning_rate"]
    assert "TypeError" in report.left_out["learning_rate"]
    assert "open file" in report.left_out["learning_rate"]
    assert "learning_rate" not in archive.data


# -- nothing of the machine -------------------------------------------------------------------------


def everything_in(path: Path) -> bytes:
    """All text of an archive: data, and every pickle in it."""
    with zipfile.ZipFile(path) as file, open_archive(path) as archive:
        texts = [file.read(name) for name in file.namelist() if not name.endswith(".pth")]
        return b"\n".join([*texts, *(archive.data.pickle(name) or b"" for name in archive.data)])


@pytest.mark.parametrize("name", AGENTS)
def test_no_path_and_no_address_gets_in(name: str, tmp_path: Path) -> None:
    save(make_agent(name), tmp_path / "saved.zip", durable=False)
    content = everything_in(tmp_path / "saved.zip")
    for part in (str(ROOT), os.path.dirname(os.__file__), os.path.dirname(torch.__file__), " at 0x"):
        assert part.encode() not in content


def test_paths_of_the_caller_are_left_out(tmp_path: Path) -> None:
    options = {"net_arch": [4], "note": "/home/me/secret/notes.txt"}
    model = agent_with(
        tmp_path,
        tensorboard_log="/home/me/secret/tb",
        policy_kwargs=options,
        kept={"a": ("C:\\Users\\me\\secret\\x.bin", 1)},
        relative="logs/tb",
        address="https://example.org/a/b",
        fine="and/or",
    )
    report, archive = saved(model, tmp_path)
    assert "tensorboard_log" in report.left_out
    assert "tensorboard_log" not in archive.data
    assert archive.data["policy_kwargs"]["note"] == "notes.txt"
    assert archive.data["kept"] == {"a": ("x.bin", 1)}
    assert (archive.data["relative"], archive.data["fine"]) == ("logs/tb", "and/or")
    assert archive.data["address"] == "https://example.org/a/b"
    assert "policy_kwargs: notes.txt" in report.shortened
    assert list(report.left_out) == ["tensorboard_log"]
    assert b"secret" not in everything_in(tmp_path / "saved.zip")
    assert model.policy_kwargs is options
    assert options["note"].startswith("/home")


HIDDEN: dict[str, Any] = {
    "key": {"/home/me/secret/d": 1, "/home/you/secret/d": 2},
    "other keys": {"/home/me/secret/d": 1, 2: 3},
    "tuple key": {("/home/me/secret/d", 1): 1},
    "ordered": OrderedDict({"/home/me/secret/d": 1}),
    "set": {"/home/me/secret/d", "/home/you/secret/d"},
    "frozen set": frozenset({"/home/me/secret/d"}),
    "tuple": ("/home/me/secret/d", ["/home/me/secret/d"]),
    "episodes": deque([{"r": 1.0, "video": "/home/me/secret/d"}], maxlen=3),
    "bytes": b"/home/me/secret/d",
    "bytes in a list": [b"/home/me/secret/d", 1],
    "path": Path("/home/me/secret/d"),
    "paths": [PureWindowsPath("C:\\Users\\secret\\d"), PurePosixPath("/home/me/secret/d")],
    "home": [HOME := "/home/secret"],
    "option": f"--dir={HOME}/d",
    "address of a file": [f"file://{HOME}"],
    "option in a tuple": (f"--dir={HOME}/d", 1),
    "object": Thing(f"see {HOME}/d, {HOME}"),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_no_path_is_hidden_well_enough(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = agent_with(tmp_path, hidden=HIDDEN[name])
    monkeypatch.setenv("HOME", HOME)
    report, archive = saved(model, tmp_path)
    assert b"secret" not in everything_in(tmp_path / "saved.zip")
    assert "hidden" in archive.data
    assert not report.left_out
    assert report.shortened
    assert all(key.startswith("hidden: ") for key in report.shortened)
    assert "secret" not in str(report)
    assert type(vars(PPO.load(tmp_path / "saved.zip", device="cpu"))["hidden"]) is type(HIDDEN[name])


def test_equal_episodes_are_written_alike_whatever_they_share(tmp_path: Path) -> None:
    def bytes_with(*episodes: dict[str, Any]) -> bytes:
        saved(agent_with(tmp_path, ep_info_buffer=deque(episodes, maxlen=100)), tmp_path)
        return (tmp_path / "saved.zip").read_bytes()

    one = {"r": 1.5, "end": "time limit", "l": 200}
    other = {"".join(["en", "d"]): " ".join(["time", "limit"])}
    assert bytes_with(one, one) == bytes_with({"r": 1.5, **other, "l": 200}, {"r": 1.5, **other, "l": 200})


def test_what_changed_since_the_last_save_is_written(tmp_path: Path) -> None:
    model = agent_with(tmp_path, ep_info_buffer=deque([{"r": 1.5}], maxlen=100), seen=numpy.zeros(3))
    saved(model, tmp_path)
    model.ep_info_buffer[0]["r"] = 2.5
    model.ep_info_buffer.append({"r": 1})
    model.seen[1] = 7
    model.lr_schedule = FloatSchedule(0.25)
    _, archive = saved(model, tmp_path)
    assert list(archive.data["ep_info_buffer"]) == [{"r": 2.5}, {"r": 1}]
    assert archive.data["seen"].tolist() == [0, 7, 0]
    loaded = PPO.load(tmp_path / "saved.zip", device="cpu")
    assert loaded.ep_info_buffer == model.ep_info_buffer
    assert archive.data["lr_schedule"](1.0) == 0.25


def test_two_paths_with_the_same_last_part_stay_two(tmp_path: Path) -> None:
    report, archive = saved(agent_with(tmp_path, paths=HIDDEN["key"], elements=HIDDEN["set"]), tmp_path)
    assert sorted(archive.data["paths"].values()) == [1, 2]
    assert len(archive.data["elements"]) == 2
    assert len(report.shortened) == 4
    assert "shortened    paths: d" in str(report)


def test_the_working_folder_is_cut_out_of_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = agent_with(tmp_path, option=f"--dir={tmp_path}/d")
    assert saved(model, tmp_path)[1].data["option"] == model.option
    monkeypatch.chdir(tmp_path)
    report, archive = saved(model, tmp_path)
    assert archive.data["option"] == "--dir=~/d"
    assert list(report.shortened) == ["option: --dir=~/d"]


def test_what_only_looks_like_a_path_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    texts = [
        "/", "//", "a/b", "ALE/Pong-v5", "https://example.org/home/me", "not /home/melon", "1/2", "c:d",
        "x/home/me/y", "a\\b", "\n", "/reset", "~/logs", "s/a/b/",
    ]  # fmt: skip
    array = numpy.frombuffer(b"/a/b/c/d", numpy.uint8)
    report, archive = saved(agent_with(tmp_path, texts=texts, pair=(texts, 1), array=array), tmp_path)
    assert archive.data["texts"] == texts
    assert archive.data["pair"] == (texts, 1)
    assert numpy.array_equal(archive.data["array"], array)
    assert not report.shortened


def test_code_says_nothing_of_where_it_came_from(tmp_path: Path) -> None:
    own: dict[str, Any] = {"__name__": "__main__", "__file__": "/home/me/secret/train.py"}
    exec(compile("def act(x):\n    return __file__\n", "/home/me/secret/train.py", "exec"), own)
    _, archive = saved(agent_with(tmp_path, act=own["act"]), tmp_path)
    content = archive.data.pickle("act")
    assert content is not None
    assert b"secret" not in content
    assert b"train.py" in content
    assert cloudpickle.loads(content)(1) == "train.py"


# -- the file -----------------------------------------------------------------------------------------


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    model = agent_with(tmp_path)
    save(model, tmp_path / "saved.zip", durable=False)
    before = (tmp_path / "saved.zip").read_bytes()
    model.policy.log_probability = torch.nn.Parameter(torch.zeros(2, 2).to_sparse(), requires_grad=False)
    with pytest.raises(UnsupportedError, match="log_probability"):
        save(model, tmp_path / "saved.zip", durable=False)
    assert (tmp_path / "saved.zip").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["ppo.zip", "saved.zip"]


def test_a_binary_file_will_do(tmp_path: Path) -> None:
    file = io.BytesIO()
    report = save(make_agent("ppo"), file)
    assert report.path is None
    save(make_agent("ppo"), tmp_path / "saved", durable=False)
    assert (tmp_path / "saved.zip").read_bytes() == file.getvalue()


def test_saving_changes_nothing_of_the_agent(tmp_path: Path) -> None:
    model = load(sb3_archive("sac", tmp_path), env=AGENTS["sac"].make_env(), device="cpu", force_reset=False)
    state = torch.get_rng_state()
    before = {name: id(value) for name, value in vars(model).items()}
    save(model, tmp_path / "saved.zip", durable=False)
    assert {name: id(value) for name, value in vars(model).items()} == before
    assert torch.equal(torch.get_rng_state(), state)
    assert_same_agent(make_agent("sac"), model)


def test_torch_reads_the_tensors(tmp_path: Path) -> None:
    save(make_agent("sac"), tmp_path / "saved.zip", durable=False)
    with zipfile.ZipFile(tmp_path / "saved.zip") as archive:
        for name, expected in make_agent("sac").get_parameters().items():
            state = torch.load(io.BytesIO(archive.read(f"{name}.pth")), weights_only=True)
            assert list(state) == list(expected)
        variables = torch.load(io.BytesIO(archive.read("pytorch_variables.pth")), weights_only=True)
    assert torch.equal(variables["log_ent_coef"], make_agent("sac").log_ent_coef)


def test_tensors_that_share_memory_or_lie_crosswise_are_written_as_they_are(tmp_path: Path) -> None:
    model = load(sb3_archive("sac", tmp_path), device="cpu")
    layer = model.actor.mu
    layer.weight.data = layer.weight.data.clone().t().contiguous().t()
    whole = torch.cat([layer.bias.data, torch.zeros(1000)])
    layer.bias.data = whole[: len(layer.bias)]
    save(model, tmp_path / "saved.zip", durable=False)
    assert_same_agent(make_agent("sac"), load(tmp_path / "saved.zip", device="cpu"))
    save(make_agent("sac"), tmp_path / "plain.zip", durable=False)
    assert (tmp_path / "saved.zip").read_bytes() == (tmp_path / "plain.zip").read_bytes()


def test_half_precision_is_kept(tmp_path: Path) -> None:
    model = load(sb3_archive("sac", tmp_path), device="cpu")
    model.policy.to(torch.bfloat16)
    save(model, tmp_path / "saved.zip", durable=False)
    loaded = SAC.load(tmp_path / "saved.zip", device="cpu")
    for key, tensor in model.policy.state_dict().items():
        assert torch.equal(loaded.policy.state_dict()[key], tensor.float())
    again = load(tmp_path / "saved.zip", device="cpu")
    for key, tensor in model.policy.state_dict().items():
        assert torch.equal(again.policy.state_dict()[key], tensor.float())


def test_versions_of_modules_are_kept_where_they_say_something(tmp_path: Path) -> None:
    options = {"net_arch": [4], "features_extractor_class": Normed}
    model = PPO("MlpPolicy", TinyEnv(), n_steps=8, batch_size=4, policy_kwargs=options, device="cpu").learn(8)
    save(model, tmp_path / "saved.zip", durable=False)
    with zipfile.ZipFile(tmp_path / "saved.zip") as archive:
        state = torch.load(io.BytesIO(archive.read("policy.pth")), weights_only=True)
    assert state._metadata["features_extractor.norm"] == {"version": 2}
    assert_same_agent(model, load(tmp_path / "saved.zip", trust=[f"{__name__}.Normed"], device="cpu"))


class Normed(FlattenExtractor):
    """A features extractor with statistics of its own."""

    def __init__(self, observation_space: Any) -> None:
        super().__init__(observation_space)
        self.norm = torch.nn.BatchNorm1d(observation_space.shape[0])

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return self.norm(super().forward(observations))  # type: ignore[no-any-return]


# -- normalization ------------------------------------------------------------------------------------


def normalized(**options: Any) -> VecNormalize:
    return VecNormalize(DummyVecEnv([lambda: TinyEnv(action="box")]), **options)


def assert_same_statistics(left: Any, right: Any) -> None:
    for a, b in ((left.obs_rms, right.obs_rms), (left.ret_rms, right.ret_rms)):
        assert numpy.array_equal(a.mean, b.mean)
        assert numpy.array_equal(a.var, b.var)
        assert a.count == b.count
    assert numpy.array_equal(left.returns, right.returns)


def test_statistics_of_vec_normalize_are_kept_and_put_back(tmp_path: Path) -> None:
    agent = make_agent("ppo-box-sde")
    live = agent.get_vec_normalize_env()
    save(agent, tmp_path / "saved.zip", durable=False)
    wrapped = load(tmp_path / "saved.zip", env=TinyEnv(action="box"), device="cpu")
    assert_same_statistics(wrapped.get_vec_normalize_env(), live)
    own = normalized(training=False, norm_reward=False, clip_obs=3.0)
    model = load(tmp_path / "saved.zip", env=own, device="cpu")
    assert model.get_vec_normalize_env() is own
    assert_same_statistics(own, live)
    assert (own.training, own.norm_reward, own.clip_obs) == (False, False, 10.0)
    model.learn(16, reset_num_timesteps=False)


def test_statistics_outlive_a_load_without_an_environment(tmp_path: Path) -> None:
    save(make_agent("ppo-box-sde"), tmp_path / "saved.zip", durable=False)
    save(load(tmp_path / "saved.zip", device="cpu"), tmp_path / "again.zip", durable=False)
    with open_archive(tmp_path / "saved.zip") as first, open_archive(tmp_path / "again.zip") as second:
        assert first.normalization is not None
        assert first.normalization == second.normalization


def test_statistics_are_given_or_left_out(tmp_path: Path) -> None:
    agent = make_agent("ppo-box-sde")
    save(agent, tmp_path / "none.zip", durable=False, normalization=None)
    save(make_agent("ppo"), tmp_path / "given.zip", durable=False, normalization=normalized(gamma=0.5))
    with open_archive(tmp_path / "none.zip") as none, open_archive(tmp_path / "given.zip") as given:
        assert none.normalization is None
        assert given.normalization is not None
        assert given.normalization.gamma == 0.5
    with pytest.raises(MismatchError):
        save(agent, tmp_path / "x.zip", normalization="always")
    strongbox.save(agent, tmp_path / "face.zip", durable=False, normalization=None)
    assert strongbox.open(tmp_path / "face.zip").normalization is None


def test_statistics_of_dictionaries(tmp_path: Path) -> None:
    def env() -> VecNormalize:
        inner = DummyVecEnv([lambda: TinyEnv("dict", "box")])
        return VecNormalize(inner, norm_obs_keys=["vector", "more"])

    model = PPO("MultiInputPolicy", env(), n_steps=8, batch_size=4, device="cpu").learn(16)
    save(model, tmp_path / "saved.zip", durable=False)
    loaded = load(tmp_path / "saved.zip", env=TinyEnv("dict", "box"), device="cpu").get_vec_normalize_env()
    live: Any = model.get_vec_normalize_env()
    for key, statistics in live.obs_rms.items():
        assert numpy.array_equal(loaded.obs_rms[key].mean, statistics.mean)
    assert loaded.norm_obs_keys == ["vector", "more"]


def test_statistics_of_other_observations_are_a_mismatch(tmp_path: Path) -> None:
    save(make_agent("ppo"), tmp_path / "saved.zip", durable=False, normalization=normalize_other())
    with pytest.raises(MismatchError, match="normalization"):
        load(tmp_path / "saved.zip", env=TinyEnv(), device="cpu")


def normalize_other() -> VecNormalize:
    env = DummyVecEnv([lambda: TinyEnv("dict", "box")])
    return VecNormalize(env, norm_obs_keys=["vector"])


def test_attributes_beside_a_value_are_as_sb3_writes_them(tmp_path: Path) -> None:
    agent = make_agent("ppo-box-sde")
    agent.save(tmp_path / "sb3.zip")
    save(agent, tmp_path / "saved.zip", durable=False)
    with open_archive(tmp_path / "sb3.zip") as sb3, open_archive(tmp_path / "saved.zip") as ours:
        for name in ("action_space", "policy_kwargs", "clip_range"):
            theirs = sb3.data.attributes(name)
            mine = ours.data.attributes(name)
            assert mine
            assert {key: json.dumps(item) for key, item in mine.items() if " at 0x" not in str(theirs[key])} == {
                key: json.dumps(item) for key, item in theirs.items() if key in mine and " at 0x" not in str(item)
            }
