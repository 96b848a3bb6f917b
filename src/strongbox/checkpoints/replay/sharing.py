"""What rows share, found from their bytes and verified byte by byte.

Two things repeat in a replay buffer. The next observation of a row is nearly always the observation of the row
after it; it is not at the end of an episode. And a stack of frames consists of the one before it, moved on by a
frame; what moves is a *plane*: one index of the first or of the last axis of an image.

Nothing is taken for equal because it ought to be: a plane that is found by its place or by a hash is compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy

from ...values.checks import Array

__all__ = ["Planes", "as_words", "differs_from_next", "find_planes", "plane_axis", "split_planes"]

CHUNK = 1 << 23
"""Bytes that are compared at a time, so that what a comparison leaves behind stays small."""
LEAST_PLANE = 256
"""Bytes from which on a plane is worth a number of its own."""
LEAST_SHARED = 1 / 8
SAMPLE = 64
"""Rows that are looked at before all are."""
MOST_PLANES_MOVED = 16

MULTIPLIER = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Planes:
    """Every plane once: ``table`` has one to a row, and ``numbers`` (…, planes) says which make up which image.

    ``others`` are the numbers for the images that were given along, which share the table.
    """

    table: Array
    numbers: Array
    others: Array


def differs_from_next(rows: Array, leaders: Array) -> Array:
    """For rows (n, environments, …): where an entry is not, bit for bit, the leaders' entry of the row after it.

    bool, (n, environments). The last row has none after it, and always differs.
    """
    count, environments = rows.shape[:2]
    result = numpy.ones((count, environments), numpy.bool_)
    flat, following = (as_words(array.reshape(count * environments, -1)) for array in (rows, leaders))
    same = equal_rows(flat[:-environments], following[environments:])
    result[:-1] = ~same.reshape(count - 1, environments)
    return result


def plane_axis(rows: Array) -> int | None:
    """The axis (0 or 2 of an entry) along which images of rows (n, environments, a, b, c) are stacks of shared planes.

    None where they are no images, or share too little to be worth it.
    """
    if rows.ndim != 5 or len(rows) < 2:
        return None
    shares = {axis: shared_part(split_planes(rows[:SAMPLE], axis)) for axis in (0, 2)}
    best = max(shares, key=lambda axis: shares[axis])
    return best if shares[best] >= LEAST_SHARED else None


def split_planes(rows: Array, axis: int) -> Array:
    """Images (…, a, b, c) as planes (…, planes, bytes of a plane): a view where ``axis`` is 0, a copy where it is 2."""
    moved = rows if axis == 0 else numpy.moveaxis(rows, -1, -3)
    contiguous = numpy.ascontiguousarray(moved).view(numpy.uint8)
    return contiguous.reshape(*moved.shape[:-2], prod(contiguous.shape[-2:]))


def shared_part(planes: Array) -> float:
    """The part of all planes that follows from the row before."""
    if planes.shape[-1] < LEAST_PLANE or planes.shape[2] < 2:
        return 0.0
    moved = best_move(planes)
    pointers = link(planes, moved)
    return 1 - float(numpy.count_nonzero(pointers == numpy.arange(pointers.size))) / pointers.size


def best_move(planes: Array) -> int:
    """By how many planes a stack moves on from row to row, as most of the first rows do."""
    sample = planes[:SAMPLE]
    moves = range(1, min(planes.shape[2], MOST_PLANES_MOVED))
    return max(moves, key=lambda move: numpy.count_nonzero(moved_on(sample, move)))


def moved_on(planes: Array, move: int) -> Array:
    """For all rows but the first: which planes are, bit for bit, those of the row before, moved on."""
    before, after = as_words(planes[:-1, :, move:]), as_words(planes[1:, :, :-move])
    step = max(1, CHUNK // max(1, before[:1].nbytes))
    parts = [
        (before[start : start + step] == after[start : start + step]).all(axis=-1)
        for start in range(0, len(before), step)
    ]
    return numpy.concatenate(parts)


def link(planes: Array, move: int) -> Array:
    """For every plane, counted through, the first one that it is equal to by way of moved stacks."""
    pointers = numpy.arange(planes.size // planes.shape[-1]).reshape(planes.shape[:-1])
    same = moved_on(planes, move)
    pointers[1:, :, :-move][same] = pointers[:-1, :, move:][same]
    flat: Array = pointers.reshape(-1)
    while not numpy.array_equal(further := flat[flat], flat):
        flat = further
    return flat


def find_planes(planes: Array, others: Array) -> Planes | None:
    """Every different plane of images (n, environments, planes, bytes) and of others (m, planes, bytes), once.

    None where that saves too little.
    """
    pointers = link(planes, best_move(planes))
    own = numpy.flatnonzero(pointers == numpy.arange(pointers.size))
    if len(own) > (1 - LEAST_SHARED) * pointers.size:
        return None
    size = planes.shape[-1]
    candidates = numpy.concatenate([planes.reshape(-1, size)[own], others.reshape(-1, size)])
    table, numbers = find_equal(candidates)
    of_pointers = numpy.zeros(pointers.size, numpy.int64)
    of_pointers[own] = numbers[: len(own)]
    kind = numpy.dtype("<u2" if len(table) <= 1 << 16 else "<u4")
    return Planes(
        table,
        of_pointers[pointers].astype(kind).reshape(planes.shape[:-1]),
        numbers[len(own) :].astype(kind).reshape(others.shape[:-1]),
    )


def find_equal(rows: Array) -> tuple[Array, Array]:
    """Different rows of bytes, in the order of their first occurrence, and for every row its number among them."""
    words = as_words(rows)
    _, first, inverse = numpy.unique(hash_rows(words), return_index=True, return_inverse=True)
    representative = first[inverse.reshape(-1)]
    apart = numpy.flatnonzero(representative != numpy.arange(len(rows)))
    step = max(1, CHUNK // rows.shape[1])
    for start in range(0, len(apart), step):
        some = apart[start : start + step]
        # Equal hashes of unequal rows: each then stands for itself.
        unequal = some[~(words[some] == words[representative[some]]).all(axis=1)]
        representative[unequal] = unequal
    kept, numbers = numpy.unique(representative, return_inverse=True)
    return rows if len(kept) == len(rows) else rows[kept], numbers.reshape(-1)


def hash_rows(words: Array) -> Array:
    """A number for each row: equal for equal rows, and different for nearly all others."""
    hashes = numpy.empty(len(words), numpy.uint64)
    step = max(1, CHUNK // (8 * words.shape[1]))
    with numpy.errstate(over="ignore"):
        weights = numpy.cumprod(numpy.full(words.shape[1], MULTIPLIER, numpy.uint64))
        for start in range(0, len(words), step):
            hashes[start : start + step] = words[start : start + step].astype(numpy.uint64, copy=False) @ weights
    return hashes


def as_words(rows: Array) -> Array:
    """The same bytes in the widest unsigned integers that a contiguous last axis divides into."""
    flat = rows.view(numpy.uint8)
    width = next(width for width in (8, 4, 2, 1) if flat.shape[-1] % width == 0)
    return flat.view(numpy.dtype(f"u{width}"))


def equal_rows(first: Array, second: Array) -> Array:
    """Which rows of words are equal."""
    result = numpy.empty(len(first), numpy.bool_)
    step = max(1, CHUNK // max(1, first[:1].nbytes))
    for start in range(0, len(first), step):
        stop = start + step
        numpy.all(first[start:stop] == second[start:stop], axis=1, out=result[start:stop])
    return result
