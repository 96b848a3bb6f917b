"""What does not fit an agent is refused, and changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest

import strongbox
from strongbox.errors import MismatchError, UnsupportedError
from tests.core.adapters.own.agents import (
    Phase,
    Small,
    saved,
    small,
)

MISFITS: dict[str, tuple[dict[str, Any], str]] = {
    "another name": ({"other": 1}, "with other, which this agent does not have"),
    "another shape": ({"array": numpy.ones(4)}, r"expected float64 of \(3,\) for 'array', found float64 of \(4,\)"),
    "another type of elements": ({"array": numpy.ones(3, numpy.float32)}, "expected float64 of"),
    "text for a number": ({"number": "2"}, "expected a number, found text, for 'number'"),
    "a number for text": ({"text": 2}, "expected text, found a number, for 'text'"),
    "a number for a row": ({"row": 2}, "expected a row of values, found a number"),
    "a number for a generator": ({"rng": 2}, "expected a random generator, found a number"),
    "another generator": ({"rng": numpy.random.Generator(numpy.random.MT19937(1))}, "found another generator's"),
    "a generator for a number": ({"number": numpy.random.default_rng(1)}, "expected a number, found a random gen"),
    "a list for an array": ({"array": [1.0, 2.0, 3.0]}, "expected a tensor for 'array', found something else"),
    "an array for a number": ({"number": numpy.ones(1)}, "expected plain data for 'number', found a tensor.*skip"),
    "another class": ({"kind": Phase}, "expected the class .*Small, found the name of another"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_is_refused_and_changes_nothing(case: str) -> None:
    changes, message = MISFITS[case]
    content = saved(small(**{"number": 7, "row": [9], **changes}))
    agent = Small()
    before = saved(agent)
    with pytest.raises(MismatchError, match=message):
        strongbox.load(content, into=agent)
    assert saved(agent) == before


def test_what_was_nothing_yet_takes_anything_and_what_was_empty_any_shape() -> None:
    early, late = small(text=None, array=numpy.zeros(0)), small(number=numpy.arange(3), array=numpy.arange(2.0))
    early.number = None  # type: ignore[assignment]
    content = saved(early)
    loaded = strongbox.load(saved(late), into=early)
    assert (loaded.text, loaded.number.tolist(), loaded.array.tolist()) == ("one", [0, 1, 2], [0.0, 1.0])
    loaded = strongbox.load(content, into=late)
    assert (loaded.text, loaded.number, loaded.array.shape) == (None, None, (0,))


def test_what_is_missing_is_refused_unless_it_is_skipped() -> None:
    content = saved(small(number=7))
    agent = small(extra=numpy.ones(2))
    with pytest.raises(MismatchError, match=r"without extra.*skip=\['extra'\]"):
        strongbox.load(content, into=agent)
    assert agent.number == 1
    strongbox.load(content, into=agent, skip=["ext*", "text"])
    assert agent.number == 7
    assert agent.strongbox_report.left == {  # type: ignore[attr-defined]
        "extra": "left out on request",
        "text": "left out on request",
    }
    with pytest.raises(MismatchError, match="'nothing', which matches nothing"):
        strongbox.load(content, into=agent, skip="nothing")


class Stubborn:
    """Gives a state dict, and never takes one."""

    def state_dict(self) -> dict[str, Any]:
        return {"mean": numpy.zeros(2)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        raise NotImplementedError("later")


def test_what_takes_no_state_dict_at_all_is_named() -> None:
    content = saved(small(part=Stubborn()))
    with pytest.raises(MismatchError, match="expected part to fit this agent, found that it does not: NotImpl"):
        strongbox.load(content, into=small(part=Stubborn()))


class Other(Small):
    """The same attributes under another name."""


def test_an_agent_of_another_class_is_refused() -> None:
    with pytest.raises(MismatchError, match=r"expected an agent of .*Other, found one of .*Small"):
        strongbox.load(saved(Small()), into=Other())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"env": object()}, "with env=, found one of"),
        ({"trust": "pickle"}, "with trust="),
        ({"learning_rate": 1.0}, "with learning_rate="),
        ({"freeze": ["a"]}, "with freeze="),
        ({"cls": Small, "into": Small()}, "no cls beside into"),
        ({"into": Small(), "device": "cpu"}, "no device beside into"),
        ({"cls": Small, "device": "cpu"}, "no device, which Small does not take"),
        ({"cls": 3}, "expected a class in cls, found int"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(MismatchError, match=message):
        strongbox.load(saved(Small()), **options)


def test_a_constructor_that_takes_more_than_data_has_is_refused() -> None:
    class Needy(Small):
        def __init__(self, network: object) -> None:
            super().__init__()

    with pytest.raises(MismatchError, match=r"expected network in the archive's data.*into=Needy"):
        strongbox.load(saved(Small()), cls=Needy)


def test_acting_and_converting_are_the_matter_of_other_agents(tmp_path: Path) -> None:
    content = saved(Small())
    with pytest.raises(UnsupportedError, match="whose own code acts"):
        strongbox.policy(content)
    with pytest.raises(UnsupportedError, match="which SB3 cannot open"):
        strongbox.convert(content, tmp_path / "new.zip")
    with pytest.raises(MismatchError, match="expected no normalization"):
        strongbox.save(Small(), tmp_path / "new.zip", normalization=3)
    assert not (tmp_path / "new.zip").exists()
