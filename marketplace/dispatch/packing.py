"""Packed waves: ascending user ids as int64, scores and ties as int32 beside them, all little-endian."""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from marketplace.dispatch.ports import Candidates

MAX_CHUNK_USERS: Final = 65_536
ID_BYTES: Final = 8

_SWAPPED = sys.byteorder == "big"


@dataclass(frozen=True, slots=True)
class PackedChunk:
    """At most 65,536 users of one tier, as they are stored."""

    size: int
    smallest_user_id: int
    largest_user_id: int
    user_ids: bytes
    scores: bytes
    ties: bytes


def pack(candidates: Candidates) -> Iterator[PackedChunk]:
    """Cut ranked candidates into chunks, the best first; within a chunk by ascending user id."""
    for start in range(0, len(candidates), MAX_CHUNK_USERS):
        yield _pack_chunk(candidates, start, min(start + MAX_CHUNK_USERS, len(candidates)))


def _pack_chunk(candidates: Candidates, start: int, end: int) -> PackedChunk:
    ids, scores, ties = candidates.user_ids, candidates.scores, candidates.ties
    order = sorted(range(start, end), key=ids.__getitem__)
    return PackedChunk(
        size=end - start,
        smallest_user_id=ids[order[0]],
        largest_user_id=ids[order[-1]],
        user_ids=pack_ids(map(ids.__getitem__, order)),
        scores=_to_bytes(array("i", map(scores.__getitem__, order))),
        ties=_to_bytes(array("i", map(ties.__getitem__, order))),
    )


def pack_ids(user_ids: Iterable[int]) -> bytes:
    """Return user ids as they are stored."""
    return _to_bytes(array("q", user_ids))


def unpack_ids(packed: bytes) -> "array[int]":
    """Return stored user ids."""
    return _from_bytes("q", packed)


def unpack_numbers(packed: bytes) -> "array[int]":
    """Return stored scores or ties."""
    return _from_bytes("i", packed)


def find(user_ids: "array[int]", user_id: int) -> int | None:
    """Return the place of a user in ascending ids, None when he is not among them."""
    place = bisect_left(user_ids, user_id)
    return place if place < len(user_ids) and user_ids[place] == user_id else None


def ranked(user_ids: "array[int]", scores: "array[int]", ties: "array[int]") -> list[int]:
    """Return the places in rank order: score descending, tie descending, id ascending."""
    return sorted(range(len(user_ids)), key=lambda place: (-scores[place], -ties[place], user_ids[place]))


def _to_bytes(numbers: "array[int]") -> bytes:
    if _SWAPPED:
        numbers.byteswap()
    return numbers.tobytes()


def _from_bytes(kind: str, packed: bytes) -> "array[int]":
    numbers: array[int] = array(kind)
    numbers.frombytes(packed)
    if _SWAPPED:
        numbers.byteswap()
    return numbers
