"""Archives of every algorithm, opened without SB3 or torch."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

import numpy
import pytest

from strongbox.archive import Archive, check_archive, open_archive
from strongbox.archive.algorithm import infer_algorithm
from strongbox.errors import FormatError, RefusedError, StrongboxError, UnsupportedError
from strongbox.values import Box, ClassReference, ConstantSchedule, Discrete, LinearSchedule, Normalization
from tests.zoo import ZOO, requires_zoo

ARCHIVES = Path(__file__).resolve().parents[2] / "data" / "archives"

ALGORITHMS = {
    "a2c": "stable_baselines3.a2c.a2c.A2C",
    "ars": "sb3_contrib.ars.ars.ARS",
    "crossq": "sb3_contrib.crossq.crossq.CrossQ",
    "ddpg": "stable_baselines3.ddpg.ddpg.DDPG",
    "dqn": "stable_baselines3.dqn.dqn.DQN",
    "her-sac": "stable_baselines3.sac.sac.SAC",
    "maskable-ppo": "sb3_contrib.ppo_mask.ppo_mask.MaskablePPO",
    "ppo": "stable_baselines3.ppo.ppo.PPO",
    "ppo-dict": "stable_baselines3.ppo.ppo.PPO",
    "ppo-gsde-normalized": "stable_baselines3.ppo.ppo.PPO",
    "qrdqn": "sb3_contrib.qrdqn.qrdqn.QRDQN",
    "recurrent-ppo": "sb3_contrib.ppo_recurrent.ppo_recurrent.RecurrentPPO",
    "sac": "stable_baselines3.sac.sac.SAC",
    "sac-fixed-entropy": "stable_baselines3.sac.sac.SAC",
    "td3": "stable_baselines3.td3.td3.TD3",
    "tqc": "sb3_contrib.tqc.tqc.TQC",
    "trpo": "sb3_contrib.trpo.trpo.TRPO",
}

ZOO_ALGORITHMS = {"her": "TD3|SAC|DDPG|TQC", "qrdqn": "QRDQN"}
"""By the first word of the file's name, where it is not the class's name in capitals."""


@pytest.mark.parametrize(("name", "algorithm"), ALGORITHMS.items())
def test_every_algorithm_is_told_by_what_it_keeps(name: str, algorithm: str) -> None:
    with open_archive(ARCHIVES / f"{name}.zip") as archive:
        assert archive.algorithm == algorithm
        assert archive.algorithm_evidence
        assert archive.opaque == {}
        assert archive.sb3_version == "2.9.2"
        assert archive.python_version is not None
        assert archive.normalization is None
        assert "policy" in archive.parameters
        assert all(numpy.isfinite(array).all() for array in archive.parameters["policy"].values())


@pytest.mark.parametrize(
    ("delay", "clip", "name"),
    [
        (1, 0.0, "DDPG"),
        (2, 0.0, "TD3"),
        (numpy.zeros(3), 0.0, "TD3"),
        (1, [0.0], "TD3"),
        (1, numpy.zeros((2, 2)), "TD3"),
    ],
)
def test_a_damaged_setting_is_no_mark(delay: object, clip: object, name: str) -> None:
    found = infer_algorithm({"policy_delay": delay, "target_policy_noise": 0.2, "target_noise_clip": clip})
    assert found is not None
    assert found.name.endswith(f".{name}")


@pytest.mark.parametrize(
    ("module", "algorithm"),
    [
        ("sbx.crossq.policies", "sbx.crossq.crossq.CrossQ"),
        ("sbx.dqn.policies", "sbx.dqn.dqn.DQN"),
        ("sbx.ppo.policies", "sbx.ppo.ppo.PPO"),
        ("sbx.sac.policies", "sbx.sac.sac.SAC"),
        ("sbx.td3.policies", "sbx.td3.td3.TD3"),
        ("sbx.tqc.policies", "sbx.tqc.tqc.TQC"),
    ],
)
def test_the_algorithms_of_sbx_keep_what_those_of_sb3_do(module: str, algorithm: str) -> None:
    data = {"policy_class": ClassReference(module, "Policy"), "policy_delay": 1, "target_entropy": -1.0}
    found = infer_algorithm(data)
    assert found is not None
    assert (found.name, found.evidence) == (algorithm, f"the policy is of {module}")


def test_ddpg_of_sbx_has_the_policy_of_td3() -> None:
    data = {
        "policy_class": ClassReference("sbx.td3.policies", "TD3Policy"),
        "policy_delay": 1,
        "target_noise_clip": 0.0,
    }
    found = infer_algorithm(data)
    assert found is not None
    assert found.name == "sbx.ddpg.ddpg.DDPG"


def test_the_parts_of_one_agent() -> None:
    archive = open_archive(ARCHIVES / "ppo.zip")
    assert isinstance(archive.data["observation_space"], Box)
    assert archive.data["observation_space"].shape == (4,)
    assert isinstance(archive.data["action_space"], Discrete)
    assert isinstance(archive.data["lr_schedule"], ConstantSchedule | LinearSchedule)
    weight = archive.parameters["policy"]["mlp_extractor.policy_net.0.weight"]
    assert weight.dtype == numpy.float32
    assert weight.shape[1] == 4
    assert not weight.flags.writeable
    assert archive.variables is None
    assert archive.system_info["Python"].startswith("3.")
    assert archive.manifest is None
    assert archive.left_out == {}
    assert "PPO" in repr(archive)


def test_variables_are_read() -> None:
    archive = open_archive(ARCHIVES / "sac.zip")
    assert archive.variables is not None
    assert archive.variables["log_ent_coef"].shape == (1,)


@pytest.mark.parametrize("form", ["path", "text", "bytes", "file", "memory file"])
def test_opens_paths_bytes_and_files(form: str) -> None:
    path = ARCHIVES / "dqn.zip"
    content = path.read_bytes()
    with path.open("rb") as file:
        forms = {"path": path, "text": str(path), "bytes": content, "file": file, "memory file": io.BytesIO(content)}
        archive = open_archive(forms[form])  # type: ignore[arg-type]
        assert archive.data["exploration_final_eps"] == 0.05
        assert archive.size == len(content)


def test_the_suffix_may_be_left_out_and_a_folder_does_not_stand_in_the_way(tmp_path: Path) -> None:
    shutil.copy(ARCHIVES / "ppo.zip", tmp_path / "model.zip")
    assert open_archive(tmp_path / "model").algorithm
    (tmp_path / "model").mkdir()
    assert open_archive(tmp_path / "model").algorithm


@pytest.mark.parametrize("name", ["", ".", "/", ".."])
def test_a_path_without_a_name_is_no_archive(name: str) -> None:
    with pytest.raises(FormatError, match="expected a file, found a folder"):
        open_archive(name)
    assert check_archive(name).exit_code == 2


def test_arrays_outlive_the_archive() -> None:
    with open_archive(ARCHIVES / "ppo.zip") as archive:
        weight = archive.parameters["policy"]["action_net.weight"]
    assert numpy.isfinite(weight).all()


def test_an_archive_that_a_person_repacked_is_read(tmp_path: Path) -> None:
    path = tmp_path / "repacked.zip"
    with zipfile.ZipFile(ARCHIVES / "ppo.zip") as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with open_archive(path) as archive, open_archive(ARCHIVES / "ppo.zip") as original:
        assert archive.members.remarks
        for name in original.parameters["policy"]:
            numpy.testing.assert_array_equal(archive.parameters["policy"][name], original.parameters["policy"][name])


def test_members_beyond_the_layout_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "more.zip"
    shutil.copy(ARCHIVES / "ppo.zip", path)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("notes.txt", "mine")
    assert open_archive(path).other_members == ["notes.txt"]


def test_errors_say_where(tmp_path: Path) -> None:
    path = tmp_path / "broken.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("data", "{")
    with pytest.raises(FormatError) as caught:
        _ = open_archive(path).data
    assert caught.value.path == str(path)
    assert caught.value.member == "data"
    assert str(path) in str(caught.value)


def test_a_state_dict_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(KeyError, match=r"policy\.optimizer"):
        open_archive(ARCHIVES / "ppo.zip").parameters["actor"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", FormatError),
        (b"not a zip", FormatError),
        (b"PK\x05\x06" + bytes(18), FormatError),
        (b"\x80\x04N.", UnsupportedError),
        (b"\x1f\x8b" + bytes(50), UnsupportedError),
    ],
)
def test_other_files_are_refused(content: bytes, error: type[StrongboxError]) -> None:
    with pytest.raises(error):
        open_archive(content)


def test_a_zip_without_an_agent_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        written.writestr("README.md", "hello")
    with pytest.raises(FormatError, match=r"README\.md"):
        open_archive(file.getvalue())


def test_a_link_to_code_in_parameters_is_refused() -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as written:
        written.writestr("archive/data.pkl", b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.")
        written.writestr("archive/version", b"3\n")
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as written:
        written.writestr("policy.pth", inner.getvalue())
    with pytest.raises(RefusedError, match=r"os\.system") as caught:
        open_archive(outer.getvalue()).parameters["policy"]
    assert caught.value.member is not None
    assert caught.value.member.startswith("policy.pth")


@requires_zoo
@pytest.mark.zoo
@pytest.mark.parametrize("path", sorted(ZOO.glob("*.zip")), ids=lambda path: path.stem)
def test_real_archives_open_with_nothing_opaque(path: Path) -> None:
    with open_archive(path) as archive:
        assert archive.opaque == {}
        word = path.stem.split("-")[0]
        assert archive.algorithm is not None
        assert archive.algorithm.split(".")[-1] in ZOO_ALGORITHMS.get(word, word.upper()).split("|")
        assert archive.sb3_version
        for state_dict in archive.parameters.values():
            assert all(numpy.isfinite(tensor.numpy()).all() for _, tensor in state_dict.tensors())


@requires_zoo
@pytest.mark.zoo
def test_there_are_57_real_archives() -> None:
    assert len(list(ZOO.glob("*.zip"))) == 57


def test_archive_and_normalization_are_public() -> None:
    assert Archive.__doc__
    assert Normalization.__doc__
