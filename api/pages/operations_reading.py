"""Reads queues, shards, switches and dead letters and shapes them for the operations pages."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from api.operations import QueueState, TellsHealth, queue_states, shard_health
from api.pages.operations_views import (
    LetterDecisionRow,
    LetterList,
    LetterRow,
    PauseView,
    QueueRow,
    ShardRow,
    ShardsView,
    SwitchChangeView,
    SwitchView,
)
from api.pages.operations_words import ABOUT_DISPATCHES, CONSEQUENCES, DECISIONS, SUBJECTS, SWITCHES, WORK_KINDS
from api.pages.words import word
from kit.db import Session
from marketplace import operations
from marketplace.settings import Switch, last_changes, read_switches, switch_log

PAGE_LETTERS = 25
SHOWN_DECISIONS = 20
SHOWN_CHANGES = 20
MAX_CHANGES = 200


def read_switch_views(session: Session) -> tuple[list[SwitchView], list[SwitchChangeView]]:
    """Return the kill switches and the newest changes, newest first."""
    log = switch_log(session, limit=MAX_CHANGES)
    newest = last_changes(session)
    switches = []
    for switch in Switch:
        change = newest.get(switch)
        switches.append(
            SwitchView(
                name=switch.value,
                label=word(SWITCHES, switch.value),
                consequence=word(CONSEQUENCES, switch.value),
                paused=change is not None and change.paused,
                set_by=None if change is None else change.set_by,
                reason=None if change is None else change.reason,
                set_at_ms=None if change is None else change.set_at_ms,
            )
        )
    changes = [
        SwitchChangeView(word(SWITCHES, each.switch.value), each.paused, each.set_by, each.reason, each.set_at_ms)
        for each in log[:SHOWN_CHANGES]
    ]
    return switches, changes


def read_pauses(session: Session, *, to_admin: bool) -> list[PauseView]:
    """Return what keeps dispatches from going on; who paused it and why is told to admins alone."""
    state = read_switches(session)
    paused = [switch for switch in (Switch.DISPATCH, Switch.DELIVERIES) if state.paused(switch)]
    if not paused:
        return []
    newest = last_changes(session)
    return [
        PauseView(
            label=word(SWITCHES, switch.value),
            consequence=word(CONSEQUENCES, switch.value),
            since_ms=newest[switch].set_at_ms,
            set_by=newest[switch].set_by if to_admin else None,
            reason=newest[switch].reason if to_admin else None,
        )
        for switch in paused
    ]


def read_queues(session: Session, now_ms: int) -> list[QueueRow]:
    """Return one row a kind of work, the latest kind first."""
    kinds: dict[str, dict[str, QueueState]] = {}
    for state in queue_states(session, now_ms):
        kinds.setdefault(state.count.kind, {})[state.count.state] = state
    rows = [_queue_row(kind, states) for kind, states in kinds.items()]
    return sorted(rows, key=lambda row: (-row.late_ms, -row.dead, row.kind))


def _queue_row(kind: str, states: dict[str, QueueState]) -> QueueRow:
    pending, leased, dead = states.get("pending"), states.get("leased"), states.get("dead")
    return QueueRow(
        kind=kind,
        label=word(WORK_KINDS, kind),
        pending=0 if pending is None else pending.count.count,
        leased=0 if leased is None else leased.count.count,
        dead=0 if dead is None else dead.count.count,
        next_at_ms=None if pending is None else pending.count.earliest_ready_at_ms,
        late_ms=0 if pending is None else pending.overdue_ms,
        leases_lapsed_ms=0 if leased is None else leased.overdue_ms,
    )


def read_shards(service: TellsHealth) -> ShardsView:
    """Return what the shards hold; while nobody answers, why."""
    found = shard_health(service)
    rows = [_shard_row(shard) for shard in found["shards"]]
    return ShardsView(found["ready"], found["why"], found["barrier"], found["population"], rows)


def _shard_row(shard: dict[str, Any]) -> ShardRow:
    return ShardRow(
        number=shard["shard_id"],
        barrier=shard["barrier"],
        users=shard["population"],
        available=shard["available"],
        segments=shard["segments"],
        delta=shard["delta_users"],
        tombstones=shard["tombstones"],
        megabytes=round(shard["bytes"] / 1_000_000, 1),
        merges=shard["merges"],
        failed_merges=shard["failed_merges"],
        kernels_compiled=shard["kernels_compiled"],
    )


def letters_path(kind: str, after: int, *, done: str) -> str:
    """Return the address of the page of dead letters from which a decision was made, and what was decided."""
    return "/admin/operations/dead-letters?" + urlencode({"kind": kind, "after": after, "done": done})


def read_letters(session: Session, *, kind: str | None, after: int) -> LetterList:
    """Return one page of the dead letters with how many there are of each kind."""
    page = operations.list_letters(session, kind=kind, after=after, limit=PAGE_LETTERS)
    counts = operations.count_letters(session)
    rows = [
        LetterRow(
            id=letter.id,
            label=word(WORK_KINDS, letter.kind),
            subject=SUBJECTS.get(letter.kind),
            subject_id=letter.subject_id,
            dispatch_id=letter.subject_id if letter.kind in ABOUT_DISPATCHES else None,
            failures=letter.failures,
            last_error=letter.last_error,
            created_at_ms=letter.created_at_ms,
        )
        for letter in page.items
    ]
    known = [(name, word(WORK_KINDS, name), counts[name]) for name in sorted(counts)]
    return LetterList(rows, [("", None, sum(counts.values())), *known], kind, after, page.next_after)


def read_letter_decisions(session: Session) -> Sequence[LetterDecisionRow]:
    """Return the newest decisions about dead letters, newest first."""
    return [
        LetterDecisionRow(
            label=word(WORK_KINDS, each.kind),
            subject_id=each.subject_id,
            failures=each.failures,
            last_error=each.last_error,
            decision=word(DECISIONS, each.action),
            actor=each.actor,
            reason=each.reason,
            decided_at_ms=each.decided_at_ms,
        )
        for each in operations.decisions(session, limit=SHOWN_DECISIONS)
    ]
