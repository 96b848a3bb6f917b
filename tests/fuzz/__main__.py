"""Long fuzzing: ``python -m tests.fuzz --minutes 10``, also ``make fuzz MINUTES=10``.

Mutated archives are read in a process whose memory is bounded, each within a bounded time, until the
time is over or something comes out that is neither a value nor a StrongboxError. Such an archive is
written to ``fuzz-failures/`` with what came out, and the program ends with status 1.
"""

from __future__ import annotations

import argparse
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random
from types import FrameType

from tests.fuzz.mutations import mutate
from tests.fuzz.reading import read_everything
from tests.zoo import ZOO

ROOT = Path(__file__).resolve().parents[2]
FAILURES = ROOT / "fuzz-failures"
MEMORY = 2 << 30
SECONDS = 10


class TooSlow(BaseException):
    """One archive took longer than it may."""


def ring(number: int, frame: FrameType | None) -> None:
    raise TooSlow(f"reading took more than {SECONDS} seconds")


def seeds() -> list[bytes]:
    """Whole archives of moderate size: those of the tests, and the real ones where they are here."""
    files = [*(ROOT / "tests" / "data" / "archives").glob("*.zip"), *ZOO.glob("*.zip")]
    return [file.read_bytes() for file in sorted(files) if file.stat().st_size < 300_000]


def read_one(archive: bytes) -> tuple[str, str]:
    """How the reading went, and the traceback where it ended in what may not happen."""
    signal.alarm(SECONDS)
    try:
        return read_everything(archive), ""
    except (Exception, TooSlow) as error:  # noqa: BLE001 - whatever else comes out is what is looked for
        return "".join(traceback.format_exception_only(error)), traceback.format_exc()
    finally:
        signal.alarm(0)


def keep_failure(archive: bytes, name: str, trace: str) -> None:
    FAILURES.mkdir(exist_ok=True)
    (FAILURES / f"{name}.zip").write_bytes(archive)
    (FAILURES / f"{name}.txt").write_text(trace)


def main() -> int:
    """Fuzz for some minutes, or until there is a failure."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="where to begin")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, ring)
    archives, outcomes, number = seeds(), Counter[str](), options.seed
    print(f"{len(archives)} archives to begin with; seed {options.seed}; {options.minutes:g} minutes", flush=True)
    end = time.monotonic() + 60 * options.minutes
    while time.monotonic() < end:
        number += 1
        random = Random(number)
        archive = mutate(random.choice(archives), random)
        outcome, trace = read_one(archive)
        if trace:
            keep_failure(archive, str(number), trace)
            print(f"Neither a value nor a StrongboxError, see {FAILURES.name}/{number}.txt: {outcome}")
            return 1
        outcomes[outcome] += 1
    print(f"{outcomes.total():,} archives read:", ", ".join(f"{n:,} {what}" for what, n in outcomes.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
