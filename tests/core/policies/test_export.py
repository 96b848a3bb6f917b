"""Exported policies: the smallest files that act, the same bytes each time, refused where they would act otherwise."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest

from strongbox.archive import check_archive, open_archive
from strongbox.errors import MismatchError, StrongboxError, UnsupportedError
from strongbox.policies import Policy, open_policy
from strongbox.policies.activations import FORMULAS
from strongbox.policies.comparison import SEED, compare_graphs, draw_inputs
from strongbox.policies.graph import Graph
from strongbox.policies.kernels import KERNELS
from strongbox.policies.layers import Linear
from strongbox.policies.onnx_functions import FUNCTIONS
from strongbox.policies.onnx_operators import OPERATORS, list_operators
from strongbox.policies.packed import PLAIN_NAME, pack_npz
from strongbox.values import Discrete, MultiBinary
from tests.core.policies.agents import ARCHIVES, BOX, VECTOR, actor_critic, make_policy

NAMES = sorted(path.stem for path in ARCHIVES.glob("*.zip") if path.stem != "ppo-own-code")
PACKED = (".npz", ".zip")


def inputs_of(policy: Policy, rows: int) -> Any:
    """An observation of a policy's space, in a batch, and what else predict takes."""
    drawn = draw_inputs(policy.graph, policy.spec.observation_space, rows, numpy.random.default_rng(SEED))
    keys = {item.name: item.key for item in policy.graph.inputs if item.name.startswith("observation")}
    parts = {key: drawn[name] for name, key in keys.items()}
    more: dict[str, Any] = {}
    if policy.spec.masked:
        more["action_masks"] = drawn["action_masks"]
    if policy.spec.recurrent:
        more |= {"state": (drawn["hidden"], drawn["cell"]), "episode_start": drawn["episode_start"]}
    return parts.get(None, parts), more


def assert_acts_alike(first: Policy, second: Policy) -> None:
    """The same actions and states to the last bit, drawn ones too."""
    assert second.spec == replace(first.spec, bytes=second.spec.bytes)
    observation, more = inputs_of(first, 9)
    for deterministic in (True, False):
        seeds = [numpy.random.default_rng(3) for _ in range(2)]
        ours, state = first.predict(observation, deterministic=deterministic, generator=seeds[0], **more)
        theirs, after = second.predict(observation, deterministic=deterministic, generator=seeds[1], **more)
        numpy.testing.assert_array_equal(theirs, ours)
        for part, other in zip(state or (), after or (), strict=True):
            numpy.testing.assert_array_equal(other, part)


