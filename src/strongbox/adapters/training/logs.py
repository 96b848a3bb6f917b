"""The logs of a run: one curve in the same files, however often the run is interrupted.

At a checkpoint it is written down how far each file had come. When the run goes on, what was written after the
checkpoint is cut off, since the same steps are done again, and whatever SB3 has opened in the meantime is put
back onto the old files: a CSV or JSON file that it emptied gets its rows back, a new folder for TensorBoard
goes away again. Only files are touched that the script itself has its logger write, whatever a checkpoint
says; and a copy is kept in the run's folder before the script can empty anything.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from stable_baselines3.common import logger as sb3
from stable_baselines3.common.base_class import BaseAlgorithm

from ..preserving import BLOCK, MONITOR

__all__ = ["LogPositions", "continue_logs", "discard_logs", "opened_events", "remove_events"]

EVENTS = "events.out.tfevents"
"""How the names of TensorBoard's files begin."""

TEXT_FILES = {".csv": sb3.CSVOutputFormat, ".json": sb3.JSONOutputFormat, ".txt": sb3.HumanOutputFormat}
"""Outputs that are one file each, by how the names of these end."""


def text_outputs(logger: sb3.Logger) -> Iterator[tuple[Path, Any]]:
    """The outputs of a logger that are a text file each, with its path."""
    outputs: list[Any] = list(logger.output_formats)
    for output in outputs:
        if type(output) in TEXT_FILES.values() and getattr(output, "own_file", True):
            yield Path(output.file.name).absolute(), output


def event_outputs(logger: sb3.Logger) -> Iterator[tuple[Path, sb3.TensorBoardOutputFormat]]:
    """The outputs of a logger for TensorBoard, with the folder of each."""
    for output in logger.output_formats:
        if isinstance(output, sb3.TensorBoardOutputFormat):
            yield Path(output.writer.log_dir).absolute(), output


def _event_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob(f"{EVENTS}*") if file.is_file() and not file.is_symlink())


class LogPositions:
    """How far the outputs of a logger have come, asked for at every checkpoint."""

    def __init__(self) -> None:
        self._counted: dict[Path, tuple[int, int, bytes]] = {}
        self._events: set[Path] = set()

    def go_on(self, sizes: Mapping[str, int]) -> None:
        """Take the files for TensorBoard that a checkpoint names for the run's own, too."""
        self._events.update(Path(path) for path in sizes if Path(path).name.startswith(EVENTS))

    def sizes(self, logger: sb3.Logger) -> dict[str, int]:
        """The size of each output's file in bytes, by path; SB3 flushes them whenever it writes."""
        files = [path for path, _ in text_outputs(logger)]
        self._events.update(map(Path, opened_events(logger)))
        folders = {folder for folder, _ in event_outputs(logger)}
        # Others in the same folder are another run's, which may log there, too.
        files += sorted(file for file in self._events if file.parent in folders)
        return {str(file): file.stat().st_size for file in files if file.exists()}

    def rows(self, logger: sb3.Logger) -> dict[str, int]:
        """The lines of each CSV file by its name: a new column makes SB3 write it again, so that sizes say nothing."""
        files = [path for path, output in text_outputs(logger) if isinstance(output, sb3.CSVOutputFormat)]
        return {path.name: self._count_lines(path) for path in files if path.exists()}

    def _count_lines(self, path: Path) -> int:
        """The lines of a file; only what was added since the last time is read, under the same first line."""
        size, lines, head = self._counted.get(path, (0, 0, b""))
        with path.open("rb") as file:
            first = file.readline()
            if first != head:
                size, lines = 0, 0
            file.seek(size)
            for block in iter(lambda: file.read(BLOCK), b""):
                size, lines = size + len(block), lines + block.count(b"\n")
        self._counted[path] = size, lines, first
        return lines


# -- after SB3 has opened its outputs ----------------------------------------------------------------------


def continue_logs(
    model: BaseAlgorithm, sizes: Mapping[str, int], rows: Mapping[str, int], copies: Mapping[str, str]
) -> dict[str, str]:
    """Let a model's logger go on in the files that a checkpoint names; gives what does not, with the reason.

    ``copies`` is what :func:`preserve_logs` gave. Nothing is touched in a folder for TensorBoard that has none of
    the checkpoint's files: it is another run's of the same name.
    """
    lost: dict[str, str] = {}
    events: dict[Path, dict[str, int]] = {}
    for path, size in sizes.items():
        place = Path(path)
        if place.name.startswith(EVENTS):
            events.setdefault(place.parent, {})[place.name] = size
        elif not place.name.endswith(MONITOR) and (
            reason := _continue_text(model, place, size, rows, copies.get(path))
        ):
            lost[f"log {place.name}"] = reason
    for place, files in events.items():
        if reason := _continue_events(model, place, files):
            lost[f"log {place.name}"] = reason
    return lost


