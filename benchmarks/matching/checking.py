"""Whether answers are right: ids, scores, ties and their order, against the oracle."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.matching.contest import Answered, Contestant, Operation, Ranked
from benchmarks.matching.engine import Engine
from benchmarks.matching.oracle import Oracle, Truth, join_truths
from benchmarks.matching.orders import Workload
from benchmarks.matching.population import World
from benchmarks.matching.rounds import rows_for
from matching.index.columns import ProfileColumns
from matching.query import Query


@dataclass(slots=True)
class Verdict:
    """How many orders of a contestant were checked, and what was wrong, a sentence an order."""

    checked: int = 0
    wrong: list[str] = field(default_factory=list)


def find_truths(world: World, parts: Iterable[ProfileColumns], queries: Sequence[Query]) -> list[Truth]:
    """The right answers, over a population that is looked at part by part."""
    found: list[list[Truth]] = [[] for _ in queries]
    for columns in parts:
        oracle = Oracle(columns, world.vocabulary, world.words.taxonomy, world.crowds)
        for truths, query in zip(found, queries, strict=True):
            truths.append(oracle.answer(query))
    return [join_truths(truths, query.limit) for truths, query in zip(found, queries, strict=True)]


def judge(contestant: Contestant, workload: Workload, rows: Sequence[int], truths: Sequence[Truth]) -> Verdict:
    """Ask a contestant once more, untimed, for every operation that an order is measured in."""
    truth_of = dict(zip(rows, truths, strict=True))
    faults: dict[int, str] = {}
    seen: set[int] = set()
    for operation in Operation:
        asked = [row for row in rows_for(contestant, operation, workload) if row in truth_of]
        for first in range(0, len(asked), contestant.batch_orders):
            batch = asked[first : first + contestant.batch_orders]
            raw = contestant.answer(operation, [workload.queries[row] for row in batch])
            for row, answered in zip(batch, contestant.unpack(operation, raw), strict=True):
                seen.add(row)
                fault = find_fault(operation, answered, truth_of[row])
                if fault:
                    faults.setdefault(row, f"order {row}, {operation.value}: {fault}")
    if isinstance(contestant, Engine):
        _judge_counts(contestant, workload, truth_of, faults)
    return Verdict(len(seen), [faults[row] for row in sorted(faults)])


def find_fault(operation: Operation, answered: Answered, truth: Truth) -> str | None:
    """What is wrong with an answer, or None."""
    if isinstance(answered, Ranked):
        expected = truth.full if operation is Operation.FULL_RANKED else truth.partial
        if len(answered.ids) != len(expected.ids):
            return f"{len(answered.ids)} users are ranked instead of {len(expected.ids)}"
        for name, given, right in zip(("id", "score", "tie"), answered, expected, strict=True):
            different = np.flatnonzero(given != right)
            if len(different):
                place = int(different[0])
                return f"{name} {int(given[place])} instead of {int(right[place])} at place {place + 1}"
        return None
    ids = np.sort(answered)
    if len(ids) != len(truth.full_ids):
        return f"{len(ids)} users instead of {len(truth.full_ids)}"
    different = np.flatnonzero(ids != truth.full_ids)
    return f"user {int(ids[different[0]])} is not in the full tier" if len(different) else None


def _judge_counts(engine: Engine, workload: Workload, truth_of: dict[int, Truth], faults: dict[int, str]) -> None:
    rows = list(truth_of)
    for row, full, partial in zip(rows, *engine.counts([workload.queries[row] for row in rows]), strict=True):
        truth = truth_of[row]
        if (full, partial) != (len(truth.full_ids), truth.partial_count):
            right = (len(truth.full_ids), truth.partial_count)
            faults.setdefault(row, f"order {row}: the tiers count {(full, partial)} instead of {right}")
