"""The end of a zip file: from its last byte to its central directory.

The end record is the last thing in the file and has no comment; its numbers lead exactly to the
central directory, which the zip64 records and the end record follow without a gap. Where the
signature of a zip64 locator stands, it is one, and every number of it has to fit: a reader that
believes half of these records sees another archive than one that believes the other half. torch
writes zip64 end records into small files too, so they need not be needed; they have to agree.
"""

from __future__ import annotations

from ..errors import FormatError, UnsupportedError
from ..records import record
from .records import (
    END,
    END64,
    END64_BODY,
    END64_SIGNATURE,
    END_SIGNATURE,
    LOCATOR64,
    LOCATOR64_SIGNATURE,
    SENTINEL16,
    SENTINEL32,
    EndRecord,
    EndRecord64,
    Locator64,
)

__all__ = ["REPACK_HINT", "CentralDirectory", "find_central_directory", "several_files"]

LONGEST_COMMENT = 0xFFFF
REPACK_HINT = "Pack its files again with an ordinary zip tool, stored or deflated."
END64_FIELDS = {
    "disk": SENTINEL16,
    "central_disk": SENTINEL16,
    "disk_entries": SENTINEL16,
    "entries": SENTINEL16,
    "central_size": SENTINEL32,
    "central_start": SENTINEL32,
}


@record(frozen=True)
class CentralDirectory:
    """Where the central directory is, and how many records it has."""

    start: int
    end: int
    count: int


def find_central_directory(view: memoryview) -> CentralDirectory:
    """Read the end records and check that they lead to each other and to the central directory."""
    end_start = len(view) - END.size
    if end_start < 0 or bytes(view[end_start : end_start + 4]) != END_SIGNATURE:
        raise no_end_record(view)
    end = EndRecord._make(END.unpack_from(view, end_start))
    if end.comment_length:
        raise FormatError("expected the file to end with its end record, found a comment cut off.", offset=end_start)
    locator_start = end_start - LOCATOR64.size
    if locator_start >= 0 and bytes(view[locator_start : locator_start + 4]) == LOCATOR64_SIGNATURE:
        directory_end = locator_start - END64.size
        end = read_end64(view, directory_end, end)
    else:
        directory_end = end_start
    if (end.disk, end.central_disk) != (0, 0) or end.disk_entries != end.entries:
        raise several_files(end_start)
    if end.central_start + end.central_size != directory_end:
        problem = (
            f"expected the central directory to end at {directory_end}, "
            f"found {end.central_size} bytes at {end.central_start}."
        )
        raise FormatError(problem, offset=end_start, hint="Something was put before or into the archive.")
    return CentralDirectory(end.central_start, directory_end, end.entries)


def read_end64(view: memoryview, start: int, end: EndRecord) -> EndRecord:
    """Read the zip64 end record and its locator, and return the end record with the full numbers."""
    if start < 0 or bytes(view[start : start + 4]) != END64_SIGNATURE:
        raise FormatError("expected a zip64 end record in front of its locator, found none.", offset=max(start, 0))
    end64 = EndRecord64._make(END64.unpack_from(view, start))
    locator = Locator64._make(LOCATOR64.unpack_from(view, start + END64.size))
    if locator.end64_start != start:
        problem = f"the zip64 locator points to {locator.end64_start}, the zip64 end record is at {start}."
        raise FormatError(problem, offset=start + END64.size)
    if locator.disk != 0 or locator.disks != 1:
        raise several_files(start)
    if end64.body != END64_BODY:
        raise FormatError(f"the zip64 end record says {end64.body} bytes, not {END64_BODY}.", offset=start)
    for field, sentinel in END64_FIELDS.items():
        short, full = getattr(end, field), getattr(end64, field)
        if short not in (sentinel, full):
            problem = f"{field}: the end record says {short}, the zip64 end record {full}."
            raise FormatError(problem, offset=start)
    return end._replace(**{field: getattr(end64, field) for field in END64_FIELDS})


def no_end_record(view: memoryview) -> FormatError:
    """Say why the file does not end as a zip archive does: something follows, or the end is missing."""
    tail_start = max(0, len(view) - END.size - LONGEST_COMMENT)
    found = bytes(view[tail_start:]).rfind(END_SIGNATURE)
    if found < 0 or tail_start + found + END.size > len(view):
        return FormatError(
            "expected the end record of a zip archive at the end of the file, found none.",
            offset=len(view),
            hint="The file is cut short, or not a zip archive.",
        )
    after = len(view) - (tail_start + found + END.size)
    problem = f"expected the file to end with its end record, found {after} bytes (a comment, or more) after it."
    return FormatError(problem, offset=tail_start + found, hint=REPACK_HINT)


def several_files(offset: int) -> UnsupportedError:
    """The error for an archive of which this file is only a part."""
    return UnsupportedError("expected one file, found a zip archive split over several.", offset=offset)
