"""Profiles as flat arrays: the form in which they travel to shards, lie in segments, and are merged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from matching.index.runs import keep_same_runs, take_runs
from matching.profiles import Profile
from matching.taxonomy import Taxonomy
from matching.vocabulary import Vocabulary

Array = npt.NDArray[np.generic]


class UnknownKeyword(LookupError):
    """A profile was encoded before its keywords entered the vocabulary."""


class CrowdIds:
    """Crowd tags to dense numbers, given in the order in which tags are first seen and never taken back."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def add(self, tags: Iterable[str]) -> None:
        """Give a number to every tag that has none."""
        for tag in tags:
            self._ids.setdefault(tag, len(self._ids))

    def find(self, tag: str) -> int | None:
        """The number of a tag, or None when no profile ever carried it."""
        return self._ids.get(tag)

    def ids(self) -> Mapping[str, int]:
        """The numbers of all tags ever seen; not to be changed by the caller."""
        return self._ids

    def tags(self) -> tuple[str, ...]:
        """Every tag that was ever seen, in the order of the numbers."""
        return tuple(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


@dataclass(frozen=True, slots=True)
class ProfileColumns:
    """Encoded profiles; row ``i`` is one user. ``*_starts`` (int64, n+1) bound the rows of the flat lists after them.

    ids int64; keywords, regions, industries, crowds int32 (vocabulary ids, preorder node numbers, crowd numbers);
    latitudes, longitudes float64 degrees with NaN for "no location"; ratings uint8; available bool.
    """

    ids: npt.NDArray[np.int64]
    keyword_starts: npt.NDArray[np.int64]
    keywords: npt.NDArray[np.int32]
    region_starts: npt.NDArray[np.int64]
    regions: npt.NDArray[np.int32]
    industry_starts: npt.NDArray[np.int64]
    industries: npt.NDArray[np.int32]
    crowd_starts: npt.NDArray[np.int64]
    crowds: npt.NDArray[np.int32]
    latitudes: npt.NDArray[np.float64]
    longitudes: npt.NDArray[np.float64]
    ratings: npt.NDArray[np.uint8]
    available: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: npt.NDArray[np.int64]) -> "ProfileColumns":
        """The named rows, in the named order."""
        return ProfileColumns(
            self.ids[rows],
            *take_runs(self.keyword_starts, self.keywords, rows),
            *take_runs(self.region_starts, self.regions, rows),
            *take_runs(self.industry_starts, self.industries, rows),
            *take_runs(self.crowd_starts, self.crowds, rows),
            self.latitudes[rows],
            self.longitudes[rows],
            self.ratings[rows],
            self.available[rows],
        )

    def same_tokens(
        self, rows: npt.NDArray[np.int64], other: "ProfileColumns", other_rows: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """Which of ``rows`` have the keywords, regions, industries and crowds, in the same order, that ``other`` has in
        the row of ``other_rows`` beside it.
        """
        same = np.ones(len(rows), np.bool_)
        for starts, flat in (
            ("keyword_starts", "keywords"),
            ("region_starts", "regions"),
            ("industry_starts", "industries"),
            ("crowd_starts", "crowds"),
        ):
            keep_same_runs(
                getattr(self, starts), getattr(self, flat), rows,
                getattr(other, starts), getattr(other, flat), other_rows, same,
            )  # fmt: skip
        return same

    def writable(self) -> "ProfileColumns":
        """The same rows in arrays of their own where a message handed over read-only memory (kernels are compiled once,
        for writable arrays; a second compilation would stop matching for as long as it takes).
        """
        if all(array.flags.writeable for array in self.arrays().values()):
            return self
        return ProfileColumns(
            *(np.require(array, requirements=["C", "W"]) for array in self.arrays().values())  # type: ignore[arg-type]
        )

    def arrays(self) -> dict[str, Array]:
        """Every array by its name, for files and messages."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def encode_profiles(
    profiles: Sequence[Profile], vocabulary: Vocabulary, taxonomy: Taxonomy, crowds: CrowdIds
) -> ProfileColumns:
    """Profiles as arrays. Keywords must be in the vocabulary and crowds in ``crowds``; else UnknownKeyword."""
    find, find_crowd = vocabulary.find, crowds.find
    region, industry = taxonomy.regions.index, taxonomy.industries.index
    points = [profile.location or (np.nan, np.nan) for profile in profiles]
    located = np.array(points, dtype=np.float64).reshape(len(profiles), 2)
    return ProfileColumns(
        np.fromiter((profile.id for profile in profiles), np.int64, len(profiles)),
        *_flatten([[_known(find(text), text) for text in profile.keywords] for profile in profiles]),
        *_flatten([[region(code) for code in profile.regions] for profile in profiles]),
        *_flatten([[industry(code) for code in profile.industries] for profile in profiles]),
        *_flatten([[_known(find_crowd(tag), tag) for tag in profile.crowds] for profile in profiles]),
        np.ascontiguousarray(located[:, 0]),
        np.ascontiguousarray(located[:, 1]),
        np.fromiter((profile.rating for profile in profiles), np.uint8, len(profiles)),
        np.fromiter((profile.available for profile in profiles), np.bool_, len(profiles)),
    )


def empty_columns() -> ProfileColumns:
    """Columns of nobody."""
    return ProfileColumns(
        np.zeros(0, np.int64),
        *(np.zeros(1, np.int64), np.zeros(0, np.int32)) * 4,
        np.zeros(0, np.float64),
        np.zeros(0, np.float64),
        np.zeros(0, np.uint8),
        np.zeros(0, np.bool_),
    )


def concatenate(parts: Sequence[ProfileColumns]) -> ProfileColumns:
    """All rows of all parts, in order."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return empty_columns()
    joined: dict[str, Array] = {}
    for field in fields(ProfileColumns):
        arrays = [getattr(part, field.name) for part in parts]
        joined[field.name] = _join_starts(arrays) if field.name.endswith("_starts") else np.concatenate(arrays)
    return ProfileColumns(**joined)  # type: ignore[arg-type]


def _known(number: int | None, text: str) -> int:
    if number is None:
        raise UnknownKeyword(f"{text!r} is not in the vocabulary: add a profile's words before encoding it")
    return number


def _flatten(lists: list[list[int]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    starts = np.zeros(len(lists) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, lists), np.int64, len(lists)), out=starts[1:])
    flat = np.fromiter((number for numbers in lists for number in numbers), np.int32, int(starts[-1]))
    return starts, flat


def _join_starts(parts: list[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    lengths = np.concatenate([np.diff(part) for part in parts])
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts
