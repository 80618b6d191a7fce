"""Compares what the clients saw with what is there: orders and inboxes. Pure.

Only an outcome ``ok`` promises something, only ``fail`` promises that nothing happened; ``unknown`` allows both.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from quanwang.drills.chaos.end_state import EndedDispatch, EndState
from quanwang.drills.chaos.findings import MOST_OF_A_KIND, Code, Finding
from quanwang.drills.chaos.history import Operation

SUBMITS: Final = ("submit", "submit again")
INBOX_KEEPS: Final = 100
SERVER_FAULT: Final = 500


def check_orders(operations: Sequence[Operation], end: EndState) -> list[Finding]:
    """Every acknowledged order is there once and was dispatched; no refused one is there."""
    found: list[Finding] = []
    by_title: defaultdict[str, list[EndedDispatch]] = defaultdict(list)
    for each in end.dispatches:
        by_title[each.title].append(each)
    outcomes = _outcomes_of_titles(operations)
    cancelled = {each.order for each in operations if each.kind == "cancel" and each.outcome != "fail"}
    for title, there in by_title.items():
        if len(there) > 1:
            ids = ", ".join(str(each.dispatch_id) for each in there)
            found.append(Finding(Code.DOUBLED, f"order {title!r} became {len(there)} dispatches: {ids}"))
        if title not in outcomes or outcomes[title] == {"fail"}:
            found.append(Finding(Code.PHANTOM, f"order {title!r} is there, although nobody acknowledged or awaits it"))
    for title, dispatch_id in acknowledged_orders(operations):
        dispatch = next((each for each in by_title.get(title, ()) if each.dispatch_id == dispatch_id), None)
        if dispatch is None:
            found.append(Finding(Code.LOST, f"order {title!r} was acknowledged as dispatch {dispatch_id} and is gone"))
        elif not dispatch.waves and not _ended_without_waves(dispatch, cancelled):
            found.append(
                Finding(Code.LOST, f"order {title!r} (dispatch {dispatch_id}, {dispatch.stage}) was never dispatched")
            )
    return found[:MOST_OF_A_KIND]


def acknowledged_orders(operations: Sequence[Operation]) -> Iterator[tuple[str, int]]:
    """Yield (title, dispatch id) of every order that was acknowledged, once each."""
    seen: set[tuple[str, int]] = set()
    for operation in operations:
        if operation.kind in SUBMITS and operation.outcome == "ok":
            for title, line in zip(operation.wanted["titles"], operation.answer["lines"], strict=True):
                pair = (title, line["dispatch_id"])
                if line["dispatch_id"] is not None and pair not in seen:
                    seen.add(pair)
                    yield pair


def _refused_lines(operations: Sequence[Operation]) -> Iterator[tuple[str, str]]:
    """Yield (title, sentence) of every order that was refused within an acknowledged request."""
    for operation in operations:
        if operation.kind in SUBMITS and operation.outcome == "ok":
            for title, line in zip(operation.wanted["titles"], operation.answer["lines"], strict=True):
                if line["dispatch_id"] is None:
                    yield title, str(line["sentence"])


def _outcomes_of_titles(operations: Sequence[Operation]) -> Mapping[str, set[str]]:
    outcomes: defaultdict[str, set[str]] = defaultdict(set)
    for operation in operations:
        if operation.kind in SUBMITS:
            for title in operation.wanted["titles"]:
                outcomes[title].add(operation.outcome or "unknown")
    for title, _ in _refused_lines(operations):
        outcomes[title] = {"fail"}
    return outcomes


def _ended_without_waves(dispatch: EndedDispatch, cancelled: set[str | None]) -> bool:
    """Whether the order may have ended before anybody was told.

    Whether an exhausted or unmatchable one really reaches nobody is a question of the tiers, checked there.
    """
    if dispatch.stage == "cancelled":
        return dispatch.title in cancelled
    return dispatch.stage in ("exhausted", "unmatchable", "expired")


def check_notices(operations: Sequence[Operation], end: EndState) -> list[Finding]:
    """Nobody was told twice of one order: by the waves, and in every inbox that was read at any moment."""
    found: list[Finding] = []
    told: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for chunk in end.chunks:
        told[chunk.dispatch_id].update(chunk.user_ids)
    found += [
        Finding(Code.TOLD_TWICE, f"dispatch {dispatch_id} told user {user_id} {times} times")
        for dispatch_id, users in told.items()
        for user_id, times in users.items()
        if times > 1
    ]
    shown = [
        (each.user_id, each.answer["dispatch_ids"])
        for each in operations
        if each.kind == "inbox" and each.outcome == "ok" and each.user_id is not None
    ]
    found += [
        Finding(Code.TOLD_TWICE, f"user {user_id} saw dispatch {dispatch_id} twice in the inbox")
        for user_id, dispatch_ids in [*shown, *end.inboxes.items()]
        for dispatch_id in _repeated(dispatch_ids)
    ]
    return list(dict.fromkeys([*found, *_check_inboxes(end)]))[:MOST_OF_A_KIND]


def _check_inboxes(end: EndState) -> Iterator[Finding]:
    """Compare what REST shows at the end with the waves: the newest entries of each user, and nothing else."""
    expected: defaultdict[int, list[int]] = defaultdict(list)
    for chunk in end.chunks:
        for user_id in end.inboxes.keys() & set(chunk.user_ids):
            expected[user_id].append(chunk.dispatch_id)
    for user_id, shown in end.inboxes.items():
        wanted = expected[user_id][::-1][:INBOX_KEEPS]
        for dispatch_id in wanted:
            if dispatch_id not in shown:
                yield Finding(Code.MISSED, f"user {user_id} was told of dispatch {dispatch_id} and lacks the entry")
        for dispatch_id in shown:
            if dispatch_id not in expected[user_id]:
                yield Finding(Code.PHANTOM, f"user {user_id} has an entry of dispatch {dispatch_id} that no wave holds")


def _repeated(dispatch_ids: Iterable[int]) -> list[int]:
    return [dispatch_id for dispatch_id, times in Counter(dispatch_ids).items() if times > 1]


def check_rest(end: EndState, *, late_ms: int) -> list[Finding]:
    """Nothing waits for ever: every open dispatch has its work, nothing is overdue by ``late_ms``, nothing is dead."""
    found: list[Finding] = []
    awaited = {subject for kind, subject, _, _ in end.work if kind == "dispatch"}
    delivering = {subject for kind, subject, _, _ in end.work if kind == "delivery"}
    found += [
        Finding(Code.FORGOTTEN, f"dispatch {each.dispatch_id} ({each.stage}) is open and nothing will wake it")
        for each in end.dispatches
        if not each.at_rest and each.dispatch_id not in awaited
    ]
    for kind, subject, state, overdue_ms in end.work:
        if state == "dead":
            found.append(Finding(Code.FORGOTTEN, f"work {kind} {subject} failed too often and is a dead letter"))
        elif overdue_ms > late_ms:
            found.append(
                Finding(Code.FORGOTTEN, f"work {kind} {subject} ({state}) is {overdue_ms / 1000:.0f} s overdue")
            )
    found += [
        Finding(Code.FORGOTTEN, f"wave {chunk.event_id} of dispatch {chunk.dispatch_id} was never delivered")
        for chunk in end.chunks
        if chunk.delivered_at_ms is None and chunk.event_id not in delivering
    ]
    return found[:MOST_OF_A_KIND]


def check_answers(operations: Sequence[Operation]) -> list[Finding]:
    """No answer was a fault of ours: an outage is a 503 with a sentence, never a 500."""
    return [
        Finding(Code.INCIDENT, f"{each.kind} of {each.order or each.wanted} was answered 500: {each.sentence}")
        for each in operations
        if each.status == SERVER_FAULT
    ][:MOST_OF_A_KIND]
