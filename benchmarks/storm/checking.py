"""Whether nobody was lost in a storm, and whether answers are those of an index that was built of everybody anew."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.matching.population import World
from benchmarks.storm.querying import BATCH_ORDERS
from engine.ports import ShardAnswer, ShardSetup
from engine.shards import Shard
from engine.shards.snapshots import SnapshotFolder
from matching.compilation import compile_queries
from matching.index.columns import ProfileColumns, concatenate
from matching.index.segment import Trees
from matching.index.segment_arrays import Answer
from matching.index.segment_set import SegmentSet
from matching.query import Query

PLAIN = ("latitudes", "longitudes", "ratings", "available")


def find_lost(shard: Shard, setup: ShardSetup, folder: Path, expected: ProfileColumns) -> list[str]:
    """A sentence for everybody who is missing, foreign, or not as he should be, by what a snapshot holds on the disk.

    ``expected``: everybody, by ascending id.
    """
    shard.snapshot()
    _, parts, _ = SnapshotFolder(folder).read(setup)
    columns = concatenate([part.columns() for part in parts])
    held = columns.take(np.argsort(columns.ids, kind="stable"))
    faults = [f"user {user_id} is missing" for user_id in np.setdiff1d(expected.ids, held.ids).tolist()]
    faults += [f"user {user_id} should not be there" for user_id in np.setdiff1d(held.ids, expected.ids).tolist()]
    faults += [f"user {user_id} is there twice" for user_id in held.ids[1:][np.diff(held.ids) == 0].tolist()]
    if faults:
        return faults
    same = held.same_tokens(np.arange(len(held)), expected, np.arange(len(held)))
    for name in PLAIN:
        one, other = getattr(held, name), getattr(expected, name)
        same &= (one == other) | ((one != one) & (other != other))  # NaN: no location
    return [f"user {user_id} is not as he was sent" for user_id in held.ids[~same].tolist()]


def find_wrong(shard: Shard, world: World, queries: Sequence[Query], expected: ProfileColumns) -> list[str]:
    """A sentence for every order that is not answered, in both tiers, as an index built of ``expected`` answers it."""
    taxonomy = world.words.taxonomy
    trees = Trees(np.array(taxonomy.regions.parents, np.int32), np.array(taxonomy.industries.parents, np.int32))
    users = SegmentSet(trees)
    users.apply(expected, np.zeros(0, np.int64))
    state = users.state()
    faults = []
    barrier = shard.published()[-1]
    for first in range(0, len(queries), BATCH_ORDERS):
        batch = compile_queries(queries[first : first + BATCH_ORDERS], world.vocabulary, taxonomy, world.crowds)
        given, right = shard.match(batch, barrier), state.match(batch)
        faults += [
            f"order {queries[first + q].id} is answered otherwise"
            for q in range(len(batch))
            if not _is_same(given, right, q)
        ]
    return faults


def _is_same(given: ShardAnswer, right: Answer, q: int) -> bool:
    """Whether two answers to query ``q`` have the same counts and the same users with the same keys in order."""
    for name in ("full_counts", "partial_counts", "dimension_counts"):
        if not np.array_equal(getattr(given, name)[q], getattr(right, name)[q]):
            return False
    for tier in ("full", "partial"):
        of_given, of_right = (slice(*getattr(one, f"{tier}_starts")[q : q + 2]) for one in (given, right))
        for name in (f"{tier}_ids", f"{tier}_keys"):
            if not np.array_equal(getattr(given, name)[of_given], getattr(right, name)[of_right]):
                return False
    return True
