"""A user says where else than in the inbox to be notified, and of what."""

from collections.abc import Collection, Mapping, Sequence

from kit.db import Session
from kit.errors import NotFound
from marketplace.channels import repository
from marketplace.channels.notify import forget_wanted
from marketplace.channels.ports import Channel
from marketplace.channels.preferences import EVERYTHING, Language, Preference, checked_kinds, checked_language


class ChannelNotFound(NotFound):
    """There is no such channel here."""


def choose_channel(
    session: Session,
    channels: Mapping[str, Channel],
    *,
    user_id: int,
    channel: str,
    address: str,
    kinds: Collection[str] | None = None,
    language: str = Language.CHINESE,
    now_ms: int,
) -> Preference:
    """Notify a user on a channel of these kinds (None: all) from about two seconds later on.

    The same again changes nothing. Raises ChannelNotFound, InvalidInput.
    """
    known = channels.get(channel)
    if known is None:
        listed = ", ".join(sorted(channels)) or "none"
        raise ChannelNotFound(f"there is no channel {channel[:20]!r} here; there are: {listed}")
    preference = Preference(
        user_id=user_id,
        channel=channel,
        address=known.check_address(address),
        kinds=EVERYTHING if kinds is None else checked_kinds(kinds),
        language=checked_language(language),
        changed_at_ms=now_ms,
    )
    repository.save(session, preference)
    forget_wanted(session)
    return preference


def leave_channel(session: Session, *, user_id: int, channel: str | None = None) -> int:
    """End notifications on one channel, or on all; return how many there were. What is under way is dropped."""
    return repository.remove(session, user_id, channel)


def channels_of_user(session: Session, *, user_id: int) -> Sequence[Preference]:
    """Return a user's choices, by channel."""
    return repository.of_users(session, [user_id])
