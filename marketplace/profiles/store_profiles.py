"""Store checked profiles: rows, versions and the numbered log, in one transaction of the caller."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from kit.db import Session
from kit.ids import IdAllocator
from kit.work import NewWork, enqueue
from marketplace.profiles import documents, repository
from marketplace.profiles.check_profile import CheckedProfile
from marketplace.users import user_ids_for

EMPTY_DOCUMENT = "{}"

PROFILE_TEXT_WORK: Final = "profile_text"
"""Work of reading the text of a profile that was stored while nobody could: the subject is the user."""


@dataclass(frozen=True, slots=True)
class ProfileReceipt:
    """What became of one profile. ``version`` counts from 1 per user and goes on after a deletion.

    ``changed`` is False when the same profile stood there already: then nothing was written. ``extracted`` are the
    keywords that its text added, None when it has no text or the text was not read.
    """

    external_id: str
    user_id: int
    version: int
    created: bool
    changed: bool
    extracted: tuple[str, ...] | None = None


@dataclass(slots=True)
class _State:
    """A profile on its way through the lines of one request."""

    version: int
    document: str
    text: str | None
    deleted: bool
    extracted: tuple[str, ...] | None = None
    touched: bool = False


def store_profiles(
    session: Session, ids: IdAllocator, *, source: str, checked: Sequence[CheckedProfile], now_ms: int
) -> list[ProfileReceipt]:
    """Store profiles of one source in the order given; return a receipt for each.

    When a user appears several times the later line wins, and the log gets one number for it. Unchanged profiles take
    no lock and no number. A text that nobody has read yet becomes work, in the same transaction.
    """
    if not checked:
        return []
    user_ids = user_ids_for(session, ids, source, [item.external_id for item in checked], now_ms=now_ms)
    distinct = sorted(set(user_ids.values()))
    states, receipts = _fold(checked, user_ids, _read_states(session, distinct))
    expected = len(_touched(states))
    if not expected:
        return receipts
    # Numbers first: they make writers of profiles stand in a queue. What was read before may be old by then, so it
    # is read and compared again behind the lock.
    first = repository.take_numbers(session, expected)
    states, receipts = _fold(checked, user_ids, _read_states(session, distinct))
    touched = _touched(states)
    if len(touched) > expected:
        # Another writer came in between. Numbers left unused are gaps that nobody fills: harmless to readers.
        first = repository.take_numbers(session, len(touched))
    rows = [_row(user_id, source, state, first + place, now_ms) for place, (user_id, state) in enumerate(touched)]
    if rows:
        repository.write(session, rows)
    unread = [user_id for user_id, state in touched if state.text and state.extracted is None]
    if unread:
        enqueue(session, ids, [NewWork(PROFILE_TEXT_WORK, user_id, now_ms) for user_id in unread], now_ms)
    return receipts


def _read_states(session: Session, user_ids: Sequence[int]) -> dict[int, _State]:
    return {
        user_id: _State(
            row.version,
            row.document,
            row.submitted_text,
            bool(row.deleted),
            None if row.extracted is None else tuple(orjson.loads(row.extracted)),
        )
        for user_id, row in repository.current(session, user_ids).items()
    }


def _fold(
    checked: Sequence[CheckedProfile], user_ids: Mapping[str, int], states: dict[int, _State]
) -> tuple[dict[int, _State], list[ProfileReceipt]]:
    """Apply the lines one after another to the states. Pure but for ``states``, which it returns changed."""
    receipts = []
    for item in checked:
        user_id = user_ids[item.external_id]
        state = states.get(user_id)
        if state is None:
            state = states[user_id] = _State(0, EMPTY_DOCUMENT, None, deleted=True)
        encoded, extracted = _as_read_before(item, state)
        created = state.deleted
        changed = created or state.document != encoded or state.text != item.text
        if changed:
            state.version += 1
            state.document, state.text, state.extracted = encoded, item.text, extracted
            state.deleted, state.touched = False, True
        receipts.append(ProfileReceipt(item.external_id, user_id, state.version, created, changed, extracted))
    return states, receipts


def _as_read_before(item: CheckedProfile, state: _State) -> tuple[str, tuple[str, ...] | None]:
    """Return the profile's canonical text and what its text added, both with what the same text added before.

    So the same profile again changes nothing, also while nobody can read texts.
    """
    if not item.text or item.extracted is not None or state.extracted is None or state.text != item.text:
        return item.encoded, item.extracted
    return documents.with_keywords(item.encoded, state.extracted)


def _touched(states: Mapping[int, _State]) -> list[tuple[int, _State]]:
    return sorted(((user_id, state) for user_id, state in states.items() if state.touched), key=lambda item: item[0])


def _row(user_id: int, source: str, state: _State, seq: int, now_ms: int) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "source": source,
        "version": state.version,
        "document": state.document,
        "submitted_text": state.text,
        "extracted": None if state.extracted is None else orjson.dumps(state.extracted).decode(),
        "deleted": 0,
        "seq": seq,
        "changed_at_ms": now_ms,
    }
