"""Idempotency keys: the same request twice has one effect and one answer.

Inside the transaction of the effect::

    started = begin(session, owner=..., key=..., body_hash=..., now_ms=...)
    if isinstance(started, Replay):
        return started.status, started.body
    ...the effect...
    store(session, owner=..., key=..., status=201, body=answer_json)

A rollback frees the key. Two at once with one key: the second waits for the first and then replays its answer; it gets
IdempotencyInFlight when the first takes longer than the lock wait of five seconds.
"""

from kit.idempotency.keys import (
    KEPT_MS,
    Fresh,
    IdempotencyInFlight,
    IdempotencyMismatch,
    InvalidIdempotencyKey,
    Replay,
    begin,
    hash_body,
    store,
    sweep,
)
from kit.idempotency.tables import idempotency_table

__all__ = [
    "KEPT_MS",
    "Fresh",
    "IdempotencyInFlight",
    "IdempotencyMismatch",
    "InvalidIdempotencyKey",
    "Replay",
    "begin",
    "hash_body",
    "idempotency_table",
    "store",
    "sweep",
]
