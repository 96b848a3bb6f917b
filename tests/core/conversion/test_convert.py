"""A conversion: what is changed and said, what is carried along, and what it refuses."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy
import pytest

import strongbox
from strongbox.archive import Contents, Exact, check_archive, open_archive, write_archive
from strongbox.conversion import ConvertReport, convert
from strongbox.errors import FormatError, MismatchError, UnsupportedError
from strongbox.pickles import Call, Global
from strongbox.values import Box, LinearSchedule, RandomGenerator, same
from tests.core.conversion.archives import ARCHIVES, NAMES, change_data, change_members, pickled

A2C = "stable_baselines3.a2c.a2c.A2C"
CARTPOLE = ARCHIVES / "cartpole.zip"
OWN = ARCHIVES / "ppo-own-code.zip"


def subjects(report: ConvertReport) -> set[str]:
    return {change.subject for change in report.changes}


def reasons(report: ConvertReport, subject: str) -> list[str]:
    return [change.change for change in report.changes if change.subject == subject]


# -- any archive --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_what_was_converted_is_read_as_the_same_agent_and_converts_to_itself(name: str, tmp_path: Path) -> None:
    old, new, again = ARCHIVES / f"{name}.zip", tmp_path / "new.zip", tmp_path / "again.zip"
    before = old.read_bytes()
    report = convert(old, new)
    assert (report.source, report.path, report.size) == (str(old), str(new), new.stat().st_size)
    assert {"data", "layout"} <= subjects(report)
    with open_archive(old) as left, open_archive(new) as right:
        assert right.algorithm == left.algorithm == report.algorithm
        assert sorted(left.data) == sorted(right.data)
        assert all(same(left.data[key], right.data[key]) for key in left.data if not left.opaque)
        assert right.system_info == left.system_info
        for group in left.parameters:
            for (path, a), (other, b) in zip(
                left.parameters[group].tensors(), right.parameters[group].tensors(), strict=True
            ):
                assert path == other
                assert same(numpy.array(a.numpy()), numpy.array(b.numpy()))
        unknown = {path.partition("[")[0] for path in left.opaque}
        assert {key for key in right.data if not right.data.is_portable(key)} == unknown
    assert check_archive(new).clean == check_archive(old).clean
    second = convert(new, again)
    assert second.changes == ()
    assert again.read_bytes() == new.read_bytes()
    assert old.read_bytes() == before


def test_neither_a_framework_nor_a_loader_that_runs_code_is_imported(tmp_path: Path) -> None:
    program = (
        "import sys, strongbox; strongbox.convert(sys.argv[1], sys.argv[2]);"
        "print({name.partition('.')[0] for name in sys.modules} & "
        "{'torch', 'gym', 'gymnasium', 'shimmy', 'stable_baselines3', 'sb3_contrib', 'cloudpickle', 'pickle'})"
    )
    command = [sys.executable, "-c", program, str(ARCHIVES / "sac.zip"), str(tmp_path / "new.zip")]
    brought = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    numpy_alone = subprocess.run(
        [sys.executable, "-c", "import sys, numpy; print({'pickle'} & set(sys.modules))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert brought == numpy_alone


def test_the_public_function_takes_archives_bytes_and_files(tmp_path: Path) -> None:
    target = io.BytesIO()
    with strongbox.open(CARTPOLE) as archive:
        report = strongbox.convert(archive, target)
        assert archive.data["learning_rate"] == LinearSchedule(start=0.002, end=0.0)
    assert report.path is None
    strongbox.convert(CARTPOLE.read_bytes(), tmp_path / "new", durable=False)
    assert (tmp_path / "new.zip").read_bytes() == target.getvalue()
    assert str(report).startswith(f"{CARTPOLE} -> archive: ")


# -- what is mended -----------------------------------------------------------------------------------


def test_an_old_file_becomes_one_of_today_with_a_line_for_each_change(tmp_path: Path) -> None:
    def age(data: dict[str, Any]) -> None:
        data["_last_dones"] = data.pop("_last_episode_starts")
        data["tb_writer"] = None
        data["policy_kwargs"] = {"net_arch": [{"pi": [32], "vf": [32]}], "device": "cuda", "sde_net_arch": None}

    old = change_data("cartpole", tmp_path / "old.zip", age)
    report = convert(old, tmp_path / "new.zip")
    expected = {"renamed_attributes", "forgotten_attributes", "net_arch", "saved_device", "sde_net_arch"}
    assert expected <= subjects(report)
    assert all(change.change and change.reason for change in report.changes)
    with open_archive(tmp_path / "new.zip") as archive:
        assert archive.data["policy_kwargs"] == {"net_arch": {"pi": [32], "vf": [32]}}
        assert "_last_episode_starts" in archive.data
        assert "tb_writer" not in archive.data
        assert "_last_dones" not in archive.data


@pytest.mark.parametrize(("old", "written"), [("1.2.0", "2.9.2"), (None, "2.9.2"), ("2.9.0", "2.9.0"), ("3.1", "3.1")])
def test_the_version_is_the_layouts_and_the_old_one_is_kept(old: str | None, written: str, tmp_path: Path) -> None:
    member = None if old is None else old.encode()
    path = change_members("cartpole", tmp_path / "old.zip", {"_stable_baselines3_version": member})
    report = convert(path, tmp_path / "new.zip")
    convert(tmp_path / "new.zip", tmp_path / "again.zip")
    assert report.sb3_version == old
    assert ("_stable_baselines3_version" in subjects(report)) is (old != written)
    for name in ("new", "again"):
        with open_archive(tmp_path / f"{name}.zip") as archive:
            assert archive.sb3_version == written
            assert archive.manifest is not None
            assert archive.manifest.converted_from == (old or "before 0.9")


def gym_space(random_state: Any) -> dict[str, str]:
    """A Box as gym 0.21 pickled it."""
    zeros = Call(Global("numpy.core.multiarray", "_reconstruct"), (Global("numpy", "ndarray"), (0,), b"b"))
    dtype = Call(Global("numpy", "dtype"), ("f4", False, True))
    zeros.has_state, zeros.state = True, (1, (4,), dtype, False, numpy.zeros(4, "float32").tobytes())
    space = Call(Global("gym.spaces.box", "Box"), (), kind="new")
    space.has_state = True
    space.state = {"dtype": dtype, "shape": (4,), "low": zeros, "high": zeros, "np_random": random_state}
    return pickled(space)


def random_state() -> Call:
    """A RandomState as numpy 1.17 pickled it."""
    key = Call(Global("numpy.core.multiarray", "_reconstruct"), (Global("numpy", "ndarray"), (0,), b"b"))
    words = Call(Global("numpy", "dtype"), ("u4", False, True))
    key.has_state, key.state = True, (1, (624,), words, False, bytes(range(1, 209)) * 12)
    state = {"key": key, "pos": 7}
    call = Call(Global("numpy.random._pickle", "__randomstate_ctor"), ("MT19937",))
    call.has_state = True
    call.state = {"bit_generator": "MT19937", "state": state, "has_gauss": 0, "gauss": 0.0}
    return call


def test_the_id_of_the_environment_and_the_resume_state_are_carried_along(tmp_path: Path) -> None:
    parts: dict[str, Any] = {"data": {"gae_lambda": Exact(0.9)}, "parameters": {"policy": {"w": numpy.ones(2, "f4")}}}
    resume = {"random": {"position": 3}}
    contents = Contents(algorithm=A2C, environment="CartPole-v1", resume=resume, **parts)
    write_archive(tmp_path / "old.zip", contents)
    convert(tmp_path / "old.zip", tmp_path / "new.zip")
    with open_archive(tmp_path / "new.zip") as archive:
        assert (archive.environment, dict(archive.resume)) == ("CartPole-v1", resume)


def test_spaces_of_gym_become_gymnasiums_and_draw_on_from_the_same_bits(tmp_path: Path) -> None:
    entry = gym_space(random_state())
    old = change_data("cartpole", tmp_path / "old.zip", lambda data: data.update(observation_space=entry))
    report = convert(old, tmp_path / "new.zip")
    told = reasons(report, "observation_space")
    assert told == [
        "gym's RandomState became a Generator, which draws on from the same bits",
        "gym's names became gymnasium's",
    ]
    with open_archive(old) as left, open_archive(tmp_path / "new.zip") as right:
        space, state = right.data["observation_space"], left.data["observation_space"].random_state
        assert isinstance(space, Box)
        assert isinstance(space.random_state, RandomGenerator)
        assert space.random_state.kind == "Generator"
        assert same(space.random_state.state["state"], state.state["state"])
        assert right.data.type("observation_space") == "<class 'gymnasium.spaces.box.Box'>"
        decoded = right.data.decoded("observation_space")
        assert decoded is not None
        assert not [node for node in decoded.globals if node.module.startswith("gym.")]


def test_a_generator_that_is_not_understood_is_left_out_and_the_space_stays(tmp_path: Path) -> None:
    entry = gym_space(Call(Global("my.random", "Generator"), ()))
    old = change_data("cartpole", tmp_path / "old.zip", lambda data: data.update(observation_space=entry))
    report = convert(old, tmp_path / "new.zip")
    assert "a space's random generator was left out: it is not understood" in reasons(report, "observation_space")
    with open_archive(tmp_path / "new.zip") as archive:
        assert archive.data["observation_space"].random_state is None
        assert not archive.opaque


def test_paths_of_a_machine_go(tmp_path: Path) -> None:
    def add(data: dict[str, Any]) -> None:
        data["tensorboard_log"] = "/home/me/runs/tb"
        data["policy_kwargs"] = {"features_extractor_kwargs": {"weights": "/home/me/nets/a.pt"}}

    old = change_data("cartpole", tmp_path / "old.zip", add)
    report = convert(old, tmp_path / "new.zip")
    assert "tensorboard_log" in report.left_out
    assert {"tensorboard_log", "policy_kwargs"} <= subjects(report)
    assert b"/home/me" not in (tmp_path / "new.zip").read_bytes()
    with open_archive(tmp_path / "new.zip") as archive:
        assert archive.data["policy_kwargs"] == {"features_extractor_kwargs": {"weights": "a.pt"}}


# -- what is not understood -----------------------------------------------------------------------------


def test_parts_that_are_not_understood_are_carried_along_and_named(tmp_path: Path) -> None:
    report = convert(OWN, tmp_path / "new.zip")
    with open_archive(OWN) as left, open_archive(tmp_path / "new.zip") as right:
        assert set(report.opaque) == set(left.opaque) == set(right.opaque)
        assert report.opaque == left.opaque
        assert right.opaque == left.opaque
        assert {name: left.data[name] for name in ("gamma", "n_steps")} == {
            name: right.data[name] for name in ("gamma", "n_steps")
        }


def test_what_was_changed_beside_such_a_part_is_changed(tmp_path: Path) -> None:
    def age(data: dict[str, Any]) -> None:
        with open_archive(OWN) as archive:
            decoded = archive.data.decoded("policy_kwargs")
        assert decoded is not None
        decoded.root["device"] = "cuda"
        data["policy_kwargs"][":serialized:"] = pickled(decoded)[":serialized:"]

    old = change_data("ppo-own-code", tmp_path / "old.zip", age)
    report = convert(old, tmp_path / "new.zip")
    assert "saved_device" in subjects(report)
    with open_archive(OWN) as left, open_archive(tmp_path / "new.zip") as right:
        assert same(right.data["policy_kwargs"], left.data["policy_kwargs"])
        assert any(call.path.endswith("_make_skeleton_class") for call in _calls(right, "policy_kwargs"))
    assert convert(tmp_path / "new.zip", tmp_path / "again.zip").changes == ()


def _calls(archive: strongbox.Archive, name: str) -> tuple[Global, ...]:
    decoded = archive.data.decoded(name)
    assert decoded is not None
    return decoded.calls


def test_a_value_that_cannot_be_read_is_left_out_by_name(tmp_path: Path) -> None:
    broken = {":type:": "<class 'object'>", ":serialized:": "AAAA"}
    old = change_data("cartpole", tmp_path / "old.zip", lambda data: data.update(ep_info_buffer=broken))
    report = convert(old, tmp_path / "new.zip")
    assert list(report.left_out) == ["ep_info_buffer"]
    with open_archive(tmp_path / "new.zip") as archive:
        assert archive.left_out == report.left_out


def test_members_that_are_no_part_of_the_layout_are_named(tmp_path: Path) -> None:
    old = change_members("cartpole", tmp_path / "old.zip", {"README.md": b"mine"})
    assert "member README.md" in convert(old, tmp_path / "new.zip").left_out


# -- what the caller asks for -----------------------------------------------------------------------------


def test_without_pickles(tmp_path: Path) -> None:
    report = convert(CARTPOLE, tmp_path / "new.zip", pickles=False)
    with zipfile.ZipFile(tmp_path / "new.zip") as archive:
        data = json.loads(archive.read("data"))
    assert not [name for name, entry in data.items() if isinstance(entry, dict) and ":serialized:" in entry]
    assert "data" in subjects(report)
    assert convert(tmp_path / "new.zip", tmp_path / "again.zip", pickles=False).changes == ()


def test_without_pickles_what_has_no_portable_form_is_named_and_can_be_left_out(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="features_extractor_class") as caught:
        convert(OWN, tmp_path / "new.zip", pickles=False)
    assert "exclude" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_names_are_left_out_as_asked(tmp_path: Path) -> None:
    report = convert(CARTPOLE, tmp_path / "new.zip", exclude="ep_info_buffer")
    assert "ep_info_buffer" in subjects(report)
    with open_archive(tmp_path / "new.zip") as archive:
        assert "ep_info_buffer" not in archive.data


@pytest.mark.parametrize(("name", "message"), [("gama", "gamma"), ("policy_class", "built with")])
def test_names_that_cannot_be_left_out_are_refused(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match=message) as caught:
        convert(CARTPOLE, tmp_path / "new.zip", exclude=[name])
    assert "policy_class" not in str(caught.value.hint), "it cannot be left out either"
    assert not list(tmp_path.iterdir())


def test_the_old_file_is_never_the_target(tmp_path: Path) -> None:
    old = tmp_path / "agent.zip"
    old.write_bytes(CARTPOLE.read_bytes())
    (tmp_path / "link.zip").symlink_to(old)
    for target in (old, tmp_path / "agent", tmp_path / "link.zip"):
        with pytest.raises(MismatchError, match="the same"):
            convert(old, target)
    assert old.read_bytes() == CARTPOLE.read_bytes()


def test_a_conversion_that_fails_leaves_the_target_as_it_was(tmp_path: Path) -> None:
    broken = change_members("cartpole", tmp_path / "old.zip", {"policy.pth": b"no tensors"})
    target = tmp_path / "new.zip"
    target.write_bytes(b"old")
    with pytest.raises(FormatError, match=r"policy\.pth"):
        convert(broken, target)
    assert target.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.zip", "old.zip"]


def test_an_archive_whose_algorithm_nothing_tells_is_refused(tmp_path: Path) -> None:
    def forget(data: dict[str, Any]) -> None:
        data.clear()

    old = change_data("cartpole", tmp_path / "old.zip", forget)
    with pytest.raises(MismatchError, match="no algorithm keeps these"):
        convert(old, tmp_path / "new.zip")
