"""The measure of inboxes, small: it delivers, trims and rebuilds for real, and counts what it did."""

import pytest

from benchmarks.dispatch.inboxes import InboxSettings, measure


def test_a_small_run_gives_every_figure() -> None:
    document = measure(InboxSettings(users=500, recipients=20, full_users=50, entries=400, rounds=1))
    assert document["inbox_entries_per_s"] > 0
    assert document["redis_rebuild_entries_per_s"] > 0
    assert document["entries_rebuilt"] == 500 + 50 * 100 + 400
    assert document["keys"] > 500


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="must not exceed users"):
        InboxSettings(users=10, recipients=11)
