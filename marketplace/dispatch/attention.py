"""Who was offered how much of late, and who declined: in memory, rebuilt from the waves of the last 24 hours.

Soft: two dispatchers may each tell a user his last offer before they see each other's wave. Conservative: whatever is
committed counts from the moment of its wave for an hour, or a day, whether it was delivered, opened or neither.
"""

from array import array
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from kit.db import Session
from marketplace.dispatch import acceptance_repository, wave_repository
from marketplace.dispatch.policies import DAY_MS, HOUR_MS, Policy
from marketplace.dispatch.states import Reason

CHUNKS_AT_ONCE: Final = 128
MAX_OFFERS: Final = 20_000_000
"""Offers that are remembered, at 8 bytes each and about 100 a user. Above that the oldest are forgotten early."""
MAX_DECLINES: Final = 1_000_000
"""Declines that are read at once, the newest."""
OVERLAP_MS: Final = 60_000
"""Declines are read again so far back: they are stamped by the clocks of web processes, before their commit."""


@dataclass(slots=True)
class _Window:
    """The offers of the last ``length_ms``, counted a user."""

    length_ms: int
    chunks: "deque[tuple[int, array[int]]]" = field(default_factory=deque)
    counts: Counter[int] = field(default_factory=Counter)
    offers: int = 0

    def add(self, sent_at_ms: int, user_ids: "array[int]") -> None:
        self.chunks.append((sent_at_ms, user_ids))
        self.counts.update(user_ids)
        self.offers += len(user_ids)

    def forget(self, now_ms: int) -> None:
        while self.chunks and (self.chunks[0][0] <= now_ms - self.length_ms or self.offers > MAX_OFFERS):
            _, user_ids = self.chunks.popleft()
            self.offers -= len(user_ids)
            for user_id in user_ids:
                if self.counts[user_id] == 1:
                    del self.counts[user_id]
                else:
                    self.counts[user_id] -= 1


class Attention:
    """What the dispatcher remembers between its batches; for one thread at a time."""

    def __init__(self) -> None:
        self._hour, self._day = _Window(HOUR_MS), _Window(DAY_MS)
        self._after_wave_id: int | None = None
        self._declines: dict[int, int] = {}
        self._declines_read_ms: int | None = None
        self._declines_kept = 0
        self._expected: Counter[int] = Counter()

    def refresh(self, session: Session, policies: Sequence[Policy], now_ms: int) -> None:
        """Read what was committed since the last time, as far as one of these policies asks for it.

        Forgets what was expected by the batch before.
        """
        self._expected.clear()
        if any(policy.offers_an_hour or policy.offers_a_day for policy in policies):
            self._read_waves(session, now_ms)
        if any(policy.decline_cooldown_ms for policy in policies):
            self._read_declines(session, now_ms)

    def expect(self, user_ids: Sequence[int]) -> None:
        """Count offers that this batch is about to make; its later dispatches see them."""
        self._expected.update(user_ids)

    def reason(self, policy: Policy, user_id: int, now_ms: int) -> Reason | None:
        """Return why a user is not told of one more order now; None when he may be."""
        if policy.decline_cooldown_ms:
            declined_at_ms = self._declines.get(user_id)
            if declined_at_ms is not None and now_ms < declined_at_ms + policy.decline_cooldown_ms:
                return Reason.DECLINED
        expected = self._expected.get(user_id, 0)
        if policy.offers_an_hour and self._hour.counts.get(user_id, 0) + expected >= policy.offers_an_hour:
            return Reason.HOUR_CAP
        if policy.offers_a_day and self._day.counts.get(user_id, 0) + expected >= policy.offers_a_day:
            return Reason.DAY_CAP
        return None

    def _read_waves(self, session: Session, now_ms: int) -> None:
        if self._after_wave_id is None:
            self._after_wave_id = wave_repository.last_wave_before(session, now_ms - DAY_MS)
        while True:
            chunks = wave_repository.told_after(session, self._after_wave_id, CHUNKS_AT_ONCE)
            for wave_id, sent_at_ms, user_ids in chunks:
                self._day.add(sent_at_ms, user_ids)
                self._hour.add(sent_at_ms, user_ids)
                self._after_wave_id = wave_id
            self._day.forget(now_ms)
            self._hour.forget(now_ms)
            if len(chunks) < CHUNKS_AT_ONCE:
                return

    def _read_declines(self, session: Session, now_ms: int) -> None:
        since_ms = now_ms - DAY_MS
        if self._declines_read_ms is not None:
            since_ms = max(since_ms, min(now_ms, self._declines_read_ms) - OVERLAP_MS)
        self._declines_read_ms = now_ms
        for user_id, declined_at_ms in acceptance_repository.declines_since(session, since_ms, MAX_DECLINES):
            self._declines[user_id] = max(declined_at_ms, self._declines.get(user_id, 0))
        if len(self._declines) > 2 * self._declines_kept:
            kept = {user: at_ms for user, at_ms in self._declines.items() if at_ms > now_ms - DAY_MS}
            self._declines, self._declines_kept = kept, len(kept)
