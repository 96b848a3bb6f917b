"""Run the core's tests under every Python from 3.10 to 3.13 that this machine offers, with numpy alone.

The Python that runs this program, or else the newest, tries every random case; the others try one in five,
in the same tests. Two are at work at a time, each of which makes its environment first.

Each interpreter gets an environment of its own, ``.venv-3.10`` to ``.venv-3.13``, made once and made
again when a requirement changes. An interpreter that is not here is named and passed over; a test that
fails under any of them makes this program fail.

    python tests/interpreters.py
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

__all__ = ["ROOT", "VERSIONS", "find_interpreters", "main", "prepare_environment"]

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("3.10", "3.11", "3.12", "3.13")
REQUIREMENTS = ("requirements/core-test.txt",)
AT_ONCE = 2
FEWER = 5
"""One random case in so many, under all Pythons but one; tests/draws.py."""


def find_interpreter(version: str) -> Path | None:
    """The first interpreter of this version that answers: pyenv's newest, that on the path, that of this program."""
    return next((path for path in candidates(version) if answers(path, version)), None)


def candidates(version: str) -> Iterator[Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    patches = pyenv.glob(f"versions/{version}.*/bin/python{version}")
    yield from sorted(patches, key=patch_number, reverse=True)
    on_path = shutil.which(f"python{version}")
    if on_path is not None:
        yield Path(on_path)
    yield Path(sys.base_prefix, "bin", f"python{version}")


def patch_number(interpreter: Path) -> int:
    patch = interpreter.parents[1].name.split(".")[2]
    return int(patch) if patch.isdigit() else -1


def answers(interpreter: Path, version: str) -> bool:
    question = "import sys; print('%d.%d' % sys.version_info[:2], sys.implementation.name)"
    if not interpreter.is_file():
        return False
    answer = subprocess.run([interpreter, "-c", question], capture_output=True, text=True, check=False)
    return answer.stdout.split() == [version, "cpython"]


def prepare_environment(interpreter: Path, name: str, requirements: tuple[str, ...], *options: str) -> Path:
    """Make the environment ``.venv-NAME``, unless it stands already, and return its Python.

    ``options`` are more arguments for pip. Whoever changes a requirement file gets a new environment.
    """
    folder = ROOT / f".venv-{name}"
    python = folder / "bin" / "python"
    stamp = folder / ".requirements-installed"
    wanted = fingerprint(interpreter, requirements, *options)
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    print(f"Making {folder.name} from {' and '.join(requirements)}, once.", flush=True)
    subprocess.run([interpreter, "-m", "venv", "--clear", folder], check=True)
    install(python, *(part for path in requirements for part in ("--requirement", path)), *options)
    stamp.write_text(wanted)
    return python


def install(python: Path, *what: str) -> None:
    # What is imported is compiled then, once; most of it never is.
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--no-compile", *what], cwd=ROOT, check=True)


def fingerprint(interpreter: Path, requirements: tuple[str, ...], *options: str) -> str:
    """What an environment depends on: its Python, requirement files and options, and its place."""
    digest = hashlib.sha256("\n".join((str(ROOT), str(interpreter), *options)).encode())
    for path in requirements:
        digest.update((ROOT / path).read_bytes())
    return digest.hexdigest()


def run_tests(python: Path, version: str, one_case_in: int) -> bool:
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/core"]
    # A folder of its own: pytest sweeps those of earlier runs, and two that sweep at once stand in each other's way.
    with tempfile.TemporaryDirectory() as folder:
        more = {"PYTHONPATH": str(ROOT / "src"), "PYTEST_DEBUG_TEMPROOT": folder}
        environment = {**os.environ, **more, "STRONGBOX_ONE_CASE_IN": str(one_case_in)}
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    cases = "every random case" if one_case_in == 1 else f"one random case in {one_case_in}"
    print(f"\n---- Python {version}: the core's tests, with numpy alone, {cases}\n{done.stdout}", end="", flush=True)
    return done.returncode == 0


def thorough_first(versions: list[str]) -> list[str]:
    """These versions, first the one that tries every case, which takes longest: that of this program, or the newest."""
    own = "{}.{}".format(*sys.version_info[:2])
    thorough = own if own in versions else versions[-1]
    return sorted(versions, key=lambda version: version != thorough)


def find_interpreters() -> dict[str, Path]:
    """The interpreters that are here, by version; says which, and which are not."""
    found = {version: find_interpreter(version) for version in VERSIONS}
    for version, interpreter in found.items():
        print(f"Python {version}: {interpreter or 'not found on this machine'}", flush=True)
    here = {version: path for version, path in found.items() if path is not None}
    if not here:
        sys.exit("No Python from 3.10 to 3.13 was found.")
    return here


def main() -> int:
    """Make the environments and test in them, two at a time, and say what was found."""
    here = find_interpreters()
    order = thorough_first(list(here))

    def test(version: str) -> bool:
        python = prepare_environment(here[version], version, REQUIREMENTS)
        return run_tests(python, version, 1 if version == order[0] else FEWER)

    with ThreadPoolExecutor(AT_ONCE) as workers:
        passed = dict(zip(order, workers.map(test, order), strict=True))
    print("\nThe core's tests: " + ", ".join(f"{v} {'passed' if ok else 'FAILED'}" for v, ok in passed.items()))
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
