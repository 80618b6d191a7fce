"""Each invariant can turn red: a planted bug, written into the tables or into the code, is found by its check."""

from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import delete, update

from kit.work import work_table
from marketplace import dispatch
from marketplace.dispatch.invariants import broken_invariants
from marketplace.dispatch.packing import pack_ids
from marketplace.dispatch.tables import acceptance, assignment, frozen_query, suppression, wave
from marketplace.dispatch.tables import dispatch as dispatch_table
from tests.integration.dispatch.market import FAST, WELDER, Market

# The package exports functions of these names, so the modules are fetched by their full names.
accept_offers = import_module("marketplace.dispatch.accept_offers")
plan_waves = import_module("marketplace.dispatch.plan_waves")
run_due_dispatches = import_module("marketplace.dispatch.run_due_dispatches")

pytestmark = pytest.mark.plants_a_bug


def found(market: Market) -> set[str]:
    """The sentences of the invariants that do not hold."""
    with market.database.read() as session:
        return set(broken_invariants(session))


def write(market: Market, statement: Any) -> None:
    """Damage the tables."""
    with market.database.transaction() as session:
        session.execute(statement)


@pytest.fixture
def selected(market: Market) -> int:
    """A dispatch with three waves' worth of users, one queued, one selected."""
    dispatch_id = market.open()
    market.advance(250)
    market.accept(dispatch_id, 1)
    market.accept(dispatch_id, 2)
    market.do(dispatch.select_acceptor, dispatch_id, user_id=1)
    market.settle()
    assert found(market) == set()
    return dispatch_id


def test_no_exclusion_tells_users_twice(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_waves.wave_repository, "told_users", lambda _session, _ids: {})
    market.open()
    market.advance(150)
    assert "nobody is told twice" in found(market)


