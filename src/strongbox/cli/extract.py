"""``strongbox extract``: an archive as plain files that any program reads.

Everything is written into a new folder, which takes the target's name at the end: a target that was not
there has all of it or nothing. One tensor is in memory at a time. What the archive names becomes a file name
only through :class:`FileNames`; ``index.json`` tells which file has what. A file may not make this
write out of proportion to its own size, however often it shares or repeats a tensor or a value.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy

from ..archive import Archive, PackedReplay, open_archive
from ..errors import LimitError, MismatchError, UnsupportedError, locate
from ..tensors import StateDict, Tensor
from ..values import normalization_to_json
from .file_names import FileNames
from .json_form import opaque_json, strict_json, value_json
from .limits import read_limits
from .terminal import Span, Terminal, size_text

__all__ = ["extract_archive", "run"]

INDEX = "index.json"
TENSORS_PER_MEMBER = 4
"""How many tensors a file may hold for each inner member that its limits allow: shared ones come on top."""
BYTES_PER_BYTE = 16
"""What may be written in all: as much as a member of JSON, and so many bytes for each byte of the members."""
LARGE_TENSOR = 1 << 20
"""Bytes of a tensor from which its pages are given back at once."""

OUT_OF_PROPORTION = "The file repeats what it holds out of proportion to its size."


def run(arguments: argparse.Namespace) -> int:
    """Extract one archive and say what was written."""
    with open_archive(arguments.file, limits=read_limits(arguments)) as archive:
        files, size = extract_archive(archive, Path(arguments.to), force=arguments.force, raw=arguments.raw)
    text = f"{files:,} files, {size_text(size)}, in {arguments.to}"
    Terminal(sys.stdout).print([Span("extracted  ", "good"), Span(text)])
    return 0


def extract_archive(archive: Archive, folder: Path, *, force: bool = False, raw: bool = False) -> tuple[int, int]:
    """Write all that an archive holds into a folder; returns the numbers of files and bytes.

    The folder must not exist or be empty; with ``force``, what an earlier extraction wrote there is
    replaced and other files stay. ``raw`` adds the pickles of data. Raises MismatchError for a folder
    that is not empty, LimitError where a file would grow out of proportion, UnsupportedError where the
    system does not let write.
    """
    folder = Path(os.path.abspath(folder))
    if folder.is_dir() and not force and any(folder.iterdir()):
        raise MismatchError(
            "expected a folder that is empty or not there, found one with files in it.",
            path=str(folder),
            hint="Name another folder, or replace what an earlier extraction wrote with --force.",
        )
    with _system_errors(folder), _new_folder(folder) as made, locate(path=archive.path):
        extraction = _Extraction(archive, made)
        extraction.write(raw=raw)
        _move(made, folder)
    return extraction.files, extraction.size


class _Extraction:
    """One archive on its way into one folder, and what was written so far."""

    def __init__(self, archive: Archive, folder: Path) -> None:
        self._archive = archive
        self._folder = folder
        self.files = 0
        self.size = 0
        members = sum(member.size for member in archive.members.values())
        self._most_bytes = archive.limits.data_bytes + BYTES_PER_BYTE * members
        self._most_tensors = TENSORS_PER_MEMBER * archive.limits.inner_members
        self._tensors = 0
        self._bytes = 0

    def write(self, *, raw: bool) -> None:
        """Write all files, the index last."""
        archive = self._archive
        index: dict[str, Any] = {
            "algorithm": archive.algorithm,
            "sb3_version": archive.sb3_version,
            "data": self._json("data.json", {name: value_json(archive.data[name]) for name in archive.data}),
            "parameters": self._parameters(),
        }
        if archive.variables is not None:
            index["variables"] = self._state_dict(archive.variables, "variables")
        if archive.normalization is not None:
            index["normalization"] = self._json("normalization.json", normalization_to_json(archive.normalization))
        if archive.resume:
            index["resume"] = {
                name: self._json(f"resume/{names.add(name, '.json')}", value_json(archive.resume[name]))
                for names in [FileNames()]
                for name in archive.resume
            }
        if archive.replay is not None:
            index["replay"] = self._replay(archive.replay)
        if archive.system_info:
            lines = "".join(f"{name}: {text}\n" for name, text in archive.system_info.items())
            index["system_info"] = self._file("system_info.txt", lines.encode("utf-8", "backslashreplace"))
        if raw:
            index["pickles"] = self._pickles()
        index["opaque"] = opaque_json(archive.opaque)
        index["left_out"] = dict(archive.left_out)
        index["not_extracted"] = archive.other_members
        self._json(INDEX, index)

    def _parameters(self) -> dict[str, Any]:
        names = FileNames()
        return {
            name: self._state_dict(self._archive.parameters[name], f"parameters/{names.add(name)}")
            for name in self._archive.parameters
        }

    def _replay(self, replay: PackedReplay) -> dict[str, Any]:
        """The replay as it lies in the folder of a run; a segment's name is its digest, which was verified."""
        segments = {name: self._file(f"replay/{name}.segment", replay[name]) for name in replay}
        return {"replay": self._json("replay/replay.json", replay.replay), "segments": segments}

    def _state_dict(self, state_dict: StateDict, folder: str) -> dict[str, Any]:
        """One file for each tensor, and ``tree.json`` where the state dict is more than named tensors."""
        self._admit(state_dict)
        names = FileNames("tree.json")
        tensors: list[dict[str, Any]] = []

        def write(path: str, tensor: Tensor) -> str:
            file = self._array(f"{folder}/{names.add(path, '.npy')}", tensor)
            tensors.append({"name": path, "file": file, "dtype": tensor.dtype, "shape": list(tensor.shape)})
            return file

        with locate(member=f"{state_dict.name}.pth"):
            tree = _tree(state_dict.raw, "", write)
        if all(isinstance(item, Tensor) for item in state_dict.raw.values()):
            return {"tensors": tensors}
        return {"tree": self._json(f"{folder}/tree.json", tree), "tensors": tensors}

    def _array(self, file: str, tensor: Tensor) -> str:
        array = tensor.numpy()
        self._stream(file, lambda stream: numpy.save(stream, array, allow_pickle=False))
        if tensor.nbytes > LARGE_TENSOR:
            del array
            self._archive.release_memory()
        return file

    def _pickles(self) -> dict[str, str]:
        names, data = FileNames(), self._archive.data
        pickles = ((name, data.pickle(name)) for name in data)
        return {
            name: self._file(f"data/{names.add(name, '.pickle')}", content)
            for name, content in pickles
            if content is not None
        }

    def _admit(self, state_dict: StateDict) -> None:
        """Raise LimitError where the tensors of a state dict are more than such a file may come to."""
        for _, tensor in state_dict.tensors():
            self._tensors += 1
            if self._tensors > self._most_tensors:
                raise LimitError(
                    f"expected at most {self._most_tensors:,} tensors, found more.",
                    member=f"{state_dict.name}.pth",
                    hint=OUT_OF_PROPORTION,
                )
            with locate(member=f"{state_dict.name}.pth"):
                self._admit_bytes(tensor.nbytes)

    def _admit_bytes(self, size: int) -> None:
        """Raise LimitError where all files together would come to more than such an archive may."""
        self._bytes += size
        if self._bytes > self._most_bytes:
            problem = f"expected at most {self._most_bytes:,} bytes to write, found more."
            raise LimitError(problem, hint=OUT_OF_PROPORTION)

    def _json(self, name: str, value: Any) -> str:
        text = json.dumps(strict_json(value), indent=2, allow_nan=False)
        self._admit_bytes(len(text))
        return self._file(name, f"{text}\n".encode("ascii"))

    def _file(self, name: str, content: bytes | memoryview) -> str:
        return self._stream(name, lambda stream: stream.write(content))

    def _stream(self, name: str, write: Callable[[Any], Any]) -> str:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "xb") as stream:
            write(stream)
            self.size += stream.tell()
        self.files += 1
        return name


