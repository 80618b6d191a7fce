"""Who was told is compared with the exact answer, by rank, for everybody who did not change."""

from quanwang.drills.chaos.check_tiers import Tiers, check_only_users, check_tiers
from quanwang.drills.chaos.findings import Code
from quanwang.drills.chaos.scenes import POLICIES, POLICY, RUSH, SPARED
from tests.unit.drills.histories import DISPATCH_ID, TITLE, chunk, dispatch, end

MOVING = 90


def stays(user_id: int) -> bool:
    return user_id < MOVING


def codes(tiers: Tiers, full: tuple[int, ...], partial: tuple[int, ...] = (), stage: str = "exhausted") -> set[Code]:
    chunks = [chunk(full)] if full else []
    chunks += [chunk(partial, event_id=2, tier="partial")] if partial else []
    ended = dispatch(stage=stage, assigned_user_id=None, waves=len(chunks), offered_partial=stage == "exhausted")
    state = end(dispatches=[ended], chunks=chunks)
    return {finding.code for finding in check_tiers(state, {DISPATCH_ID: tiers}, POLICIES, stays)}


def test_the_exact_answer_has_no_findings() -> None:
    assert codes(Tiers(full=(3, 1, 2), partial=(7, 8)), (1, 2, 3), (7, 8)) == set()


def test_somebody_of_the_full_tier_was_missed() -> None:
    assert codes(Tiers(full=(3, 1, 2)), (1, 3)) == {Code.MISSED}


def test_somebody_of_the_partial_tier_was_missed() -> None:
    assert codes(Tiers(full=(3,), partial=(7, 8)), (3,), (7,)) == {Code.MISSED}


def test_an_order_that_reaches_somebody_and_told_nobody_is_found() -> None:
    assert codes(Tiers(full=(3,)), ()) == {Code.MISSED}
    assert codes(Tiers(), ()) == set()


def test_who_does_not_qualify_was_wrongly_told() -> None:
    assert codes(Tiers(full=(3,)), (3, 4)) == {Code.WRONGLY_TOLD}
    assert codes(Tiers(full=(3,), partial=(4,)), (3, 4)) == {Code.WRONGLY_TOLD, Code.MISSED}


def test_who_moves_about_is_not_compared() -> None:
    assert codes(Tiers(full=(3,)), (3, MOVING)) == set()


def test_an_offering_that_stopped_early_told_the_best() -> None:
    many = tuple(range(1, 80))
    told = chunk(many[: POLICY.wave_size])
    stopped = end(dispatches=[dispatch()], chunks=[told])
    assert check_tiers(stopped, {DISPATCH_ID: Tiers(full=many)}, POLICIES, stays) == []
    skipped = end(dispatches=[dispatch()], chunks=[chunk((1, 3))])
    found = {each.code for each in check_tiers(skipped, {DISPATCH_ID: Tiers(full=(1, 2, 3))}, POLICIES, stays)}
    assert found == {Code.WRONGLY_TOLD, Code.MISSED}


def test_whoever_was_passed_over_with_a_reason_was_not_missed() -> None:
    ended = dispatch(policy=SPARED.name, stage="exhausted", assigned_user_id=None, offered_partial=True)
    tiers = {DISPATCH_ID: Tiers(full=(1, 2, 3))}
    spared = end(dispatches=[ended], chunks=[chunk((2,))], suppressed={DISPATCH_ID: {1, 3}})
    assert check_tiers(spared, tiers, POLICIES, stays) == []
    silent = end(dispatches=[ended], chunks=[chunk((2,))], suppressed={DISPATCH_ID: {1}})
    assert [each.code for each in check_tiers(silent, tiers, POLICIES, stays)] == [Code.MISSED]


def test_the_size_of_the_first_wave_is_that_of_the_policy() -> None:
    many = tuple(range(1, 80))
    rushed = end(dispatches=[dispatch(policy=RUSH.name)], chunks=[chunk(many[: RUSH.wave_size])])
    assert check_tiers(rushed, {DISPATCH_ID: Tiers(full=many)}, POLICIES, stays) == []
    short = end(dispatches=[dispatch(policy=RUSH.name)], chunks=[chunk(many[: RUSH.wave_size - 1])])
    assert [each.code for each in check_tiers(short, {DISPATCH_ID: Tiers(full=many)}, POLICIES, stays)] == [Code.MISSED]


def test_unmatchable_means_unmatchable() -> None:
    assert codes(Tiers(refused=True), (), stage="unmatchable") == set()
    assert codes(Tiers(full=(1,)), (), stage="unmatchable") == {Code.MISSED}
    assert codes(Tiers(refused=True), (), stage="exhausted") == {Code.MISSED}


def test_an_order_for_one_reaches_that_one_and_nobody_else() -> None:
    right, wrong = end(chunks=[chunk((95,))]), end(chunks=[chunk((95, 96))])
    missed = end(chunks=[], dispatches=[dispatch(stage="exhausted", assigned_user_id=None, waves=0)])
    assert check_only_users(right, {TITLE: 95}) == []
    assert [each.code for each in check_only_users(wrong, {TITLE: 95})] == [Code.WRONGLY_TOLD]
    assert [each.code for each in check_only_users(missed, {TITLE: 95})] == [Code.MISSED]
    assert check_only_users(missed, {"another order": 95}) == []
