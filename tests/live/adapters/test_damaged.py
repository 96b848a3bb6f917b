"""Archives changed in any way give a model or an error of ours, and nothing else."""

from __future__ import annotations

import base64
import io
import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongbox.adapters import load, save
from strongbox.errors import StrongboxError, StrongboxWarning

ARCHIVES = sorted((Path(__file__).resolve().parents[2] / "data" / "archives").glob("*.zip"))
MEMBERS = {}
for _path in ARCHIVES:
    with zipfile.ZipFile(_path) as _archive:
        MEMBERS[_path.stem] = {name: _archive.read(name) for name in _archive.namelist()}

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**40) | st.floats() | st.sampled_from(["", "x", "auto", "step"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["pi", "a", ":type:"]), inner),
    max_leaves=4,
)
NEW_NAMES = st.sampled_from(["x", "env", "policy", "device", "_logger", "learn", "actor", "replay_buffer", "__class__"])


def repacked(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def damage(draw: st.DrawFn, data: dict[str, Any]) -> None:
    name = draw(st.sampled_from(sorted(data)))
    way = draw(st.sampled_from(["replace", "remove", "confuse", "add", "spoil"]))
    entry = data[name]
    if way == "remove":
        del data[name]
    elif way == "confuse":
        data[name] = data[draw(st.sampled_from(sorted(data)))]
    elif way == "add":
        data[draw(NEW_NAMES)] = draw(PLAIN)
    elif way == "spoil" and isinstance(entry, dict) and ":serialized:" in entry:
        content = bytearray(base64.b64decode(entry[":serialized:"]))
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
        data[name] = {**entry, ":serialized:": base64.b64encode(content).decode()}
    else:
        data[name] = draw(PLAIN)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    members = dict(MEMBERS[draw(st.sampled_from(sorted(MEMBERS)))])
    data = json.loads(members["data"])
    for _ in range(draw(st.integers(1, 3))):
        damage(draw, data)
    members["data"] = json.dumps(data).encode()
    tensors = sorted(name for name in members if name.endswith(".pth"))
    if draw(st.booleans()):
        members[draw(st.sampled_from(tensors))] = members[draw(st.sampled_from(tensors))]
    return repacked(members)


@pytest.mark.filterwarnings("default")
@settings(max_examples=150, deadline=None, derandomize=True)
@given(damaged())
def test_a_damaged_archive_gives_a_model_or_an_error_of_ours(content: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StrongboxWarning)
        try:
            model = load(content, device="cpu")
        except StrongboxError:
            return
        save(model, io.BytesIO())
