"""Writes who was passed over, and why: those who wait for the catch-up wave, and those whom it left untold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kit.db import Session
from kit.ids import IdAllocator
from marketplace.dispatch import suppression_repository
from marketplace.dispatch.dispatch_repository import DispatchRow
from marketplace.dispatch.judge_candidates import Held, Judged
from marketplace.dispatch.ports import Candidates
from marketplace.dispatch.states import EndSetAside, Instruction, Reason, SendWave, SetAside
from marketplace.dispatch.suppression_repository import NOBODY, NewSuppression
from marketplace.dispatch.views import Tier


@dataclass(frozen=True, slots=True)
class Passing:
    """One dispatch as it stood, what was decided for it, and the answer that was used."""

    row: DispatchRow
    instructions: Sequence[Instruction]
    found: Judged | None


def write_suppressions(session: Session, ids: IdAllocator, passings: Sequence[Passing], now_ms: int) -> None:
    """Write the suppressions of a batch in at most two statements; nothing when nobody was passed over."""
    new: list[NewSuppression] = []
    ended: list[int] = []
    for passing in passings:
        for instruction in passing.instructions:
            if passing.found is None or not isinstance(instruction, SetAside | EndSetAside):
                continue
            of = _of(passing.row, passing.found)
            if isinstance(instruction, SetAside):
                new += _set_aside(passing.found, _told(passing.instructions), instruction, of)
            else:
                ended.append(passing.row.dispatch_id)
                new += _suppressed(passing.found, instruction, of)
    if ended:
        suppression_repository.settle(session, ended)
    if new:
        taken = ids.take(suppression_repository.chunks_of(new))
        suppression_repository.insert_suppressions(session, taken, new, now_ms)


def full_left(found: Judged, instructions: Sequence[Instruction]) -> int:
    """Return how many of the full tier an answer found whom its wave neither tells nor passes over."""
    left = found.answer.full_count - _told(instructions)[0]
    for instruction in instructions:
        if isinstance(instruction, SetAside):
            left -= instruction.full
        elif isinstance(instruction, EndSetAside):
            left -= len(found.full) - instruction.full
    return left


def _of(row: DispatchRow, found: Judged) -> NewSuppression:
    """What the suppressions of one decision have in common; tier, reason, state and users are still to be set."""
    version, full_count = row.state.order_version, found.answer.full_count
    return NewSuppression(row.dispatch_id, version, 0, "full", Reason.LIMIT, "waiting", NOBODY, full_count)


def _told(instructions: Sequence[Instruction]) -> tuple[int, int]:
    for instruction in instructions:
        if isinstance(instruction, SendWave):
            return instruction.full, instruction.partial
    return 0, 0


def _set_aside(judged: Judged, told: tuple[int, int], aside: SetAside, of: NewSuppression) -> list[NewSuppression]:
    """Whom a wave passes over until the catch-up."""
    of = replace(of, wave=aside.number, state="waiting")
    full = _by_reason(judged.full, judged.held_full, range(told[0] + aside.full))
    found = _suppressions(full, "full", of)
    if judged.partial is not None:
        partial = _by_reason(judged.partial, judged.held_partial, range(told[1] + aside.partial))
        found += _suppressions(partial, "partial", of)
    return found


def _suppressed(judged: Judged, end: EndSetAside, of: NewSuppression) -> list[NewSuppression]:
    """Whom a catch-up leaves untold for good: held back again, without room, or outranked."""
    of = replace(of, wave=end.number, state="final")
    full = _by_reason(judged.full, judged.held_full, range(len(judged.full)))
    _without_room(full, judged.full, judged.held_full, end.full)
    found = _suppressions(full, "full", of)
    if judged.outranked:
        found += _suppressions({Reason.OUTRANKED: list(judged.outranked)}, "full", of)
    if judged.partial is not None:
        partial = _by_reason(judged.partial, judged.held_partial, range(len(judged.partial)))
        _without_room(partial, judged.partial, judged.held_partial, end.partial)
        found += _suppressions(partial, "partial", of)
    return found


def _by_reason(candidates: Candidates, held: Held, places: range) -> dict[Reason, list[int]]:
    grouped: dict[Reason, list[int]] = {}
    for place, reason in held.items():
        if place in places:
            grouped.setdefault(reason, []).append(candidates.user_ids[place])
    return grouped


def _without_room(grouped: dict[Reason, list[int]], candidates: Candidates, held: Held, told: int) -> None:
    free = [place for place in range(len(candidates)) if place not in held]
    if len(free) > told:
        grouped[Reason.LIMIT] = [candidates.user_ids[place] for place in free[told:]]


def _suppressions(grouped: Mapping[Reason, list[int]], tier: Tier, of: NewSuppression) -> list[NewSuppression]:
    return [replace(of, tier=tier, reason=reason, user_ids=sorted(users)) for reason, users in grouped.items()]
