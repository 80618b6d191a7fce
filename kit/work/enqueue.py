"""Enqueue: work is written in the transaction of what caused it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Insert, and_, case, literal_column, null
from sqlalchemy.dialects import mysql, sqlite

from kit.db import Session
from kit.errors import TooLarge
from kit.ids import IdAllocator
from kit.work.tables import DEAD, LEASED, MAX_KIND_LENGTH, PENDING, work_table

MAX_ENQUEUE: Final = 1_000
MAX_PAYLOAD_BYTES: Final = 65_536

_work = work_table.c


class PayloadTooLarge(TooLarge):
    """The payload of a work row is above 64 KB: put a reference there, not the thing."""


@dataclass(frozen=True, slots=True)
class NewWork:
    """Work to be done at ``due_at_ms``; at most one row exists for each (kind, subject_id)."""

    kind: str
    subject_id: int
    due_at_ms: int
    payload: Mapping[str, Any] = field(default_factory=dict)


_enqueued: Final[WeakKeyDictionary[Session, set[str]]] = WeakKeyDictionary()
"""What was written by transactions that are still open; a Session is one transaction's."""


def kinds_enqueued(session: Session) -> frozenset[str]:
    """Return which kinds of work this transaction wrote that are due at once: to be announced after its commit."""
    return frozenset(_enqueued.get(session, ()))


def enqueue(session: Session, ids: IdAllocator, works: Sequence[NewWork], now_ms: int) -> None:
    """Write the works, in the transaction of what caused them.

    A row that exists for the same (kind, subject_id): pending moves to the new time and payload; dead becomes pending
    again; leased is done once more after the present run, at the new time (the earliest one, if asked several times).
    Raises PayloadTooLarge. The last of several works for one (kind, subject_id) in one call wins.
    """
    last = {(work.kind, work.subject_id): work for work in works}
    _enqueued.setdefault(session, set()).update(work.kind for work in works if work.due_at_ms <= now_ms)
    # In key order: two transactions that enqueue the same works must not lock them crosswise.
    ordered = [last[key] for key in sorted(last)]
    for start in range(0, len(ordered), MAX_ENQUEUE):
        part = ordered[start : start + MAX_ENQUEUE]
        rows = [_new_row(work_id, work, now_ms) for work_id, work in zip(ids.take(len(part)), part, strict=True)]
        session.execute(_upsert(session.dialect.name), rows)


def _new_row(work_id: int, work: NewWork, now_ms: int) -> dict[str, Any]:
    if not 1 <= len(work.kind) <= MAX_KIND_LENGTH:
        raise ValueError(f"work kind {work.kind!r} must have 1..{MAX_KIND_LENGTH} characters")
    payload = json.dumps(dict(work.payload), ensure_ascii=False, separators=(",", ":"))
    if len(payload.encode()) > MAX_PAYLOAD_BYTES:
        raise PayloadTooLarge(
            f"the payload of work {work.kind} {work.subject_id} has more than {MAX_PAYLOAD_BYTES} bytes: store the"
            " content elsewhere and put its id there"
        )
    return {
        "id": work_id,
        "kind": work.kind,
        "subject_id": work.subject_id,
        "state": PENDING,
        "due_at_ms": work.due_at_ms,
        "ready_at_ms": work.due_at_ms,
        "attempt": 0,
        "failures": 0,
        "again_at_ms": None,
        "payload": payload,
        "last_error": None,
        "created_at_ms": now_ms,
    }


@cache
def _upsert(dialect: str) -> Insert:
    if dialect == "sqlite":
        into = sqlite.insert(work_table)
        changes = _changes_on_conflict(into.excluded.due_at_ms, into.excluded.payload)
        return into.on_conflict_do_update(index_elements=["kind", "subject_id"], set_=dict(changes))
    onto = mysql.insert(work_table)
    return onto.on_duplicate_key_update(_changes_on_conflict(onto.inserted.due_at_ms, onto.inserted.payload))


def _changes_on_conflict(due_at_ms: Any, payload: Any) -> list[tuple[str, Any]]:
    # MySQL assigns from left to right and reads the new values: what others look at comes last. Constants are written
    # out, because the driver sends many rows in one statement only when nothing after VALUES is a parameter.
    leased_text: ColumnElement[str] = literal_column(f"'{LEASED}'")
    pending_text: ColumnElement[str] = literal_column(f"'{PENDING}'")
    leased = _work.state == leased_text
    dead = _work.state == literal_column(f"'{DEAD}'")
    asked_before = and_(leased, _work.again_at_ms.is_not(None), _work.again_at_ms < due_at_ms)
    return [
        ("again_at_ms", case((asked_before, _work.again_at_ms), (leased, due_at_ms), else_=null())),
        ("due_at_ms", case((leased, _work.due_at_ms), else_=due_at_ms)),
        ("ready_at_ms", case((leased, _work.ready_at_ms), else_=due_at_ms)),
        ("failures", case((dead, literal_column("0")), else_=_work.failures)),
        ("payload", payload),
        ("state", case((leased, leased_text), else_=pending_text)),
    ]
