"""A shard merges beside its barriers: the outcome appears at the next one, a failure leaves everything as it was."""

import dataclasses
import itertools
import logging
from collections.abc import Callable

import numpy as np
import pytest

from engine.shards import Shard
from engine.shards.merges import LONGEST_PAUSE_BARRIERS, Merges
from engine.shards.nightly import MS_A_DAY, MS_AN_HOUR, Nightly
from matching.index.merging import MergeJob
from matching.index.segment_set import SegmentSet
from matching.profiles import Profile
from tests.unit.engine.test_shard import SETUP, check, people
from tests.unit.matching.index_cases import NOBODY, TREES, Numbers


class Aside:
    """Holds what was to be run aside until a test runs it."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def __call__(self, work: Callable[[], None]) -> None:
        self.waiting.append(work)

    def run(self) -> None:
        for work in self.waiting:
            work()
        self.waiting.clear()


class Clock:
    def __init__(self) -> None:
        self.now_ms = 0

    def __call__(self) -> int:
        return self.now_ms


def two_segments(shard: Shard, numbers: Numbers) -> list[Profile]:
    """A shard whose two segments are to be merged."""
    profiles = people(60)
    shard.reset(SETUP)
    shard.apply(5, numbers.encode(profiles[:40]), NOBODY)
    shard.apply(6, numbers.encode(profiles[40:]), NOBODY)
    assert shard.stats().segments == 2
    return profiles


def test_a_merge_appears_at_the_next_barrier_with_what_changed_meanwhile() -> None:
    numbers, aside = Numbers(), Aside()
    shard = Shard(0, delta_users=4, run_aside=aside)
    profiles = two_segments(shard, numbers)
    assert len(aside.waiting) == 1
    rated = dataclasses.replace(profiles[3], rating=1)
    other = dataclasses.replace(profiles[50], keywords=("别的",))
    shard.apply(7, numbers.encode([rated, other]), np.array([9], np.int64))
    assert len(aside.waiting) == 1, "one at a time"
    aside.run()
    assert (shard.stats().segments, shard.stats().merges) == (3, 0)
    shard.apply(8, numbers.encode([]), np.array([10], np.int64))
    assert (shard.stats().segments, shard.stats().merges) == (2, 1)
    changed = {profile.id: profile for profile in profiles} | {rated.id: rated, other.id: other}
    del changed[9]
    check(shard, 7, list(changed.values()), numbers)
    del changed[10]
    check(shard, 8, list(changed.values()), numbers)


def test_a_merge_for_a_shard_that_was_reset_meanwhile_is_thrown_away() -> None:
    numbers, aside = Numbers(), Aside()
    shard = Shard(0, delta_users=4, run_aside=aside)
    profiles = two_segments(shard, numbers)
    shard.reset(SETUP)
    shard.apply(7, numbers.encode(profiles[:9]), NOBODY)
    aside.run()
    shard.apply(8, numbers.encode(profiles[9:20]), NOBODY)
    assert shard.stats().merges == 0
    check(shard, 8, profiles[:20], numbers)


def test_a_failed_merge_leaves_the_old_parts_serving_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    numbers, aside = Numbers(), Aside()
    shard = Shard(3, delta_users=4, run_aside=aside)
    profiles = two_segments(shard, numbers)

    def out_of_memory(_job: MergeJob) -> None:
        raise MemoryError("none is left")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(MergeJob, "build", out_of_memory)
        aside.run()
    (record,) = caplog.records
    assert record.getMessage() == (
        "shard 3: merging 2 segments of 60 users (segments are small beside their elder) failed with MemoryError: none"
        " is left; the old ones serve on, and after 1 more barriers it is tried again"
    )
    assert (shard.stats().failed_merges, shard.stats().segments) == (1, 2)
    check(shard, 6, profiles, numbers)
    shard.apply(7, numbers.encode([]), NOBODY)
    assert aside.waiting == []
    shard.apply(8, numbers.encode([]), NOBODY)
    aside.run()
    shard.apply(9, numbers.encode([]), NOBODY)
    assert (shard.stats().merges, shard.stats().segments) == (1, 1)
    check(shard, 9, profiles, numbers)


def test_pauses_grow_with_failures_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = Numbers()
    users = SegmentSet(TREES, delta_users=0)
    for profile in people(2):
        users.apply(numbers.encode([profile]), NOBODY)
    merges = Merges(0, lambda work: work())
    tries: list[int] = []
    barrier = 0

    def fail(_job: MergeJob) -> None:
        tries.append(barrier)
        raise ValueError("no luck")

    monkeypatch.setattr(MergeJob, "build", fail)
    for number in range(1_100):
        barrier = number
        merges.start(users)
    pauses = [later - earlier - 1 for earlier, later in itertools.pairwise(tries)]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, *[LONGEST_PAUSE_BARRIERS] * 3]


def test_segments_are_sorted_anew_once_a_day_at_the_hour() -> None:
    numbers, aside, clock = Numbers(), Aside(), Clock()
    clock.now_ms = 5 * MS_AN_HOUR
    shard = Shard(0, delta_users=4, resort_hour_utc=19, run_aside=aside, clock=clock)
    profiles = people(40)
    shard.reset(SETUP)
    due: list[int] = []
    for barrier, hour in enumerate((5, 18, 19, 19.5, 23, 42, 43.1, 44), start=1):
        clock.now_ms = round(hour * MS_AN_HOUR)
        shard.apply(barrier, numbers.encode(profiles if barrier == 1 else []), NOBODY)
        if aside.waiting:
            due.append(barrier)
        aside.run()
    assert due == [3, 7]
    assert shard.stats().merges == 2
    check(shard, 8, profiles, numbers)


def test_an_hour_that_no_day_has_is_refused() -> None:
    with pytest.raises(ValueError, match="24"):
        Nightly(24, 0)


def test_days_that_nobody_asked_about_count_once() -> None:
    nightly = Nightly(0, 0)
    assert not nightly.is_due(MS_A_DAY - 1)
    assert nightly.is_due(4 * MS_A_DAY)
    assert not nightly.is_due(4 * MS_A_DAY + 1)
    assert not nightly.is_due(3 * MS_A_DAY), "a clock that was set back makes nothing due"
