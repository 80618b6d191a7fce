"""The timed part: every contestant over the same orders, round by round, the engine among its peers."""

from collections.abc import Callable, Sequence

from benchmarks.matching.contest import Contestant, Operation
from benchmarks.matching.engine import BATCH_ORDERS
from benchmarks.matching.orders import BUCKETS, Workload, sample_evenly
from benchmarks.matching.peers.choice import ORDERS_AT_MOST
from benchmarks.timing import Measurement, cpu_s, now_s, undisturbed

WARM_UP_ORDERS = 64
ALONE_ORDERS = 128
ALONE = "alone"
"""Marks passes in which the engine, too, got one order a call."""

Tell = Callable[[str], None]


def rows_for(contestant: Contestant, operation: Operation, workload: Workload) -> list[int]:
    """The orders that a contestant is asked: all, but for the slow ones."""
    rows = workload.rows(operation)
    most = ORDERS_AT_MOST.get(contestant.name, {}).get(operation, len(rows))
    return sample_evenly(workload, rows, most) if most < len(rows) else rows


def measure(
    contestant: Contestant,
    operation: Operation,
    workload: Workload,
    rows: Sequence[int],
    round_number: int,
    *,
    bucket: int | None = None,
    call_orders: int | None = None,
) -> Measurement:
    """One pass. Compilation is part of every call; nothing else is."""
    size = call_orders or contestant.batch_orders
    name = f"{contestant.name}, {ALONE}" if call_orders else contestant.name
    measured = Measurement(name, operation.value, round_number, rows=list(rows), bucket=bucket)
    batches = [[workload.queries[row] for row in rows[i : i + size]] for i in range(0, len(rows), size)]
    with undisturbed():
        for batch in batches:
            started, cpu_started = now_s(), cpu_s()
            contestant.answer(operation, batch)
            measured.call_cpu_us.append((cpu_s() - cpu_started) * 1e6)
            measured.call_us.append((now_s() - started) * 1e6)
            measured.call_orders.append(len(batch))
    return measured


def warm_up(contestants: Sequence[Contestant], workload: Workload, tell: Tell) -> None:
    """Compile kernels and fill caches: every contestant answers some orders of every kind, untimed."""
    for contestant in contestants:
        tell(f"Warming up {contestant.name}")
        for operation in Operation:
            rows = rows_for(contestant, operation, workload)
            few = sample_evenly(workload, rows, min(len(rows), WARM_UP_ORDERS))
            for size in (contestant.batch_orders, 1):
                for i in range(0, len(few), size):
                    contestant.answer(operation, [workload.queries[row] for row in few[i : i + size]])
                if contestant.batch_orders == 1:
                    break


def run_rounds(contestants: Sequence[Contestant], workload: Workload, rounds: int, tell: Tell) -> list[Measurement]:
    """All passes of all rounds. Who begins changes from round to round, so that nobody always has the warm cache."""
    measured: list[Measurement] = []
    for round_number in range(rounds):
        first = round_number % len(contestants)
        turn = [*contestants[first:], *contestants[:first]]
        for operation in Operation:
            for contestant in turn:
                tell(f"Round {round_number + 1} of {rounds}: {operation.value}, {contestant.name}")
                rows = rows_for(contestant, operation, workload)
                measured.append(measure(contestant, operation, workload, rows, round_number))
                if contestant.batch_orders == BATCH_ORDERS:
                    measured.extend(_of_the_engine(contestant, operation, workload, rows, round_number))
    return measured


def _of_the_engine(
    engine: Contestant, operation: Operation, workload: Workload, rows: Sequence[int], round_number: int
) -> list[Measurement]:
    """Who answers batches is asked bucket by bucket too, and one order at a time."""
    passes = []
    for bucket in range(len(BUCKETS)):
        inside = [row for row in rows if workload.buckets[row] == bucket]
        if inside:
            passes.append(measure(engine, operation, workload, inside, round_number, bucket=bucket))
    few = sample_evenly(workload, rows, min(len(rows), ALONE_ORDERS))
    passes.append(measure(engine, operation, workload, few, round_number, call_orders=1))
    return passes
