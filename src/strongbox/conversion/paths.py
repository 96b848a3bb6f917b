"""What a text says of this machine: absolute paths, folders inside of other text, memory addresses.

A text that is an absolute path, and nothing else, is cut down to its last part, wherever the path leads:
it may be of another machine. Inside of other text only the user's home and the working folder are
looked for, which are known; whatever else looks like a path may be a part of an address or of a name.
"""

from __future__ import annotations

import contextlib
import functools
import ntpath
import os
import posixpath
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

__all__ = [
    "inside_working_folder",
    "is_machine_path",
    "machine_folders",
    "shorten_keys",
    "shorten_path",
    "shorten_text",
    "without_machine",
]

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_PATH = re.compile(r"(?<![\w./:~-])(?:/[\w.@+-]+){2,}/?|\b[A-Za-z]:\\[^\s'\"<>|]+")
_ROOT = "/root"
"""A home that is one part only, and so not told by its form."""


def machine_folders() -> tuple[str, ...]:
    """The user's home and the working folder, the longer first; these may change while a program runs."""
    folders = {os.path.expanduser("~")}
    with contextlib.suppress(OSError):  # It was deleted.
        folders.add(os.getcwd())
    return tuple(sorted((folder for folder in folders if len(folder.strip("/\\")) > 2), key=len, reverse=True))


@functools.lru_cache(maxsize=8)
def _pattern(folders: tuple[str, ...]) -> re.Pattern[str] | None:
    """Matches one of some folders in a text: neither the end of a longer path, nor the start of a longer name."""
    spellings = [spelling for folder in folders for spelling in dict.fromkeys((folder, folder.replace("\\", "/")))]
    if not spellings:
        return None
    return re.compile(rf"(?<![\w.~-])(?:{'|'.join(map(re.escape, spellings))})(?![\w-]|\.\w)")


def is_machine_path(text: str) -> bool:
    """Whether a text is the absolute path of a file or folder (``/home/me/tb``), and nothing else."""
    if "\n" in text or (text[:1] not in ("/", "\\") and text[1:2] != ":"):
        return False
    parts = [part for part in re.split(r"[/\\]", text) if part]
    if len(parts) == 1:
        return text.rstrip("/") in (_ROOT, *machine_folders())
    return len(parts) >= 2 and (posixpath.isabs(text) or bool(ntpath.splitdrive(text)[0] and ntpath.isabs(text)))


def inside_working_folder(path: str) -> str | None:
    """An absolute path as one from the working folder, or None where it leads elsewhere."""
    with contextlib.suppress(OSError, ValueError):  # The folder was deleted; the path is on another drive.
        found = os.path.relpath(path)
        return None if found.split(os.sep)[0] == os.pardir or os.path.isabs(found) else found
    return None


def shorten_path(text: str) -> str:
    """The last part of a path; a home, whose last part is the user's name, is ``~``."""
    bare = text.rstrip("/\\")
    return "~" if bare in (_ROOT, os.path.expanduser("~")) else re.split(r"[/\\]", bare)[-1]


def shorten_text(text: str) -> str:
    """A text without paths of this machine; the same object where there is none."""
    if "/" not in text and "\\" not in text:
        return text
    if is_machine_path(text):
        return shorten_path(text)
    return _without_folders(text)


def _without_folders(text: str) -> str:
    pattern = _pattern(machine_folders())
    return text if pattern is None or pattern.search(text) is None else pattern.sub("~", text)


def without_machine(text: str) -> str:
    """A text for people, without memory addresses, and with absolute paths cut down to their last part."""
    return _without_folders(_PATH.sub(lambda found: shorten_path(found[0]), _ADDRESS.sub("", text)))


def shorten_keys(keys: Iterable[Hashable], shorten: Callable[[Any], Any]) -> Mapping[Any, Any]:
    """New keys for those that change; where two would become one, the later is given a number."""
    kept = list(keys)
    changed = {key: new for key in kept if (new := shorten(key)) is not key}
    taken = {key for key in kept if key not in changed}
    for key, new in changed.items():
        number, unique = 2, new
        while unique in taken:
            unique, number = _number(new, number), number + 1
        taken.add(unique)
        changed[key] = unique
    return changed


def _number(key: Any, number: int) -> Any:
    if isinstance(key, str):
        return f"{key} ({number})"
    if isinstance(key, bytes):
        return key + f" ({number})".encode()
    return (*key, number) if isinstance(key, tuple) else key
