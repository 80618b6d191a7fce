"""A batch of queries against one segment, in one compiled call."""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import math

import numpy as np
import numpy.typing as npt

from matching.compilation import CompiledBatch
from matching.full import MEASURED, match_full
from matching.index.bits import WORD_BITS
from matching.index.classes import FULL_TIER, PARTIAL_TIER
from matching.index.exclusion import hide, show
from matching.index.geogrid import Grid, count_near_cells, mark_circle
from matching.index.jit import kernel
from matching.index.lookup import find_lists
from matching.index.planes import clear, list_plane
from matching.index.postings import Lists
from matching.index.scratch import (
    BLOCKS,
    CIRCLE,
    FEW,
    POINTS,
    SIZES,
    SPARE,
    SPARSE,
    VISIBLE,
    Scratch,
)
from matching.index.scratch import (
    FULL as FULL_PLANE,
)
from matching.index.segment_arrays import Answer, BatchArrays, People
from matching.partial import count_tiers, empty_dimensions, fill_dimensions, match_partial
from matching.ranking import HELD, LAST_RANK, LIMIT, RANK_BITS, cut_top, open_top

Int64Array = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

FULL, PARTIAL, COUNTS, SETS = 1, 2, 4, 8
"""What is asked for: the full tier's count and best; the partial tier's best; the counts of the partial tier and of the
dimensions (only beside FULL). SETS, alone: everybody in the full tier, in place of the best, without keys and whatever
the limit. One kernel does it all: a second one would compile everything below it a second time."""

NO_CIRCLE = -2
_DRAWN_PART = 2
"""A circle is drawn unless it may hold so many times the users of another requirement."""


def batch_arrays(batch: CompiledBatch) -> BatchArrays:
    """The batch as the kernels take it."""
    own = batch.writable()
    return BatchArrays(
        own.plane_starts,
        own.plane_weights,
        own.key_starts,
        own.keys,
        own.at_least,
        own.named,
        own.near,
        own.origin,
        own.exclude_starts,
        own.excluded,
        own.limits,
        own.weights,
    )


def most_keys(batch: CompiledBatch) -> int:
    """The keys of the query that has most."""
    bounds = batch.key_starts[batch.plane_starts]
    return int(np.diff(bounds).max(initial=0))


@kernel
def match_batch(
    lists: Lists,
    people: People,
    grid: Grid,
    batch: BatchArrays,
    visible: Words,
    shift: int,
    wanted: int,
    full_floors: Int64Array,
    partial_floors: Int64Array,
    scratch: Scratch,
    full_rows: npt.NDArray[np.uint32],
) -> Answer:
    """Answer all queries of a batch; raises the floors to what this segment alone guarantees.

    ``full_rows``: memory for sets, which the answer is a view of when it is large enough.
    """
    queries = len(batch.limits)
    full_counts = np.zeros(queries, np.int64)
    partial_counts = np.zeros(queries, np.int64)
    dimension_counts = np.zeros((queries, 4), np.int64)
    full_starts = np.zeros(queries + 1, np.int64)
    partial_starts = np.zeros(queries + 1, np.int64)
    full_keys = np.empty(1024, np.int64)
    full_ids = np.empty(1024, np.int64)
    partial_keys = np.empty(1024, np.int64)
    partial_ids = np.empty(1024, np.int64)
    copied = False
    hidden = np.empty(0, np.uint32)
    for q in range(queries):
        open_top(scratch.states[FULL_TIER], batch.limits[q] if wanted & FULL else np.int64(0), full_floors[q])
        open_top(scratch.states[PARTIAL_TIER], batch.limits[q], partial_floors[q])
        seen = visible
        if batch.exclude_starts[q] < batch.exclude_starts[q + 1]:
            seen = scratch.wide[VISIBLE]
            if not copied:
                seen[:] = visible
                copied = True
            hidden = hide(people, batch.excluded[batch.exclude_starts[q] : batch.exclude_starts[q + 1]], seen)
        groups, total, circle_of, circle_blocks = prepare_query(lists, people, grid, batch, q, shift, wanted, scratch)
        if wanted != PARTIAL:
            full_counts[q] = match_full(
                lists, people, batch, q, groups, total, circle_of, scratch.planes[CIRCLE], seen, shift, wanted & SETS,
                scratch,
            )  # fmt: skip
        if wanted & SETS:
            full_rows = _keep_set(full_counts[q], q, shift, scratch, full_starts, full_rows)
        if wanted & (PARTIAL | COUNTS):
            partial_counts[q] = _match_rest(
                lists,
                people,
                batch,
                q,
                groups,
                circle_of,
                full_counts[q],
                seen,
                shift,
                wanted,
                scratch,
                dimension_counts[q],
            )
        clear(scratch.planes[CIRCLE], circle_blocks, shift)
        if batch.exclude_starts[q] < batch.exclude_starts[q + 1]:
            show(hidden, visible, seen)
        if wanted & SETS:
            continue
        full_keys, full_ids = _keep(
            people.sorted_ids, FULL_TIER, scratch, q, full_starts, full_keys, full_ids, full_floors
        )
        partial_keys, partial_ids = _keep(
            people.sorted_ids, PARTIAL_TIER, scratch, q, partial_starts, partial_keys, partial_ids, partial_floors
        )
    if wanted & SETS:
        scratch.set_room[0] = max(scratch.set_room[0], full_starts[queries] + WORD_BITS)
    ranked = np.int64(0) if wanted & SETS else full_starts[queries]
    return Answer(
        full_counts,
        partial_counts,
        dimension_counts,
        full_starts,
        full_keys[:ranked],
        full_ids[:ranked],
        partial_starts,
        partial_keys[: partial_starts[queries]],
        partial_ids[: partial_starts[queries]],
        full_rows[: full_starts[queries] - ranked],
    )


