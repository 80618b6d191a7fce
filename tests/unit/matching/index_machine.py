"""Users who come, change and go in any order, and what every state that was ever published must answer."""

import tempfile
import threading
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule

from matching.compilation import DIMENSIONS, CompiledBatch, compile_queries
from matching.index import postings, scratch
from matching.index.columns import CrowdIds
from matching.index.segment_set import SegmentSetState
from matching.profiles import Profile, parse_profile
from matching.query import Query
from matching.reach import ANYTHING, FULL_NOW, OF_DIMENSION, widened
from matching.reference import Match, match
from matching.vocabulary import Vocabulary
from tests.strategies import SMALL_TAXONOMY, frozen, order_document, profile_document
from tests.unit.matching.index_cases import answers
from tests.unit.matching.test_index_merging import rewritten
from tests.unit.matching.test_index_paths import WAYS
from tests.unit.matching.test_reach import changes_of

MOST_USERS = 90
"""More than a machine word."""
EVERYBODY = 100_000
"""A limit that cuts nothing."""

user_ids = st.integers(1, MOST_USERS)
written = st.dictionaries(user_ids, st.integers(0, 1_000), max_size=10)
fresh = st.dictionaries(user_ids, st.integers(0, 2**48), max_size=10)
gone = st.sets(user_ids, max_size=8)
orders = st.lists(st.integers(0, 2**110), min_size=1, max_size=3)
ways = st.sampled_from([*WAYS.values(), list(scratch.TUNING)])
list_sizes = st.sampled_from([2, 8, postings.DENSE_FROM])


@dataclass(frozen=True, slots=True)
class Published:
    """A state that was published, and who lived then."""

    state: SegmentSetState
    profiles: tuple[Profile, ...]


def person(user_id: int, number: int) -> Profile:
    """Decoded from the number."""
    return parse_profile(profile_document(number, user_id), SMALL_TAXONOMY)


def settlers(count: int) -> dict[int, Profile]:
    """The first ``count`` users, all different."""
    return {user_id: person(user_id, 0x9E3779B97F4A7C15 * user_id % 2**48) for user_id in range(1, count + 1)}


def drawn_orders(numbers: Iterable[int], vocabulary: Vocabulary) -> list[Query]:
    """The orders decoded from the numbers, frozen; ids from 1 up."""
    return frozen([order_document(number, place) for place, number in enumerate(numbers, start=1)], vocabulary)


@contextmanager
def works_by(way: Iterable[int], dense_from: int) -> Iterator[None]:
    """Every thread takes new scratch memory and works in this way (matching.index.scratch.TUNING); lists longer than
    ``dense_from`` are kept as bits.
    """
    before = scratch._kept, scratch.TUNING, postings.DENSE_FROM
    scratch._kept, scratch.TUNING, postings.DENSE_FROM = scratch._Kept(), list(way), dense_from
    try:
        yield
    finally:
        scratch._kept, scratch.TUNING, postings.DENSE_FROM = before


