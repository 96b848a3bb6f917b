"""Atari games: what a reset of the Arcade Learning Environment (ALE) leaves as it was.

ALE writes a whole emulator into bytes, but reads such bytes without a check: a wrong length in them makes it write
over its own memory. And they lack the action that was last applied, which sticky actions need, and the picture. So a
game is replayed from its last reset, and only what a reset does not set goes through the bytes: the emulator's memory,
the two random generators and the count of frames. These few fields are checked and put into bytes that this very
emulator has just written.

The layout is that of ``ALEState::serialize`` and ``System::saveState``: numbers of 32 bits, least byte first, and texts
with their length before them. It is the same from ale-py 0.7 to 0.12.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy

from ...errors import CheckpointError, StrongboxError, UnsupportedError
from ...values import RandomGenerator

__all__ = ["is_atari", "read_before_reset", "write_before_reset"]

FRAMES, EMULATOR = 8, 24
"""Where the count of all frames and the text that is the emulator's state begin."""
RAM_SIZE = 128
RAM_NAME = b"\x05\x00\x00\x00M6532" + RAM_SIZE.to_bytes(4, "little")
MOST_FRAMES = 2**31 - 1
WORDS = 624
"""Words of a Mersenne twister; a generator is written as these and the position, in decimal digits."""


def is_atari(env: Any) -> bool:
    """Whether an environment is ale-py's, or derived from it."""
    return any(kind.__module__ == "ale_py.env" and kind.__name__ == "AtariEnv" for kind in type(env).__mro__)


@dataclass(frozen=True)
class _Fields:
    """Where the fields lie in the bytes of a state: start and end of each."""

    system: tuple[int, int]
    ram: tuple[int, int]
    game: tuple[int, int]


def read_before_reset(env: Any) -> dict[str, Any]:
    """What the next reset will leave as it is; raises UnsupportedError where ALE's layout is another."""
    content = _serialize(env)
    fields = _find(content)
    start, end = fields.ram
    return {
        "frames": int.from_bytes(content[FRAMES : FRAMES + 4], "little"),
        "ram": numpy.frombuffer(content[start:end], "<u4").astype(numpy.uint8),
        "system": _generator(content[slice(*fields.system)]),
        "game": _generator(content[slice(*fields.game)]),
    }


def write_before_reset(env: Any, state: Any) -> None:
    """Put that back; raises CheckpointError where it is not what :func:`read_before_reset` gives."""
    import ale_py

    content = _serialize(env)
    fields = _find(content)
    frames, ram, system, game = _check(state)
    pieces = [
        (FRAMES, FRAMES + 4, frames.to_bytes(4, "little")),
        (*fields.system, _digits(system)),
        (*fields.ram, ram.astype("<u4").tobytes()),
        (*fields.game, _digits(game)),
    ]
    made = _splice(content, pieces)
    env.ale.restoreState(ale_py.ALEState(made))
    if _serialize(env) != made:
        raise CheckpointError("expected the emulator to take its state, found that it did not.")


def _serialize(env: Any) -> bytes:
    return bytes(env.ale.cloneState(include_rng=True).serialize())


def _text(content: bytes, start: int) -> tuple[int, int]:
    """Start and end of the text whose length stands at ``start``."""
    if start + 4 > len(content):
        raise _other_layout()
    begin = start + 4
    end = begin + int.from_bytes(content[start:begin], "little")
    if end > len(content):
        raise _other_layout()
    return begin, end


def _find(content: bytes) -> _Fields:
    """Where the fields are in bytes that this emulator has written."""
    start, end = _text(content, EMULATOR)
    _, after_hash = _text(content, start)
    name = _text(content, after_hash)
    if content[slice(*name)] != b"System" or content.count(RAM_NAME, start, end) != 1:
        raise _other_layout()
    system = _text(content, name[1] + 4)
    ram = content.index(RAM_NAME, start, end) + len(RAM_NAME)
    # The game's own generator is the last text of all.
    game = len(content[:end].rstrip(b"0123456789 "))
    if int.from_bytes(content[game - 4 : game], "little") != end - game:
        raise _other_layout()
    return _Fields(system, (ram, ram + 4 * RAM_SIZE), (game, end))


def _generator(text: bytes) -> RandomGenerator:
    words = text.split()
    if len(words) != WORDS + 1 or not all(word.isdigit() and len(word) <= 10 for word in words):
        raise _other_layout()
    key = numpy.array([int(word) for word in words[:-1]], numpy.uint64)
    if int(key.max()) >= 2**32:
        raise _other_layout()
    inner = {"key": key.astype(numpy.uint32), "pos": int(words[-1])}
    try:
        return RandomGenerator(
            kind="Generator", bit_generator="MT19937", state={"bit_generator": "MT19937", "state": inner}
        )
    except StrongboxError:
        raise _other_layout() from None


def _digits(generator: RandomGenerator) -> bytes:
    inner = generator.state["state"]
    return " ".join(map(str, (*inner["key"].tolist(), inner["pos"]))).encode()


def _splice(content: bytes, pieces: list[tuple[int, int, bytes]]) -> bytes:
    """Bytes with some fields replaced, and with the lengths that change with them."""
    made, at, grown = [], 0, 0
    for start, end, field in sorted(pieces):
        head = content[at:start]
        if len(field) != end - start:
            head = head[:-4] + len(field).to_bytes(4, "little")
        grown += len(field) - (end - start)
        made += [head, field]
        at = end
    whole = b"".join((*made, content[at:]))
    length = int.from_bytes(content[EMULATOR : EMULATOR + 4], "little") + grown
    return whole[:EMULATOR] + length.to_bytes(4, "little") + whole[EMULATOR + 4 :]


def _check(state: Any) -> tuple[int, numpy.ndarray[Any, Any], RandomGenerator, RandomGenerator]:
    if type(state) is not dict or set(state) != {"frames", "ram", "system", "game"}:
        raise CheckpointError("expected the state of an Atari game before its reset, found another.")
    frames, ram = state["frames"], state["ram"]
    if type(frames) is not int or not 0 <= frames <= MOST_FRAMES:
        raise CheckpointError("expected a count of frames, found another number.")
    if type(ram) is not numpy.ndarray or ram.dtype != numpy.uint8 or ram.shape != (RAM_SIZE,):
        raise CheckpointError(f"expected {RAM_SIZE} bytes of memory, found others.")
    for name in ("system", "game"):
        if not isinstance(state[name], RandomGenerator) or state[name].bit_generator != "MT19937":
            raise CheckpointError("expected the states of two Mersenne twisters, found others.")
    return frames, ram, state["system"], state["game"]


def _other_layout() -> UnsupportedError:
    return UnsupportedError(
        "expected the emulator's state in the layout of ale-py 0.7 to 0.12, found another.",
        hint="Continue with the ale-py that the run was begun with, or report it.",
    )
