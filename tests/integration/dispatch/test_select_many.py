"""Many choices in one transaction follow the rules of one."""

from marketplace import dispatch
from tests.integration.dispatch.market import Market


def _choose(market: Market, *choices: tuple[int, int], owner: str | None = None) -> list[str]:
    answers = market.database.run(
        lambda session: dispatch.select_acceptors(
            session, market.ids, choices=choices, owner=owner, now_ms=market.now_ms
        )
    )
    assert [(answer.dispatch_id, answer.user_id) for answer in answers] == list(choices)
    return [answer.sentence or answer.status for answer in answers]


def test_each_dispatch_gets_its_choice_and_each_refusal_its_sentence(market: Market) -> None:
    first, second, third = (market.open() for _ in range(3))
    market.settle()
    for each in (first, second):
        market.accept(each, 1)
        market.accept(each, 2)
    answers = _choose(market, (first, 1), (second, 2), (second, 1), (third, 1), (999, 1), (first, 1))
    assert answers[0] == answers[1] == answers[5] == "assigned"
    assert "already assigned" in answers[2]
    assert "no waiting acceptance" in answers[3]
    assert "does not exist" in answers[4]
    market.settle()
    views = [market.get(each) for each in (first, second, third)]
    assert [view.summary.assigned_user_id for view in views] == [1, 2, None]
    assert market.inboxes.states[first] == "taken"
    assert _choose(market, (first, 1), (first, 2))[0] == "assigned", "the same choice again stands"


def test_it_does_to_the_dispatch_what_one_choice_does(market: Market) -> None:
    alone, many = market.open(), market.open()
    market.settle()
    for each in (alone, many):
        market.accept(each, 3)
    market.do(dispatch.select_acceptor, alone, user_id=3)
    _choose(market, (many, 3))
    market.settle()
    one, other = market.get(alone), market.get(many)
    assert one.assignment is not None
    assert other.assignment is not None
    assert (one.assignment.state, one.assignment.token, one.assignment.hold_until_ms) == (
        other.assignment.state,
        other.assignment.token,
        other.assignment.hold_until_ms,
    )
    assert (one.summary.state, one.summary.choice, one.summary.due_at_ms) == (
        other.summary.state,
        other.summary.choice,
        other.summary.due_at_ms,
    )


def test_somebody_else_s_dispatches_are_not_touched(market: Market) -> None:
    dispatch_id = market.open()
    market.settle()
    market.accept(dispatch_id, 1)
    assert "belongs to another owner" in _choose(market, (dispatch_id, 1), owner="stranger")[0]
    assert market.get(dispatch_id).summary.assigned_user_id is None
