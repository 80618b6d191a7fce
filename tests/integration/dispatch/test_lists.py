"""What the REST interface and the pages read: one dispatch, lists, offers, funnel, timeline, one user's answers."""

from functools import partial

import pytest

from kit.errors import InvalidInput
from marketplace import dispatch
from marketplace.dispatch.errors import DispatchNotFound
from marketplace.dispatch.views import Hold, OfferView, UserAnswer
from tests.integration.dispatch.market import FAST, WELDER, Market


@pytest.fixture
def lived(market: Market) -> int:
    """A dispatch that went through both tiers; 1 declined, 2 withdrew, 101 waits, 102 waits behind him."""
    dispatch_id = market.open({**WELDER, "id": "A-1", "title": "Weld 50% of a_gate", "description": "soon"})
    market.settle()
    market.accept(dispatch_id, 2)
    market.do(dispatch.withdraw_acceptance, dispatch_id, user_id=2)
    with market.database.transaction() as session:
        dispatch.decline_offer(session, dispatch_id=dispatch_id, user_id=1, reason="far", now_ms=market.now_ms)
    market.advance(1_250)
    market.accept(dispatch_id, 101)
    market.now_ms += 1
    market.accept(dispatch_id, 102)
    market.settle()
    return dispatch_id


def test_one_dispatch_whole(market: Market, lived: int) -> None:
    view = market.get(lived)
    summary = view.summary
    assert (summary.external_id, summary.title, view.description) == ("A-1", "Weld 50% of a_gate", "soon")
    assert (summary.state, summary.choice, summary.tier) == ("offering_partial", "accepted", "partial")
    assert (summary.full_count, summary.partial_count, summary.accepted_count) == (12, 8, 2)
    assert summary.waiting_count == 2
    assert view.document["keywords"] == [{"any": ["电焊工"], "weight": 1}]
    assert view.query_json is not None
    assert view.policy.name == "fast"
    assert [(each.user_id, each.position, each.state) for each in view.acceptances] == [
        (2, None, "withdrawn"),
        (101, 1, "accepted"),
        (102, 2, "accepted"),
    ]


def test_somebody_elses_dispatch_does_not_exist(market: Market, lived: int) -> None:
    with market.database.read() as session:
        for query in (dispatch.get_dispatch, dispatch.require_dispatch, dispatch.funnel, dispatch.timeline):
            with pytest.raises(DispatchNotFound):
                query(session, dispatch_id=lived, owner="other")
        with pytest.raises(DispatchNotFound):
            dispatch.require_dispatch(session, dispatch_id=lived + 1)
        dispatch.require_dispatch(session, dispatch_id=lived, owner="shop")
        assert dispatch.list_dispatches(session, owner="other").items == ()
        assert sum(dispatch.count_by_state(session, owner="other").values()) == 0


def test_offers_come_in_pages_by_wave_and_rank(market: Market, lived: int) -> None:
    with market.database.read() as session:
        whole = dispatch.list_offers(session, dispatch_id=lived, limit=1_000)
        assert whole.next_cursor is None
        for size in (1, 2, 3, 5, 7):
            paged: list[OfferView] = []
            cursor: str | None = None
            while True:
                page = dispatch.list_offers(session, dispatch_id=lived, cursor=cursor, limit=size)
                assert len(page.items) <= size
                paged += page.items
                cursor = page.next_cursor
                if cursor is None:
                    break
            assert tuple(paged) == whole.items
        partial_tier = dispatch.list_offers(session, dispatch_id=lived, tier="partial").items
        assert [offer.user_id for offer in partial_tier] == [101, 102, 103, 104, 105]
        states = {offer.user_id: (offer.state, offer.position) for offer in whole.items}
    assert (states[1], states[2], states[3]) == (("declined", None), ("withdrawn", None), ("offered", None))
    assert (states[101], states[102]) == (("accepted", 1), ("accepted", 2))
    assert {offer.score for offer in whole.items if offer.tier == "full"} == {4100 + 2400}
    assert {offer.score for offer in partial_tier} == {2400}


def test_one_users_notification_and_answers(market: Market, lived: int) -> None:
    with market.database.read() as session:
        offer = dispatch.notification_of(session, dispatch_id=lived, user_id=102)
        assert offer is not None
        assert (offer.tier, offer.rank, offer.state, offer.position) == ("partial", 2, "accepted", 2)
        assert offer.delivered_at_ms is not None
        assert dispatch.notification_of(session, dispatch_id=lived, user_id=999) is None
        answers = partial(dispatch.answers_of_user, session, dispatch_ids=[lived])
        assert answers(user_id=102)[lived].state == "accepted"
        assert answers(user_id=1)[lived].state == "declined"
        assert answers(user_id=2)[lived].state == "withdrawn"
        assert answers(user_id=3) == {}


