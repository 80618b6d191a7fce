"""Merges are planned from sizes, done on what was, and swapped in after what happened meanwhile; columns are written
into copies. Whatever is interleaved with what, the answers are the reference's.
"""

import dataclasses
import itertools
import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.geometry import distance_km
from matching.index.locality import locality_order
from matching.index.merging import MergeJob, MergePlan, Reason, Shape, plan_merge
from matching.index.parts import Part
from matching.index.segment import Segment
from matching.index.segment_set import SegmentSet, SegmentSetState
from matching.profiles import Profile, parse_profile
from matching.query import Near, Query
from matching.reference import match
from tests.strategies import PLACES, RATINGS, SMALL_TAXONOMY, STEADY, frozen, order_document, profile_document
from tests.unit.matching.index_cases import NOBODY, TREES, Numbers, answers

MOST = 1_000


def shapes(*live: int) -> list[Shape]:
    return [Shape(users, users) for users in live]


@pytest.mark.parametrize(
    ("parts", "plan"),
    [
        ([], None),
        (shapes(100), None),
        (shapes(900, 100), None),
        (shapes(900, 200, 20), None),
        (shapes(400, 100), MergePlan(0, 2, Reason.YOUNG)),
        (shapes(401, 100), None),
        (shapes(900, 16, 16, 16), MergePlan(1, 4, Reason.YOUNG)),
        (shapes(400, 80, 20), MergePlan(0, 3, Reason.YOUNG)),
        (shapes(40, 10, 900, 20, 10), MergePlan(3, 5, Reason.YOUNG)),
        (shapes(600, 400), MergePlan(0, 2, Reason.YOUNG)),
        (shapes(600, 401), None),
        ([Shape(100, 50)], None),
        ([Shape(800, 399)], MergePlan(0, 1, Reason.HALF_DEAD)),
        ([Shape(800, 300), Shape(80, 75)], MergePlan(0, 2, Reason.YOUNG)),
        ([Shape(6_400, 6_400, moved=64)], None),
        ([Shape(6_400, 6_400, moved=65)], MergePlan(0, 1, Reason.MOVED)),
        ([Shape(64_000, 64_000, moved=500)], None),
        ([Shape(64_000, 64_000, moved=501), Shape(9, 1)], MergePlan(1, 2, Reason.HALF_DEAD)),
        ([Shape(900, 900), Shape(9, 9, resort=True)], MergePlan(1, 2, Reason.RESORT)),
    ],
)
def test_what_is_merged_when(parts: list[Shape], plan: MergePlan | None) -> None:
    assert plan_merge(parts, max(MOST, *(part.live for part in parts)) if parts else MOST) == plan


@given(st.lists(st.integers(1, 400), max_size=40))
@settings(STEADY, max_examples=200)
def test_merging_ends_with_few_segments_in_order(users: list[int]) -> None:
    """Each is more than so many times its younger, or both together are too many."""
    parts = users
    while plan := plan_merge(shapes(*parts), MOST):
        assert plan.end - plan.first > 1
        assert sum(parts[plan.first : plan.end]) <= MOST
        parts = [*parts[: plan.first], sum(parts[plan.first : plan.end]), *parts[plan.end :]]
    assert sum(parts) == sum(users)
    assert all(elder > 4 * younger or elder + younger > MOST for elder, younger in itertools.pairwise(parts))