def new_folder() -> "tempfile.TemporaryDirectory[str]":
    """In memory where the machine has such a place: a snapshot waits for the disk with every file of it."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(prefix="quanwang-test-", dir=memory if memory.is_dir() else None)


class Asked:
    """One batch with what the reference answers over some profiles, to compare any state with."""

    def __init__(self, queries: list[Query], profiles: Iterable[Profile], vocabulary: Vocabulary, crowds: CrowdIds):
        self.queries, self.profiles = queries, tuple(profiles)
        self._vocabulary, self._crowds = vocabulary, crowds
        self.batch = self.compile(queries)
        whole = [match(self.profiles, replace(query, limit=EVERYBODY), SMALL_TAXONOMY) for query in queries]
        self.full_sets = [sorted(user_id for user_id, *_ in one.full) for one in whole]
        self.expected: list[Match] = [
            replace(one, full=one.full[: query.limit], partial=one.partial[: query.limit])
            for one, query in zip(whole, queries, strict=True)
        ]

    def compile(self, queries: list[Query]) -> CompiledBatch:
        return compile_queries(queries, self._vocabulary, SMALL_TAXONOMY, self._crowds)

    def check(self, state: SegmentSetState) -> None:
        """Both tiers with their counts, the full tier alone, the partial tier alone, everybody, and as packed rows."""
        assert state.population == len(self.profiles)
        assert answers(state, self.batch, self.queries) == self.expected
        full, partial = state.match(self.batch, full_only=True), state.match_partial(self.batch)
        sets, rows = state.full_sets(self.batch), state.full_rows(self.batch)
        assert full.full_counts.tolist() == [one.full_count for one in self.expected]
        for q, expected in enumerate(self.expected):
            mine = slice(full.full_starts[q], full.full_starts[q + 1])
            assert full.full_ids[mine].tolist() == [user_id for user_id, *_ in expected.full]
            mine = slice(partial.partial_starts[q], partial.partial_starts[q + 1])
            assert partial.partial_ids[mine].tolist() == [user_id for user_id, *_ in expected.partial]
            assert sorted(sets.ids[sets.starts[q] : sets.starts[q + 1]].tolist()) == self.full_sets[q]
            packed = [part.ids[part.rows[part.starts[q] : part.starts[q + 1]]].tolist() for part in rows]
            assert sorted(user_id for ids in packed for user_id in ids) == self.full_sets[q]

    def check_reach(self, state: SegmentSetState) -> None:
        """The counts of the first query, as it is and with each of its keys changed."""
        query, now = self.queries[0], self.expected[0]
        wider = self.compile([widened(query, SMALL_TAXONOMY)])
        (counted,) = state.count_reach(self.compile([query]), wider).tolist()
        assert (counted[FULL_NOW], counted[ANYTHING]) == (now.full_count, now.full_count + now.partial_count)
        for place, dimension in enumerate(DIMENSIONS):
            assert counted[OF_DIMENSION + place] == now.dimension_counts.get(dimension, 0)
        for column, other in changes_of(query):
            if other.dimensions():
                assert counted[column] == match(self.profiles, other, SMALL_TAXONOMY).full_count, other


class ChangingUsers(RuleBasedStateMachine):
    """What befalls users, and questions about them; a machine below says what holds them."""

    published: Bundle[Published] = Bundle("published")

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[int, Profile] = {}
        self.temporary = new_folder()
        self.folder = Path(self.temporary.name)
        self.history: list[Published] = []
        self._undo = ExitStack()

    @abstractmethod
    def change(self, put: Mapping[int, Profile], deleted: set[int]) -> Published:
        """Have the index put and delete users, and publish; ``alive`` has been changed already."""

    @abstractmethod
    def ask(self, queries: list[Query], profiles: Iterable[Profile]) -> Asked:
        """With the numbers of the index."""

    @abstractmethod
    def vocabulary(self) -> Vocabulary:
        """The words of the index."""

    def work_by(self, way: Iterable[int], dense_from: int) -> None:
        """Let all threads work in this way until the end."""
        self._undo.enter_context(works_by(way, dense_from))

    def publish(self, state: SegmentSetState) -> Published:
        """Note a state of the present."""
        self.check_users(state)
        here = Published(state, tuple(self.alive.values()))
        self.history.append(here)
        return here

    def check_users(self, state: SegmentSetState) -> None:
        """Everybody is in a state, once and as he is, whatever its parts."""
        assert state.population == len(self.alive)
        assert sorted(_shown(state)) == sorted((one.id, *_written_of(one)) for one in self.alive.values())

    def move_on(self, put: Mapping[int, Profile], deleted: set[int]) -> Published:
        """Change the model, then the index."""
        deleted = deleted - put.keys()
        self.alive = {key: profile for key, profile in {**self.alive, **put}.items() if key not in deleted}
        return self.change(put, deleted)

    @rule(target=published, users=fresh)
    def insert_or_replace(self, users: dict[int, int]) -> Published:
        return self.move_on({user_id: person(user_id, number) for user_id, number in users.items()}, set())

    @rule(target=published, users=written)
    def write(self, users: dict[int, int]) -> Published:
        """Rating, availability and location."""
        return self.move_on(self._written(users), set())

    @rule(target=published, users=gone)
    def turn(self, users: set[int]) -> Published:
        here = [self.alive[user_id] for user_id in sorted(users & self.alive.keys())]
        return self.move_on({user.id: replace(user, available=not user.available) for user in here}, set())

    @rule(target=published, users=gone)
    def delete(self, users: set[int]) -> Published:
        return self.move_on({}, users)

    @rule(target=published, put=fresh, users=written, deleted=gone)
    def do_all_at_one_barrier(self, put: dict[int, int], users: dict[int, int], deleted: set[int]) -> Published:
        return self.replace_write_and_delete(put, users, deleted)

    def replace_write_and_delete(self, put: dict[int, int], users: dict[int, int], deleted: set[int]) -> Published:
        """Of one user: new words come before a write, and both before a deletion."""
        people = {user_id: person(user_id, number) for user_id, number in put.items()}
        return self.move_on(self._written(users) | people, deleted)

    @rule(at=published, numbers=orders)
    def query(self, at: Published, numbers: list[int]) -> None:
        asked = self.ask(drawn_orders(numbers, self.vocabulary()), at.profiles)
        asked.check(at.state)
        asked.check_reach(at.state)

    @rule(at=published, one=orders, another=orders)
    def query_from_two_threads(self, at: Published, one: list[int], another: list[int]) -> None:
        both = [self.ask(drawn_orders(numbers, self.vocabulary()), at.profiles) for numbers in (one, another)]
        together = threading.Barrier(2)

        def check(asked: Asked) -> None:
            together.wait()
            asked.check(at.state)

        with ThreadPoolExecutor(2) as threads:
            assert list(threads.map(check, both)) == [None, None]

    def teardown(self) -> None:
        """Whatever has happened since, states are still what they were."""
        try:
            for here in self.history[::3]:
                queries = drawn_orders((7**37, 11**31), self.vocabulary())
                self.ask(queries, here.profiles).check(here.state)
        finally:
            # A state may be mapped from files, each of which is open until nobody knows the state.
            self.history.clear()
            self.names_to_values.clear()
            self._undo.close()
            self.temporary.cleanup()

    def _written(self, users: Mapping[int, int]) -> dict[int, Profile]:
        return {key: rewritten(self.alive[key], number) for key, number in users.items() if key in self.alive}


def _shown(state: SegmentSetState) -> Iterator[tuple[int, int, bool, str]]:
    for part in state.parts:
        columns = part.columns()
        places = zip(columns.latitudes.tolist(), columns.longitudes.tolist(), strict=True)
        yield from zip(
            columns.ids.tolist(), columns.ratings.tolist(), columns.available.tolist(), map(str, places), strict=True
        )


def _written_of(profile: Profile) -> tuple[int, bool, str]:
    return profile.rating, profile.available, str(profile.location or (nan, nan))
