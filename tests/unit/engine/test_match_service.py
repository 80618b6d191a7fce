"""What the dispatcher answers on its socket agrees with what it matches."""

from array import array

import pytest

from engine.coordinator import Coordinator
from engine.extractors import Extractors
from engine.in_process import in_process_shards
from engine.match_service import MAX_FULL_SETS, MatchService, NoSuchProfile, TooManyFullSets
from engine.ports import ShardLost
from matching.profiles import Profile
from matching.query import DEFAULT_WEIGHTS, Weights, parse_order, resolve
from matching.taxonomy import builtin_taxonomy
from matching.vocabulary import Vocabulary

OWN_WEIGHTS = Weights(keywords=1000, industry=70, region=5000, crowd=20)
ORDER = {
    "keywords": [{"any": ["电焊"], "weight": 2}, "电工", "钳工"],
    "regions": ["310115"],
    "industries": ["33"],
    "crowds": ["student"],
    "origin": [31.2, 121.5],
}


def people() -> dict[int, Profile]:
    """Everybody with another part of what the order asks for."""
    found = {}
    for number in range(1, 49):
        words = [word for bit, word in enumerate(("电焊", "电工", "钳工")) if number >> bit & 1]
        found[number] = Profile(
            number,
            keywords=tuple(words),
            regions=("310000" if number % 3 else "440300",),
            industries=("331" if number % 4 else "72",),
            crowds=("student",) if number % 5 else (),
            location=(31.0, 121.0 + number / 100),
            rating=number,
        )
    return found


@pytest.mark.parametrize("weights", [OWN_WEIGHTS, DEFAULT_WEIGHTS])
def test_an_explanation_has_the_score_that_the_offer_had(weights: Weights) -> None:
    taxonomy, everybody = builtin_taxonomy(), people()
    vocabulary = Vocabulary()
    coordinator = Coordinator(in_process_shards(2), taxonomy, vocabulary, weights=weights)
    coordinator.load(everybody.values(), barrier=1)
    extractors = Extractors(vocabulary, taxonomy, coordinator.crowd_tags)
    service = MatchService(coordinator, taxonomy, extractors, everybody.get)
    query = resolve(parse_order({"id": 1, **ORDER}, taxonomy), coordinator.vocabulary, taxonomy)
    result = coordinator.match([query])[0]
    rows = [("full", *row) for row in result.full.rows()] + [("partial", *row) for row in result.partial.rows()]
    assert len(rows) > 40
    for tier, user_id, score, tie in rows:
        document = service.explain(query.to_json(), user_id)
        assert (document["tier"], document["score"], document["tie"]) == (tier, score, tie)
        assert sum(finding["score"] for finding in document["dimensions"]) == score


def _service(everybody: dict[int, Profile]) -> MatchService:
    taxonomy, vocabulary = builtin_taxonomy(), Vocabulary()
    coordinator = Coordinator(in_process_shards(2), taxonomy, vocabulary)
    coordinator.load(everybody.values(), barrier=1)
    extractors = Extractors(vocabulary, taxonomy, coordinator.crowd_tags)
    return MatchService(coordinator, taxonomy, extractors, everybody.get)


def test_a_full_set_has_everybody_packed_whatever_the_limit() -> None:
    everybody = people()
    service = _service(everybody)
    for asked in ({"regions": ["310115"], "limit": 1}, {"keywords": ["电焊"], "limit": 1}, {"keywords": ["潜水"]}):
        answer = service.full_set(asked)
        packed = b"".join(answer.pieces)
        matched = service.match({**asked, "limit": 100})
        assert sorted(array("q", packed)) == sorted(user_id for user_id, *_ in matched["full"])
        assert answer.answer == {
            "order": matched["order"], "full_count": matched["full_count"], "certificate": {
                **matched["certificate"],
                "closed_by_routing": answer.answer["certificate"]["closed_by_routing"],  # type: ignore[index]
                "evaluated": answer.answer["certificate"]["evaluated"],  # type: ignore[index]
            },
        }  # fmt: skip
        answer.let_go()


def test_more_full_sets_than_are_kept_are_refused_until_one_is_let_go() -> None:
    service = _service(people())
    kept = [service.full_set({"keywords": ["电焊"]}) for _ in range(MAX_FULL_SETS)]
    with pytest.raises(TooManyFullSets, match="ask again in"):
        service.full_set({"keywords": ["电焊"]})
    kept[0].let_go()
    service.full_set({"keywords": ["电焊"]})


def test_a_full_set_that_cannot_be_found_takes_no_place() -> None:
    service = MatchService(
        coordinator := Coordinator(in_process_shards(1), builtin_taxonomy(), Vocabulary()),
        builtin_taxonomy(),
        Extractors(coordinator.vocabulary, builtin_taxonomy(), coordinator.crowd_tags),
        lambda _user_id: None,
    )
    for _ in range(MAX_FULL_SETS + 1):
        with pytest.raises(ShardLost, match="being loaded"):
            service.full_set({"keywords": ["电焊"]})


def test_nobody_is_explained_by_a_sentence() -> None:
    service = _service({})
    with pytest.raises(NoSuchProfile, match="user 7 has no profile"):
        service.explain("{}", 7)
