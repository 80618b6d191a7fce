"""The writer's side of a storm: hands changes over, cuts a barrier every half second, and looks for them."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.matching.population import World
from benchmarks.storm.changes import Change
from benchmarks.storm.settings import CADENCE_S, KINDS
from benchmarks.timing import now_s, wait_s
from engine.ports import ShardAnswer
from engine.shards import Shard
from matching.compilation import CompiledBatch, compile_queries
from matching.index.columns import ProfileColumns
from matching.members import Group, Member
from matching.orders import Near
from matching.query import Query
from matching.ranking import unpack_keys

MS_A_DAY = 86_400_000
PROBES = 4
"""Changed users of each barrier who are looked for, in one batch."""
PROBE_LIMIT = 10_000
PROBE_RADIUS_KM = 1.0
RESORT_AFTER = 0.5
"""The part of a storm after which the night comes, in which all segments are sorted anew."""


@dataclass(slots=True)
class MergeTimes:
    """Runs the merges of a shard, each in a thread of its own, and times them; holds them back until ``release``."""

    seconds: list[float] = field(default_factory=list)
    _held: list[Callable[[], None]] | None = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __call__(self, work: Callable[[], None]) -> None:
        """Take one merge."""
        if self._held is not None:
            self._held.append(work)
            return
        self._threads.append(threading.Thread(target=self._timed, args=(work,), daemon=True))
        self._threads[-1].start()

    def release(self) -> None:
        """Begin what was held back."""
        held, self._held = self._held or [], None
        for work in held:
            self(work)

    def join(self) -> None:
        """Wait for what runs."""
        for thread in self._threads:
            thread.join()

    def _timed(self, work: Callable[[], None]) -> None:
        started = now_s()
        work()
        self.seconds.append(now_s() - started)


class Nights:
    """A clock for the shard that stands still until the storm lets a day go by."""

    def __init__(self) -> None:
        self._day = 1

    def __call__(self) -> int:
        """Milliseconds since 1970."""
        return self._day * MS_A_DAY

    def pass_night(self) -> None:
        """The next day."""
        self._day += 1


@dataclass(slots=True)
class StormTimes:
    """For every change the milliseconds from its hand-over to its being seen; for every barrier those from its cut to
    its publication; and a sentence for each change that was looked for and not seen.
    """

    visible_ms: list[float] = field(default_factory=list)
    barrier_ms: list[float] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    probes: int = 0


def storm(shard: Shard, world: World, changes: Sequence[Change], first_barrier: int, nights: Nights) -> StormTimes:
    """Publish the changes at their times. Those of a barrier are handed over evenly since the barrier before."""
    times = StormTimes()
    began = now_s()
    for number, change in enumerate(changes):
        barrier = first_barrier + number
        probes = _Probes.of(world, change)
        if number == int(len(changes) * RESORT_AFTER):
            nights.pass_night()
        wait_s(began + (number + 1) * CADENCE_S - now_s())
        cut = now_s()
        shard.apply(barrier, change.put, change.deleted)
        times.barrier_ms.append((now_s() - cut) * 1e3)
        answer = shard.match(probes.batch, barrier, full_only=True)
        seen = now_s()
        times.unseen += probes.find_faults(answer)
        times.probes += len(probes.rows)
        handed_over = began + (number + (np.arange(len(change)) + 0.5) / len(change)) * CADENCE_S
        times.visible_ms += ((seen - handed_over) * 1e3).tolist()
    return times


@dataclass(slots=True)
class _Probes:
    """Orders of which each names one changed user's own words, and his place; he must be found as he is now."""

    change: Change
    rows: list[int]
    batch: CompiledBatch

    @classmethod
    def of(cls, world: World, change: Change) -> "_Probes":
        """One user of each kind, as far as there are."""
        kinds = [np.flatnonzero(change.kinds == number) for number in range(len(KINDS))]
        rows = [int(found[0]) for found in kinds if len(found)][:PROBES]
        queries = [_query_for(world, change.put, row, number) for number, row in enumerate(rows, start=1)]
        batch = compile_queries(queries, world.vocabulary, world.words.taxonomy, world.crowds)
        return cls(change, rows, batch)

    def find_faults(self, answer: ShardAnswer) -> list[str]:
        """A sentence for every user who is not shown as he is."""
        faults = []
        put = self.change.put
        _, ties = unpack_keys(answer.full_keys)
        for number, row in enumerate(self.rows):
            found = slice(answer.full_starts[number], answer.full_starts[number + 1])
            place = np.flatnonzero(answer.full_ids[found] == put.ids[row])
            expected = [2 * int(put.ratings[row])] if put.available[row] else []
            if ties[found][place].tolist() != expected:
                kind = KINDS[self.change.kinds[row]]
                faults.append(f"user {put.ids[row]} ({kind}) has ties {ties[found][place].tolist()}, not {expected}")
        return faults


def _query_for(world: World, put: ProfileColumns, row: int, order_id: int) -> Query:
    words = put.keywords[put.keyword_starts[row] : put.keyword_starts[row + 1]]
    groups = tuple(Group((Member(world.vocabulary.text_of(int(word))),)) for word in words)
    located = not np.isnan(put.latitudes[row])
    near = Near(float(put.latitudes[row]), float(put.longitudes[row]), PROBE_RADIUS_KM) if located else None
    return Query(order_id, groups, len(groups), near=near, limit=PROBE_LIMIT)
