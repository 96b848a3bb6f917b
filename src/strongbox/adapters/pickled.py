"""The one place where a pickle of an archive is run, for a caller who asked for it: ``trust="pickle"``.

Code that is kept by value is bytecode, which only the Python that compiled it runs; another one does
not fail on it but crashes. So the versions are compared first, and where the file does not tell the
version, nothing is run.
"""

from __future__ import annotations

import sys
from typing import Any

import cloudpickle  # type: ignore[import-untyped]

from ..archive import Archive
from ..errors import StrongboxError, UnsupportedError
from ..pickles import Decoded

__all__ = ["load_pickled"]

_CODE_MODULES = ("cloudpickle", "dill", "marshal", "types")
_CODE_NAMES = frozenset(("CodeType", "FunctionType", "LambdaType", "compile", "eval", "exec"))


def load_pickled(archive: Archive, name: str) -> Any:
    """Unpickle one attribute, running whatever its pickle says.

    Raises UnsupportedError where the pickle holds code of another version of Python, or fails.
    """
    content = archive.data.pickle(name)
    if content is None:
        raise UnsupportedError(f"expected a pickle of {name!r}, found that the archive has none.")
    if _holds_code(archive, name):
        _check_python(archive, name)
    try:
        return cloudpickle.loads(content)
    except Exception as error:
        raise UnsupportedError(
            f"expected the pickle of {name!r} to load, found that it fails: {type(error).__name__}: {error}.",
            hint=f"Give the object yourself, custom_objects={{{name!r}: ...}}, or leave it out, skip=[{name!r}].",
        ) from error


def _holds_code(archive: Archive, name: str) -> bool:
    """Whether a pickle may hold code by value; where it cannot even be read, it may."""
    try:
        decoded = archive.data.decoded(name)
    except StrongboxError:
        return True
    return decoded is None or _names_code(decoded)


def _names_code(decoded: Decoded) -> bool:
    return any(
        item.name in _CODE_NAMES or not set(item.module.split(".")).isdisjoint(_CODE_MODULES)
        for item in decoded.globals
    )


def _check_python(archive: Archive, name: str) -> None:
    wrote, here = archive.python_version, sys.version_info[:2]
    if wrote == here:
        return
    found = "a file that does not say which" if wrote is None else f"one that Python {wrote[0]}.{wrote[1]} wrote"
    raise UnsupportedError(
        f"expected code of Python {here[0]}.{here[1]} in {name!r}, found {found}: running it could crash.",
        hint=f"Load it there, give the object yourself, custom_objects={{{name!r}: ...}}, "
        f"or leave it out, skip=[{name!r}].",
    )
