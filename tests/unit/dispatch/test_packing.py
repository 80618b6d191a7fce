"""Packed chunks hold exactly the candidates, sorted, and find them again."""

from hypothesis import given
from hypothesis import strategies as st

from marketplace.dispatch.packing import find, pack, ranked, unpack_ids, unpack_numbers
from marketplace.dispatch.ports import Candidates

rows = st.lists(
    st.tuples(st.integers(1, 2**53 - 1), st.integers(0, 11_000), st.integers(-255, 200)), unique_by=lambda row: row[0]
)


@given(rows)
def test_packing_keeps_every_candidate(drawn: list[tuple[int, int, int]]) -> None:
    best_first = sorted(drawn, key=lambda row: (-row[1], -row[2], row[0]))
    chunks = list(pack(Candidates.of(best_first)))
    assert len(chunks) == (1 if drawn else 0)
    for chunk in chunks:
        ids, scores, ties = unpack_ids(chunk.user_ids), unpack_numbers(chunk.scores), unpack_numbers(chunk.ties)
        assert list(ids) == sorted(row[0] for row in drawn)
        assert (chunk.smallest_user_id, chunk.largest_user_id) == (ids[0], ids[-1])
        order = ranked(ids, scores, ties)
        assert [(ids[place], scores[place], ties[place]) for place in order] == best_first
        for row in drawn:
            place = find(ids, row[0])
            assert place is not None
            assert (scores[place], ties[place]) == row[1:]
        assert find(ids, 2**53) is None


def test_a_big_wave_is_cut_by_rank_at_65536_users() -> None:
    count = 65_536 + 3
    candidates = Candidates.of([(count - place, 9_000 - place % 7, 0) for place in range(count)])
    first, second = pack(candidates)
    assert (first.size, second.size) == (65_536, 3)
    assert set(unpack_ids(second.user_ids)) == {1, 2, 3}
