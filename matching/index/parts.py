"""A part of a segment set: one segment and who of it is still there."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from matching.index.bits import Words, count_bits, pack_bits, unpack_bits
from matching.index.column_writes import differ
from matching.index.columns import ProfileColumns
from matching.index.segment import Segment

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A segment and which of its users are live (not replaced or deleted since); ``visible`` are live and available."""

    segment: Segment
    live: Words
    visible: Words

    @classmethod
    def of(cls, segment: Segment) -> Self:
        """Everybody lives."""
        return cls.with_live(segment, pack_bits(np.ones(len(segment), np.bool_)))

    @classmethod
    def with_live(cls, segment: Segment, live: Words) -> Self:
        """Some live."""
        return cls(segment, live, live & segment.available)

    def without(self, ids: Int64Array) -> "Part":
        """The same without some users; the part itself when none of them lives here."""
        rows, _ = self._living(ids)
        if not len(rows):
            return self
        live = self.live.copy()
        np.bitwise_and.at(live, rows >> 6, ~(np.uint64(1) << (rows & 63).astype(np.uint64)))
        return Part.with_live(self.segment, live)

    def written(self, given: ProfileColumns) -> tuple["Part", Int64Array]:
        """Write the rating, availability and location of those of ``given`` who live here and have the same words.

        Returns the part, itself when nothing differs, and the rows of ``given`` that it took.
        """
        rows, places = self._living(given.ids)
        if len(rows):
            same = self.segment.columns.same_tokens(rows, given, places)
            rows, places = rows[same], places[same]
        return self._with(self.segment.written(rows, given, places)), places

    def caught_up(self, source: "Part", present: "Part | None") -> "Part":
        """The part, built from what ``source`` was, after what befell its users meanwhile.

        ``present`` is what has become of the source (None: nobody of it lives any longer). Who is gone from it goes by
        his id, and who was written there is written here.
        """
        ids = source.segment.columns.ids
        if present is None:
            return self.without(ids[source.rows()])
        gone = unpack_bits(source.live & ~present.live, len(ids))
        part = self.without(ids[gone]) if gone.any() else self
        if present.segment is source.segment:
            return part
        places = np.flatnonzero(
            _written_since(source.segment.columns, present.segment.columns) & unpack_bits(present.live, len(ids))
        )
        rows, found = part.segment.find(ids[places])
        return part._with(part.segment.written(rows, present.segment.columns, places[found]))

    def population(self) -> int:
        """Users who live here."""
        return count_bits(self.live, len(self.live))

    def rows(self) -> Int64Array:
        """The rows of the users who live here, ascending."""
        return np.flatnonzero(unpack_bits(self.live, len(self.segment)))

    def columns(self) -> ProfileColumns:
        """The users who live here, in order, as they are now."""
        rows = self.rows()
        return self.segment.columns if len(rows) == len(self.segment) else self.segment.columns.take(rows)

    def _living(self, ids: Int64Array) -> tuple[Int64Array, Int64Array]:
        rows, places = self.segment.find(ids)
        living = (self.live[rows >> 6] >> (rows & 63).astype(np.uint64)) & np.uint64(1) == 1
        return rows[living], places[living]

    def _with(self, segment: Segment) -> "Part":
        return self if segment is self.segment else Part.with_live(segment, self.live)


def _written_since(former: ProfileColumns, present: ProfileColumns) -> BoolArray:
    """Rows of which a written column differs; columns that nobody wrote are the same array, and cost nothing."""
    written = np.zeros(len(present), np.bool_)
    if former.ratings is not present.ratings:
        written |= former.ratings != present.ratings
    if former.available is not present.available:
        written |= former.available != present.available
    if former.latitudes is not present.latitudes:
        written |= differ(former.latitudes, present.latitudes) | differ(former.longitudes, present.longitudes)
    return written
