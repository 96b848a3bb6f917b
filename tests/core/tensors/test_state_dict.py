"""State dicts: numpy arrays by name, read when looked up."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy
import pytest

from strongbox.errors import FormatError
from strongbox.tensors import StateDict, Tensor, read_pth
from tests.core.tensors.pth_files import ordered, storage, tensor, zip_file

FOUR = numpy.arange(4, dtype="<f4").tobytes()


def made() -> StateDict:
    state = {
        "state": {0: {"step": tensor(storage(4), (), ()), "exp_avg": tensor(storage(4), (2, 2), (2, 1))}},
        "param_groups": [{"lr": 0.5, "betas": (0.9, 0.999), "params": [0], "rate": tensor(storage(4), (2,), (1,))}],
    }
    return StateDict(read_pth(zip_file(state, {"0": FOUR})), "policy.optimizer")


def test_a_network() -> None:
    items = [(f"net.{layer}.{part}", tensor(storage(4), (4,), (1,))) for layer in (0, 2) for part in ("weight", "bias")]
    state = StateDict(read_pth(zip_file(ordered(*items), {"0": FOUR})), "policy")
    assert list(state) == ["net.0.weight", "net.0.bias", "net.2.weight", "net.2.bias"]
    assert len(state) == 4
    assert "net.0.bias" in state
    assert state["net.0.bias"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert not state["net.0.bias"].flags.writeable
    assert (state.count, state.nbytes) == (16, 64)
    assert [path for path, _ in state.tensors()] == list(state)
    assert state._ipython_key_completions_() == list(state)
    assert type(state.raw) is OrderedDict


def test_an_optimizer() -> None:
    state = made()
    assert isinstance(state["state"], StateDict)
    assert state["state"][0]["exp_avg"].tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert state["state"][0]["step"].shape == ()
    assert state["state"][0].name == "policy.optimizer.state.0"
    group = state["param_groups"][0]
    assert (group["lr"], group["betas"], group["params"]) == (0.5, (0.9, 0.999), [0])
    assert group["rate"].tolist() == [0.0, 1.0]
    paths = ["state.0.step", "state.0.exp_avg", "param_groups.0.rate"]
    assert [path for path, _ in state.tensors()] == paths
    assert all(isinstance(leaf, Tensor) for _, leaf in state.tensors())


def test_a_missing_name_is_told_with_near_ones() -> None:
    with pytest.raises(KeyError, match=r"'sate' is not in policy\.optimizer; it has 'state'"):
        made()["sate"]
    with pytest.raises(KeyError, match="it has 'state', 'param_groups'"):
        made()[17]
    with pytest.raises(KeyError):
        made()[["no", "key"]]
    assert made().get("nothing") is None


def test_damage_is_told_with_the_member() -> None:
    content = zip_file({"a": tensor(storage(4), (4,), (1,))}, {"0": FOUR}).replace(FOUR, bytes(16))
    state = StateDict(read_pth(content), "policy")
    with pytest.raises(FormatError) as caught:
        state["a"]
    assert caught.value.member == "policy.pth/archive/data/0"


@pytest.mark.parametrize("tree", [None, [], 1, "text"])
def test_only_a_dict_is_a_state_dict(tree: Any) -> None:
    with pytest.raises(FormatError, match="expected a dict of tensors"):
        StateDict(tree, "policy")


def test_representation() -> None:
    assert repr(made()) == "\n".join(
        [
            "<StateDict policy.optimizer: 3 tensors, 7 elements, 28 bytes>",
            "  state.0.step         float32 ()",
            "  state.0.exp_avg      float32 (2, 2)",
            "  param_groups.0.rate  float32 (2,)",
        ]
    )
    assert repr(StateDict({})) == "<StateDict: 0 tensors, 0 elements, 0 bytes>"
    many = {str(index): tensor(storage(4), (4,), (1,)) for index in range(100)}
    assert repr(StateDict(read_pth(zip_file(many, {"0": FOUR})))).endswith("  … and 60 more")


def test_equality_is_identity() -> None:
    state = made()
    assert state == state
    assert state != made()
    assert len({state, made()}) == 2
