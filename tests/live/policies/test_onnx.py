"""ONNX graphs of every archive and of the whole grid, run by onnxruntime beside the numpy policy and SB3 itself."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
import onnx
import onnxruntime  # type: ignore[import-untyped]
import pytest

from strongbox import __version__
from strongbox.archive import open_archive
from strongbox.errors import MismatchError, MissingExtra, UnsupportedError
from strongbox.policies import Policy, open_policy
from strongbox.policies.comparison import ROWS, SEED, TOLERANCE, draw_inputs
from strongbox.values import Box, ClassReference, Dict, from_portable, same
from tests.core.policies.agents import ARCHIVES, actor_critic, box, make_agent, make_policy
from tests.core.policies.float64 import exact_action, uncertainty
from tests.live.policies.agents import agent_of, names, observations
from tests.live.policies.comparisons import assert_close, assert_same, masks_for
from tests.zoo import ZOO, requires_zoo

ARCHIVED = sorted(path.stem for path in ARCHIVES.glob("*.zip") if path.stem != "ppo-own-code")


def run_file(file: Path, inputs: Mapping[str, Any], outputs: list[str] | None = None) -> list[Any]:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    found: list[Any] = session.run(outputs, dict(inputs))
    return found


def metadata(file: Path) -> dict[str, str]:
    return {item.key: item.value for item in onnx.load(str(file)).metadata_props}


def as_inputs(policy: Policy, observation: Any) -> dict[str, Any]:
    """An observation as the inputs of a graph, in their dtypes."""
    inputs = [item for item in policy.graph.inputs if item.name.startswith("observation")]
    parts = {item.name: observation if item.key is None else observation[item.key] for item in inputs}
    return {item.name: numpy.asarray(parts[item.name], item.value.dtype) for item in inputs}


@pytest.mark.parametrize("rows", [1, 7])
@pytest.mark.parametrize("name", ARCHIVED)
def test_archives(name: str, rows: int, tmp_path: Path) -> None:
    policy = open_policy(ARCHIVES / f"{name}.zip")
    report = policy.export(tmp_path / "policy.onnx")
    assert report.largest_difference <= 1e-5
    assert (report.uncertain, report.tied) == (0, 0)
    inputs = draw_inputs(policy.graph, policy.spec.observation_space, rows, numpy.random.default_rng(rows))
    observation = {item.key: inputs[item.name] for item in policy.graph.inputs if item.name.startswith("observation")}
    more: dict[str, Any] = {"action_masks": inputs["action_masks"]} if policy.spec.masked else {}
    state = (inputs["hidden"], inputs["cell"]) if policy.spec.recurrent else None
    expected, after = policy.predict(observation.get(None, observation), state, inputs.get("episode_start"), **more)
    found = run_file(tmp_path / "policy.onnx", inputs)
    assert_same(found[0], expected)
    for theirs, ours in zip(found[1:], after or (), strict=True):
        assert_close(theirs, ours, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 7])
@pytest.mark.parametrize("name", [name for name in names() if not name.startswith(("recurrent", "maskable"))])
def test_the_grid(name: str, rows: int, tmp_path: Path) -> None:
    """The file against SB3 itself: what it takes is the observation as the network sees it, channels first."""
    agent, policy = agent_of(name)
    report = policy.export(tmp_path / "policy.onnx", durable=False)
    assert report.compared > 0
    batch: Any = observations(agent, rows)
    expected, _ = agent.predict(batch, deterministic=True)
    assert_same(run_file(tmp_path / "policy.onnx", as_inputs(policy, batch))[0], expected)


@pytest.mark.parametrize("name", names("maskable"))
def test_masks(name: str, tmp_path: Path) -> None:
    agent, policy = agent_of(name)
    policy.export(tmp_path / "policy.onnx", durable=False)
    batch, masks = observations(agent, 12), masks_for(policy, 12)
    expected, _ = agent.predict(batch, deterministic=True, action_masks=masks)  # type: ignore[call-arg]
    given = {**as_inputs(policy, batch), "action_masks": masks}
    assert_same(run_file(tmp_path / "policy.onnx", given)[0], expected)
    free, _ = agent.predict(batch, deterministic=True)
    given["action_masks"] = numpy.ones_like(masks)
    assert_same(run_file(tmp_path / "policy.onnx", given)[0], free)


@pytest.mark.parametrize("name", names("recurrent"))
def test_a_sequence_with_episodes_that_start_in_it(name: str, tmp_path: Path) -> None:
    agent, policy = agent_of(name)
    policy.export(tmp_path / "policy.onnx", durable=False)
    session = onnxruntime.InferenceSession(str(tmp_path / "policy.onnx"), providers=["CPUExecutionProvider"])
    assert [item.name for item in session.get_outputs()] == ["action", "next_hidden", "next_cell"]
    shape = policy.spec.state_shape
    assert shape is not None
    theirs: Any = None
    ours = [numpy.zeros((shape[0], 3, shape[1]), numpy.float32)] * 2
    generator = numpy.random.default_rng(4)
    for step in range(10):
        batch = observations(agent, 3, seed=step)
        starts = numpy.ones(3, bool) if step == 0 else generator.random(3) < 0.3
        expected, theirs = agent.predict(batch, state=theirs, episode_start=starts, deterministic=True)
        given = {
            **as_inputs(policy, batch),
            "hidden": ours[0],
            "cell": ours[1],
            "episode_start": starts.astype(numpy.float32),
        }
        found, *ours = session.run(None, given)
        assert_same(found, expected)
        for part, other in zip(ours, theirs, strict=True):
            assert_close(part, other, rtol=1e-5, atol=1e-5)


# -- what stands in the file -------------------------------------------------------------------------


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    policy = open_policy(
        ARCHIVES / "ppo-gsde-normalized.zip", normalize=ARCHIVES / "ppo-gsde-normalized.vecnormalize.pkl"
    )
    report = policy.export(tmp_path / "policy.onnx")
    model = onnx.load(str(tmp_path / "policy.onnx"))
    assert [(item.domain, item.version) for item in model.opset_import] == [("", 17)]
    assert model.ir_version == 8
    assert (model.producer_name, model.producer_version) == ("strongbox", __version__)
    said = metadata(tmp_path / "policy.onnx")
    with open_archive(ARCHIVES / "ppo-gsde-normalized.zip") as archive:
        assert said["strongbox.source_sha256"] == hashlib.sha256(archive.members.read("policy.pth")).hexdigest()
    for name in ("observation_space", "action_space"):
        assert same(from_portable(json.loads(said[f"strongbox.{name}"])), getattr(policy.spec, name))
    assert said["strongbox.version"] == __version__
    assert said["strongbox.algorithm"] == "stable_baselines3.ppo.ppo.PPO"
    assert json.loads(said["strongbox.applied"])["normalized"] == [""]
    assert float(said["strongbox.largest_difference"]) == pytest.approx(report.largest_difference, rel=0.06)
    assert int(said["strongbox.compared"]) == report.compared


def test_statistics_are_part_of_the_graph(tmp_path: Path) -> None:
    statistics = ARCHIVES / "ppo-gsde-normalized.vecnormalize.pkl"
    policy = open_policy(ARCHIVES / "ppo-gsde-normalized.zip", normalize=statistics)
    policy.export(tmp_path / "policy.onnx")
    raw = numpy.random.default_rng(0).normal(0.3, 2, (20, 3)).astype(numpy.float32)
    found = run_file(tmp_path / "policy.onnx", {"observation": raw})[0]
    assert_same(found, policy.predict(raw)[0])
    plain = open_policy(ARCHIVES / "ppo-gsde-normalized.zip", normalize=False)
    assert numpy.abs(found - plain.predict(raw)[0]).max() > 1e-3


def test_the_same_policy_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        open_policy(ARCHIVES / "sac.zip").export(tmp_path / f"{name}.onnx")
    assert (tmp_path / "first.onnx").read_bytes() == (tmp_path / "second.onnx").read_bytes()


def test_further_outputs(tmp_path: Path) -> None:
    policy = open_policy(ARCHIVES / "ppo-gsde-normalized.zip", normalize=False)
    policy.export(tmp_path / "policy.onnx", outputs=["mean", "deviation"])
    batch = numpy.linspace(-1, 1, 15, dtype=numpy.float32).reshape(5, 3)
    mean, deviation = run_file(tmp_path / "policy.onnx", {"observation": batch}, ["mean", "deviation"])
    expected: Any = policy.distribution(batch)
    assert_close(mean, expected.mean)
    assert_close(deviation, expected.deviation)
    with pytest.raises(MismatchError, match=r"'logits'.*deviation, mean"):
        policy.export(tmp_path / "other.onnx", outputs=["logits"])


def test_a_deviation_that_is_a_weight_is_repeated_for_each_observation(tmp_path: Path) -> None:
    policy = open_policy(ARCHIVES / "trpo.zip")
    policy.export(tmp_path / "policy.onnx", outputs=["deviation"])
    batch = numpy.zeros((4, 3), numpy.float32)
    (found,) = run_file(tmp_path / "policy.onnx", {"observation": batch}, ["deviation"])
    assert found.shape == (4, 1)
    assert_close(found, numpy.broadcast_to(policy.distribution(batch).deviation, (4, 1)))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "dtype", ["float16", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"]
)
def test_numbers_of_every_dtype(dtype: str, tmp_path: Path) -> None:
    gaussian = {**actor_critic(outputs=2), "log_std": numpy.zeros(2, numpy.float32)}
    actions = box(2, low=0, dtype="float32" if dtype == "bool" else dtype)
    policy = make_policy(gaussian, observation=box(4, low=0, dtype=dtype), action=actions)
    assert policy.export(tmp_path / "policy.onnx").largest_difference < 1e-5
    session = onnxruntime.InferenceSession(str(tmp_path / "policy.onnx"), providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == ["batch", 4]
    batch = numpy.array([[0, 1, 1, 0]], dtype)
    assert_same(session.run(None, {"observation": batch})[0], policy.predict(batch)[0])


@pytest.mark.parametrize("keys", [("a", "a/b"), ("", "x"), ("x.float/Cast_1", "x"), ("line\n", "nul\0"), ("ü", "y")])
def test_keys_of_any_text(keys: tuple[str, ...], tmp_path: Path) -> None:
    space = Dict(spaces={key: box(2) for key in keys})
    policy = make_policy(actor_critic(), policy=MULTI_INPUT, observation=space)
    policy.export(tmp_path / "policy.onnx")
    names = [item.name for item in onnx.load(str(tmp_path / "policy.onnx")).graph.input]
    assert names == [f"observation.{key}" for key in space.spaces]


def test_keys_that_are_no_text_are_refused(tmp_path: Path) -> None:
    space = Dict(spaces={"\ud800": box(2), "b": box(2)})
    with pytest.raises(UnsupportedError, match="text"):
        make_policy(actor_critic(), policy=MULTI_INPUT, observation=space).export(tmp_path / "policy.onnx")


MULTI_INPUT = ClassReference("stable_baselines3.common.policies", "MultiInputActorCriticPolicy")


@requires_zoo
@pytest.mark.parametrize("name", sorted(path.stem for path in ZOO.glob("*.npz")))
def test_real_archives(name: str, tmp_path: Path) -> None:
    """In a few rows of some of them, large numbers nearly cancel: there float32 in another order is off by more."""
    policy = open_policy(ZOO / f"{name}.zip")
    report = policy.export(tmp_path / "policy.onnx", durable=False)
    assert report.uncertain < report.compared / 10
    assert report.tied == 0
    space = policy.spec.action_space
    if not isinstance(space, Box):
        assert report.largest_difference <= TOLERANCE
        return
    least = numpy.minimum(1, numpy.maximum(numpy.abs(space.low), numpy.abs(space.high)))
    graph, generator = policy.graph.for_outputs(("action",)), numpy.random.default_rng(SEED)
    allowed = TOLERANCE
    for rows in (ROWS, 1):  # What the export itself draws.
        inputs = draw_inputs(graph, policy.spec.observation_space, rows, generator)
        exact, uncertain = exact_action(graph, inputs), uncertainty(graph, inputs)
        assert (numpy.abs(run_file(tmp_path / "policy.onnx", inputs)[0] - exact) <= uncertain).all()
        allowed = max(allowed, 2 * float((uncertain / numpy.maximum(least, numpy.abs(exact))).max()))
    assert report.largest_difference <= allowed


# -- what is refused --------------------------------------------------------------------------------


def test_a_graph_that_disagrees_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A weight is changed between the policy and the file, as a mistake in an operator would."""
    policy = open_policy(ARCHIVES / "sac.zip")
    bias = policy._acting["actor.mu.bias"]
    old = tmp_path / "policy.onnx"
    old.write_bytes(b"what was there")

    def tampered(self: Any, part: str, content: Any, dtype: str | None = None) -> str:
        return original(self, part, content + numpy.float32(1e-3) if content is bias else content, dtype)

    from strongbox.policies.onnx_operators import Operators

    original = Operators.constant
    monkeypatch.setattr(Operators, "constant", tampered)
    with pytest.raises(UnsupportedError, match="differ"):
        policy.export(old)
    assert old.read_bytes() == b"what was there"
    assert [path.name for path in tmp_path.iterdir()] == ["policy.onnx"]


@pytest.mark.parametrize("module", ["onnx", "onnxruntime"])
def test_a_missing_extra_is_named(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"'{module}'.*strongbox\[onnx\]"):
        make_policy(actor_critic()).export(tmp_path / "policy.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bound", [numpy.inf, 3.4e38, 1e6])
def test_spaces_without_bounds_that_mean_something(bound: float, tmp_path: Path) -> None:
    space = Box(
        low=numpy.full(4, -bound, numpy.float32),
        high=numpy.full(4, bound, numpy.float32),
        shape=(4,),
        dtype=numpy.dtype("float32"),
    )
    policy = open_policy(make_agent(actor_critic(), observation=space))
    assert policy.export(tmp_path / "policy.onnx").largest_difference == 0
