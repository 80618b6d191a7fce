"""A wrong answer is found, whatever is wrong about it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks.matching.checking import find_fault, judge
from benchmarks.matching.contest import Answered, Operation, Ranked
from benchmarks.matching.engine import Engine
from benchmarks.matching.oracle import Truth
from tests.unit.benchmarks.conftest import Town

Spoil = Callable[[Answered], Answered]


def drop_last(answered: Answered) -> Answered:
    return Ranked(*(array[:-1] for array in answered)) if isinstance(answered, Ranked) else answered[:-1]


def swap_first(answered: Answered) -> Answered:
    if not isinstance(answered, Ranked) or len(answered.ids) < 2:
        return answered
    order = np.arange(len(answered.ids))
    order[:2] = order[1::-1]
    return Ranked(*(array[order] for array in answered))


def raise_score(answered: Answered) -> Answered:
    return Ranked(answered.ids, answered.scores + 1, answered.ties) if isinstance(answered, Ranked) else answered


def lower_tie(answered: Answered) -> Answered:
    return Ranked(answered.ids, answered.scores, answered.ties - 1) if isinstance(answered, Ranked) else answered


def put_a_stranger(answered: Answered) -> Answered:
    return answered if isinstance(answered, Ranked) else np.append(answered[:-1], 2**40)


class Spoiled(Engine):
    """The engine with its answers spoiled on the way out."""

    def __init__(self, engine: Engine, spoil: Spoil) -> None:
        self.__dict__.update(engine.__dict__)
        self._spoil = spoil

    def unpack(self, operation: Operation, raw: Any) -> list[Answered]:
        return [self._spoil(answered) if len(answered) else answered for answered in super().unpack(operation, raw)]


@pytest.mark.parametrize("spoil", [drop_last, swap_first, raise_score, lower_tie, put_a_stranger])
def test_a_spoiled_answer_makes_an_order_wrong(town: Town, spoil: Spoil) -> None:
    rows = range(len(town.workload.queries))
    verdict = judge(Spoiled(town.engine, spoil), town.workload, rows, town.truths)
    assert verdict.checked == len(rows)
    assert len(verdict.wrong) > 10
    assert len(verdict.wrong) == len({line.split(",")[0] for line in verdict.wrong}), "an order is wrong once"


def test_a_wrong_count_makes_an_order_wrong(town: Town) -> None:
    class Miscounting(Spoiled):
        def counts(self, queries: Any) -> tuple[list[int], list[int]]:
            full, partial = super().counts(queries)
            return full, [count + 1 for count in partial]

    rows = range(12)
    verdict = judge(Miscounting(town.engine, lambda answered: answered), town.workload, rows, town.truths[:12])
    assert len(verdict.wrong) == 12


def test_the_engine_as_it_is_has_no_fault(town: Town) -> None:
    verdict = judge(town.engine, town.workload, range(len(town.truths)), town.truths)
    assert verdict.wrong == []


def test_a_set_that_lacks_somebody_or_has_a_stranger_is_wrong() -> None:
    nobody = np.zeros(0, np.int64)
    none = Ranked(nobody, nobody, nobody)
    truth = Truth(np.arange(1, 151), none, 0, none)
    assert find_fault(Operation.FULL_ANY, np.arange(150, 0, -1), truth) is None
    assert find_fault(Operation.FULL_ANY, np.arange(1, 150), truth) is not None
    assert find_fault(Operation.FULL_ANY, np.arange(2, 152), truth) is not None
