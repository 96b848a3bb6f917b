"""``torch.load(weights_only=True)`` reads what is written in protocol 2."""

from __future__ import annotations

import io
import zipfile
from collections import OrderedDict
from typing import Any

import pytest
import torch

from strongbox.pickles import decode, encode


def rewritten(value: Any) -> Any:
    """Save with torch, write every pickle of the file anew, and load with torch."""
    saved, written = io.BytesIO(), io.BytesIO()
    torch.save(value, saved)
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(written, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("data.pkl"):
                content = encode(decode(content, persistent=True), protocol=2)
            target.writestr(name, content)
    written.seek(0)
    return torch.load(written, weights_only=True)


def loaded(node: Any) -> Any:
    """Write a node as the pickle of a file without tensors, and load it with torch."""
    saved, written = io.BytesIO(), io.BytesIO()
    torch.save(0, saved)
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(written, "w") as target:
        for name in source.namelist():
            target.writestr(name, encode(node, protocol=2) if name.endswith("data.pkl") else source.read(name))
    written.seek(0)
    return torch.load(written, weights_only=True)


def same(left: Any, right: Any) -> bool:
    """Equality that looks into tensors."""
    if isinstance(left, torch.Tensor):
        return bool(left.dtype == right.dtype and torch.equal(left, right))
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def test_state_dicts() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(5, 3)).sum().backward()
    optimizer.step()
    state = rewritten(network.state_dict())
    assert type(state) is OrderedDict
    assert same(state, network.state_dict())
    assert vars(state) == vars(network.state_dict())
    assert same(rewritten(optimizer.state_dict()), optimizer.state_dict())


def test_shared_storages_and_parameters() -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    value = {"whole": whole, "row": whole[1], "turned": whole.T, "parameter": torch.nn.Parameter(whole.clone())}
    again = rewritten(value)
    assert same(again, value)
    again["whole"][1, 0] = -1.0
    assert again["row"][0] == -1.0
    assert type(again["parameter"]) is torch.nn.Parameter


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        (),
        (1, 2, 3, 4, 5),
        [0, 255, 256, 65536, -1, 2**31, 2**40, -(2**100), 2**127],
        [0.1, float("inf"), -0.0],
        ["", "text", "é", "\udc80", "x" * 300],
        [b"", b"\x00\xff", b"\x00\xff", b"x" * 300],
        {"a": [{}, [], {"b": ()}], 1: None, 1.5: True, None: 2},
        [[index] for index in range(300)] * 2,
    ],
    ids=repr,
)
def test_plain_values(value: Any) -> None:
    again = loaded(value)
    assert again == value
    assert type(again) is type(value)