def _tree(item: Any, path: str, write: Callable[[str, Tensor], str]) -> Any:
    """The tree of a state dict as JSON: every tensor is written, and its file's name stands for it."""
    if isinstance(item, Tensor):
        return {"tensor": write(path, item)}
    if isinstance(item, Mapping):
        return {str(key): _tree(part, f"{path}.{key}" if path else str(key), write) for key, part in item.items()}
    if isinstance(item, (list, tuple)):
        return [_tree(part, f"{path}.{index}" if path else str(index), write) for index, part in enumerate(item)]
    return item if item is None or isinstance(item, (bool, int, float, str)) else str(item)


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """A new folder on the target's file system, gone at the end whatever happens, unless it was moved away."""
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
    place = target if target.is_dir() else target.parent
    folder = place / f".{target.name}.{os.getpid()}.extracting"
    folder.mkdir()
    try:
        yield folder
    finally:
        _remove(folder)


def _move(made: Path, target: Path) -> None:
    """Give the new folder its name; into a folder that is there already, move what it holds, the index last."""
    if not target.is_dir():
        made.rename(target)
        return
    for new in sorted(made.iterdir(), key=lambda path: (path.name == INDEX, path.name)):
        _remove(target / new.name)
        new.rename(target / new.name)


def _remove(path: Path) -> None:
    """Remove what is there, if anything; of a link the link alone, never what it points to."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    for place, folders, files in os.walk(path, topdown=False):
        for name in (*files, *folders):
            inner = Path(place, name)
            if inner.is_dir() and not inner.is_symlink():
                inner.rmdir()
            else:
                inner.unlink()
    path.rmdir()


@contextmanager
def _system_errors(folder: Path) -> Iterator[None]:
    """Say what the system does not allow in words of our own."""
    try:
        yield
    except OSError as error:
        problem = f"expected to write here, found: {error.strerror or error}."
        raise UnsupportedError(problem, path=str(folder)) from error
