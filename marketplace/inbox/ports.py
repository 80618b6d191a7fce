"""What the inbox needs from dispatch: the waves, which are the truth of who was told."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from kit.db import Session
from marketplace.inbox.entries import Notice


class NoticeChunk(Protocol):
    """One committed chunk of a wave: who was told what. ``user_ids`` ascending, ``scores`` parallel to it."""

    @property
    def entry(self) -> Notice:
        """What all recipients read."""
        ...

    @property
    def user_ids(self) -> Sequence[int]:
        """Recipients, ascending."""
        ...

    @property
    def scores(self) -> Sequence[int]:
        """Their scores, parallel to the recipients."""
        ...


class UserNotice(Protocol):
    """One offer of one user."""

    @property
    def entry(self) -> Notice:
        """What all recipients read."""
        ...

    @property
    def score(self) -> int:
        """The user's own score."""
        ...


class Label(Protocol):
    """What receivers see of a dispatch: its title and whether it is open | taken | closed."""

    @property
    def title(self) -> str:
        """The order's title."""
        ...

    @property
    def state(self) -> str:
        """Open | taken | closed, as of now."""
        ...


class WaveHistory(Protocol):
    """The committed waves; implemented by ``marketplace.dispatch`` (the module itself has these functions)."""

    def iterate_wave_chunks(
        self, session: Session, since_ms: int, after_event_id: int, limit: int
    ) -> Sequence[NoticeChunk]:
        """The next chunks by event id, of waves sent at ``since_ms`` or later, with present titles and states."""
        ...

    def waves_of_user(
        self, session: Session, user_id: int, *, before_event_id: int | None, limit: int
    ) -> Sequence[UserNotice]:
        """The newest offers of one user below an event id, newest first, with present titles and states."""
        ...

    def labels_of(self, session: Session, dispatch_ids: Sequence[int]) -> Mapping[int, Label]:
        """The present titles and states of dispatches."""
        ...
