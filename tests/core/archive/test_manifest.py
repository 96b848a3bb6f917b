"""strongbox.json: read strictly, and refused where a later format wrote it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from strongbox.archive.manifest import FORMAT_VERSION, Manifest
from strongbox.errors import FormatError, StrongboxError, UnsupportedError

MANIFEST = Manifest(
    algorithm="stable_baselines3.ppo.ppo.PPO",
    writer="strongbox 0.1.0",
    digests={"data": "0" * 64},
    opaque={"policy_kwargs['x']": {"type": "function f of __main__", "reason": "code by value"}},
    left_out={"connection": "cannot be pickled"},
    approximate={"learning_rate": 1e-7},
    environment="ALE/Breakout-v5",
    arrays=("table",),
    shared={"target": "actor", "parameters.0": "actor.0.weight"},
)


def changed(**changes: Any) -> bytes:
    return json.dumps({**json.loads(MANIFEST.to_bytes()), **changes}).encode()


def test_reads_back_what_it_writes() -> None:
    assert Manifest.from_bytes(MANIFEST.to_bytes()) == MANIFEST


def test_an_environment_that_is_not_known_is_no_key() -> None:
    content = replace(MANIFEST, environment=None).to_bytes()
    assert b"environment" not in content
    assert Manifest.from_bytes(content).environment is None


def test_what_an_agent_of_sb3_has_not_is_no_key() -> None:
    content = replace(MANIFEST, arrays=(), shared={}).to_bytes()
    assert b"arrays" not in content
    assert b"shared" not in content
    found = Manifest.from_bytes(content)
    assert (found.arrays, found.shared) == ((), {})


@pytest.mark.parametrize("changes", [{"arrays": "table"}, {"arrays": [1]}, {"shared": ["a"]}, {"shared": {"a": 1}}])
def test_names_of_arrays_and_of_what_is_shared_are_text(changes: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        Manifest.from_bytes(changed(**changes))


def test_keys_of_later_writers_are_no_fault() -> None:
    assert Manifest.from_bytes(changed(something_new=[1, 2])) == MANIFEST


def test_a_later_version_is_refused_by_number() -> None:
    with pytest.raises(UnsupportedError, match=str(FORMAT_VERSION + 1)) as caught:
        Manifest.from_bytes(changed(version=FORMAT_VERSION + 1))
    assert "upgrade" in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "another"},
        {"version": 0},
        {"version": True},
        {"version": "1"},
        {"algorithm": 3},
        {"digests": []},
        {"digests": {"data": 1}},
        {"opaque": {"x": "y"}},
        {"opaque": {"x": {"type": 1}}},
        {"left_out": {"x": None}},
        {"approximate": {"x": "small"}},
        {"environment": 1},
        {"environment": ""},
        {"environment": "os:CartPole-v1"},
        {"environment": "a/b/c"},
        {"environment": "CartPole-v1\n"},
        {"environment": "../CartPole"},
        {"environment": "Cärt-v1"},
        {"environment": "x" * 1000},
    ],
)
def test_refuses_another_shape(changes: dict[str, Any]) -> None:
    with pytest.raises(FormatError) as caught:
        Manifest.from_bytes(changed(**changes))
    assert caught.value.member == "strongbox.json"


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{}"])
def test_refuses_other_json(content: bytes) -> None:
    with pytest.raises(StrongboxError):
        Manifest.from_bytes(content)
