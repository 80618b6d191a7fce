"""A segment: at most 2^20 users whose words never change, with their inverted lists, in memory or mapped from files."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from matching.index.array_files import DamagedSnapshot, read_arrays, write_arrays
from matching.index.bits import Words, pack_bits
from matching.index.column_writes import BoolArray, FloatArray, Written, write_columns
from matching.index.columns import ProfileColumns
from matching.index.geogrid import Grid, build_grid
from matching.index.postings import Lists, build_lists
from matching.index.segment_arrays import People
from matching.index.sphere import balls_of, points_of
from matching.ranking import RANK_BITS

MAX_USERS = 1 << RANK_BITS
FORMAT = "quanwang-segment"
FORMAT_VERSION = 4

Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Trees:
    """The parent of every node in preorder (-1: a root), of both trees; int32."""

    region_parents: Int32Array
    industry_parents: Int32Array


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Immutable. ``columns`` are kept for merges; ``available`` are bits by local id (the row in columns).

    Ratings, availability and locations can be written, which gives another segment over the same ``lists``;
    ``writes`` counts how often since the segment was built or loaded.
    """

    columns: ProfileColumns
    lists: Lists
    grid: Grid
    people: People
    available: Words
    writes: int = 0

    @classmethod
    def build(cls, columns: ProfileColumns, trees: Trees) -> "Segment":
        """Index the columns in the order of their rows; ids must be unique, at most MAX_USERS."""
        if len(columns) > MAX_USERS:
            raise ValueError(f"a segment holds at most {MAX_USERS:,} users, not {len(columns):,}")
        return cls(
            columns,
            build_lists(columns, trees.region_parents, trees.industry_parents),
            build_grid(columns.latitudes, columns.longitudes),
            people_of(columns),
            pack_bits(columns.available),
        )

    def __len__(self) -> int:
        return len(self.columns)

    def find(self, ids: Int64Array) -> tuple[Int64Array, Int64Array]:
        """Who of ``ids`` is here: their rows, and their places among ``ids``."""
        if not len(self):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        found = np.searchsorted(self.people.sorted_ids, ids)
        found[found == len(self)] = 0
        places = np.flatnonzero(self.people.sorted_ids[found] == ids)
        return self.people.sorted_rows[found[places]].astype(np.int64), places

    def is_same_as(self, other: "Segment") -> bool:
        """Whether both have the same users with the same words; what is written may differ."""
        return self.lists is other.lists

    def written(self, rows: Int64Array, given: ProfileColumns, places: Int64Array) -> "Segment":
        """The segment in which user ``rows[i]`` is rated, available and located as row ``places[i]`` of ``given`` says.

        Rows must be distinct. This very segment when nothing differs; else it stays as it is for whoever reads it.
        """
        before = Written(self.people, self.grid, self.available, self.columns.available)
        after = write_columns(before, rows, given, places)
        if all(one is other for one, other in zip(before, after, strict=True)):
            return self
        people = after.people
        columns = replace(
            self.columns,
            latitudes=people.latitudes,
            longitudes=people.longitudes,
            ratings=people.ratings,
            available=after.available_flags,
        )
        return Segment(columns, self.lists, after.grid, people, after.available, self.writes + 1)

    def rewritten(
        self, latitudes: FloatArray, longitudes: FloatArray, ratings: npt.NDArray[np.uint8], available: BoolArray
    ) -> "Segment":
        """The segment with these columns in place of its own, and a grid in which nobody has moved."""
        columns = replace(
            self.columns, latitudes=latitudes, longitudes=longitudes, ratings=ratings, available=available
        )
        return Segment(
            columns,
            self.lists,
            build_grid(latitudes, longitudes),
            people_of(columns),
            pack_bits(available),
            self.writes + 1,
        )

    def bytes(self) -> int:
        """Memory of all arrays."""
        return sum(array.nbytes for array in self._arrays().values())

    def save(self, directory: Path) -> None:
        """Write all arrays to a new directory; it appears whole or not at all."""
        write_arrays(directory, FORMAT, FORMAT_VERSION, self._arrays())

    @classmethod
    def load(cls, directory: Path) -> "Segment":
        """Map a saved segment; raises DamagedSnapshot when a file is missing, cut, changed or foreign."""
        arrays = read_arrays(directory, FORMAT, FORMAT_VERSION)
        try:
            columns = ProfileColumns(**{name: arrays[f"columns.{name}"] for name in ProfileColumns.__slots__})  # type: ignore[arg-type]
            lists = Lists(**{name: arrays[f"lists.{name}"] for name in Lists._fields})  # type: ignore[arg-type]
            grid = Grid(**{name: arrays[f"grid.{name}"] for name in Grid._fields})  # type: ignore[arg-type]
            people = People(
                columns.ids,
                columns.latitudes,
                columns.longitudes,
                columns.ratings,
                arrays["people.sorted_ids"],  # type: ignore[arg-type]
                arrays["people.sorted_rows"],  # type: ignore[arg-type]
                arrays["people.ranks"],  # type: ignore[arg-type]
                arrays["people.points"],  # type: ignore[arg-type]
                arrays["people.balls"],  # type: ignore[arg-type]
            )
            return cls(columns, lists, grid, people, arrays["available"])  # type: ignore[arg-type]
        except KeyError as missing:
            raise DamagedSnapshot(
                f"{directory}: the array {missing} is missing; the snapshot must be rebuilt"
            ) from None

    def _arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        return {
            **{f"columns.{name}": array for name, array in self.columns.arrays().items()},
            **{f"lists.{name}": array for name, array in self.lists._asdict().items()},
            **{f"grid.{name}": array for name, array in self.grid._asdict().items()},
            "people.sorted_ids": self.people.sorted_ids,
            "people.sorted_rows": self.people.sorted_rows,
            "people.ranks": self.people.ranks,
            "people.points": self.people.points,
            "people.balls": self.people.balls,
            "available": self.available,
        }


def people_of(columns: ProfileColumns) -> People:
    """What the kernels see of the users, beside the lists."""
    order = np.argsort(columns.ids, kind="stable")
    ranks = np.empty(len(columns), np.uint32)
    ranks[order] = np.arange(len(columns), dtype=np.uint32)
    points = points_of(columns.latitudes, columns.longitudes)
    return People(
        columns.ids,
        columns.latitudes,
        columns.longitudes,
        columns.ratings,
        columns.ids[order],
        order.astype(np.uint32),
        ranks,
        points,
        balls_of(points),
    )