def test_the_inbox_history_from_the_tables(market: Market, lived: int) -> None:
    other = market.open({**WELDER, "title": "Second"})
    market.settle()
    with market.database.read() as session:
        notices = dispatch.waves_of_user(session, 3, limit=10)
        assert [notice.entry.dispatch_id for notice in notices] == [other, lived], "newest first"
        older = dispatch.waves_of_user(session, 3, before_event_id=notices[0].entry.event_id, limit=10)
        assert [notice.entry.dispatch_id for notice in older] == [lived]
        chunks = dispatch.iterate_wave_chunks(session, 0, 0, 1_000)
        assert [chunk.entry.event_id for chunk in chunks] == sorted(chunk.entry.event_id for chunk in chunks)
        assert sum(len(chunk.user_ids) for chunk in chunks) == 12 + 5 + 5
        rest = dispatch.iterate_wave_chunks(session, 0, chunks[0].entry.event_id, 2)
        assert [chunk.entry.event_id for chunk in rest] == [chunk.entry.event_id for chunk in chunks[1:3]]
        labels = dispatch.labels_of(session, [lived, other])
        assert (labels[other].title, labels[other].state) == ("Second", "open")


def test_the_funnel_counts_every_stage(market: Market, lived: int) -> None:
    with market.database.read() as session:
        funnel = dispatch.funnel(session, dispatch_id=lived)
    assert (funnel.population, funnel.full, funnel.partial) == (20, 12, 8)
    assert funnel.dimension_counts == {"keywords": 12, "region": 20}
    assert (funnel.notified_full, funnel.notified_partial, funnel.delivered) == (12, 5, 17)
    assert (funnel.accepted, funnel.declined, funnel.assigned) == (2, 1, 0)
    assert funnel.stage_ms["queued"] == 0
    assert funnel.stage_ms["full"] == 1_200


def test_who_is_selected_still_counts_as_one_who_accepted(market: Market, lived: int) -> None:
    """One meaning of accepted everywhere: everybody who accepted and did not withdraw."""

    def counts() -> tuple[int, int, int]:
        with market.database.read() as session:
            summary = dispatch.list_dispatches(session).items[0]
            return summary.accepted_count, summary.waiting_count, dispatch.funnel(session, dispatch_id=lived).accepted

    market.do(dispatch.select_acceptor, lived, user_id=101)
    assert counts() == (2, 1, 2)
    market.do(dispatch.withdraw_acceptance, lived, user_id=101)
    assert counts() == (1, 1, 1)
    market.do(dispatch.cancel_dispatch, lived)
    assert counts() == (1, 0, 1), "released, and accepted all the same"


def test_a_selected_user_learns_by_when_to_confirm(market: Market, lived: int) -> None:
    def answer() -> UserAnswer:
        with market.database.read() as session:
            return dispatch.answers_of_user(session, user_id=101, dispatch_ids=[lived])[lived]

    assignment = market.do(dispatch.select_acceptor, lived, user_id=101)
    assert answer() == UserAnswer("selected", None, Hold(assignment.token, market.now_ms + FAST.hold_ms))
    market.do(dispatch.confirm_assignment, lived, token=assignment.token)
    assert answer() == UserAnswer("selected", None), "nothing can lapse any more"


def test_the_timeline_tells_the_story(market: Market, lived: int) -> None:
    market.do(dispatch.select_acceptor, lived, user_id=102, actor="shop")
    with market.database.read() as session:
        lines = dispatch.timeline(session, dispatch_id=lived)
    kinds = [line.kind for line in lines]
    assert [line.at_ms for line in lines] == sorted(line.at_ms for line in lines)
    assert kinds[0] == "submitted"
    assert kinds[-1] == "assigned"
    assert (lines[-1].user_id, lines[-1].actor) == (102, "shop")
    assert kinds.count("wave") == 4
    assert kinds.count("accepted") == 3
    assert {"offering_full", "offering_partial", "withdrawn", "declined"} <= set(kinds)


def test_lists_filter_search_and_page(market: Market, lived: int) -> None:
    market.submit(*[{**WELDER, "id": f"B-{number}", "title": f"Job {number}"} for number in range(5)])
    with market.database.read() as session:
        titles = [row.title for row in dispatch.list_dispatches(session).items]
        assert titles == ["Job 4", "Job 3", "Job 2", "Job 1", "Job 0", "Weld 50% of a_gate"]
        first = dispatch.list_dispatches(session, limit=4)
        second = dispatch.list_dispatches(session, limit=4, cursor=first.next_cursor)
        assert [row.title for row in first.items + second.items] == titles
        assert second.next_cursor is None
        found = partial(dispatch.list_dispatches, session)
        assert [row.title for row in found(search="B-3").items] == ["Job 3"]
        assert [row.title for row in found(search="50% OF A_g").items] == ["Weld 50% of a_gate"]
        assert found(search="50_ of").items == (), "no wildcard comes through"
        assert [row.dispatch_id for row in found(search=str(lived)).items] == [lived]
        assert len(found(state="approved").items) == 5
        assert len(found(state="open").items) == 6
        assert found(state="assigned").items == ()
        counts = dispatch.count_by_state(session)
        assert (counts["approved"], counts["offering_partial"], counts["assigned"]) == (5, 1, 0)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [({"cursor": "zz"}, "cursor"), ({"cursor": "1.2"}, "cursor"), ({"limit": 0}, "limit"), ({"state": "x"}, "state")],
)
def test_bad_questions_are_refused_by_name(market: Market, arguments: dict[str, str], field: str) -> None:
    with market.database.read() as session, pytest.raises(InvalidInput, match=field):
        dispatch.list_dispatches(session, **arguments)  # type: ignore[arg-type]
