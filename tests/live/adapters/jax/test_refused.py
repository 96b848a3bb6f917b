"""What does not fit, or is not understood, is an error that says where, before or while a model is made."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import strongbox
from strongbox import Limits
from strongbox.errors import LimitError, MismatchError, RefusedError, UnsupportedError
from tests.live.adapters.jax.agents import assert_same, jax, made, saved

Entries = dict[str, Any]


@pytest.fixture(scope="module")
def portable(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An archive of Strongbox, which is read by its portable forms."""
    file = io.BytesIO()
    strongbox.save(strongbox.load(saved("DQN", tmp_path_factory.mktemp("sbx"))), file)
    return file.getvalue()


def changed(archive: bytes, change: Callable[[Entries], None]) -> bytes:
    """The archive with other data."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "data":
                entries = json.loads(content)
                change(entries)
                content = json.dumps(entries).encode()
            new.writestr(name, content)
    return file.getvalue()


def state(entries: Entries) -> Any:
    return entries["policy"][":portable:"]["attributes"]["qf_state"]


def array(shape: list[int], dtype: str = "float32") -> Any:
    content = base64.b64encode(bytes(4 * (shape[0] if shape else 1))).decode()
    return {"$": "JaxArray", "array": {"$": "array", "dtype": dtype, "shape": shape, "base64": content}}


def set_bias(entries: Entries, value: Any) -> None:
    state(entries)["params"]["params"]["Dense_0"]["bias"] = value


def set_portable(entries: Entries, name: str, value: Any) -> None:
    entries["policy"][":portable:"]["attributes"][name] = value


def widen(entries: Entries) -> None:
    entries["policy_kwargs"] = {"net_arch": [10**7]}


def rename_state(entries: Entries) -> None:
    attributes = entries["policy"][":portable:"]["attributes"]
    attributes["other_state"] = attributes.pop("qf_state")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda entries: set_bias(entries, array([9])),
            r"float32 of shape \(8,\) at policy.qf_state.params.params.Den",
        ),
        (lambda entries: set_bias(entries, array([8], "int32")), r"found int32 of shape \(8,\)"),
        (lambda entries: set_bias(entries, None), "found nothing"),
        (lambda entries: set_bias(entries, []), "found 0 parts"),
        (lambda entries: state(entries)["params"]["params"].pop("Dense_0"), "expected Dense_0, Dense_1, Dense_2 at"),
        (lambda entries: state(entries).update(opt_state=[]), "expected 2 parts at policy.qf_state.opt_state"),
        (lambda entries: state(entries)["type"].update(name="Other"), "found sbx.common.type_aliases.Other"),
        (rename_state, "found policy.other_state, which it does not have"),
        (widen, r"expected float32 of shape \(10000000,\)"),
        (lambda entries: entries.update(policy_kwargs={"net_arch": "wide"}), "found that it cannot: "),
        (lambda entries: set_portable(entries, "n_units", 9), "expected 8 at policy.n_units, as the agent's settings"),
        (
            lambda entries: entries["policy"][":portable:"]["attributes"]["qf"]["fields"].update(
                activation_fn={"$": "function", "module": "jax.numpy", "name": "tanh"}
            ),
            "at policy.qf.activation_fn, as the agent's settings make it",
        ),
        (
            lambda entries: entries["policy"][":portable:"]["attributes"]["qf"]["type"].update(name="CnnQNetwork"),
            "expected sbx.dqn.policies.QNetwork at policy.qf",
        ),
    ],
)
def test_what_does_not_fit(portable: bytes, change: Callable[[Entries], None], message: str) -> None:
    with pytest.raises(MismatchError, match=message):
        strongbox.load(changed(portable, change))


def test_what_the_installed_release_does_not_have_is_said(portable: bytes) -> None:
    with pytest.warns(strongbox.StrongboxWarning, match="policy.of_another_release"):
        model = strongbox.load(changed(portable, lambda entries: set_portable(entries, "of_another_release", 1)))
    assert "no such attribute" in model.strongbox_report.left["policy.of_another_release"]


@pytest.mark.parametrize("change", [lambda entries: entries.pop("policy"), lambda entries: entries.update(policy=1)])
def test_an_archive_without_a_policy(portable: bytes, change: Callable[[Entries], None]) -> None:
    with pytest.raises(RefusedError, match="expected a policy of sbx in data, found none"):
        strongbox.load(changed(portable, change))


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": 0.1},
        {"parameters": ["policy.*"]},
        {"rename": {"a": "b"}},
        {"on_mismatch": "skip"},
        {"freeze": ["policy.*"]},
        {"reset": ["policy.*"]},
        {"trust": "pickle"},
        {"trust": ["mine.Net"]},
    ],
)
def test_what_only_networks_of_torch_take(portable: bytes, options: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError, match=f"for {next(iter(options))}, found one of sbx"):
        strongbox.load(portable, **options)


def test_an_activation_of_ones_own_is_not_run(tmp_path: Path) -> None:
    model = made("DQN", policy_kwargs={"net_arch": [8], "activation_fn": lambda x: jax.numpy.maximum(x, 0)})
    model.save(tmp_path / "agent.zip")
    with pytest.raises(RefusedError, match="policy_kwargs"):
        strongbox.load(tmp_path / "agent.zip")


def test_a_limit_that_a_large_network_needs_is_named(tmp_path: Path) -> None:
    model = made("DQN", policy_kwargs={"net_arch": [128]})
    small = Limits(pickle_bytes=100_000)
    with pytest.raises(UnsupportedError, match=r"policy, which the agent cannot do without") as caught:
        strongbox.save(model, tmp_path / "agent.zip", limits=small)
    assert "limits=Limits(pickle_bytes=" in str(caught.value)
    with pytest.raises(LimitError, match="expected networks and optimizers of at most 30,000 nodes of pickles"):
        strongbox.save(model, tmp_path / "agent.zip", limits=Limits(nodes=60_000))
    assert not list(tmp_path.iterdir())
    strongbox.save(model, tmp_path / "agent.zip", limits=Limits(pickle_bytes=10_000_000))
    with pytest.raises(LimitError, match="Limits"):
        strongbox.load(tmp_path / "agent.zip", limits=Limits(data_bytes=100_000))
    assert_same(strongbox.load(tmp_path / "agent.zip"), model)
