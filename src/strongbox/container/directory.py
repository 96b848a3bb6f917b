"""The directory of a zip archive: which members there are, and where; read whole, believed in nothing.

Two kinds of zip files come here: archives, as Python's ``zipfile`` or a person's zip tool writes
them, and the ``.pth`` members inside them, as torch writes them (a data descriptor after every
record, zip64 end records, padding in extra fields). The rules are in ``ending`` and ``entries``; they
are read in one pass, before the first byte of content is given out.

Content is given out in two ways. :meth:`Directory.read` gives bytes whose length and CRC-32 were
checked; :meth:`Directory.span` gives stored bytes as they are, without looking at them, for callers
that check each part when they come to it. Neither copies what is stored, and what was given out
stays valid for as long as someone holds it, as the directory itself does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..errors import FormatError, LimitError, UnsupportedError, locate
from ..limits import DEFAULT_LIMITS, Limits
from .checksum import CHUNK, checksum
from .ending import find_central_directory
from .entries import Member, locate_content, read_central_directory
from .formats import ZIP, identify
from .inflate import inflate
from .names import check_unique, show_name

__all__ = ["Directory", "Member", "read_directory"]


class Directory(Mapping[str, Member]):
    """The members of one zip archive by name, in the order of its central directory.

    ``remarks`` are sentences about the archive that a person should know and that are no faults.
    """

    def __init__(self, view: memoryview, members: Mapping[str, Member], remarks: tuple[str, ...] = ()) -> None:
        self._view = view
        self._members = dict(members)
        self.remarks = remarks

    @property
    def inflated_bytes(self) -> int:
        """What all deflated members become together; what a budget over several archives is charged with."""
        return sum(member.size for member in self._members.values() if member.deflated)

    def read(self, name: str) -> memoryview:
        """The content of a member, its length and CRC checked; stored members are not copied."""
        member = self._find(name)
        with locate(member=name):
            content = self._inflate(member) if member.deflated else self._stored(member)
            if checksum(content) != member.crc:
                raise wrong_checksum()
            return content

    def span(self, name: str) -> memoryview:
        """The bytes of a stored member as they are, unchecked; a deflated member is read and checked."""
        member = self._find(name)
        return self.read(name) if member.deflated else self._stored(member)

    def verify(self, name: str) -> None:
        """Check the length and CRC of a member and keep nothing of it."""
        member = self._find(name)
        with locate(member=name):
            crc = 0
            for piece in self._pieces(member):
                crc = checksum(piece, crc)
            if crc != member.crc:
                raise wrong_checksum()

    def _pieces(self, member: Member) -> Iterator[bytes | memoryview]:
        stored = self._stored(member)
        if member.deflated:
            return inflate(stored, member.size)
        return (stored[start : start + CHUNK] for start in range(0, len(stored), CHUNK))

    def _inflate(self, member: Member) -> memoryview:
        content = bytearray()
        try:
            for piece in inflate(self._stored(member), member.size):
                content += piece
        except MemoryError as error:
            raise LimitError(f"expected to inflate {member.size} bytes, found no memory for them.") from error
        return memoryview(content).toreadonly()

    def _stored(self, member: Member) -> memoryview:
        return self._view[member.start : member.start + member.stored_size]

    def _find(self, name: str) -> Member:
        try:
            return self._members[name]
        except KeyError:
            found = ", ".join(map(show_name, list(self._members)[:20])) or "none"
            raise FormatError(f"expected a member {show_name(name)}, found {found}.") from None

    def __getitem__(self, name: str) -> Member:
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        return f"<Directory of {len(self)} members>"


def read_directory(
    view: bytes | bytearray | memoryview, *, limits: Limits = DEFAULT_LIMITS, members: int | None = None
) -> Directory:
    """Read the directory of the zip archive that ``view`` holds from its first byte to its last.

    ``members`` is the largest number of members, ``limits.members`` where it is left out; give
    ``limits.inner_members`` for a ``.pth`` file. Only headers are looked at, never content.

    Raises :class:`FormatError` for broken or contradictory records, :class:`RefusedError` for names
    and kinds of members that an archive may not have, :class:`UnsupportedError` for other formats and
    methods, by name, and :class:`LimitError` beyond the limits. Source: APPNOTE 6.3.10.
    """
    content = memoryview(view).toreadonly()
    refuse_other_formats(content)
    directory = find_central_directory(content)
    allowed = limits.members if members is None else members
    if directory.count > allowed:
        raise LimitError(f"expected at most {allowed} members, found {directory.count}.", offset=directory.start)
    entries = list(read_central_directory(content, directory))
    check_unique(entry.name for entry in entries)
    located = {member.name: member for member in locate_content(content, entries, directory.start)}
    in_order = {entry.name: located[entry.name] for entry in entries}
    check_inflation(in_order, limits)
    return Directory(content, in_order, tuple(remarks_on(in_order)))


def refuse_other_formats(view: memoryview) -> None:
    """Tell by content what the file is, and refuse by name what is no zip archive."""
    file_format = identify(view)
    if file_format is not None and file_format != ZIP:
        raise UnsupportedError(f"expected a zip archive, found {file_format.name}.", hint=file_format.hint)


def check_inflation(members: Mapping[str, Member], limits: Limits) -> None:
    """Hold what deflated members say to become against the limits, before any is inflated."""
    deflated = [member for member in members.values() if member.deflated]
    for member in deflated:
        if member.size > limits.deflate_ratio * member.stored_size:
            problem = (
                f"member {show_name(member.name)}: {member.stored_size} bytes say to become {member.size}, "
                f"more than {limits.deflate_ratio} times as many."
            )
            raise LimitError(problem, offset=member.header_start)
    total = sum(member.size for member in deflated)
    if total > limits.inflated_bytes:
        raise LimitError(f"expected at most {limits.inflated_bytes} bytes when inflated, found {total}.")


def remarks_on(members: Mapping[str, Member]) -> Iterator[str]:
    """What a person should know about an archive that is in order."""
    deflated = sum(member.deflated for member in members.values())
    if deflated:
        yield f"{deflated} of {len(members)} members are deflated: the archive was repacked with an ordinary zip tool."


def wrong_checksum() -> FormatError:
    """The error for content that is not what was written."""
    return FormatError("the content does not have the CRC-32 that the archive says.", hint="The file is damaged.")