def _continue_text(
    model: BaseAlgorithm, path: Path, size: int, rows: Mapping[str, int], copy: str | None
) -> str | None:
    output = next((output for place, output in text_outputs(model.logger) if place == path), None)
    if output is None:
        return "the script writes no such file any more"
    if copy is None:
        return "it was not there any more when the run went on; it begins anew"
    content = Path(copy).read_text(encoding=output.file.encoding)
    output.file.seek(0)
    output.file.truncate()
    output.file.write(content)
    output.file.flush()
    if isinstance(output, sb3.CSVOutputFormat):
        output.keys = content.partition("\n")[0].split(",") if content else []
    short = content.count("\n") < rows[path.name] if path.name in rows else os.stat(copy).st_size < size
    return "it is shorter than it was at the checkpoint" if short else None


def _continue_events(model: BaseAlgorithm, folder: Path, files: Mapping[str, int]) -> str | None:
    found = list(event_outputs(model.logger))
    if not found:
        return "the script writes none for TensorBoard any more"
    live, output = next((pair for pair in found if pair[0] == folder), found[0])
    if live != folder and not _is_sibling(model, live, folder):
        return "the script has its logs in another place now; they begin anew there"
    if not any((folder / name).is_file() for name in files):
        return "its files are not there any more; it begins anew"
    if live != folder:
        _remove_output(live, output)
        position = model.logger.output_formats.index(output)
        output = model.logger.output_formats[position] = sb3.TensorBoardOutputFormat(str(folder))
        model.logger.dir = str(folder)
    return _cut_events(folder, files)


def _is_sibling(model: BaseAlgorithm, live: Path, folder: Path) -> bool:
    """Whether a folder is one that SB3 itself numbers beside the one that it has opened."""
    place = None if model.tensorboard_log is None else Path(model.tensorboard_log).absolute()
    mine, other = live.name.rpartition("_"), folder.name.rpartition("_")
    return live.parent == folder.parent == place and mine[0] == other[0] and other[2].isdigit()


def _cut_events(folder: Path, files: Mapping[str, int]) -> str | None:
    """Cut off what was written after a checkpoint: it is written again."""
    found = {file.name: file.stat().st_size for file in _event_files(folder) if file.name in files}
    for name, size in found.items():
        if size > files[name]:
            os.truncate(folder / name, files[name])
    whole = all(found.get(name, -1) >= size for name, size in files.items())
    return None if whole else "a part of it is not there any more"


def opened_events(logger: sb3.Logger) -> list[str]:
    """The files for TensorBoard that a logger has opened, by path."""
    names = ((folder, _own_file(output)) for folder, output in event_outputs(logger))
    return [str(folder / name) for folder, name in names if name is not None]


def remove_events(model: BaseAlgorithm, paths: Iterable[str], *, kept: Collection[str]) -> None:
    """Remove files for TensorBoard that a run has opened after its checkpoint: what is in them is done again.

    Only those inside of the model's own ``tensorboard_log`` or of the folder that its own logger writes into, and
    folders that are empty then.
    """
    place = None if model.tensorboard_log is None else Path(model.tensorboard_log).absolute()
    custom: bool = model._custom_logger
    outputs = list(event_outputs(model.logger)) if custom else []
    own = {folder for folder, _ in outputs}
    live = opened_events(model.logger) if custom else []
    for file in map(Path, paths):
        inside = file.parent in own or (place is not None and file.parent.parent == place)
        if str(file) in kept or ".." in file.parts or not inside or not file.name.startswith(EVENTS):
            continue
        if file.is_file() and not file.is_symlink() and str(file) not in live:
            file.unlink()
            if not any(file.parent.iterdir()):
                file.parent.rmdir()


def discard_logs(model: BaseAlgorithm) -> None:
    """Take away what SB3 has opened for a part of the script that is passed over; its logs are written already."""
    custom: bool = model._custom_logger
    if custom:
        return
    for folder, output in list(event_outputs(model.logger)):
        _remove_output(folder, output)
        model.logger.output_formats.remove(output)


def _remove_output(folder: Path, output: Any) -> None:
    """Close an output that has written nothing but its head, and remove its file, and its folder if that is empty."""
    name = _own_file(output)
    output.close()
    if name is not None:
        (folder / name).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def _own_file(output: Any) -> str | None:
    """The file that an output for TensorBoard writes."""
    writer = getattr(output.writer.file_writer, "event_writer", None)
    name = getattr(writer, "_file_name", None)
    return Path(name).name if isinstance(name, str) else None