@pytest.mark.parametrize("suffix", PACKED)
@pytest.mark.parametrize("name", NAMES)
def test_a_packed_policy_acts_as_the_archive_does(name: str, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"policy{suffix}"
    policy = open_policy(ARCHIVES / f"{name}.zip")
    report = policy.export(file)
    assert (report.path, report.kind, report.size) == (str(file), suffix[1:], file.stat().st_size)
    assert (report.largest_difference, report.uncertain, report.tied) == (0, 0, 0)
    assert report.compared > 200
    assert report.size < (ARCHIVES / f"{name}.zip").stat().st_size / 3
    assert_acts_alike(policy, open_policy(file))
    assert check_archive(file).exit_code == 0


@pytest.mark.parametrize("suffix", PACKED)
def test_it_holds_what_acting_takes_and_nothing_else(suffix: str, tmp_path: Path) -> None:
    policy = open_policy(ARCHIVES / "sac.zip")
    policy.q_values(numpy.zeros(3), numpy.zeros(1))  # which reads the critics
    policy.export(tmp_path / f"policy{suffix}")
    with open_archive(tmp_path / f"policy{suffix}") as archive:
        assert set(archive.data) == {"policy_class", "observation_space", "action_space", "policy_kwargs"}
        assert all(archive.data.pickle(name) is None for name in archive.data)
        names = [name.removesuffix(".npy") for name in archive.members if name.endswith(".npy")]
        assert all(name.startswith("actor.") for name in names or archive.parameters["policy"])
        assert archive.algorithm == "stable_baselines3.sac.sac.SAC"
        assert list(archive.left_out)


@pytest.mark.parametrize("suffix", PACKED)
def test_the_same_policy_gives_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    for name in ("first", "second"):
        open_policy(ARCHIVES / "ppo.zip").export(tmp_path / f"{name}{suffix}")
    assert (tmp_path / f"first{suffix}").read_bytes() == (tmp_path / f"second{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", PACKED)
def test_what_was_packed_can_be_packed_again(suffix: str, tmp_path: Path) -> None:
    policy = open_policy(ARCHIVES / "cartpole.zip")
    policy.export(tmp_path / f"first{suffix}")
    open_policy(tmp_path / f"first{suffix}").export(tmp_path / f"second{suffix}")
    assert (tmp_path / f"first{suffix}").read_bytes() == (tmp_path / f"second{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", PACKED)
def test_statistics_go_along(suffix: str, tmp_path: Path) -> None:
    statistics = ARCHIVES / "ppo-gsde-normalized.vecnormalize.pkl"
    policy = open_policy(ARCHIVES / "ppo-gsde-normalized.zip", normalize=statistics)
    policy.export(tmp_path / f"policy{suffix}")
    again = open_policy(tmp_path / f"policy{suffix}")
    assert again.spec.normalized == ("",)
    assert_acts_alike(policy, again)


def test_numpy_itself_reads_an_npz(tmp_path: Path) -> None:
    policy = open_policy(ARCHIVES / "ppo.zip")
    policy.export(tmp_path / "policy.npz")
    with numpy.load(tmp_path / "policy.npz") as content:
        weights = [name for name in content.files if name.endswith((".weight", ".bias"))]
        assert "action_net.weight" in weights
        for name in weights:
            numpy.testing.assert_array_equal(content[name], policy._acting[name])
        assert set(json.loads(content["data"])) >= {"observation_space", "action_space"}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_digest_is_of_the_weights_it_came_from(method: int, tmp_path: Path) -> None:
    """After the archive was closed, too."""
    with zipfile.ZipFile(ARCHIVES / "sac.zip") as old, zipfile.ZipFile(tmp_path / "sac.zip", "w", method) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        expected = hashlib.sha256(old.read("policy.pth")).hexdigest()
    with open_archive(tmp_path / "sac.zip") as archive:
        policy = open_policy(archive)
    assert policy.source_sha256 == expected
    policy.export(tmp_path / "policy.npz")
    assert open_policy(tmp_path / "policy.npz").source_sha256 is None


# -- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["policy", "policy.pt", "policy.onnx.gz", "policy."])
def test_another_kind_of_file_is_refused_by_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match=r"\.onnx, \.npz or \.zip"):
        make_policy(actor_critic()).export(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["sac.zip", "link.zip", "./folder/../sac.zip"])
def test_the_archive_itself_is_never_replaced(name: str, tmp_path: Path) -> None:
    content = (ARCHIVES / "sac.zip").read_bytes()
    (tmp_path / "sac.zip").write_bytes(content)
    (tmp_path / "link.zip").symlink_to("sac.zip")
    (tmp_path / "folder").mkdir()
    with pytest.raises(MismatchError, match="another file"):
        open_policy(tmp_path / "sac.zip").export(tmp_path / name)
    assert (tmp_path / "sac.zip").read_bytes() == content


def test_further_outputs_are_for_onnx(tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match="outputs"):
        make_policy(actor_critic()).export(tmp_path / "policy.zip", outputs=["logits"])


def tampered(graph: Graph, by: float) -> Graph:
    """The graph with one weight of its last linear layer changed."""
    number = max(index for index, node in enumerate(graph.nodes) if isinstance(node.layer, Linear))
    nodes = list(graph.nodes)
    layer: Any = nodes[number].layer
    weight = layer.weight.copy()
    weight[0, 0] += by
    nodes[number] = replace(nodes[number], layer=Linear(weight, layer.bias))
    return replace(graph, nodes=tuple(nodes))


