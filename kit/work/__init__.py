"""All background work: rows with a due time, claimed under a lease, finished under a fencing number.

One mechanism for timers, retries, crash recovery and exactly-once-in-effect. A worker claims rows in a short
transaction of its own, works without holding locks, and finishes inside the transaction of its effect::

    with database.transaction() as session:
        mine = hold(session, claims)          # rows still ours; a frozen worker that wakes up late gets none
        ...the effect of ``mine``...
        complete(session, mine)               # or reschedule(session, mine, due_at_ms)

Exactly one of complete, reschedule, fail ends a claim; a claim that nobody ends is taken again after its lease.
"""

from kit.work.enqueue import NewWork, PayloadTooLarge, enqueue, kinds_enqueued
from kit.work.letters import (
    DeadWork,
    WorkCount,
    count_work,
    dismiss_dead,
    list_dead,
    lock_dead,
    overdue_work,
    requeue_dead,
)
from kit.work.loop import Handler, HandlerOptions, LoopObserver, WorkLoop
from kit.work.queue import (
    MAX_CLAIM,
    Backoff,
    Claimed,
    LeaseLost,
    claim,
    complete,
    extend,
    fail,
    hold,
    release,
    reschedule,
)
from kit.work.tables import work_table
from kit.work.wake import Wake

__all__ = [
    "MAX_CLAIM",
    "Backoff",
    "Claimed",
    "DeadWork",
    "Handler",
    "HandlerOptions",
    "LeaseLost",
    "LoopObserver",
    "NewWork",
    "PayloadTooLarge",
    "Wake",
    "WorkCount",
    "WorkLoop",
    "claim",
    "complete",
    "count_work",
    "dismiss_dead",
    "enqueue",
    "extend",
    "fail",
    "hold",
    "kinds_enqueued",
    "list_dead",
    "lock_dead",
    "overdue_work",
    "release",
    "requeue_dead",
    "reschedule",
    "work_table",
]
