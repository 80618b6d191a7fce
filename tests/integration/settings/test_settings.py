"""Settings are versions: nothing is overwritten, and the key decides races."""

import pytest

from kit.db import Database
from kit.errors import InvalidInput
from marketplace.settings import (
    SettingChangedMeanwhile,
    Switch,
    Switches,
    UnknownSwitch,
    last_changes,
    read_switches,
    read_weights,
    repository,
    set_switch,
    set_weights,
    setting_history,
    switch_log,
)
from matching.query import DEFAULT_WEIGHTS, Weights


def test_everything_runs_until_somebody_pauses_it(database: Database) -> None:
    with database.read() as session:
        assert read_switches(session) == Switches(False, False, False)


def test_switches_are_paused_apart(database: Database) -> None:
    with database.transaction() as session:
        set_switch(session, switch="deliveries", paused=True, set_by="ann", reason="Redis moves", now_ms=5)
    with database.read() as session:
        switches = read_switches(session)
        assert switches == Switches(dispatch_paused=False, deliveries_paused=True, payouts_paused=False)
        assert switches.paused(Switch.DELIVERIES)
        assert not switches.paused(Switch.PAYOUTS)


def test_history_keeps_who_and_why(database: Database) -> None:
    with database.transaction() as session:
        set_switch(session, switch=Switch.PAYOUTS, paused=True, set_by="ann", reason="bank is down", now_ms=5)
        set_switch(session, switch=Switch.PAYOUTS, paused=False, set_by="bob", reason="bank is back", now_ms=9)
    with database.read() as session:
        newest, first = setting_history(session, "switch.payouts")
        assert (newest.version, newest.set_by, newest.value) == (2, "bob", {"paused": False})
        assert (first.version, first.reason, first.set_at_ms) == (1, "bank is down", 5)
        assert not read_switches(session).payouts_paused


def test_unknown_switch_and_missing_reason_are_refused(database: Database) -> None:
    with database.transaction() as session:
        with pytest.raises(
            UnknownSwitch, match="no kill switch 'everything': use one of dispatch, deliveries, payouts"
        ):
            set_switch(session, switch="everything", paused=True, set_by="ann", reason="x", now_ms=1)
        with pytest.raises(InvalidInput, match="reason: ' ' must be 1 to 500 characters"):
            set_switch(session, switch="dispatch", paused=True, set_by="ann", reason=" ", now_ms=1)


def test_the_first_of_two_at_the_same_moment_stands(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have read version 0; the unique key lets one of them in."""
    with database.transaction() as session:
        set_switch(session, switch="dispatch", paused=True, set_by="ann", reason="first", now_ms=1)
    monkeypatch.setattr(repository, "newest_of", lambda *_: {})
    with pytest.raises(SettingChangedMeanwhile), database.transaction() as session:
        set_switch(session, switch="dispatch", paused=False, set_by="bob", reason="second", now_ms=1)
    monkeypatch.undo()
    with database.read() as session:
        assert read_switches(session).dispatch_paused


def test_weights_are_checked_and_versioned(database: Database) -> None:
    with database.transaction() as session:
        assert read_weights(session) == DEFAULT_WEIGHTS
        set_weights(session, keywords=5000, industry=1, region=2, crowd=4, set_by="ann", reason="trial", now_ms=1)
        assert read_weights(session) == Weights(5000, 1, 2, 4)
        with pytest.raises(InvalidInput, match=r"weights.*the same sum"):
            set_weights(session, keywords=3, industry=1, region=2, crowd=9, set_by="ann", reason="bad", now_ms=2)


def test_the_log_of_switches_is_one_list_newest_first(database: Database) -> None:
    with database.transaction() as session:
        set_switch(session, switch="payouts", paused=True, set_by="ann", reason="bank is down", now_ms=5)
        set_switch(session, switch="dispatch", paused=True, set_by="bob", reason="storm", now_ms=7)
        set_switch(session, switch="payouts", paused=False, set_by="ann", reason="bank is back", now_ms=9)
    with database.read() as session:
        changes = switch_log(session, limit=2)
    assert [(each.switch, each.paused, each.reason) for each in changes] == [
        (Switch.PAYOUTS, False, "bank is back"),
        (Switch.DISPATCH, True, "storm"),
    ]


def test_how_a_switch_stands_is_known_however_often_the_others_were_turned(database: Database) -> None:
    with database.transaction() as session:
        set_switch(session, switch=Switch.DISPATCH, paused=True, set_by="ops", reason="moving", now_ms=1)
        for at_ms in range(2, 212):
            paused = at_ms % 2 == 0
            set_switch(session, switch=Switch.PAYOUTS, paused=paused, set_by="script", reason="again", now_ms=at_ms)
    with database.read() as session:
        assert all(change.switch is Switch.PAYOUTS for change in switch_log(session, limit=200))
        standing = last_changes(session)
    assert {switch: change.paused for switch, change in standing.items()} == {
        Switch.DISPATCH: True,
        Switch.PAYOUTS: False,
    }