@kernel
def _match_rest(
    lists: Lists,
    people: People,
    batch: BatchArrays,
    q: int,
    groups: int,
    circle_of: int,
    full_count: int,
    seen: Words,
    shift: int,
    wanted: int,
    scratch: Scratch,
    dimension_counts: Int64Array,
) -> int:
    """What is wanted of the partial tier; returns its users (0 when they were not to be counted)."""
    counted = np.int64(0)
    fill_dimensions(lists, groups, circle_of, shift, scratch)
    if wanted & PARTIAL:
        match_partial(lists, people, batch, q, groups, seen, shift, scratch)
    if wanted & COUNTS:
        counted = count_tiers(lists, batch, q, groups, seen, shift, scratch, dimension_counts) - full_count
    empty_dimensions(groups, shift, scratch)
    return counted


@kernel
def _keep_set(
    found: int, q: int, shift: int, scratch: Scratch, starts: Int64Array, rows: npt.NDArray[np.uint32]
) -> npt.NDArray[np.uint32]:
    """Append the users that ``match_full`` left to the answer, moved to a larger array when it is full."""
    first = starts[q]
    starts[q + 1] = first + found
    if first + found + WORD_BITS > len(rows):
        larger = np.empty(2 * (first + found + WORD_BITS), np.uint32)
        larger[:first] = rows[:first]
        rows = larger
    if scratch.left[0] == 0:
        rows[first : first + found] = scratch.users[0, :found]
        return rows
    list_plane(scratch.planes[FULL_PLANE], scratch.left[0], shift, found, rows[first:])
    clear(scratch.planes[FULL_PLANE], scratch.left[0], shift)
    return rows


@kernel
def prepare_query(
    lists: Lists, people: People, grid: Grid, batch: BatchArrays, q: int, shift: int, wanted: int, scratch: Scratch
) -> tuple[int, int, int, int]:
    """Look up the query's lists, draw its circle, tabulate its points.

    Returns its number of groups, the sum of their weights, the plane that the circle belongs to (MEASURED: it is not
    drawn, and whoever meets the rest is to be measured), and its blocks.
    """
    first_plane = batch.plane_starts[q]
    planes = batch.plane_starts[q + 1] - first_plane
    groups = planes - 3
    query = scratch.query
    find_lists(lists, batch.keys, batch.key_starts, first_plane, planes, scratch.keys, query)
    circle_of, blocks = np.int64(NO_CIRCLE), np.int64(0)
    if not math.isnan(batch.near[q, 2]):
        only_full = wanted & (PARTIAL | COUNTS) == 0 and batch.at_least[q] >= groups
        few = _few_without_circle(query, groups, batch.named[q], scratch.tuning[FEW]) if only_full else np.int64(0)
        if few > 0 and count_near_cells(grid, batch.near[q], _DRAWN_PART * few) >= _DRAWN_PART * few:
            circle_of = np.int64(MEASURED)
        else:
            circle_of = groups + 1
            users, blocks = mark_circle(grid, people, batch.near[q], shift, scratch.planes[CIRCLE])
            query[SIZES, circle_of] += users
            query[BLOCKS, circle_of] |= blocks
    total = np.int64(0)
    for p in range(groups):
        total += batch.plane_weights[first_plane + p]
    query[POINTS, 0] = 0
    for reached in range(1, total + 1):
        query[POINTS, reached] = batch.weights[0] * reached // total
    return groups, total, circle_of, blocks


@kernel
def _few_without_circle(query: Int64Array, groups: int, named: int, few: int) -> int:
    """The users of the smallest requirement, when it is one that is listed whatever the circle; else 0.

    Asked of a query that must meet all groups, and whose region is a circle; 0 also when it has places as well.
    """
    if query[SIZES, groups + 1] > 0:
        return np.int64(0)
    smallest = np.int64(-1)
    for p in range(groups + 3):
        required = p < groups or (named >> (p - groups + 1)) & 1
        if required and p != groups + 1 and (smallest < 0 or query[SIZES, p] < query[SIZES, smallest]):
            smallest = np.int64(p)
    if smallest < 0 or query[SPARSE, smallest] != query[SIZES, smallest] or query[SIZES, smallest] > few:
        return np.int64(0)
    return query[SIZES, smallest]


@kernel
def _keep(
    sorted_ids: Int64Array,
    tier: int,
    scratch: Scratch,
    q: int,
    starts: Int64Array,
    keys: Int64Array,
    ids: Int64Array,
    floors: Int64Array,
) -> tuple[Int64Array, Int64Array]:
    """Append a tier's top, best first, to the answer (moved to larger arrays when full); raise the query's floor."""
    state, top = scratch.states[tier], scratch.tops[tier]
    cut_top(state, top, scratch.tops[SPARE])
    held = state[HELD]
    first = starts[q]
    end = first + held
    starts[q + 1] = end
    if end > len(keys):
        larger_keys = np.empty(2 * end, np.int64)
        larger_ids = np.empty(2 * end, np.int64)
        for i in range(first):
            larger_keys[i] = keys[i]
            larger_ids[i] = ids[i]
        keys, ids = larger_keys, larger_ids
    for i in range(held):
        keys[first + i] = top[i] >> RANK_BITS
        ids[first + i] = sorted_ids[LAST_RANK - (top[i] & LAST_RANK)]
    if held > 0 and held == state[LIMIT]:
        floors[q] = max(floors[q], keys[end - 1])
    return keys, ids
