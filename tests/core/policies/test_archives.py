"""The small archives of every algorithm: SB3's answers, their own weights and no others, what is refused."""

from __future__ import annotations

import io
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pytest

import strongbox
from strongbox.archive import open_normalization
from strongbox.errors import FormatError, MismatchError, StrongboxError, UnsupportedError
from strongbox.policies import open_policy
from strongbox.tensors import Tensor
from tests.core.policies.agents import ARCHIVES

GOLDENS = numpy.load(Path(__file__).parent / "goldens.npz")
NAMES = sorted({key.split("/")[0] for key in GOLDENS})


def observation_of(name: str) -> Any:
    keys = [key for key in GOLDENS if key.startswith(f"{name}/obs/")]
    return {key.split("/")[2]: GOLDENS[key] for key in keys} if keys else GOLDENS[f"{name}/obs"]


def statistics_of(name: str) -> Path | None:
    path = ARCHIVES / f"{name}.vecnormalize.pkl"
    return path if path.exists() else None


def test_every_archive_has_golden_actions() -> None:
    assert set(NAMES) == {path.stem for path in ARCHIVES.glob("*.zip")} - {"ppo-own-code"}


@pytest.mark.parametrize("name", NAMES)
def test_golden_actions(name: str) -> None:
    policy = open_policy(ARCHIVES / f"{name}.zip", normalize=statistics_of(name))
    observation, expected = observation_of(name), GOLDENS[f"{name}/action"]
    masks = dict(GOLDENS).get(f"{name}/masks")
    found, state = policy.predict(observation, action_masks=masks)
    if policy.spec.recurrent:
        again, _ = policy.predict(observation, state, numpy.arange(len(found)) % 3 == 0)
        found = numpy.stack([found, again])
    assert found.dtype == expected.dtype
    numpy.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 if expected.dtype.kind == "f" else 0)


@pytest.mark.parametrize("name", NAMES)
def test_the_specification(name: str) -> None:
    policy = open_policy(ARCHIVES / f"{name}.zip", normalize=statistics_of(name))
    spec = policy.spec
    with strongbox.open(ARCHIVES / f"{name}.zip") as archive:
        assert spec.algorithm == archive.algorithm
        assert spec.observation_space == archive.data["observation_space"]
        assert spec.parameters <= archive.parameters["policy"].count
    assert spec.bytes == 4 * spec.parameters
    assert spec.recurrent is name.startswith("recurrent")
    assert spec.masked is name.startswith("maskable")
    assert spec.normalized == (("",) if statistics_of(name) else ())
    assert spec.unscaled is (name.split("-")[0] in {"sac", "tqc", "crossq", "td3", "ddpg", "her"})
    text = str(spec)
    assert (spec.algorithm or "") in text
    assert ("clipped" in text) is spec.clipped
    assert (spec.algorithm or "") in repr(policy)


