"""Broken archives out of whole ones: in their bytes, and in everything that is packed into them.

A change of a random byte mostly breaks a checksum, and the reader has seen enough. So most mutations
know the grammar: they change a pickle, a number of the JSON, a tensor's pickle or a field of a zip
header, and pack everything around it again, checksums included. Every function takes the bytes of an
archive and a generator, and gives the bytes of another; the same generator gives the same bytes.
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

__all__ = ["MUTATIONS", "Mutation", "mutate"]

Mutation = Callable[[bytes, Random], bytes]

INTERESTING = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFE,
    0xFFFFFFFF,
    1 << 62,
    (1 << 64) - 1,
)
"""Numbers at the edges of the fields of binary formats."""

OPCODES = bytes(
    (*b"(.0126FIJKLMNPQRSTUVXabcd}egh", *b"ijl]opqrst)uGBC", *range(0x80, 0x99)),
)
"""The opcodes of all pickle protocols."""

SIGNATURES = (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08")

JSON_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1 << 70, 1e308, float("nan"), "", "\ud800", [], {}, [[]], {":type:": "x"}),
    *({":portable:": []}, {":portable:": {"$": "box"}}, {":serialized:": "gASVAAAA"}, {":serialized:": 3}),
)


def mutate(archive: bytes, random: Random) -> bytes:
    """Apply one mutation, sometimes several."""
    for _ in range(1 + (random.random() < 0.2) * random.randrange(1, 4)):
        try:
            archive = random.choice(MUTATIONS)(archive, random)
        except Exception:  # noqa: BLE001 - what an earlier mutation broke cannot be taken apart again
            break
    return archive


def change_bytes(content: bytes, random: Random) -> bytes:
    """Flip, set, insert, remove or repeat a few bytes."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        place = random.randrange(len(changed) + 1)
        span = random.choice((1, 1, 2, 4, 8, 64))
        match random.randrange(5):
            case 0 if place < len(changed):
                changed[place] ^= 1 << random.randrange(8)
            case 1:
                changed[place : place + span] = random.randbytes(span)
            case 2:
                changed[place:place] = random.randbytes(span)
            case 3:
                del changed[place : place + span]
            case _:
                changed[place:place] = changed[place : place + span]
    return bytes(changed)


def change_number(content: bytes, random: Random) -> bytes:
    """Put a number at the edge of its range over some bytes."""
    size = random.choice((1, 2, 4, 8))
    number = (random.choice(INTERESTING) & (1 << 8 * size) - 1).to_bytes(size, random.choice(("little", "big")))
    place = random.randrange(max(len(content) - size, 1))
    return content[:place] + number + content[place + size :]


def change_pickle(content: bytes, random: Random) -> bytes:
    """Change opcodes and numbers of a pickle, or repeat a part of it elsewhere."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 4))):
        place = random.randrange(len(changed) + 1)
        match random.randrange(4):
            case 0 if place < len(changed):
                changed[place] = random.choice(OPCODES)
            case 1:
                changed[place:place] = bytes([random.choice(OPCODES)]) * random.choice((1, 1, 2, 100))
            case 2:
                start = random.randrange(len(changed) + 1)
                changed[place:place] = changed[start : start + random.randrange(64)]
            case _:
                changed[:] = change_number(bytes(changed), random)
    return bytes(changed)


def cut(content: bytes, random: Random) -> bytes:
    """Cut the end off, or the beginning."""
    place = random.randrange(len(content) + 1)
    return content[:place] if random.random() < 0.8 else content[place:]


def change_header(content: bytes, random: Random) -> bytes:
    """Change a byte or a number in one of the zip file's headers."""
    places = [place for signature in SIGNATURES for place in find_all(content, signature)]
    place = random.choice(places)
    header = content[place : place + 80]
    return content[:place] + random.choice((change_bytes, change_number))(header, random) + content[place + 80 :]


def find_all(content: bytes, part: bytes) -> list[int]:
    places, place = [], content.find(part)
    while place >= 0:
        places.append(place)
        place = content.find(part, place + 1)
    return places


def change_member(archive: bytes, random: Random) -> bytes:
    """Change the bytes of one member, and pack the archive again with the right checksums."""
    members = unpack(archive)
    name = random.choice(list(members))
    change = random.choice((change_bytes, change_number, cut))
    return pack({**members, name: change(members[name], random)}, random)


def rearrange(archive: bytes, random: Random) -> bytes:
    """Remove a member, give it another name, or add one."""
    members = unpack(archive)
    name = random.choice(list(members))
    other = random.choice((*members, "strongbox.json", "normalize.json", "../up", "a/b.pth", "DATA"))
    content = members[name]
    if random.random() < 0.7:
        del members[name]
    return pack({**members, other: content}, random)


def change_data_pickle(archive: bytes, random: Random) -> bytes:
    """Change the pickle of one attribute, or exchange the pickles of two."""

    def change(data: dict[str, Any]) -> None:
        entries = [entry for entry in data.values() if isinstance(entry, dict) and ":serialized:" in entry]
        entry, other = random.choice(entries), random.choice(entries)
        content = base64.b64decode(other[":serialized:"])
        if entry is other:
            content = random.choice((change_pickle, change_bytes, change_number, cut))(content, random)
        entry.pop(":portable:", None)
        entry[":serialized:"] = base64.b64encode(content).decode()

    return change_json(archive, random, "data", change)


def change_data_value(archive: bytes, random: Random) -> bytes:
    """Put another JSON value somewhere into one of the JSON members."""
    members = [name for name in unpack(archive) if name == "data" or name.endswith(".json")]

    def change(data: dict[str, Any]) -> None:
        place: Any = data
        while True:
            key = random.choice(list(place)) if isinstance(place, dict) else random.randrange(len(place))
            if isinstance(place[key], dict | list) and place[key] and random.random() < 0.8:
                place = place[key]
            else:
                place[key] = random.choice((*JSON_VALUES, place[random.choice(list(place))] if place is data else 0))
                return

    return change_json(archive, random, random.choice(members), change)


def change_json(archive: bytes, random: Random, name: str, change: Callable[[dict[str, Any]], None]) -> bytes:
    members = unpack(archive)
    data = json.loads(members[name])
    change(data)
    return pack({**members, name: json.dumps(data).encode()}, random)


def change_tensor_pickle(archive: bytes, random: Random) -> bytes:
    """Change the pickle of a state dict, and pack it and the archive again."""
    members = unpack(archive)
    name = random.choice([name for name in members if name.endswith(".pth")])
    inner = unpack(members[name])
    pickled = next(part for part in inner if part.endswith("/data.pkl"))
    part = random.choice((pickled, pickled, pickled, *inner))
    change = random.choice((change_pickle, change_number, change_bytes) if part == pickled else (cut, change_bytes))
    inner[part] = change(inner[part], random)
    return pack({**members, name: pack(inner, random)}, random)


def unpack(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        return {name: file.read(name) for name in file.namelist()}


def pack(members: dict[str, bytes], random: Random) -> bytes:
    content = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if random.random() < 0.1 else zipfile.ZIP_STORED
    with zipfile.ZipFile(content, "w", method) as file:
        for name, member in members.items():
            file.writestr(zipfile.ZipInfo(name), member, method)
    return content.getvalue()


MUTATIONS: tuple[Mutation, ...] = (
    *(change_bytes, change_number, cut, change_header, change_member, rearrange),
    *(change_data_pickle, change_data_pickle, change_data_value, change_data_value),
    *(change_tensor_pickle, change_tensor_pickle),
)
"""Those that reach deepest stand twice."""
