"""ONNX files in the engine of browsers: onnxruntime-web, WebAssembly, run by node beside the numpy policy.

The package comes from npm, pinned in ``tests/browser``, once, into ``.cache``. Without node, npm or a way
to the registry the tests skip and say so; where they run for everybody (``CI`` is set) they fail.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy
import pytest

from strongbox.policies import Policy, open_policy
from strongbox.policies.comparison import draw_inputs
from tests.core.policies.agents import ARCHIVES
from tests.docs.pages import ROOT, read_blocks
from tests.live.policies.agents import agent_of

BROWSER = Path(__file__).resolve().parents[2] / "browser"
PINS = {name: (BROWSER / name).read_bytes() for name in ("package.json", "package-lock.json")}
DIGEST = hashlib.sha256(b"".join(PINS.values())).hexdigest()[:8]
CACHE = Path(__file__).resolve().parents[3] / ".cache" / f"browser-{DIGEST}"
PAGE = ROOT / "docs" / "how-to" / "deploy.md"
SECONDS = 300


@functools.cache
def why_not() -> str | None:
    """What stands in the way, or None; installs the package where it is not there yet."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "node and npm, which run onnxruntime-web, are not here"
    if CACHE.is_dir():
        return None
    CACHE.parent.mkdir(exist_ok=True)
    # In a folder of its own, which takes its name when all is there: two workers may be at it at once.
    with tempfile.TemporaryDirectory(dir=CACHE.parent) as folder:
        made = Path(folder) / CACHE.name
        made.mkdir()
        reason = install(made)
        if reason is None:
            with contextlib.suppress(OSError):
                made.rename(CACHE)
    return reason


def install(folder: Path) -> str | None:
    for name, content in PINS.items():
        (folder / name).write_bytes(content)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"npm did not bring onnxruntime-web within {SECONDS} seconds"
    return f"npm cannot bring onnxruntime-web: {done.stderr.strip()[-200:]}" if done.returncode else None


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    reason = why_not()
    if reason is not None and os.environ.get("CI"):
        pytest.fail(reason)
    if reason is not None:
        pytest.skip(reason)


def as_json(array: Any) -> dict[str, Any]:
    return {"dtype": array.dtype.name, "dims": list(array.shape), "data": array.reshape(-1).tolist()}


def from_json(form: dict[str, Any]) -> Any:
    return numpy.array(form["data"], form["dtype"]).reshape(form["dims"])


def run_in_engine(file: Path, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    jobs = [{"file": str(file), "steps": [{name: as_json(array) for name, array in step.items()} for step in steps]}]
    command = ["node", str(BROWSER / "run.mjs"), str(CACHE)]
    done = subprocess.run(command, input=json.dumps(jobs), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (results,) = json.loads(done.stdout)
    return [{name: from_json(form) for name, form in step.items()} for step in results]


def policy_of(name: str) -> Policy:
    archive = ARCHIVES / f"{name}.zip"
    return open_policy(archive) if archive.exists() else agent_of(name)[1]


@pytest.mark.parametrize(
    "name",
    ["cartpole", "sac", "maskable-ppo", "her-sac", "ppo-MultiInput-dict_with_image-discrete"],
)
@pytest.mark.parametrize("rows", [1, 7])
def test_actions(name: str, rows: int, tmp_path: Path) -> None:
    policy = policy_of(name)
    policy.export(tmp_path / "policy.onnx", durable=False)
    inputs = draw_inputs(policy.graph, policy.spec.observation_space, rows, numpy.random.default_rng(rows))
    (found,) = run_in_engine(tmp_path / "policy.onnx", [inputs])
    observation = {item.key: inputs[item.name] for item in policy.graph.inputs if item.name.startswith("observation")}
    masks = inputs.get("action_masks")
    expected, _ = policy.predict(observation.get(None, observation), action_masks=masks)
    assert_same(found["action"], expected)


def test_a_sequence(tmp_path: Path) -> None:
    """Six steps whose states the engine hands on to itself, with episodes that start in between."""
    policy = policy_of("recurrent-ppo")
    policy.export(tmp_path / "policy.onnx", durable=False)
    generator = numpy.random.default_rng(2)
    steps = [draw_inputs(policy.graph, policy.spec.observation_space, 3, generator) for _ in range(6)]
    state: Any = (steps[0]["hidden"], steps[0]["cell"])
    given = [{name: step[name] for name in ("observation", "episode_start")} for step in steps]
    given[0] = steps[0]
    for step, found in zip(steps, run_in_engine(tmp_path / "policy.onnx", given), strict=True):
        expected, state = policy.predict(step["observation"], state, step["episode_start"])
        assert_same(found["action"], expected)
        assert_same(found["next_hidden"], state[0])
        assert_same(found["next_cell"], state[1])


def test_the_script_of_the_documentation(tmp_path: Path) -> None:
    """What docs/how-to/deploy.md shows, as it stands there."""
    (script,) = (block.text for block in read_blocks(PAGE) if block.language == "js")
    (tmp_path / "act.mjs").write_text(script, encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(CACHE / "node_modules")
    policy = policy_of("sac")
    policy.export(tmp_path / "sac.onnx", durable=False)
    done = subprocess.run(["node", "act.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    shown = re.fullmatch(r"\[ 1, 1 \] Float32Array\(1\) \[ (\S+) \]\n", done.stdout)
    assert shown is not None, done.stdout
    expected, _ = policy.predict(numpy.array([0.9, 0.3, -0.2], numpy.float32))
    assert float(shown[1]) == pytest.approx(float(expected[0]), rel=1e-5)


def assert_same(found: Any, expected: Any) -> None:
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    if found.dtype.kind == "f":
        numpy.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    else:
        numpy.testing.assert_array_equal(found, expected)