@pytest.mark.parametrize(
    ("action", "by"), [(None, 0.5), (BOX, 1e-3), (MultiBinary(n=3), 0.5)], ids=["discrete", "box", "binary"]
)
def test_a_graph_that_disagrees_is_refused(action: Any, by: float) -> None:
    weights = actor_critic(outputs=2 if action is BOX else 3)
    if action is BOX:
        weights["log_std"] = numpy.zeros(2, numpy.float32)
    policy = make_policy(weights, action=action)
    spec, graph = policy.spec, policy.graph.for_outputs(["action"])
    same = compare_graphs(graph, graph, spec.action_space, spec.observation_space)
    assert (same.largest_difference, same.wrong) == (0, 0)
    with pytest.raises(UnsupportedError, match="differ"):
        compare_graphs(graph, tampered(graph, by), spec.action_space, spec.observation_space)


def test_actions_that_are_tied_within_rounding_are_not_wrong() -> None:
    weights = {**actor_critic(), "action_net.weight": numpy.zeros((3, 6), numpy.float32)}
    weights["action_net.bias"] = numpy.array([1, 1, 0], numpy.float32)
    graph = make_policy(weights).graph.for_outputs(["action"])
    # As little as this decides a tie between the first two actions another way.
    comparison = compare_graphs(graph, tampered(graph, 1e-7), Discrete(n=3), VECTOR)
    assert comparison.wrong == 0
    assert comparison.tied > 0


def test_an_npz_refuses_what_it_cannot_name() -> None:
    policy = make_policy(actor_critic())
    array = numpy.zeros(1, numpy.float32)
    for weights in ({"ü": array}, {"a/b": array}, {f"w{number}": array for number in range(99)}):
        with pytest.raises(UnsupportedError, match=r"\.npz"):
            pack_npz(policy._description, weights, None)


# -- hostile .npz ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"(2, 8)", b"(2, 9)"),
        (b"(2, 8)", b"(16,) "),
        (b"(2, 8)", b"(-2,8)"),
        (b"(2, 8)", b"(0, 8)"),
        (b"(2, 8)", b"2     "),
        (b"'<f4'", b"'|O4'"),
        (b"'<f4'", b"'<i4'"),
        (b"False", b"True "),
        (b"NUMPY\x01", b"NUMPY\x02"),
        (b"NUMPY\x01\x00v", b"NUMPY\x01\x00\xff"),
        (b"NUMPY\x01\x00v\x00", b"NUMPY\x01\x00\xff\xff"),
    ],
)
def test_an_array_that_is_not_as_it_was_written_is_an_error(old: bytes, new: bytes, tmp_path: Path) -> None:
    open_policy(ARCHIVES / "a2c.zip").export(tmp_path / "policy.npz")
    with pytest.raises(StrongboxError):
        open_policy(with_weight(tmp_path / "policy.npz", lambda content: replaced(content, old, new)))


@pytest.mark.parametrize("length", [0, 1, 8, 9, 10, 60, 127, 128, 129])
def test_an_array_that_is_cut_short_is_an_error(length: int, tmp_path: Path) -> None:
    open_policy(ARCHIVES / "a2c.zip").export(tmp_path / "policy.npz")
    with pytest.raises(StrongboxError):
        open_policy(with_weight(tmp_path / "policy.npz", lambda content: content[:length]))


def replaced(content: bytes, old: bytes, new: bytes) -> bytes:
    assert content.count(old) == 1
    return content.replace(old, new)


def with_weight(file: Path, change: Callable[[bytes], bytes]) -> bytes:
    """An .npz with the array of one weight changed, and every checksum right."""
    made = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name == "action_net.weight.npy" else content)
    return made.getvalue()


def test_names_are_plain() -> None:
    assert PLAIN_NAME.fullmatch("actor.latent_pi.0.weight")
    assert not PLAIN_NAME.fullmatch("../x")


# -- operators without onnx ---------------------------------------------------------------------------


def test_every_layer_and_every_activation_has_operators() -> None:
    assert set(OPERATORS) == set(KERNELS)
    assert set(FUNCTIONS) == set(FORMULAS)


@pytest.mark.parametrize("name", NAMES)
def test_operators_use_what_stands_before_them(name: str) -> None:
    graph = open_policy(ARCHIVES / f"{name}.zip").graph
    operators = list_operators(graph)
    known = {item.name for item in graph.inputs} | set(operators.constants)
    for operator in operators.operators:
        assert set(operator.inputs) <= known
        assert not known & set(operator.outputs)
        known |= set(operator.outputs)
    assert set(graph.outputs) <= known
