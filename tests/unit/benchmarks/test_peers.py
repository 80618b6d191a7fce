"""Every peer gives the oracle's answers: a rival that errs would be no rival."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.matching.checking import find_fault, find_truths
from benchmarks.matching.contest import Contestant, Operation
from benchmarks.matching.peers import choice
from benchmarks.matching.peers.population import PeerPopulation
from benchmarks.matching.settings import PEERS
from matching.query import Near, Query
from tests.unit.benchmarks.conftest import Town

IN_PROCESS = ("pyroaring", "tantivy", "numpy_scan")


@pytest.fixture(scope="module", params=IN_PROCESS)
def peer(request: pytest.FixtureRequest, town: Town) -> Contestant:
    return choice.make_peer(request.param, town.people, town.tokens, town.book)


def harder(queries: tuple[Query, ...]) -> list[Query]:
    """The drawn orders, some of them with a rule between any and all, a small limit, or a circle as the only region."""
    found = list(queries)
    for i, query in enumerate(queries):
        if len(query.groups) >= 3:
            found.append(replace(query, at_least=2))
        if i % 5 == 0:
            found.append(replace(query, limit=3))
        if query.origin and i % 4 == 0:
            found.append(replace(query, near=Near(*query.origin, 300.0), limit=20))
        if i % 7 == 0:
            found.append(replace(query, groups=query.groups[:1], at_least=1, limit=100_000))
    return found


def test_a_peer_answers_as_the_oracle_does(peer: Contestant, town: Town) -> None:
    queries = harder(town.workload.queries)
    truths = find_truths(town.world, [town.columns], queries)
    faults = [
        f"{query}: {fault}"
        for query, truth in zip(queries, truths, strict=True)
        for operation in Operation
        for answered in peer.unpack(operation, peer.answer(operation, [query]))
        if (fault := find_fault(operation, answered, truth))
    ]
    assert faults == []


def test_the_engine_answers_as_the_oracle_does(town: Town) -> None:
    for operation in Operation:
        raw = town.engine.answer(operation, town.workload.queries)
        for answered, truth in zip(town.engine.unpack(operation, raw), town.truths, strict=True):
            assert find_fault(operation, answered, truth) is None


def test_peers_take_only_ids_that_are_rows_plus_one(town: Town) -> None:
    with pytest.raises(ValueError, match="rows plus one"):
        PeerPopulation.of(replace(town.columns, ids=town.columns.ids + 1))


def test_a_circle_that_peers_cannot_draw_is_refused(town: Town) -> None:
    with pytest.raises(ValueError, match="date line"):
        town.people.circle(Near(0.0, 179.99, 50.0))


def test_a_missing_peer_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(choice.MODULES, "tantivy", "no_such_package")
    with pytest.raises(choice.PeerMissing, match="bin/_setup test"):
        choice.require(("tantivy",))
    assert "tantivy" not in choice.installed(PEERS)
    assert "numpy_scan" in choice.installed(PEERS)


def test_columns_of_a_peer_are_counted(town: Town) -> None:
    assert town.people.bytes() >= len(town.columns) * 17
    assert np.count_nonzero(town.people.cells >= 0) == len(town.people.by_cell)
