"""The random states of the process: what is drawn after a restoring is what would have been drawn."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from strongbox.adapters.generators import make_generator, read_generator, write_generator
from strongbox.adapters.random_states import capture_random_states, keep_random_states, restore_random_states
from strongbox.errors import CheckpointError, StrongboxError
from strongbox.values import RandomGenerator, from_portable, same, to_portable

ROOT = Path(__file__).parents[3]


def draw() -> list[Any]:
    """Some of everything, in odd numbers, so that a half-used word or a second normal number is left over."""
    return [
        random.random(),
        random.gauss(0, 1),
        random.getrandbits(40),
        numpy.random.random(3).tolist(),
        numpy.random.standard_normal(3).tolist(),
        torch.rand(5).tolist(),
        torch.randn(17).tolist(),
        torch.randint(0, 100, (3,)).tolist(),
    ]


def test_what_is_drawn_afterwards_is_what_would_have_been_drawn() -> None:
    for _ in range(4):
        draw()
        state = from_portable(json.loads(json.dumps(to_portable(capture_random_states()))))
        expected = draw()
        random.seed(1)
        numpy.random.seed(1)
        torch.manual_seed(1)
        draw()
        assert restore_random_states(state) == {}
        assert draw() == expected


def test_a_new_process_draws_the_same(tmp_path: Path) -> None:
    draw()
    (tmp_path / "state.json").write_text(json.dumps(to_portable(capture_random_states())))
    program = (
        "import json, sys\n"
        "from tests.live.adapters.test_random_states import *\n"
        "assert restore_random_states(from_portable(json.load(open(sys.argv[1])))) == {}\n"
        "print(json.dumps(draw()))"
    )
    expected = draw()
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "state.json")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == expected


def test_capturing_draws_nothing() -> None:
    state = capture_random_states()
    assert same(state, capture_random_states())


def test_what_is_drawn_in_between_does_not_count() -> None:
    state = capture_random_states()
    with keep_random_states():
        draw()
    assert same(state, capture_random_states())


@pytest.mark.parametrize("state", [None, {}, [], {"python": None}, {**capture_random_states(), "more": 1}])
def test_another_state_is_refused_as_a_whole(state: Any) -> None:
    before = capture_random_states()
    with pytest.raises(CheckpointError):
        restore_random_states(state)
    assert same(before, capture_random_states())


def _torch(change: Callable[[Any], Any]) -> Any:
    state = torch.get_rng_state().numpy().copy()
    return change(state)


def _put(state: Any, at: int, content: bytes) -> Any:
    state[at : at + len(content)] = numpy.frombuffer(content, numpy.uint8)
    return state


TWISTER = read_generator(numpy.random.RandomState(1))
OTHER = read_generator(numpy.random.default_rng(1))

BROKEN: list[tuple[str, Any]] = [
    *((place, value) for place in ("python", "numpy") for value in (None, 1, "MT19937", OTHER, [TWISTER])),
    *(("torch", value) for value in (None, b"", numpy.zeros(5056), numpy.zeros(16, numpy.uint8))),
    # Positions outside of the 624 words, which torch would read from beyond its memory.
    ("torch", _torch(lambda state: _put(state, 8, (10**6).to_bytes(4, "little")))),
    ("torch", _torch(lambda state: _put(state, 8, (0).to_bytes(4, "little")))),
    ("torch", _torch(lambda state: _put(state, 8, b"\xff\xff\xff\xff"))),
    ("torch", _torch(lambda state: _put(state, 12, b"\x07"))),
    ("torch", _torch(lambda state: _put(state, 16, (10**9).to_bytes(8, "little")))),
    ("torch", _torch(lambda state: _put(state, 16, b"\xff" * 8))),
    ("cuda", None),
    ("cuda", 3),
    ("cuda", (numpy.zeros(16, numpy.uint8),) * (torch.cuda.device_count() + 1)),
]


@pytest.mark.parametrize(("place", "value"), BROKEN)
def test_a_state_that_does_not_fit_is_reported_by_its_place_and_not_set(place: str, value: Any) -> None:
    state = capture_random_states()
    inexact = restore_random_states({**state, place: value})
    assert list(inexact) == [place]
    assert "expected" in inexact[place]
    assert same(state, capture_random_states())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_devices_are_among_them() -> None:
    torch.rand(3, device="cuda")
    state = from_portable(to_portable(capture_random_states()))
    assert len(state["cuda"]) == torch.cuda.device_count()
    expected = torch.randn(9, device="cuda").tolist()
    torch.cuda.manual_seed_all(4)
    assert restore_random_states(state) == {}
    assert torch.randn(9, device="cuda").tolist() == expected


# -- single generators ------------------------------------------------------------------------------


def over(bits: Any) -> Callable[[], Any]:
    return lambda: numpy.random.Generator(bits(7))


LIVE: list[tuple[str, Callable[[], Any], Callable[[Any], Any]]] = [
    (name, over(getattr(numpy.random, name)), lambda live: live.normal(size=3))
    for name in ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")
]
LIVE.append(("RandomState", lambda: numpy.random.RandomState(7), lambda live: live.normal(size=3)))
LIVE.append(("Random", lambda: random.Random(7), lambda live: numpy.array([live.gauss(0, 1), live.random()])))


@pytest.mark.parametrize(("name", "make", "use"), LIVE, ids=[name for name, _, _ in LIVE])
def test_every_generator_goes_on(name: str, make: Callable[[], Any], use: Callable[[Any], Any]) -> None:
    live = make()
    use(live)
    value = from_portable(json.loads(json.dumps(to_portable(read_generator(live)))))
    expected = use(live)
    other = make()
    write_generator(other, value)
    assert use(other).tolist() == expected.tolist()
    if name != "Random":
        assert use(make_generator(value)).tolist() == expected.tolist()


def test_a_state_of_another_kind_is_refused() -> None:
    for live in (random.Random(), numpy.random.RandomState(), numpy.random.default_rng()):
        for other in (numpy.random.Generator(numpy.random.SFC64()), numpy.random.Generator(numpy.random.MT19937())):
            with pytest.raises(CheckpointError, match="expected the state of a"):
                write_generator(live, read_generator(other))


def test_what_is_spawned_from_a_generator_goes_on() -> None:
    live = numpy.random.default_rng(3)
    live.spawn(2)
    value = from_portable(to_portable(read_generator(live)))
    made: Any = make_generator(value)
    assert made.spawn(1)[0].random() == live.spawn(1)[0].random()


def test_a_generator_over_bits_of_ones_own_is_refused() -> None:
    class Live(numpy.random.RandomState):
        def get_state(self, legacy: bool = True) -> Any:
            return {"bit_generator": "Own", "state": 1}

    with pytest.raises(StrongboxError):
        read_generator(Live())
    assert isinstance(TWISTER, RandomGenerator)
