"""All seven algorithms of sbx, there and back: every leaf, every action, and learning on."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import gymnasium
import pytest

import strongbox
from strongbox.archive import open_archive
from tests.live.adapters.jax.agents import NAMES, assert_same, environment, made, saved, sbx


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sbx")


@pytest.fixture(params=NAMES)
def archive(request: pytest.FixtureRequest, folder: Path) -> Path:
    return saved(request.param, folder)


def load_by_sbx(path: Any, key: Any, **options: Any) -> Any:
    """What sbx's own load gives, with the key that was kept: it draws another."""
    with open_archive(path) as opened:
        name = str(opened.algorithm).rpartition(".")[2]
    model = getattr(sbx, name).load(path, **options)
    model.key = key
    return model


def test_what_sbx_saved(archive: Path) -> None:
    ours = strongbox.load(archive)
    assert type(ours) is getattr(sbx, archive.stem)
    assert_same(ours, load_by_sbx(archive, ours.key))
    assert not ours.strongbox_report.left
    assert any(name.endswith("opt_state.inner_state.0.mu") or ".mu." in name for name in ours.strongbox_report.taken)


def test_what_strongbox_saved_of_it(archive: Path, tmp_path: Path) -> None:
    ours = strongbox.load(archive)
    report = strongbox.save(ours, tmp_path / "agent.zip")
    assert not report.opaque
    assert not set(report.left_out) - {"tensorboard_log"}
    again = strongbox.load(tmp_path / "agent.zip")
    fresh = strongbox.load(archive)
    assert_same(again, fresh)
    assert_same(load_by_sbx(tmp_path / "agent.zip", fresh.key), strongbox.load(archive))


def test_what_sbx_saves_of_what_strongbox_loaded(archive: Path, tmp_path: Path) -> None:
    strongbox.load(archive).save(tmp_path / "agent.zip")
    assert_same(strongbox.load(tmp_path / "agent.zip"), strongbox.load(archive))


def test_without_pickles(archive: Path) -> None:
    file = io.BytesIO()
    strongbox.save(strongbox.load(archive), file, pickles=False)
    assert_same(strongbox.load(file.getvalue()), strongbox.load(archive))
    assert strongbox.check(file.getvalue()).clean


def test_a_live_agent() -> None:
    model = made("SAC", ent_coef=0.1, policy_kwargs={"net_arch": {"pi": [8, 4], "qf": [6]}, "layer_norm": True})
    file = io.BytesIO()
    strongbox.save(model, file)
    assert_same(strongbox.load(file.getvalue()), model)


def test_learning_on_is_that_of_sbx(archive: Path) -> None:
    ours = strongbox.load(archive, env=gymnasium.make(environment(archive.stem)))
    theirs = load_by_sbx(archive, None, env=gymnasium.make(environment(archive.stem)))
    for model in (ours, theirs):
        model.set_random_seed(7)
        model.learn(64, reset_num_timesteps=False)
    assert ours.num_timesteps > 64
    assert_same(ours, theirs)


def test_converted_it_opens_in_both(archive: Path, tmp_path: Path) -> None:
    strongbox.convert(archive, tmp_path / "new.zip")
    ours = strongbox.load(tmp_path / "new.zip")
    assert_same(ours, load_by_sbx(tmp_path / "new.zip", ours.key))


def test_the_key_goes_on_where_it_was(archive: Path) -> None:
    ours = strongbox.load(archive)
    kept = strongbox.open(archive).data["key"]
    assert ours.key.tolist() == kept.array.tolist()
    assert ours.seed == 0


EVENTS: list[str] = []
LISTENING = [False]


def listen(event: str, arguments: tuple[Any, ...]) -> None:
    if LISTENING[0] and event == "pickle.find_class":
        EVENTS.append(".".join(map(str, arguments)))


def test_no_pickle_is_read(folder: Path) -> None:
    path = saved("DQN", folder)
    strongbox.load(path)  # JAX and sbx are imported by now, and read pickles of their own while they are
    sys.addaudithook(listen)
    LISTENING[0] = True
    strongbox.load(path)
    assert EVENTS == []
    load_by_sbx(path, None)
    LISTENING[0] = False
    assert EVENTS
