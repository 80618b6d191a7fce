"""What is large in a query or a crowd: the largest order, a circle round the earth, a word of everybody, no words."""

import random

from matching.index.segment_set import SegmentSet
from matching.members import Group, Member
from matching.orders import MAX_RADIUS_KM, Near
from matching.profiles import Profile
from matching.query import Query
from matching.reference import match
from tests.strategies import SMALL_TAXONOMY
from tests.unit.matching.index_cases import NOBODY, TREES, Numbers, answers

EVERYBODYS = "焊接"
WORDS = [f"词{number}" for number in range(1_500)]
REGIONS = SMALL_TAXONOMY.regions.codes


def _crowd(count: int) -> list[Profile]:
    """Users of one common word and up to 40 others, and in the last third users of no word."""
    dice = random.Random(11)
    return [
        Profile(
            id=number,
            keywords=tuple(sorted({EVERYBODYS, *dice.sample(WORDS, dice.randrange(40))}))
            if 3 * number < 2 * count
            else (),
            regions=(dice.choice(REGIONS),),
            location=(dice.uniform(-90, 90), dice.uniform(-180, 180)) if number % 5 else None,
            rating=dice.randrange(101),
        )
        for number in range(1, count + 1)
        for wordy in (3 * number < 2 * count,)
    ]


def _group(words: list[str], weight: int) -> Group:
    return Group(tuple(Member(word, of=words[0]) for word in words), weight)


def _queries() -> list[Query]:
    largest = tuple(_group(WORDS[64 * place : 64 * place + 64], 1 + place % 15) for place in range(16))
    everybodys, origin = (_group([EVERYBODYS], 1),), (31.2, 121.5)
    return [
        Query(1, groups=largest, at_least=1, limit=700, origin=origin),
        Query(2, groups=largest, at_least=9, regions=(REGIONS[0],), limit=50),
        Query(3, groups=largest, at_least=16, near=Near(0.0, 0.0, MAX_RADIUS_KM), origin=origin),
        Query(4, near=Near(12.0, 34.0, MAX_RADIUS_KM), limit=2_000, origin=origin),
        Query(5, groups=everybodys, at_least=1, origin=origin, limit=5),
        Query(6, groups=(*everybodys, *largest[:3]), at_least=4, exclude=tuple(range(1, 3_000, 2))),
    ]


def test_the_largest_queries_over_words_of_everybody_and_of_nobody() -> None:
    profiles, queries, numbers = _crowd(3_000), _queries(), Numbers()
    users = SegmentSet(TREES, delta_users=100, segment_users=2_000)
    users.apply(numbers.encode(profiles), NOBODY)
    expected = [match(profiles, query, SMALL_TAXONOMY) for query in queries]
    assert answers(users.state(), numbers.compile(queries), queries) == expected
    assert sum(one.full_count > 100 for one in expected) >= 3
