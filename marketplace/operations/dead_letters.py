"""Dead letters: work that failed too often. An admin lets it be tried again or gives it up, and says why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kit.db import Session
from kit.errors import InvalidInput, NotFound
from kit.ids import IdAllocator
from kit.work import DeadWork, count_work, dismiss_dead, list_dead, lock_dead, requeue_dead
from marketplace.operations import repository
from marketplace.operations.tables import MAX_ACTOR, MAX_REASON, Action

MAX_PAGE: Final = 200

DeadLetter = DeadWork


class LetterGone(NotFound):
    """Somebody else decided about it, or the work was asked for again meanwhile."""

    def __init__(self, letter_id: int) -> None:
        super().__init__(
            f"There is no dead letter {letter_id}: it was retried or dismissed meanwhile; list them again."
        )


@dataclass(frozen=True, slots=True)
class LetterPage:
    """A part of the dead letters, in id order; ``next_after`` asks for the rest, None when there is none."""

    items: tuple[DeadLetter, ...]
    next_after: int | None


@dataclass(frozen=True, slots=True)
class LetterDecision:
    """What was decided about a letter, by whom, when and why; ``last_error`` is what had stopped the work."""

    letter_id: int
    kind: str
    subject_id: int
    failures: int
    last_error: str
    action: Action
    actor: str
    reason: str
    decided_at_ms: int


def list_letters(session: Session, *, kind: str | None = None, after: int = 0, limit: int = 50) -> LetterPage:
    """Return dead letters of one kind or of all, at most 200 a page."""
    size = max(1, min(limit, MAX_PAGE))
    found = list_dead(session, None if kind is None else [kind], after, size + 1)
    return LetterPage(tuple(found[:size]), found[size - 1].id if len(found) > size else None)


def count_letters(session: Session) -> dict[str, int]:
    """Count dead letters by kind; kinds without any are missing."""
    return {count.kind: count.count for count in count_work(session) if count.state == "dead"}


def decide_letter(
    session: Session, ids: IdAllocator, *, letter_id: int, action: Action, actor: str, reason: str, now_ms: int
) -> LetterDecision:
    """Try dead work again at once, its failures forgotten, or give it up for good; who, when and why is kept.

    Raises LetterGone, InvalidInput for an empty or too long reason.
    """
    if not reason.strip() or len(reason) > MAX_REASON:
        raise InvalidInput("reason", reason, f"must be 1 to {MAX_REASON} characters: say why")
    letter = lock_dead(session, letter_id)
    if letter is None:
        raise LetterGone(letter_id)
    decision = LetterDecision(
        letter_id=letter.id,
        kind=letter.kind,
        subject_id=letter.subject_id,
        failures=letter.failures,
        last_error=letter.last_error,
        action=action,
        actor=actor[:MAX_ACTOR],
        reason=reason.strip(),
        decided_at_ms=now_ms,
    )
    if action == "retry":
        requeue_dead(session, now_ms, ids=[letter.id])
    else:
        dismiss_dead(session, letter.id)
    repository.insert_decision(
        session,
        {
            "id": ids.next_id(),
            "work_id": letter.id,
            **{name: getattr(decision, name) for name in decision.__slots__ if name != "letter_id"},
        },
    )
    return decision


def decisions(session: Session, *, limit: int = 50) -> Sequence[LetterDecision]:
    """Return the newest decisions, at most 200, newest first."""
    return [
        LetterDecision(
            row.work_id,
            row.kind,
            row.subject_id,
            row.failures,
            row.last_error,
            row.action,
            row.actor,
            row.reason,
            row.decided_at_ms,
        )
        for row in repository.newest_decisions(session, max(1, min(limit, MAX_PAGE)))
    ]
