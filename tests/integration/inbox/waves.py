"""Waves kept in memory: a fake of what dispatch reads from the database, keeping every promise of the port."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from kit.db import Session

START_MS = 1_790_000_000_000
LASTS_MS = 1_800_000


@dataclass(frozen=True)
class WaveEntry:
    """What all recipients of a chunk read."""

    event_id: int
    dispatch_id: int
    title: str
    tier: str
    wave: int
    notified_at_ms: int
    expires_at_ms: int
    state: str


@dataclass(frozen=True)
class Chunk:
    """A committed chunk."""

    entry: WaveEntry
    user_ids: "array[int]"
    scores: "array[int]"


@dataclass(frozen=True)
class OwnNotice:
    """One offer of one user."""

    entry: WaveEntry
    score: int


@dataclass(frozen=True)
class ShownLabel:
    """Title and state."""

    title: str
    state: str


class Waves:
    """The committed waves."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.states: dict[int, str] = {}

    def commit(
        self,
        users: Iterable[int],
        *,
        dispatch_id: int | None = None,
        tier: str = "full",
        wave: int = 1,
        title: str | None = None,
    ) -> Chunk:
        """Add a chunk with the next event id; by default of a dispatch of its own."""
        event_id = len(self.chunks) + 1
        chosen = array("q", sorted(users))
        dispatch_id = dispatch_id or 5_000_000 + event_id
        at_ms = START_MS + event_id
        entry = WaveEntry(
            event_id, dispatch_id, title or f"order {dispatch_id}", tier, wave, at_ms, at_ms + LASTS_MS, "open"
        )
        chunk = Chunk(entry, chosen, array("i", [score_of(event_id, user) for user in chosen]))
        self.chunks.append(chunk)
        return chunk

    def iterate_wave_chunks(self, session: Session, since_ms: int, after_event_id: int, limit: int) -> Sequence[Chunk]:
        found = [
            chunk
            for chunk in self.chunks[after_event_id:]
            if chunk.entry.event_id > after_event_id and chunk.entry.notified_at_ms >= since_ms
        ]
        return [self._now(chunk) for chunk in found[:limit]]

    def waves_of_user(
        self, session: Session, user_id: int, *, before_event_id: int | None, limit: int
    ) -> Sequence[OwnNotice]:
        found = [
            OwnNotice(self._now(chunk).entry, chunk.scores[chunk.user_ids.index(user_id)])
            for chunk in reversed(self.chunks)
            if (before_event_id is None or chunk.entry.event_id < before_event_id) and user_id in chunk.user_ids
        ]
        return found[:limit]

    def labels_of(self, session: Session, dispatch_ids: Sequence[int]) -> dict[int, ShownLabel]:
        entries = {chunk.entry.dispatch_id: self._now(chunk).entry for chunk in self.chunks}
        return {each: ShownLabel(entries[each].title, entries[each].state) for each in dispatch_ids if each in entries}

    def _now(self, chunk: Chunk) -> Chunk:
        state = self.states.get(chunk.entry.dispatch_id, "open")
        return chunk if state == chunk.entry.state else replace(chunk, entry=replace(chunk.entry, state=state))


def score_of(event_id: int, user_id: int) -> int:
    """A score that is told apart by event and user."""
    return (event_id * 31 + user_id) % 11_001
