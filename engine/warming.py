"""Compiles every kernel once, on a handful of users, so that the processes that follow load them from the cache."""

from engine.coordinator import Coordinator
from engine.in_process import in_process_shards
from engine.reach import reach
from matching.profiles import Profile
from matching.query import Query, parse_order, resolve
from matching.taxonomy import builtin_taxonomy
from matching.vocabulary import Vocabulary

_PLACE = (22.54, 114.05)
_WORDS = ("焊接", "电工", "氩弧焊", "翻译", "english", "潜水", "会计", "司机")


def warm_kernels() -> int:
    """Run every path of matching on tiny input: two shards, both tiers, sets and counts, each dimension, changes.

    Returns the number of answers. Takes tens of seconds when nothing is in the cache of compiled code
    (NUMBA_CACHE_DIR), a moment otherwise.
    """
    taxonomy = builtin_taxonomy()
    vocabulary = Vocabulary()
    coordinator = Coordinator(in_process_shards(2), taxonomy, vocabulary)
    coordinator.load([_profile(number) for number in range(1, 301)], barrier=1)
    coordinator.apply([(5, None), *((number, _profile(number + 1)) for number in range(290, 330))], barrier=2)
    documents: list[dict[str, object]] = [
        {"keywords": [[_WORDS[0], _WORDS[1]], {"any": [_WORDS[2]], "weight": 3}], "keyword_rule": "any"},
        {"keywords": list(_WORDS[:3]), "keyword_rule": {"at_least": 2}, "origin": list(_PLACE)},
        {"keywords": ["焊接"], "industries": ["C"], "regions": ["440000"], "crowds": ["student"], "exclude": [7]},
        {"industries": ["3311"], "regions": ["100000"]},
        {"near": {"lat": _PLACE[0], "lon": _PLACE[1], "radius_km": 30}, "origin": list(_PLACE), "limit": 3},
        {"keywords": ["司机"], "near": {"lat": _PLACE[0], "lon": _PLACE[1], "radius_km": 5}, "regions": ["310000"]},
        {"crowds": ["student", "veteran"]},
    ]
    queries: list[Query] = [
        resolve(parse_order(document, taxonomy, require_id=False), vocabulary, taxonomy) for document in documents
    ]
    for query in queries:
        coordinator.full_set(query)
        reach(coordinator, query, taxonomy)
    return sum(len(coordinator.match(queries, full_only=full_only)) for full_only in (False, True))


def _profile(number: int) -> Profile:
    located = number % 7 != 0
    return Profile(
        id=number,
        keywords=tuple(sorted({_WORDS[number % 8], _WORDS[number * 3 % 8], _WORDS[0]})),
        industries=(("C",), ("3311",), ("33", "72"), ())[number % 4],
        regions=(("440305",), ("440000",), ("100000",), ("310000", "110000"), ())[number % 5],
        crowds=((), ("student",), ("veteran",))[number % 3],
        location=(_PLACE[0] + number / 1000, _PLACE[1] - number / 1000) if located else None,
        rating=number % 101,
        available=number % 11 != 0,
    )
