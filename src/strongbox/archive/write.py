"""Writing an archive: everything is prepared and checked before the first byte, then streamed once.

The members stand in SB3's order, with Strongbox's own behind them. Times, order and encodings are
fixed, so that the same contents give the same bytes.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO
from weakref import WeakKeyDictionary

from .. import _version
from ..container import ZipWriter, replace_file
from ..errors import LimitError, StrongboxError, UnsupportedError, locate
from ..limits import DEFAULT_LIMITS, Limits
from ..tensors import PthPlan, plan_pth
from ..values import normalization_to_json, to_portable
from .contents import Contents, Exact, SaveReport, Typed
from .data import MARKERS, PORTABLE, SERIALIZED, TYPE
from .json_text import check_size, dump_lines, dump_text, join_lines
from .manifest import Manifest
from .members import DATA, MANIFEST, NORMALIZATION, SYSTEM_INFO, VARIABLES, VERSION, resume_member

__all__ = ["entry_text", "write_archive"]

ALIGNMENT = 64
"""Bytes: tensors begin at multiples of this in the outer file, so that a map serves vector loads."""


def write_archive(
    target: str | os.PathLike[str] | BinaryIO,
    contents: Contents,
    *,
    pickles: bool = True,
    durable: bool = True,
    limits: Limits = DEFAULT_LIMITS,
) -> SaveReport:
    """Write an archive to a path, replacing an old file whole, or to a seekable binary file.

    A path without a suffix gets ``.zip``, as in SB3. ``pickles=False`` leaves out every pickle in
    data, and raises UnsupportedError naming the culprits where a value has no portable form. Data that
    is more than a reader with these ``limits`` takes is a LimitError, before anything is written.
    ``durable=False`` skips fsync: the file is still replaced in one step, but a power failure may
    undo it.
    """
    if not pickles:
        _require_portable(contents)
    members = _small_members(contents, pickles=pickles)
    _require_readable(members[DATA], contents, pickles=pickles, limits=limits)
    plans = _tensor_plans(contents)
    manifest = _manifest(contents)
    if not isinstance(target, str | bytes | os.PathLike):
        size = _write_members(target, members, plans, manifest)
        return _report(None, size, contents)
    if not isinstance(os.fspath(target), str) or not Path(target).name:
        raise StrongboxError("expected the path of a file as text, found none.", path=ascii(target))
    path = Path(target)
    path = path if path.suffix else path.with_name(path.name + ".zip")
    with replace_file(path, durable=durable) as file:
        size = _write_members(file, members, plans, manifest)
    return _report(str(path), size, contents)


def _write_members(
    file: BinaryIO, members: Mapping[str, bytes], plans: Mapping[str, PthPlan], manifest: dict[str, Any]
) -> int:
    writer = ZipWriter(file)
    digests: dict[str, str] = {}
    digests[DATA] = writer.add(DATA, members[DATA]).sha256
    for name, plan in plans.items():
        digests[name] = plan.write(writer, name).sha256
    for name, content in members.items():
        if name != DATA:
            digests[name] = writer.add(name, content).sha256
    writer.add(MANIFEST, Manifest(digests=digests, **manifest).to_bytes())
    writer.close()
    return file.tell()


def _small_members(contents: Contents, *, pickles: bool) -> dict[str, bytes]:
    members = {DATA: join_lines({name: entry_text(entry, pickles=pickles) for name, entry in contents.data.items()})}
    if contents.sb3_version is not None:
        members[VERSION] = contents.sb3_version.encode("utf-8")
    if contents.system_info is not None:
        members[SYSTEM_INFO] = contents.system_info.encode("utf-8")
    if contents.normalization is not None:
        members[NORMALIZATION] = dump_lines(normalization_to_json(contents.normalization))
    for name, value in contents.resume.items():
        members[resume_member(name)] = _resume_text(name, value)
    return members


def _resume_text(name: str, value: Any) -> bytes:
    with locate(member=resume_member(name)):
        content = dump_text(to_portable(value)).encode("ascii")
        check_size(content)
    return content


def _tensor_plans(contents: Contents) -> dict[str, PthPlan]:
    trees = {VARIABLES[0]: {} if contents.variables is None else contents.variables}
    trees.update({f"{name}.pth": tree for name, tree in contents.parameters.items()})
    return {name: plan_pth(tree, align=ALIGNMENT) for name, tree in trees.items()}


_texts: WeakKeyDictionary[Typed, dict[bool, str]] = WeakKeyDictionary()


def entry_text(entry: Exact | Typed, *, pickles: bool = True) -> str:
    """The JSON text of one entry of data, made once for each entry."""
    if isinstance(entry, Exact):
        return entry.text
    texts = _texts.setdefault(entry, {})
    if pickles not in texts:
        texts[pickles] = dump_text(_typed_json(entry, pickles=pickles))
    return texts[pickles]


def _typed_json(entry: Typed, *, pickles: bool) -> dict[str, Any]:
    written: dict[str, Any] = {TYPE: entry.type}
    written.update({key: item for key, item in entry.attributes.items() if key not in MARKERS})
    if not entry.opaque:
        written[PORTABLE] = to_portable(entry.value)
    if pickles and entry.pickle is not None:
        written[SERIALIZED] = base64.b64encode(entry.pickle).decode("ascii")
    return written


def _require_readable(data: bytes, contents: Contents, *, pickles: bool, limits: Limits) -> None:
    """Hold the finished data against the reader's own limits, before the old file is given up for it."""
    try:
        check_size(data, limits=limits)
    except LimitError as error:
        sizes = {name: len(entry_text(entry, pickles=pickles)) for name, entry in contents.data.items()}
        largest = sorted(sizes, key=lambda name: -sizes[name])[:5]
        error.problem = f"data is more than an archive may hold: {error.problem}"
        error.hint = f"The largest are {', '.join(largest)}: leave out what the agent can do without, exclude=[...]."
        raise


def _require_portable(contents: Contents) -> None:
    culprits = contents.opaque
    if culprits:
        listed = "; ".join(f"{path} ({part.type}: {part.reason})" for path, part in culprits.items())
        raise UnsupportedError(
            f"expected values that have a portable form, found {len(culprits)} that have none: {listed}.",
            hint="Leave them out with exclude=[...], or save with pickles=True.",
        )


def _manifest(contents: Contents) -> dict[str, Any]:
    return {
        "algorithm": contents.algorithm,
        "environment": contents.environment,
        "writer": f"strongbox {_version.__version__}",
        "opaque": {path: {"type": part.type, "reason": part.reason} for path, part in contents.opaque.items()},
        "left_out": contents.left_out,
        "converted_from": contents.converted_from,
        "arrays": tuple(contents.arrays),
        "shared": contents.shared,
        "approximate": {name: table.largest_error for name, table in contents.approximate.items()},
    }


def _report(path: str | None, size: int, contents: Contents) -> SaveReport:
    return SaveReport(
        path=path,
        size=size,
        left_out=dict(contents.left_out),
        shortened=dict(contents.shortened),
        opaque=contents.opaque,
        approximate=contents.approximate,
    )