def test_no_fence_lets_a_frozen_worker_write(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the fence a worker that lost its lease ends the work of its successor, and the order is forgotten."""
    dispatch_id = market.open()
    frozen = market.claims("dispatch")
    market.now_ms += 10_001
    market.settle()
    assert len(market.told(dispatch_id)) == 5
    monkeypatch.setattr(run_due_dispatches, "hold", lambda _session, claims: list(claims))
    monkeypatch.setattr(run_due_dispatches, "reschedule", _end_by_subject)
    dispatch.run_due_dispatches(market.database, market.ids, market.source, frozen, now_ms=market.now_ms)
    assert found(market) == {"no open dispatch is forgotten"}


def _end_by_subject(session: Any, claims: Any, _due: Any) -> None:
    """What a queue without fencing numbers does: the late worker's end of the work is taken at its word."""
    session.execute(delete(work_table).where(work_table.c.id.in_([claimed.id for claimed in claims])))


def test_a_lost_work_row_is_found(market: Market, selected: int) -> None:
    write(market, delete(work_table).where(work_table.c.subject_id == selected))
    assert found(market) == {"no open dispatch is forgotten"}


def test_a_timer_that_is_too_late_is_found(market: Market, selected: int) -> None:
    late = update(work_table).where(work_table.c.subject_id == selected, work_table.c.kind == "dispatch")
    write(market, late.values(due_at_ms=10**12, ready_at_ms=10**12))
    assert found(market) == {"no open dispatch is forgotten"}


def test_a_second_assignment_is_found(market: Market, selected: int) -> None:
    row = {
        "id": 99,
        "dispatch_id": selected,
        "active_dispatch_id": None,
        "user_id": 2,
        "token": 2,
        "state": "active",
        "reason": None,
        "selected_at_ms": 1,
        "hold_until_ms": None,
        "confirmed_at_ms": None,
        "ended_at_ms": None,
    }
    write(market, assignment.insert().values(row))
    assert found(market) == {"at most one active assignment"}


def test_an_assignment_that_the_dispatch_does_not_know_is_found(market: Market, selected: int) -> None:
    write(market, update(dispatch_table).where(dispatch_table.c.id == selected).values(assigned_user_id=2))
    assert found(market) == {"at most one active assignment"}


def test_a_miscount_is_found(market: Market, selected: int) -> None:
    write(market, update(dispatch_table).where(dispatch_table.c.id == selected).values(notified_full=3))
    assert found(market) == {"the counts of a dispatch are those of its waves"}


def test_a_wave_without_its_query_is_found(market: Market, selected: int) -> None:
    write(market, delete(frozen_query).where(frozen_query.c.dispatch_id == selected))
    assert found(market) == {"the counts of a dispatch are those of its waves"}


def test_an_undelivered_wave_is_found(market: Market, selected: int) -> None:
    write(market, update(wave).where(wave.c.dispatch_id == selected).values(delivered_at_ms=None))
    assert found(market) == {"every wave is delivered or will be"}


def test_an_acceptance_without_an_offer_is_found(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """A careless check of offers lets a stranger in: the invariant sees him."""
    dispatch_id = market.open()
    market.settle()
    real = accept_offers.wave_repository.find_offers

    def careless(session: Any, pairs: Any) -> Any:
        some = next(iter(real(session, [(dispatch_id, 1)]).values()))
        return dict.fromkeys(pairs, some)

    monkeypatch.setattr(accept_offers.wave_repository, "find_offers", careless)
    market.accept(dispatch_id, 77)
    assert found(market) == {"only told users accept"}


def test_somebody_who_waits_for_a_closed_dispatch_is_found(market: Market) -> None:
    dispatch_id = market.open(WELDER)
    market.settle()
    market.accept(dispatch_id, 1)
    market.do(dispatch.cancel_dispatch, dispatch_id)
    write(market, update(acceptance).where(acceptance.c.dispatch_id == dispatch_id).values(state="accepted"))
    assert found(market) == {"nobody waits for a closed dispatch"}


def test_a_queue_with_one_place_for_two_is_found(market: Market, selected: int) -> None:
    write(market, update(acceptance).where(acceptance.c.dispatch_id == selected).values(arrival=1))
    assert found(market) == {"every acceptance has an arrival of its own"}


def test_an_arrival_that_no_counter_gave_is_found(market: Market, selected: int) -> None:
    last = update(acceptance).where(acceptance.c.dispatch_id == selected, acceptance.c.user_id == 2)
    write(market, last.values(arrival=3))
    assert found(market) == {"every acceptance has an arrival of its own"}


def test_an_unsorted_chunk_is_found(market: Market, selected: int) -> None:
    first = update(wave).where(wave.c.dispatch_id == selected, wave.c.number == 1)
    write(market, first.values(user_ids=pack_ids([5, 4, 3, 2, 1])))
    assert "nobody is told twice" in found(market)


def test_a_machine_that_forgets_the_rest_of_the_tier_is_found(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is believed to end with the wave leaves everybody behind it untold: the invariant sees them."""
    real = plan_waves.matched_event

    def short_sighted(found: Any, query: Any) -> Any:
        event = real(found, query)
        return replace(event, full=min(event.full, FAST.wave_size))

    monkeypatch.setattr(plan_waves, "matched_event", short_sighted)
    monkeypatch.setattr(run_due_dispatches, "matched_event", short_sighted)
    market.open()
    market.settle()
    assert found(market) == {"nobody of the full tier is missed"}


@pytest.fixture
def spared(market: Market) -> int:
    """A dispatch that passed five users over and told two waves of others."""
    market.publish(replace(FAST, name="sparing", offers_a_day=1))
    market.open()
    market.settle()
    dispatch_id = market.open(policy="sparing")
    market.advance(200)
    assert len(market.told(dispatch_id)) == 7
    assert found(market) == set()
    return dispatch_id


def test_a_suppression_that_is_lost_is_found(market: Market, spared: int) -> None:
    write(market, delete(suppression).where(suppression.c.dispatch_id == spared))
    assert found(market) == {"who is passed over is not told"}


def test_somebody_who_is_passed_over_and_told_is_found(market: Market, spared: int) -> None:
    """A dispatcher that forgets whom it set aside tells them in the next wave."""
    mine = update(suppression).where(suppression.c.dispatch_id == spared)
    write(market, mine.values(user_ids=pack_ids([6, 7, 8, 9, 10])))
    assert found(market) == {"who is passed over is not told"}


def test_no_exclusion_of_those_set_aside_is_found(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    market.publish(replace(FAST, name="sparing", offers_a_day=1))
    market.open()
    market.settle()
    monkeypatch.setattr(plan_waves.suppression_repository, "passed_over", lambda _session, _versions: {})
    market.open(policy="sparing")
    market.step()
    market.step()
    assert found(market) == {"who is passed over is not told"}


def test_a_suppression_that_waits_for_an_older_version_is_found(market: Market, spared: int) -> None:
    mine = update(suppression).where(suppression.c.dispatch_id == spared)
    write(market, mine.values(order_version=2))
    assert found(market) == {"who is passed over is not told"}
