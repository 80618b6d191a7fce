"""The charts of a dispatch from its timeline: sums, chunks of one wave, turns, and what the table leaves out."""

from api.pages.dispatch_charts import wave_chart
from marketplace.dispatch.views import TimelineLine


def _line(at_ms: int, kind: str, detail: str | None = None) -> TimelineLine:
    return TimelineLine(at_ms, kind, "system", None, detail)


def test_no_wave_is_no_chart() -> None:
    assert wave_chart([_line(1, "submitted")], until_ms=9, translate=str).steps == []


def test_the_lines_add_up_and_reach_from_the_approval_to_now() -> None:
    lines = [
        _line(100, "submitted"),
        _line(110, "wave", "1 full 5"),
        _line(110, "wave", "1 full 2"),
        _line(150, "accepted"),
        _line(200, "offering_partial"),
        _line(210, "wave", "2 full 1"),
        _line(210, "wave", "2 partial 30"),
    ]
    found = wave_chart(lines, until_ms=900, translate=str)
    assert found.chart["full"] == [(100, 0), (110, 7), (210, 8), (900, 8)]
    assert found.chart["partial"] == [(100, 0), (110, 0), (210, 30), (900, 30)]
    assert found.chart["accepted"] == [150]
    assert [(step.text, step.told) for step in found.steps] == [
        ("Wave 1", 7), ("Acceptance", 7), ("Partial tier opened", 7), ("Wave 2", 8), ("Wave 2", 38)
    ]  # fmt: skip


def test_a_tier_of_which_nobody_was_told_has_no_line_and_an_ended_dispatch_ends_the_chart() -> None:
    lines = [_line(1, "submitted"), _line(5, "wave", "1 partial 3"), _line(50, "expired")]
    found = wave_chart(lines, until_ms=None, translate=str)
    assert (found.chart["full"], found.chart["until"]) == ([], 50)


def test_a_thousand_waves_are_drawn_and_the_table_says_how_many_it_leaves_out() -> None:
    lines = [_line(0, "submitted")] + [_line(number, "wave", f"{number} full 200") for number in range(1, 1_001)]
    found = wave_chart(lines, until_ms=None, translate=str)
    assert (len(found.chart["full"]), len(found.steps), found.more) == (1_002, 100, 900)
