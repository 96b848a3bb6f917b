"""The member ``data``: lazily decoded, one entry's faults never hiding another's values."""

from __future__ import annotations

import base64
import json
import pickle
from collections import deque
from typing import Any

import pytest

from strongbox.archive.data import Data
from strongbox.errors import FormatError, LimitError
from strongbox.limits import Limits
from strongbox.values import Opaque


def make(entries: dict[str, Any], **limits: int) -> Data:
    return Data(json.dumps(entries).encode(), limits=Limits(**limits))


def pickled(value: object) -> dict[str, str]:
    return {":type:": str(type(value)), ":serialized:": base64.b64encode(pickle.dumps(value)).decode()}


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("this must never be printed",))


def test_plain_json_stands_as_it_is() -> None:
    data = make({"gamma": 0.99, "net_arch": [64, 64], "policy_kwargs": {}, "seed": None})
    assert dict(data) == {"gamma": 0.99, "net_arch": [64, 64], "policy_kwargs": {}, "seed": None}
    assert data.type("gamma") == "<class 'float'>"
    assert data.pickle("gamma") is None
    assert data.is_portable("gamma")


def test_a_pickled_value_is_decoded() -> None:
    data = make({"ep_info_buffer": pickled(deque([{"r": 1.0}], maxlen=100))})
    assert data["ep_info_buffer"] == deque([{"r": 1.0}], maxlen=100)
    assert data["ep_info_buffer"].maxlen == 100
    assert data.type("ep_info_buffer") == "<class 'collections.deque'>"
    assert not data.is_portable("ep_info_buffer")


def test_the_portable_form_is_the_only_one_read() -> None:
    entry = {":type:": "<class 'tuple'>", ":portable:": {"$": "tuple", "items": [1, 2]}, ":serialized:": "!!! broken"}
    data = make({"shape": entry})
    assert data["shape"] == (1, 2)
    assert data.is_portable("shape")


def test_a_broken_portable_form_is_never_replaced_by_the_pickle() -> None:
    data = make({"shape": {":portable:": {"$": "no such tag"}, **pickled((1, 2))}})
    assert isinstance(data["shape"], Opaque)
    assert "no such tag" in data["shape"].reason


def test_attributes_are_for_people_alone() -> None:
    data = make({"noise": {**pickled((1, 2)), "_mu": "[0.]", "n": 3}})
    assert data.attributes("noise") == {"_mu": "[0.]", "n": 3}
    assert data["noise"] == (1, 2)


def test_a_hostile_pickle_is_opaque_and_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    data = make({"verbose": 0, "evil": pickled(Evil()), "gamma": 0.9})
    opaque = data.opaque()
    assert list(opaque) == ["evil"]
    assert "print" in opaque["evil"].type or "print" in opaque["evil"].reason
    assert data["gamma"] == 0.9
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({":type:": "x", ":serialized:": "%%%"}, "base64"),
        ({":type:": "x", ":serialized:": 5}, "base64"),
        ({":type:": "x", ":serialized:": ""}, ""),
        ({":type:": "x", ":serialized:": base64.b64encode(b"\x80\x04K").decode()}, ""),
        ({":type:": "x"}, "neither"),
    ],
)
def test_one_unreadable_entry_hides_no_other(entry: dict[str, Any], message: str) -> None:
    data = make({"bad": entry, "gamma": 0.9})
    assert isinstance(data["bad"], Opaque)
    assert message in data["bad"].reason
    assert data["gamma"] == 0.9


def test_the_budget_of_an_archive_is_shared_by_its_pickles() -> None:
    entries = {f"name{index}": pickled(list(range(50))) for index in range(10)}
    assert len(make(entries).opaque()) == 0
    with pytest.raises(LimitError):
        make(entries, pickle_opcodes=200).opaque()


def test_a_pickle_longer_than_the_limit_is_refused_before_it_is_decoded() -> None:
    data = make({"long": pickled(b"x" * 1000)}, pickle_bytes=100)
    with pytest.raises(LimitError, match="100 bytes"):
        data.pickle("long")


@pytest.mark.parametrize("content", [b"[]", b"3", b'"data"'])
def test_data_is_an_object(content: bytes) -> None:
    with pytest.raises(FormatError, match="JSON object") as caught:
        Data(content)
    assert caught.value.member == "data"


def test_names_are_counted() -> None:
    assert len(make({f"name {number}": 1 for number in range(4)}, names=4)) == 4
    with pytest.raises(LimitError, match="at most 4 names, found 5") as caught:
        make({f"name {number}": 1 for number in range(5)}, names=4)
    assert caught.value.member == "data"


def test_names_complete_in_a_notebook() -> None:
    data = make({"gamma": 0.9, "seed": 1})
    assert data._ipython_key_completions_() == ["gamma", "seed"]
    assert "gamma, seed" in repr(data)