class Town:
    """A segment set, and the profiles that it should hold."""

    def __init__(self, **bounds: Any) -> None:
        self.numbers = Numbers()
        self.users = SegmentSet(TREES, **bounds)
        self.alive: dict[int, Profile] = {}
        self.states: list[tuple[SegmentSetState, list[Profile]]] = []

    def apply(self, put: list[Profile], deleted: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        gone = deleted - {profile.id for profile in put}
        self.users.apply(self.numbers.encode(put), np.array(sorted(gone), np.int64))
        self.alive = {key: value for key, value in self.alive.items() if key not in gone}
        self.alive |= {profile.id: profile for profile in put}
        self.keep()

    def keep(self) -> None:
        self.states.append((self.users.state(), list(self.alive.values())))

    def check(self, queries: list[Query]) -> None:
        """Every state ever published still answers as it should."""
        batch = self.numbers.compile(queries)
        for state, profiles in self.states:
            assert state.population == len(profiles)
            assert answers(state, batch, queries) == [match(profiles, query, SMALL_TAXONOMY) for query in queries]


def rewritten(profile: Profile, number: int) -> Profile:
    """The same words, rated, available and located by the number."""
    return dataclasses.replace(
        profile, rating=RATINGS[number % 5], available=number % 7 != 6, location=PLACES[number % len(PLACES)]
    )


def person(user_id: int, number: int) -> Profile:
    return parse_profile(profile_document(number, user_id), SMALL_TAXONOMY)


changes = st.tuples(
    st.dictionaries(st.integers(1, 25), st.integers(0, 2**48), max_size=10),
    st.dictionaries(st.integers(1, 25), st.integers(0, 1_000), max_size=10),
    st.sets(st.integers(1, 25), max_size=6),
)
steps = st.lists(st.one_of(changes, st.sampled_from(["begin", "begin", "finish", "resort", "merge"])), max_size=14)


@given(steps, st.lists(st.integers(0, 2**110), min_size=1, max_size=4), st.integers(0, 6), st.integers(2, 20))
@settings(STEADY, max_examples=200)
def test_changes_between_the_beginning_of_a_merge_and_its_swap(
    history: list[Any], orders: list[int], delta_users: int, segment_users: int
) -> None:
    """Replaced, replaced twice, deleted, put back, written, written and deleted: nobody is lost or doubled."""
    town = Town(delta_users=delta_users, segment_users=segment_users)
    town.apply([person(user_id, 7**user_id) for user_id in range(1, 20)])
    job: MergeJob | None = None
    for step in history:
        if step == "begin":
            job = job or town.users.next_job()
        elif step == "finish" and job:
            town.users.take_in(job.build())
            town.keep()
            job = None
        elif step == "resort":
            town.users.resort()
        elif step == "merge" and not job:
            town.users.merge_now()
            town.keep()
        elif isinstance(step, tuple):
            fresh, written, deleted = step
            put = {user_id: person(user_id, number) for user_id, number in fresh.items()}
            kept = {key: rewritten(town.alive[key], number) for key, number in written.items() if key in town.alive}
            town.apply(list((kept | put).values()), deleted)
    if job:
        town.users.take_in(job.build())
        town.keep()
    town.check(frozen([order_document(number, i) for i, number in enumerate(orders, start=1)], town.numbers.vocabulary))


def crowd(count: int, seed: int = 5) -> list[Profile]:
    dice = random.Random(seed)
    return [person(user_id, dice.getrandbits(48)) for user_id in range(1, count + 1)]


def test_a_barrier_builds_no_more_than_its_delta() -> None:
    """Segments that stood before stand after, however much there is to merge; a job then takes several at once."""
    town = Town(delta_users=3, segment_users=1_000)
    town.apply(crowd(100))
    for first in range(101, 161, 10):
        before = [part.segment.lists for part in town.users.state().parts]
        town.apply([person(user_id, user_id) for user_id in range(first, first + 10)])
        after = [part.segment.lists for part in town.users.state().parts]
        assert [id(lists) for lists in after[: len(before)]] == [id(lists) for lists in before]
    assert len(town.users.state().parts) == 7
    assert town.users.merge_now() == 2
    assert [len(part.segment) for part in town.users.state().parts] == [130, 30]
    assert town.users.next_job() is None


def test_survivors_keep_their_order_and_a_resort_renews_it() -> None:
    town = Town(delta_users=0, segment_users=1_000)
    town.apply(crowd(60))
    town.apply([person(user_id, user_id**5) for user_id in range(61, 121)], {3, 9})
    elder, younger = (part.columns().ids.tolist() for part in town.users.state().parts)
    town.users.merge_now()
    (merged,) = town.users.state().parts
    assert merged.segment.columns.ids.tolist() == elder + younger
    town.users.resort()
    assert town.users.merge_now() == 1
    (sorted_anew,) = town.users.state().parts
    assert _order(sorted_anew) == list(range(120 - 2))
    assert _order(merged) != _order(sorted_anew)
    assert town.users.next_job() is None


def _order(part: Part) -> list[int]:
    order: list[int] = locality_order(part.segment.columns, TREES.region_parents).tolist()
    return order


def test_a_merge_of_what_is_gone_changes_nothing() -> None:
    town = Town(delta_users=0, segment_users=40)
    town.apply(crowd(30))
    town.users.resort()
    job = town.users.next_job()
    assert job is not None
    town.apply([], set(range(1, 31)))
    assert not town.users.take_in(job.build())
    assert town.users.state().parts == ()


def test_the_same_words_are_written_in_place_and_other_words_are_not() -> None:
    town = Town(delta_users=50)
    people = crowd(100)
    town.apply(people)
    town.apply([rewritten(people[4], 8), rewritten(people[7], 13), people[9]])
    assert town.users.delta_users == 0
    (part,) = town.users.state().parts
    assert part.population() == len(part.segment) == 100
    for other in (
        {"keywords": ("别的",)}, {"industries": ("P",)}, {"regions": ("650000",)}, {"crowds": ("pilot", "student")},
        {"keywords": ()},
    ):  # fmt: skip
        before = town.users.delta_users
        user_id = 20 + 10 * before
        town.apply([dataclasses.replace(town.alive[user_id], **other)])
        assert town.users.delta_users == before + 1, other
    town.check(frozen([order_document(11**number, number) for number in range(1, 20)], town.numbers.vocabulary))


def test_what_is_written_leaves_every_array_of_an_older_state_as_it_was() -> None:
    town = Town(delta_users=50)
    people = crowd(700)
    town.apply(people)
    older = town.users.state().parts[0]
    arrays = {name: array.copy() for name, array in older.segment._arrays().items()}
    visible = older.visible.copy()
    town.apply([rewritten(profile, profile.id + 3) for profile in people[::3]])
    newer = town.users.state().parts[0]
    for name, array in older.segment._arrays().items():
        assert np.array_equal(array, arrays[name], equal_nan=array.dtype.kind == "f"), name
    assert np.array_equal(older.visible, visible)
    changed = {name for name, array in newer.segment._arrays().items() if array is not older.segment._arrays()[name]}
    assert {name for name in changed if name.split(".")[0] in ("columns", "grid", "people")} == {
        "columns.latitudes", "columns.longitudes", "columns.ratings", "columns.available", "grid.moved",
        "people.points", "people.balls",
    }  # fmt: skip
    assert newer.segment.lists is older.segment.lists


def test_writing_what_is_there_already_makes_no_new_arrays() -> None:
    town = Town(delta_users=50)
    people = crowd(100)
    town.apply(people)
    before = town.users.state().parts[0]
    town.apply(people[10:90])
    assert town.users.state().parts[0] is before


@given(st.lists(st.tuples(st.integers(0, 1_099), st.sampled_from(PLACES)), max_size=60))
@settings(STEADY, max_examples=40)
def test_bounds_of_neighbours_hold_whoever_moved(moves: list[tuple[int, tuple[float, float] | None]]) -> None:
    town = Town(delta_users=0)
    people = [person(user_id, 0) for user_id in range(1, 1_101)]
    town.apply(people)
    for row, place in moves:
        town.apply([dataclasses.replace(people[row], location=place)])
    (part,) = town.users.state().parts
    shown = part.segment.people
    for row in range(len(part.segment)):
        if shown.points[row].any():
            ball = shown.balls[row // 512]
            assert math.dist(shown.points[row].tolist(), ball[:3].tolist()) <= ball[3]


CENTRE = (30.0, 120.0)
ON = (30.0, 120.041527)
EDGE_KM = distance_km(*CENTRE, *ON)
AROUND: dict[str | None, tuple[float, float] | None] = {
    "in": (30.0001, 120.0), "out": (30.5, 120.5), "on": ON, "beyond": (30.0, ON[1] + 1e-6), None: None,
    "pole": (90.0, 0.0),
}  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(1, 12), st.sampled_from(["in", "out", "on", "beyond", None, "pole"])), max_size=20),
    st.sampled_from([EDGE_KM, math.nextafter(EDGE_KM, 0.0), 600.0, 20_038.0]),
)
@settings(STEADY, max_examples=150)
def test_users_who_move_over_the_edge_of_a_circle(moves: list[tuple[int, str | None]], radius_km: float) -> None:
    """In and out, to its very edge, away and back, off the map: whatever a user's cell, the exact rule decides."""
    names = list(AROUND)
    town = Town(delta_users=0)
    town.apply([Profile(user_id, location=AROUND[names[user_id % 6]]) for user_id in range(1, 13)])
    for user_id, name in moves:
        town.apply([dataclasses.replace(town.alive[user_id], location=AROUND[name])])
    town.users.resort()
    town.users.merge_now()
    town.keep()
    town.check([Query(1, near=Near(*CENTRE, radius_km), origin=CENTRE)])


def test_many_moves_make_a_new_grid() -> None:
    town = Town(delta_users=0)
    people = [Profile(user_id, location=PLACES[0]) for user_id in range(1, 201)]
    town.apply(people)
    town.apply([dataclasses.replace(profile, location=PLACES[4]) for profile in people[:65]])
    assert len(town.users.state().parts[0].segment.grid.moved) == 65
    job = town.users.next_job()
    assert job is not None
    assert job.plan.reason is Reason.MOVED
    town.apply([dataclasses.replace(profile, location=PLACES[6]) for profile in people[60:70]])
    town.users.take_in(job.build())
    assert len(town.users.state().parts[0].segment.grid.moved) == 10
    town.keep()
    town.check([Query(1, near=Near(22.55, 114.06, 2.0)), Query(2, near=Near(39.9, 116.4, 2.0))])


def test_a_part_of_a_segment_of_nobody_finds_nobody() -> None:
    nobody = Part.of(Segment.build(Numbers().encode([]), TREES))
    assert nobody.written(Numbers().encode([Profile(3)]))[0] is nobody
    assert nobody.without(np.array([3], np.int64)) is nobody
    assert nobody.without(NOBODY) is nobody
