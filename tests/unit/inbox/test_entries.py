"""The compact text of an entry carries everything and stays below 64 characters."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from marketplace.inbox.entries import StoredEntry, packed_prefix, unpacked

IDS = st.integers(1, 2**53 - 1)


@dataclass(frozen=True)
class Entry:
    """What all recipients of a chunk read."""

    event_id: int
    dispatch_id: int
    title: str
    tier: str
    wave: int
    notified_at_ms: int
    expires_at_ms: int
    state: str


@given(
    event_id=IDS,
    dispatch_id=IDS,
    tier=st.sampled_from(["full", "partial"]),
    wave=st.integers(1, 99_999),
    at_ms=st.integers(0, 4_102_444_800_000),
    lasts_ms=st.integers(0, 31_536_000_000),
    score=st.integers(0, 11_000),
)
def test_packing_keeps_everything(
    event_id: int, dispatch_id: int, tier: str, wave: int, at_ms: int, lasts_ms: int, score: int
) -> None:
    entry = Entry(event_id, dispatch_id, "title", tier, wave, at_ms, at_ms + lasts_ms, "open")
    packed = f"{packed_prefix(entry)}{score}"
    assert len(packed) < 64
    assert unpacked(event_id, packed) == StoredEntry(event_id, dispatch_id, tier, wave, score, at_ms, at_ms + lasts_ms)
