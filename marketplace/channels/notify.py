"""Notifications are work of their channel: one row a message, whose id is the message's id for good."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kit.db import Database, Remembered, Session
from kit.ids import IdAllocator
from kit.work import Claimed, NewWork, complete, enqueue, fail, hold
from marketplace.channels import repository
from marketplace.channels.ports import Channel, Message, Outcome
from marketplace.channels.preferences import NotificationKind, Preference
from marketplace.channels.texts import written

KNOWN_FOR_MS: Final = 2_000
MAX_ATTEMPTS: Final = 10

_WANTED: Final = Remembered(repository.kinds_wanted, KNOWN_FOR_MS)


class ChannelBroken(RuntimeError):
    """A channel did not answer for each of its messages."""


@dataclass(frozen=True, slots=True)
class Notification:
    """Something that a user may want to be notified of."""

    user_id: int
    kind: NotificationKind
    dispatch_id: int
    title: str


def wanted_kinds(session: Session, now_ms: int) -> frozenset[str]:
    """Return what any user wants to be notified of: remembered for two seconds, so it may be asked everywhere."""
    return _WANTED.of(session, now_ms)


def forget_wanted(session: Session) -> None:
    """Let this process see a preference that it has just changed."""
    _WANTED.forget(session)


def work_kind_of(channel: str) -> str:
    """Return the kind of work that sends messages on a channel."""
    return f"notify_{channel}"


def notify(
    session: Session,
    ids: IdAllocator,
    notifications: Sequence[Notification],
    *,
    channels: Collection[str],
    now_ms: int,
) -> int:
    """Write a message for each of the ``channels`` where its user wants the notification; return how many."""
    chosen: dict[int, list[Preference]] = {}
    for preference in repository.of_users(session, [each.user_id for each in notifications]):
        chosen.setdefault(preference.user_id, []).append(preference)
    pairs = [
        (preference.channel, each)
        for each in notifications
        for preference in chosen.get(each.user_id, ())
        if each.kind in preference.kinds and preference.channel in channels
    ]
    if pairs:
        works = [
            NewWork(work_kind_of(channel), message_id, now_ms, _payload(each))
            for message_id, (channel, each) in zip(ids.take(len(pairs)), pairs, strict=True)
        ]
        enqueue(session, ids, works, now_ms)
    return len(pairs)


def send_notifications(database: Database, channel: Channel, claims: Sequence[Claimed], *, now_ms: int) -> None:
    """The handler of a channel's work: hand the claimed messages over, then note it. Raises Unavailable.

    Who left the channel meanwhile gets nothing. A crash in between sends again, under the same ids.
    """
    users = [int(claimed.payload["user_id"]) for claimed in claims]
    with database.read() as session:
        chosen = {each.user_id: each for each in repository.of_users(session, users, channel.name)}
    wanted = [claimed for claimed in claims if claimed.payload["user_id"] in chosen]
    messages = [_message(claimed, chosen[claimed.payload["user_id"]]) for claimed in wanted]
    outcomes = channel.send(messages, now_ms) if messages else []
    if len(outcomes) != len(messages):
        raise ChannelBroken(f"the channel {channel.name} answered {len(outcomes)} of {len(messages)} messages")
    by_id: Mapping[int, Outcome] = {claimed.id: outcome for claimed, outcome in zip(wanted, outcomes, strict=True)}

    def note(session: Session) -> None:
        mine = hold(session, claims)
        failed = [claimed for claimed in mine if (outcome := by_id.get(claimed.id)) and outcome.error is not None]
        complete(session, [claimed for claimed in mine if claimed not in failed])
        for claimed in failed:
            outcome = by_id[claimed.id]
            fail(session, [claimed], outcome.error or "", now_ms, 1 if outcome.final else MAX_ATTEMPTS)

    database.run(note)


def _payload(notification: Notification) -> dict[str, Any]:
    return {
        "user_id": notification.user_id,
        "kind": notification.kind.value,
        "dispatch_id": notification.dispatch_id,
        "title": notification.title,
    }


def _message(claimed: Claimed, preference: Preference) -> Message:
    kind, dispatch_id = NotificationKind(claimed.payload["kind"]), int(claimed.payload["dispatch_id"])
    subject, text = written(kind, preference.language, title=claimed.payload["title"], dispatch_id=dispatch_id)
    return Message(
        message_id=f"ntf_{claimed.subject_id}",
        kind=kind,
        user_id=preference.user_id,
        dispatch_id=dispatch_id,
        address=preference.address,
        subject=subject,
        text=text,
    )
