"""A policy alone, in the smallest archive that acts: its own weights, and the data that acting needs.

Two layouts hold the same. As ``.zip`` it is an archive as any other, whose ``policy.pth`` has the actor's
tensors alone. As ``.npz`` each of them is a ``.npy`` member under its name, which ``numpy.load`` reads as well::

    numpy.load("policy.npz")["mlp_extractor.policy_net.0.weight"]

``data``, ``normalize.json`` and ``strongbox.json`` are those of an archive (docs/format.md), with no pickle in
them. Of ``.npy`` only what is written here is read: version 1.0, float32, row by row.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from math import prod

from .. import _version
from ..archive import Archive, Contents, Exact, Typed, write_archive
from ..archive.data import PORTABLE, TYPE
from ..archive.json_text import dump_lines
from ..archive.manifest import Manifest
from ..archive.members import DATA, MANIFEST, NORMALIZATION
from ..container import ZipWriter
from ..errors import FormatError, UnsupportedError, locate
from ..limits import DEFAULT_LIMITS
from ..tensors import StateDict, Storage, Tensor, contiguous_strides
from ..tensors.geometry import Geometry
from ..values import Normalization, find_opaque, normalization_to_json, to_portable
from .description import Description
from .layers import Array

__all__ = ["SETTINGS", "pack_npz", "pack_zip", "read_npz"]

SUFFIX = ".npy"
ALIGNMENT = 64
SETTINGS = (
    *("activation_fn", "batch_norm_eps", "clip_mean", "features_extractor_class", "lstm_kwargs"),
    *("normalize_images", "squash_output", "use_expln"),
)
"""The policy_kwargs that matter to acting; all else is told by the weights."""
LEFT_OUT = "an export of the policy holds what acting takes: its own weights, spaces and settings"
MAGIC = b"\x93NUMPY\x01\x00"
HEADER = re.compile(rb"\{'descr': '<f4', 'fortran_order': False, 'shape': \(([0-9, ]*)\), \} *\n")
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.]{0,99}")


def pack_zip(description: Description, weights: Mapping[str, Array], normalization: Normalization | None) -> bytes:
    """The archive of a policy alone, as the bytes of a ``.zip``."""
    file = io.BytesIO()
    contents = Contents(
        algorithm=description.algorithm or "",
        environment=description.environment,
        data=_entries(description),
        parameters={"policy": dict(weights)},
        normalization=normalization,
        left_out={"all that only training takes": LEFT_OUT},
    )
    write_archive(file, contents, pickles=False)
    return file.getvalue()


def pack_npz(description: Description, weights: Mapping[str, Array], normalization: Normalization | None) -> bytes:
    """The same as the bytes of an ``.npz``; raises UnsupportedError where numpy could not name the weights."""
    _expect_plain_names(weights)
    members = {DATA: _data(description)}
    if normalization is not None:
        members[NORMALIZATION] = dump_lines(normalization_to_json(normalization))
    members |= {name + SUFFIX: _npy(array) for name, array in weights.items()}
    file = io.BytesIO()
    with ZipWriter(file) as writer:
        aligned = {name: ALIGNMENT if name.endswith(SUFFIX) else 1 for name in members}
        digests = {name: writer.add(name, content, align=aligned[name]).sha256 for name, content in members.items()}
        manifest = Manifest(
            algorithm=description.algorithm or "",
            environment=description.environment,
            writer=f"strongbox {_version.__version__}",
            digests=digests,
            left_out={"all that only training takes": LEFT_OUT},
        )
        writer.add(MANIFEST, manifest.to_bytes())
    return file.getvalue()


def read_npz(archive: Archive) -> StateDict | None:
    """The weights of an ``.npz`` by name, their checksums verified; None of an archive that has none such."""
    names = [name for name in archive.members if name.endswith(SUFFIX)]
    tree = {name[: -len(SUFFIX)]: _tensor(archive, name) for name in names}
    return StateDict(tree, member="policy") if tree else None


def _entries(description: Description) -> dict[str, Typed | Exact]:
    settings = {
        name: value
        for name, value in description.settings.items()
        if name in SETTINGS and not any(find_opaque(value, name))
    }
    values = {
        "policy_class": description.policy_class,
        "observation_space": description.observation_space,
        "action_space": description.action_space,
        "policy_kwargs": settings,
    }
    entries: dict[str, Typed | Exact] = {
        name: Typed(type=f"<class '{type(value).__name__}'>", value=value) for name, value in values.items()
    }
    if description.exploration_rate:
        entries["exploration_rate"] = Exact(description.exploration_rate)
    return entries


def _data(description: Description) -> bytes:
    entries = _entries(description)
    return dump_lines(
        {
            name: entry.value if isinstance(entry, Exact) else {TYPE: entry.type, PORTABLE: to_portable(entry.value)}
            for name, entry in entries.items()
        }
    )


def _expect_plain_names(weights: Mapping[str, Array]) -> None:
    others = DEFAULT_LIMITS.members - len((DATA, NORMALIZATION, MANIFEST))
    if len(weights) > others:
        raise UnsupportedError(
            f"expected at most {others} weights in an .npz, found {len(weights)}.", hint="Export a .zip."
        )
    for name in weights:
        if not PLAIN_NAME.fullmatch(name):
            raise UnsupportedError(
                f"expected names of weights that an .npz can have, found {name!r}.", hint="Export a .zip."
            )


def _npy(array: Array) -> bytes:
    """https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, version 1.0."""
    shape = ", ".join(map(str, array.shape)) + ("," if array.ndim == 1 else "")
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}".encode("ascii")
    length = -(-(len(MAGIC) + 2 + len(header) + 1) // ALIGNMENT) * ALIGNMENT
    header = header.ljust(length - len(MAGIC) - 3) + b"\n"
    return MAGIC + len(header).to_bytes(2, "little") + header + array.astype("<f4").tobytes()


def _tensor(archive: Archive, name: str) -> Tensor:
    with locate(path=archive.path, member=name):
        content = memoryview(archive.members.read(name))
        start = len(MAGIC) + 2 + int.from_bytes(content[len(MAGIC) : len(MAGIC) + 2], "little")
        header = HEADER.fullmatch(bytes(content[len(MAGIC) + 2 : start]))
        if bytes(content[: len(MAGIC)]) != MAGIC or header is None or len(content) < start:
            raise FormatError("expected an array as Strongbox writes it, float32 of .npy 1.0, found something else.")
        sizes = [part.strip() for part in header[1].split(b",") if part.strip()]
        if not all(part.isdigit() and len(part) < 16 for part in sizes):
            raise FormatError("expected the sizes of an array, found something else.")
        shape = tuple(map(int, sizes))
        if prod(shape) * 4 != len(content) - start:
            raise FormatError(f"expected the elements of an array of {shape}, found {len(content) - start:,} bytes.")
        storage = Storage(name, "float32", len(content) - start, lambda: content[start:])
        return Tensor("float32", Geometry(shape, contiguous_strides(shape), 0), storage)
