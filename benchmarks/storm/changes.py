"""Draws what changes at each barrier, and keeps what everybody must be in the end."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from benchmarks.matching.places import SPREAD_DEGREES
from benchmarks.matching.population import World, draw_users
from benchmarks.storm.settings import KINDS
from matching.index.columns import ProfileColumns, concatenate

FAR_MOVES_SHARE = 0.2
"""Of those who move: to another place altogether; the others stay around the one where they are."""
MOST_RATING = 100

Int64Array = npt.NDArray[np.int64]
NOBODY = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Change:
    """What one barrier publishes: users put (row i is of kind ``KINDS[kinds[i]]``) and ids deleted."""

    put: ProfileColumns
    kinds: npt.NDArray[np.int8]
    deleted: Int64Array

    def __len__(self) -> int:
        return len(self.put) + len(self.deleted)


class Ledger:
    """Everybody as he is now: for every id the page that wrote him last and his row in it (-1: not there)."""

    def __init__(self, columns: ProfileColumns) -> None:
        """``columns`` have the ids 1, 2, 3 and so on."""
        self._pages = [columns]
        self._page_of = np.append(-1, np.zeros(len(columns), np.int32))
        self._row_of = np.append(-1, np.arange(len(columns)))

    def present(self, ids: Int64Array) -> ProfileColumns:
        """These users, in this order."""
        pages = self._page_of[ids]
        numbers = sorted(set(pages.tolist()))
        places = [np.flatnonzero(pages == number) for number in numbers]
        rows = [self._row_of[ids[place]] for place in places]
        found = concatenate([self._pages[number].take(row) for number, row in zip(numbers, rows, strict=True)])
        return found.take(np.argsort(np.concatenate([*places, NOBODY]), kind="stable"))

    def living(self) -> Int64Array:
        """The ids of everybody, ascending."""
        return np.flatnonzero(self._page_of >= 0)

    def next_id(self) -> int:
        """An id that nobody ever had."""
        return len(self._page_of)

    def note(self, change: Change) -> None:
        """Take a barrier's changes in."""
        joined = max(0, int(change.put.ids.max(initial=0)) + 1 - len(self._page_of))
        self._page_of = np.append(self._page_of, np.full(joined, -1, np.int32))
        self._row_of = np.append(self._row_of, np.full(joined, -1))
        self._page_of[change.put.ids] = len(self._pages)
        self._row_of[change.put.ids] = np.arange(len(change.put))
        self._page_of[change.deleted] = -1
        self._pages.append(change.put)


def draw_changes(
    world: World, ledger: Ledger, barriers: int, changes_a_barrier: int, mix: Mapping[str, float]
) -> list[Change]:
    """The changes of so many barriers, one after another; ``ledger`` has them all afterwards."""
    random = np.random.default_rng([world.seed, 0x5704])
    shares = np.array([mix[kind] for kind in KINDS])
    drawn = []
    for _ in range(barriers):
        kinds = random.choice(len(KINDS), changes_a_barrier, p=shares / shares.sum()).astype(np.int8)
        drawn.append(_draw(world, random, ledger, kinds))
        ledger.note(drawn[-1])
    return drawn


def _draw(world: World, random: np.random.Generator, ledger: Ledger, kinds: npt.NDArray[np.int8]) -> Change:
    is_kind = {kind: kinds == number for number, kind in enumerate(KINDS)}
    living = ledger.living()
    ids = random.choice(living, min(len(living), len(kinds)), replace=False).astype(np.int64)
    deleted = ids[is_kind["leaving"]]
    staying = ~is_kind["leaving"] & ~is_kind["joining"]
    columns = ledger.present(ids[staying])
    kept = kinds[staying]
    columns = _with_words(world, random, columns, np.flatnonzero(kept == KINDS.index("words")))
    turned = kept == KINDS.index("availability")
    columns.available[turned] = ~columns.available[turned]
    rated = kept == KINDS.index("rating")
    columns.ratings[rated] = random.integers(0, MOST_RATING + 1, int(rated.sum()))
    _move(world, random, columns, np.flatnonzero(kept == KINDS.index("location")))
    joining = draw_users(world, random, int(is_kind["joining"].sum()), first_id=ledger.next_id())
    put = concatenate([columns, joining])
    return Change(put, np.append(kept, np.full(len(joining), KINDS.index("joining"), np.int8)), deleted)


def _with_words(world: World, random: np.random.Generator, columns: ProfileColumns, rows: Int64Array) -> ProfileColumns:
    """New words, regions, industries and crowds for some rows; the rest of these users stays."""
    drawn = draw_users(world, random, len(rows), first_id=1)
    drawn = replace(
        drawn,
        ids=columns.ids[rows],
        latitudes=columns.latitudes[rows],
        longitudes=columns.longitudes[rows],
        ratings=columns.ratings[rows],
        available=columns.available[rows],
    )
    source = np.arange(len(columns))
    source[rows] = len(columns) + np.arange(len(rows))
    return concatenate([columns, drawn]).take(source)


def _move(world: World, random: np.random.Generator, columns: ProfileColumns, rows: Int64Array) -> None:
    """Nearby, or to another place of the country; who had no location gets one."""
    latitudes, longitudes = world.places.around(random, world.places.draw(random, len(rows)))
    near = (random.random(len(rows)) >= FAR_MOVES_SHARE) & ~np.isnan(columns.latitudes[rows])
    step = random.normal(0.0, SPREAD_DEGREES, (2, len(rows)))
    columns.latitudes[rows] = np.where(near, np.round(columns.latitudes[rows] + step[0], 6), latitudes)
    columns.longitudes[rows] = np.where(near, np.round(columns.longitudes[rows] + step[1], 6), longitudes)
