"""Numbers, shares, lengths and times as a reader sees them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from api.pages.formats import Formats
from api.pages.language import locale_of

NOON_MS = int(datetime(2026, 5, 4, 12, 0, tzinfo=UTC).timestamp() * 1000)


def _formats(tag: str, zone: str = "Asia/Shanghai") -> Formats:
    return Formats(locale_of(tag), ZoneInfo(zone), NOON_MS)


def test_today_is_a_clock_and_other_days_have_a_date() -> None:
    formats = _formats("zh-CN")
    assert ">20:00:00</time>" in formats.moment(NOON_MS)
    assert ">20:00</time>" in formats.moment(NOON_MS, seconds=False)
    assert ">5月3日 20:00:00</time>" in formats.moment(NOON_MS - 86_400_000)
    assert ">2025年5月4日 20:00:00</time>" in formats.moment(NOON_MS - 365 * 86_400_000)
    assert ">3 May 20:00:00</time>" in _formats("en").moment(NOON_MS - 86_400_000)
    assert 'datetime="2026-05-04T12:00:00.000+00:00"' in formats.moment(NOON_MS)
    assert formats.moment(None) == "–"


def test_the_day_turns_in_the_readers_time_zone() -> None:
    late_ms = NOON_MS + 5 * 3_600_000
    assert ">01:00" in Formats(locale_of("en"), ZoneInfo("Asia/Shanghai"), late_ms).moment(late_ms, seconds=False)
    assert ">4 May 23:59" in Formats(locale_of("en"), ZoneInfo("Asia/Shanghai"), late_ms).moment(
        late_ms - 61 * 60_000, seconds=False
    )


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 10, "0%"), (1, 2, "50%"), (9, 1_000, "0.9%"), (1, 100_000, "0.001%"), (5, None, "–"), (None, 5, "–")],
)
def test_small_shares_keep_their_decimals(part: int | None, whole: int | None, text: str) -> None:
    assert _formats("en").percent(part, whole) == text


@pytest.mark.parametrize(
    ("length_ms", "zh", "en"),
    [
        (0, "0 秒", "0 s"),
        (500, "500 毫秒", "500 ms"),
        (2_000, "2 秒", "2 s"),
        (6_839, "6.8 秒", "6.8 s"),
        (1_800_000, "30 分", "30 min"),
        (5_400_000, "1 小时 30 分", "1 h 30 min"),
        (90_061_000, "1 天 1 小时", "1 d 1 h"),
    ],
)
def test_lengths_of_time_have_at_most_two_units(length_ms: int, zh: str, en: str) -> None:
    assert (_formats("zh-CN").duration(length_ms), _formats("en").duration(length_ms)) == (zh, en)


def test_counts_and_distances() -> None:
    formats = _formats("en")
    assert (formats.number(1_234_567), formats.number(None)) == ("1,234,567", "–")
    assert (formats.kilometres(3.14159), formats.kilometres(1234.5)) == ("3.1", "1,234")
