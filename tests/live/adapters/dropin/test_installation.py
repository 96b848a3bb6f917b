"""The drop-in is put in place of SB3's functions, and they come back: the very same ones, wherever they were."""

from __future__ import annotations

import importlib
import inspect
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sb3_contrib.ars import ars
from stable_baselines3 import PPO, SAC
from stable_baselines3.common import base_class, off_policy_algorithm, save_util
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BaseModel
from stable_baselines3.common.vec_env import VecNormalize

import strongbox
from strongbox.archive import open_archive
from strongbox.errors import MismatchError, RefusedError
from tests.live.adapters.tiny import TinyEnv, make_agent

HOLDERS: list[tuple[Any, str]] = [
    *((cls, name) for cls in (BaseAlgorithm, BaseModel, VecNormalize) for name in ("save", "load")),
    *((save_util, name) for name in ("save_to_zip_file", "load_from_zip_file", "save_to_pkl", "load_from_pkl")),
    (base_class, "save_to_zip_file"),
    (base_class, "load_from_zip_file"),
    (off_policy_algorithm, "save_to_pkl"),
    (off_policy_algorithm, "load_from_pkl"),
    (ars, "load_from_zip_file"),
]


def functions() -> list[Any]:
    return [vars(holder)[name] for holder, name in HOLDERS]


@pytest.fixture(autouse=True)
def _back_at_the_end() -> Iterator[None]:
    before = functions()
    yield
    strongbox.sb3.uninstall()
    assert functions() == before


def is_of_strongbox(path: Path) -> bool:
    make_agent("ppo").save(path)
    with open_archive(path) as archive:
        return archive.manifest is not None


def test_all_functions_are_replaced_and_the_very_same_come_back() -> None:
    before = functions()
    strongbox.sb3.install()
    assert not any(now is then for now, then in zip(functions(), before, strict=True))
    strongbox.sb3.uninstall()
    assert all(now is then for now, then in zip(functions(), before, strict=True))
    strongbox.sb3.uninstall()
    assert functions() == before


def test_a_second_time_changes_nothing_but_what_is_trusted() -> None:
    before = functions()
    strongbox.sb3.install()
    placed = functions()
    strongbox.sb3.install(trust=["somebodys.Class"])
    assert functions() == placed
    strongbox.sb3.uninstall()
    assert functions() == before


def test_a_block_may_stand_inside_another(tmp_path: Path) -> None:
    assert not is_of_strongbox(tmp_path / "0.zip")
    with strongbox.sb3.installed():
        placed = functions()
        with strongbox.sb3.installed(trust="pickle"):
            assert is_of_strongbox(tmp_path / "1.zip")
        assert functions() == placed
        assert is_of_strongbox(tmp_path / "2.zip")
    assert not is_of_strongbox(tmp_path / "3.zip")


def test_a_block_ends_where_it_raises_and_leaves_an_installation_behind() -> None:
    strongbox.sb3.install()
    placed = functions()
    with pytest.raises(ZeroDivisionError), strongbox.sb3.installed():
        1 / 0  # noqa: B018
    assert functions() == placed


def test_what_is_trusted_ends_with_the_block(tmp_path: Path) -> None:
    save_util.save_to_pkl(tmp_path / "a.pkl", TinyEnv())
    with strongbox.sb3.installed():
        with strongbox.sb3.installed(trust="pickle"):
            assert isinstance(save_util.load_from_pkl(tmp_path / "a.pkl"), TinyEnv)
        with pytest.raises(RefusedError):
            save_util.load_from_pkl(tmp_path / "a.pkl")


def test_a_block_of_one_thread_does_not_end_that_of_another(tmp_path: Path) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def other() -> None:
        with strongbox.sb3.installed():
            inside.set()
            assert go_on.wait(60)

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(60)
    with strongbox.sb3.installed():
        go_on.set()
        thread.join()
        assert is_of_strongbox(tmp_path / "a.zip")
    assert not is_of_strongbox(tmp_path / "b.zip")


def test_names_that_a_module_imported_before_or_meanwhile_are_exchanged_too(monkeypatch: pytest.MonkeyPatch) -> None:
    early, late = ModuleType("somebodys_early"), ModuleType("somebodys_late")
    original = vars(early)["read"] = save_util.load_from_zip_file
    monkeypatch.setitem(sys.modules, "somebodys_early", early)
    with strongbox.sb3.installed():
        assert vars(early)["read"] is save_util.load_from_zip_file is not original
        vars(late)["read"] = save_util.load_from_zip_file
        monkeypatch.setitem(sys.modules, "somebodys_late", late)
    assert vars(early)["read"] is vars(late)["read"] is original


def test_what_somebody_else_has_put_there_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    with strongbox.sb3.installed():
        ours = PPO.save

        def counted(*arguments: Any) -> None:
            calls.append(arguments)
            ours(*arguments)

        monkeypatch.setattr(BaseAlgorithm, "save", counted)
    assert vars(BaseAlgorithm)["save"] is counted
    monkeypatch.undo()
    setattr(BaseAlgorithm, "save", inspect.unwrap(ours))  # noqa: B010
    assert not calls


def test_signatures_and_documentation_are_sb3s() -> None:
    before = [(inspect.signature(getattr(h, n)), getattr(h, n).__doc__, getattr(h, n).__name__) for h, n in HOLDERS]
    strongbox.sb3.install()
    after = [(inspect.signature(getattr(h, n)), getattr(h, n).__doc__, getattr(h, n).__name__) for h, n in HOLDERS]
    assert after == before


def test_classes_that_save_in_their_own_way_go_on_doing_so(tmp_path: Path) -> None:
    class Counting(SAC):
        saved = 0

        def save(self, path: Any, *arguments: Any, **keywords: Any) -> None:
            type(self).saved += 1
            super().save(path, *arguments, **keywords)

        def _excluded_save_params(self) -> list[str]:
            return [*super()._excluded_save_params(), "secret"]

    model: Any = Counting("MlpPolicy", TinyEnv(action="box"), buffer_size=10, device="cpu")
    model.secret = "not to be kept"
    with strongbox.sb3.installed():
        model.save(tmp_path / "a.zip")
        loaded = Counting.load(tmp_path / "a.zip")
    assert Counting.saved == 1
    assert type(loaded) is Counting
    assert not hasattr(loaded, "secret")


def test_trust_that_is_no_name_is_an_error() -> None:
    wrong: Any = 5
    with pytest.raises(MismatchError, match="expected a name or names in trust"):
        strongbox.sb3.install(trust=wrong)
    assert importlib.import_module("strongbox.sb3") is strongbox.sb3
