"""Policies refuse impossible settings and survive their own text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import InvalidInput
from marketplace.dispatch.policies import DEFAULT, POLICIES, WHOLE_TIER, Policy, demonstration_policy


def test_the_defaults_are_those_of_the_design() -> None:
    assert (DEFAULT.wave_size, DEFAULT.wave_interval_ms) == (200, 60_000)
    assert (DEFAULT.full_window_ms, DEFAULT.partial_window_ms) == (1_800_000, 3_600_000)
    assert (DEFAULT.acceptors_wanted, DEFAULT.partial_floor, DEFAULT.partial_limit) == (1, 2_400, 500)
    assert (DEFAULT.hold_ms, DEFAULT.publisher_idle_ms) == (86_400_000, 86_400_000)
    assert WHOLE_TIER.needs_reach_confirmation
    assert set(POLICIES) == {"default", "whole_tier", "demonstration"}
    assert demonstration_policy(full_window_ms=9).full_window_ms == 9


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("wave_size", 0),
        ("wave_size", 1_000_000),
        ("full_window_ms", -1),
        ("acceptors_wanted", 0),
        ("partial_floor", 2_400.5),
        ("hold_ms", True),
        ("dispatch_expiry_ms", 0),
        ("offers_an_hour", -1),
        ("offers_a_day", 10_001),
        ("decline_cooldown_ms", 90_000_000),
        ("quiet_from_minute", 1_440),
        ("quiet_until_minute", 7.5),
        ("utc_offset_minutes", 841),
        ("rotate_equals", 1),
        ("needs_reach_confirmation", "yes"),
    ],
)
def test_an_impossible_setting_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=field):
        Policy("bad", **{field: value})  # type: ignore[arg-type]


@given(st.integers(1, 99_999), st.integers(0, 10**9))
def test_a_policy_reads_back_what_it_wrote(size: int, window_ms: int) -> None:
    policy = Policy("drawn", wave_size=size, full_window_ms=window_ms)
    assert Policy.from_json(policy.to_json()) == policy


def test_an_unknown_field_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(InvalidInput, match="colour is no field of a policy; known are acceptors_wanted, "):
        Policy.from_json('{"name":"x","colour":1}')


@pytest.mark.parametrize("name", ["", "x" * 65, "two words", "fast:3", "tab\t", 7, None])
def test_a_name_can_be_followed_by_a_version(name: object) -> None:
    with pytest.raises(InvalidInput, match="name"):
        Policy.from_document({"name": name})


def test_a_policy_without_a_name_says_so() -> None:
    with pytest.raises(InvalidInput, match="name is missing"):
        Policy.from_document({})


def test_a_policy_of_an_older_text_spares_nobody() -> None:
    """Versions that were stored before there was a budget go on as they were."""
    assert Policy.from_json('{"name":"old","wave_size":7}') == Policy("old", wave_size=7)
    assert not Policy("old").spares_attention
    assert Policy("new", offers_a_day=1).spares_attention
    assert Policy("night", quiet_until_minute=1).spares_attention
