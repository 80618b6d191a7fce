"""A certificate proves something: a shard that is forgotten, or that forgets somebody, makes the answer be refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine import placement
from engine.coordinator import Coordinator, IncompleteAnswer
from engine.in_process import in_process_shards
from engine.ports import ShardLost
from matching.profiles import Profile
from matching.query import Query
from matching.taxonomy import builtin_taxonomy
from matching.vocabulary import Vocabulary

PROVINCES = ("110000", "310000", "440000", "510000", "650000", "610000")
NATIONWIDE, ONE_PROVINCE = Query(1, regions=("100000",)), Query(2, regions=("110000",), industries=("A",))


@pytest.fixture
def coordinator(tmp_path: Path) -> Coordinator:
    found = Coordinator(in_process_shards(3, tmp_path), builtin_taxonomy(), Vocabulary())
    found.load((Profile(n, regions=(PROVINCES[n % 6],), industries=("A", "C")) for n in range(1, 61)), barrier=1)
    return found


def _ways_to_ask(coordinator: Coordinator) -> list[Callable[[], object]]:
    return [
        lambda: coordinator.match([NATIONWIDE]),
        lambda: coordinator.full_set(NATIONWIDE),
        lambda: coordinator.count_reach(NATIONWIDE, NATIONWIDE),
    ]


def test_it_counts_those_closed_by_routing_apart_from_those_evaluated(coordinator: Coordinator) -> None:
    both = coordinator.match([NATIONWIDE, ONE_PROVINCE])
    full = coordinator.match([NATIONWIDE, ONE_PROVINCE], full_only=True)
    for result in (*both, *full):
        assert result.certificate.is_complete()
        assert result.certificate.population == 60
    assert [result.certificate.closed_by_routing for result in both] == [0, 0]
    assert full[1].full_count == both[1].full_count == 10


def test_planted_bug_a_shard_that_is_not_asked_is_noticed(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = Coordinator._ask

    def forgetting(self: Coordinator, *arguments: Any, **options: Any) -> Any:
        asked = asks(self, *arguments, **options)
        object.__setattr__(asked, "handles", asked.handles[1:])
        return asked

    monkeypatch.setattr(Coordinator, "_ask", forgetting)
    for ask in _ways_to_ask(coordinator):
        with pytest.raises(IncompleteAnswer, match="neither evaluated nor closed"):
            ask()


def test_planted_bug_routing_to_one_shard_alone_stays_counted(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing too much cannot be seen in the sum, only beside the oracle: the certificate says how much was closed."""
    monkeypatch.setattr(placement.PlacementTable, "shards_open", lambda self, cells: [0])
    certificate = coordinator.match([NATIONWIDE], full_only=True)[0].certificate
    assert certificate.closed_by_routing == 60 - certificate.evaluated > 0


def test_planted_bug_a_shard_that_lost_somebody_is_noticed(coordinator: Coordinator) -> None:
    coordinator._population._sizes_at[1][0] += 1
    for ask in _ways_to_ask(coordinator):
        with pytest.raises(ShardLost, match="should hold"):
            ask()