def read_tensors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The storages that are read from here on."""
    seen: list[str] = []
    stored = Tensor.stored

    def watch(self: Tensor) -> Any:
        seen.append(self.storage.key)
        return stored(self)

    monkeypatch.setattr(Tensor, "stored", watch)
    return seen


@pytest.mark.parametrize("name", NAMES)
def test_only_what_acting_takes_is_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with strongbox.open(ARCHIVES / f"{name}.zip") as archive:
        tensors = dict(archive.parameters["policy"].tensors())
    strangers = (
        "critic",
        "value_net",
        "mlp_extractor.value_net",
        "q_net_target",
        "quantile_net_target",
        "vf_",
        "lstm_critic",
    )
    own = {tensor.storage.key for path, tensor in tensors.items() if not _is_stranger(path, strangers)}
    seen = read_tensors(monkeypatch)
    policy = open_policy(ARCHIVES / f"{name}.zip")
    policy.predict(observation_of(name))
    assert seen
    assert set(seen) <= own


def _is_stranger(path: str, strangers: tuple[str, ...]) -> bool:
    return path.startswith(strangers) or "_target" in path


def damage(content: bytes, member: str, path: str) -> bytes:
    """The archive with one number changed in the middle of one tensor."""
    with strongbox.open(content) as archive:
        tensor = dict(archive.parameters[member].tensors())[path]
        pattern = bytes(tensor.storage.read())
    assert content.count(pattern) == 1
    middle = content.index(pattern) + len(pattern) // 2
    return content[:middle] + bytes([content[middle] ^ 0x10]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ("name", "stranger", "own"),
    [
        ("sac", "critic.qf0.0.weight", "actor.latent_pi.0.weight"),
        ("td3", "critic.qf1.0.weight", "actor.mu.0.weight"),
        ("a2c", "mlp_extractor.value_net.0.weight", "mlp_extractor.policy_net.0.weight"),
    ],
)
def test_a_damaged_critic_is_no_obstacle_and_a_damaged_actor_is_an_error(name: str, stranger: str, own: str) -> None:
    content = (ARCHIVES / f"{name}.zip").read_bytes()
    policy = open_policy(damage(content, "policy", stranger))
    numpy.testing.assert_allclose(
        policy.predict(observation_of(name))[0], GOLDENS[f"{name}/action"], rtol=1e-5, atol=1e-5
    )
    observation, action = observation_of(name), GOLDENS[f"{name}/action"]
    ask = partial(policy.value, observation) if name == "a2c" else partial(policy.q_values, observation, action)
    with pytest.raises(FormatError) as error:
        ask()
    assert "policy.pth" in (error.value.member or "")
    with pytest.raises(FormatError):
        open_policy(damage(content, "policy", own))


def test_optimizers_need_not_be_there_at_all() -> None:
    with zipfile.ZipFile(ARCHIVES / "sac.zip") as archive:
        members = {name: archive.read(name) for name in ("data", "policy.pth")}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    policy = open_policy(file.getvalue())
    numpy.testing.assert_allclose(policy.predict(GOLDENS["sac/obs"])[0], GOLDENS["sac/action"], rtol=1e-5, atol=1e-5)


def test_a_class_of_someones_own_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedError) as error:
        open_policy(ARCHIVES / "ppo-own-code.zip")
    assert "Extractor of __main__" in error.value.problem
    assert "strongbox.load" in (error.value.hint or "")
    assert error.value.path is not None


def test_ways_to_say_where_the_archive_is() -> None:
    path = ARCHIVES / "ppo.zip"
    expected = GOLDENS["ppo/action"]
    with path.open("rb") as file, strongbox.open(path) as archive:
        for given in (path, str(path), str(path.with_suffix("")), path.read_bytes(), file, archive):
            numpy.testing.assert_array_equal(open_policy(given).predict(GOLDENS["ppo/obs"])[0], expected)
    archive = strongbox.open(path)
    policy = open_policy(archive)
    archive.close()
    numpy.testing.assert_array_equal(policy.predict(GOLDENS["ppo/obs"])[0], expected)
    assert policy.value(GOLDENS["ppo/obs"]).shape == (16,)


NORMALIZED = "ppo-gsde-normalized"


def test_ways_to_say_which_statistics() -> None:
    archive, path = ARCHIVES / f"{NORMALIZED}.zip", ARCHIVES / f"{NORMALIZED}.vecnormalize.pkl"
    observation, expected = GOLDENS[f"{NORMALIZED}/obs"], GOLDENS[f"{NORMALIZED}/action"]
    for given in (path, str(path), path.read_bytes(), open_normalization(path)):
        policy = open_policy(archive, normalize=given)
        numpy.testing.assert_allclose(policy.predict(observation)[0], expected, rtol=1e-5, atol=1e-5)
    plain = [open_policy(archive, normalize=given).predict(observation)[0] for given in (None, False)]
    numpy.testing.assert_array_equal(plain[0], plain[1])
    assert numpy.abs(plain[0] - expected).max() > 1e-3
    with pytest.raises(MismatchError, match="statistics of VecNormalize, found none"):
        open_policy(archive, normalize=True)


def test_an_archive_without_a_policy() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(ARCHIVES / "ppo.zip") as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            if name != "policy.pth":
                new.writestr(name, old.read(name))
    with pytest.raises(FormatError, match=r"weights of a policy, found policy\.optimizer"):
        open_policy(file.getvalue())


@pytest.mark.parametrize("given", [b"", b"PK", b"not a zip file at all", bytes(200)])
def test_what_is_no_archive(given: bytes) -> None:
    with pytest.raises(StrongboxError):
        open_policy(given)
