"""What else a run measures of the engine: changes, threads, and sizes of the population."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.matching.contest import Operation
from benchmarks.matching.engine import BATCH_ORDERS, Engine
from benchmarks.matching.orders import Workload
from benchmarks.matching.population import World, chunks, draw_users
from benchmarks.matching.rounds import Tell, measure
from benchmarks.timing import median, now_s, undisturbed
from matching.index.columns import ProfileColumns
from matching.members import Group, Member
from matching.query import Query

CHANGES_AT_ONCE = 1_000
CHANGE_ROUNDS = 8
BARRIER_SHARE = 0.01 / 60 * 0.5
"""Changed users of one barrier, when 1 % of all users change in a minute and a barrier is cut every 0.5 s."""
CURVE_ROUNDS = 2
THREAD_ROUNDS = 3
THREAD_BATCHES = 16
"""Batches of each thread."""
THREADED = (Operation.FULL_ANY, Operation.PARTIAL)


class ChangeNotVisible(AssertionError):
    """A change was applied and is not found: the engine is wrong, not slow."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed users cost: microseconds a user in groups of CHANGES_AT_ONCE, and milliseconds from the hand-over of
    one barrier's changes until a query finds one of them.
    """

    update_us: list[float]
    visible_ms: list[float]
    barrier_users: int


def measure_ids(engine: Engine, workload: Workload) -> float:
    """Microseconds an order of a full set that comes out as external ids, the mean over both keyword rules."""
    rows = [*workload.rows(Operation.FULL_ANY), *workload.rows(Operation.FULL_ALL)]
    took: list[float] = []
    for _ in range(THREAD_ROUNDS):
        with undisturbed():
            started = now_s()
            for first in range(0, len(rows), BATCH_ORDERS):
                engine.answer_with_ids([workload.queries[row] for row in rows[first : first + BATCH_ORDERS]])
            took.append((now_s() - started) * 1e6 / len(rows))
    return median(took)


def measure_changes(engine: Engine, world: World, users: int) -> Changes:
    """Replace random users by newly drawn ones. The engine holds other users afterwards."""
    random = np.random.default_rng([world.seed, 0xC4A6])
    update_us: list[float] = []
    visible_ms: list[float] = []
    barrier_users = max(1, round(users * BARRIER_SHARE))
    for _ in range(CHANGE_ROUNDS):
        changed = _changed(world, random, min(CHANGES_AT_ONCE, users), users)
        with undisturbed():
            started = now_s()
            engine.apply(changed)
            update_us.append((now_s() - started) * 1e6 / len(changed))
        changed = _changed(world, random, barrier_users, users)
        changed.available[0] = True
        query = _words_of(world, changed, 0)
        with undisturbed():
            started = now_s()
            engine.apply(changed)
            (found,) = engine.unpack(Operation.FULL_ALL, engine.answer(Operation.FULL_ALL, [query]))
            visible_ms.append((now_s() - started) * 1e3)
        if changed.ids[0] not in found:
            raise ChangeNotVisible(f"user {changed.ids[0]} was changed and is not found by his own keywords")
    return Changes(update_us, visible_ms, barrier_users)


def _changed(world: World, random: np.random.Generator, size: int, users: int) -> ProfileColumns:
    drawn = draw_users(world, random, size, first_id=1)
    return replace(drawn, ids=random.choice(users, size, replace=False).astype(np.int64) + 1)


def _words_of(world: World, columns: ProfileColumns, row: int) -> Query:
    """The query for all words of one user."""
    words = columns.keywords[columns.keyword_starts[row] : columns.keyword_starts[row + 1]]
    groups = tuple(Group((Member(world.words.texts[number]),)) for number in words[:16].tolist())
    return Query(id=1, groups=groups, at_least=len(groups))


def measure_threads(engine: Engine, workload: Workload, threads: int) -> dict[str, object]:
    """Throughput by so many threads over that by one, over batches; runs of both in turn.

    As online, the threads are there before the work comes, and have worked before.
    """
    found: dict[str, object] = {"threads": threads}
    ratios = []
    for operation in THREADED:
        rows = workload.rows(operation)
        some = [
            [workload.queries[row] for row in rows[i : i + BATCH_ORDERS]] for i in range(0, len(rows), BATCH_ORDERS)
        ]
        batches = some * -(-THREAD_BATCHES * threads // len(some))
        seconds: dict[int, list[float]] = {1: [], threads: []}
        with ThreadPoolExecutor(threads) as pool:
            engine.answer_all(operation, batches, pool)
            for _ in range(THREAD_ROUNDS):
                for number in dict.fromkeys((1, threads)):
                    with undisturbed():
                        seconds[number].append(engine.answer_all(operation, batches, None if number == 1 else pool))
        ratio = median(seconds[1]) / median(seconds[threads])
        found[operation.value] = {"ratio": ratio, "seconds": {str(key): value for key, value in seconds.items()}}
        ratios.append(ratio)
    found["ratio"] = min(ratios)
    return found


def measure_curve(world: World, workload: Workload, sizes: Sequence[int], tell: Tell) -> list[dict[str, object]]:
    """The same orders over populations of other sizes; one point a size."""
    points: list[dict[str, object]] = []
    for size in sizes:
        tell(f"Curve: {size:,} users")
        engine = Engine(world, chunks(world, size))
        point: dict[str, object] = {
            "users": size,
            "build_s": engine.build_s,
            "bytes_per_user": engine.bytes() / size,
            "median_full": median([float(count) for count in engine.full_counts(workload.queries)]),
        }
        for operation in Operation:
            rows = workload.rows(operation)
            passes = [measure(engine, operation, workload, rows, number) for number in range(CURVE_ROUNDS + 1)]
            point[f"{operation.value}_us"] = median([one.mean_us() for one in passes[1:]])
        points.append(point)
    return points
