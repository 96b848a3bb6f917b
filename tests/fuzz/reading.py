"""Everything that can be asked of an archive, asked of one: the reader that fuzzing runs."""

from __future__ import annotations

import gc
import io
import warnings

from strongbox import StrongboxError
from strongbox.archive import check_archive, open_archive
from strongbox.cli.json_form import value_json
from strongbox.conversion import convert

__all__ = ["read_everything"]


def read_everything(archive: bytes) -> str:
    """Read and check an archive, and say in a word how it went: ``whole``, or the error that stopped it.

    Anything but a value or a StrongboxError comes out as it is: that is what fuzzing looks for.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        str(check_archive(archive))
        convert_twice(archive)
        try:
            read_parts(archive)
        except StrongboxError as error:
            str(error)
            return type(error).__name__
    return "whole"


def convert_twice(archive: bytes) -> None:
    """Convert an archive, and what came of it, which has to be possible, and has to change nothing."""
    once, twice = io.BytesIO(), io.BytesIO()
    try:
        str(convert(archive, once))
    except StrongboxError as error:
        str(error)
        return
    report = convert(once.getvalue(), twice)
    assert report.changes == (), report
    assert twice.getvalue() == once.getvalue()


def read_parts(content: bytes) -> None:
    with open_archive(content) as archive:
        texts: list[object] = [
            archive.algorithm,
            archive.sb3_version,
            archive.system_info,
            archive.manifest,
            archive.left_out,
        ]
        for name in archive.data:
            value = archive.data[name]
            texts += [value, value_json(value), archive.data.type(name), archive.data.attributes(name)]
        texts += [*archive.resume.values(), *map(bytes, (archive.replay or {}).values())]
        texts += [archive.opaque, archive.normalization, archive.other_members]
        for state_dict in archive.parameters.values():
            texts += state_dict.values()
        texts += (archive.variables or {}).values()
        assert repr(texts)
    del texts, archive
    gc.collect(0)
