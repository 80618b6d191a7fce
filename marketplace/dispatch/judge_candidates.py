"""Between the matcher's answer and the machine: equals rotate, and those whose attention is spared are held back."""

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from marketplace.dispatch.attention import Attention
from marketplace.dispatch.packing import find
from marketplace.dispatch.policies import Policy
from marketplace.dispatch.ports import NO_CANDIDATES, Candidates, MatchAnswer
from marketplace.dispatch.rotate_equals import rotate_equals
from marketplace.dispatch.states import Reason, SendWave, SetAside

Held = Mapping[int, Reason]
"""Place among the ranked candidates, ascending, and why that one is not told."""

NOBODY_HELD: Final[Held] = {}


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer as the wave is cut from it: the candidates of each tier in their order, and who of them is held back.

    ``partial`` ends at the policy's floor, None when that tier was not computed. At a catch-up only those who were set
    aside are left; ``outranked`` are those of them of whom an answer that was cut says nothing, and ``more`` says
    whether others fit too.
    """

    answer: MatchAnswer
    full: Candidates
    partial: Candidates | None
    held_full: Held = field(default_factory=dict)
    held_partial: Held = field(default_factory=dict)
    outranked: Sequence[int] = ()
    more: bool = False
    certificate: Mapping[str, Any] = field(default_factory=dict)
    catch_up: bool = False


def judge(answer: MatchAnswer, policy: Policy, attention: Attention, *, order_id: int, now_ms: int) -> Judged:
    """Return the answer to an ordinary wave's question as it may be used now."""
    full, partial = answer.full, above_floor(answer, policy.partial_floor)
    drawn: dict[str, Any] = {}
    if policy.rotate_equals:
        rotation = rotate_equals(full, order_id, wave_size=policy.wave_size, count=answer.full_count)
        full, drawn["full"] = rotation.candidates, rotation.certificate()
        if partial is not None:
            rotation = rotate_equals(partial, order_id, wave_size=policy.wave_size, count=answer.partial_count or 0)
            partial, drawn["partial"] = rotation.candidates, rotation.certificate()
    return Judged(
        answer,
        full,
        partial,
        _held(full, policy, attention, policy.wave_size, now_ms),
        NOBODY_HELD if partial is None else _held(partial, policy, attention, policy.wave_size, now_ms),
        certificate={**answer.certificate, "rotation": drawn} if drawn else answer.certificate,
    )


def judge_catch_up(
    answer: MatchAnswer, policy: Policy, attention: Attention, *, waiting: "array[int]", now_ms: int
) -> Judged:
    """Return the answer to a catch-up's question: what became of those who wait (ascending)."""
    reaching = above_floor(answer, policy.partial_floor)
    full = _those_of(answer.full, waiting)
    partial = None if reaching is None else _those_of(reaching, waiting)
    cut = len(answer.full) < answer.full_count
    cut = cut or (reaching is not None and len(reaching) == len(answer.partial or ()) < (answer.partial_count or 0))
    found = {*full.user_ids, *(() if partial is None else partial.user_ids)}
    count = len(answer.full) + (0 if reaching is None else len(reaching))
    return Judged(
        answer,
        full,
        partial,
        _held(full, policy, attention, len(full), now_ms),
        NOBODY_HELD if partial is None else _held(partial, policy, attention, len(partial), now_ms),
        outranked=[user_id for user_id in waiting if user_id not in found] if cut else (),
        more=count > len(found),
        certificate=answer.certificate,
        catch_up=True,
    )


def above_floor(answer: MatchAnswer, floor: int) -> Candidates | None:
    """Return the partial candidates, ranked by score, that reach the floor; None when they were not computed."""
    if answer.partial is None or answer.partial_count is None:
        return None
    # Scores descend.
    count = bisect_left(answer.partial.scores, -floor + 1, key=lambda score: -score)
    return answer.partial if count == len(answer.partial) else answer.partial.take(count)


def _those_of(candidates: Candidates, users: "array[int]") -> Candidates:
    places = [place for place, user_id in enumerate(candidates.user_ids) if find(users, user_id) is not None]
    return candidates.pick(places)


def _held(candidates: Candidates, policy: Policy, attention: Attention, most: int, now_ms: int) -> Held:
    """Find who is held back among the first ``most``; a wave reaches no further."""
    if not policy.spares_attention:
        return NOBODY_HELD
    looked_at = candidates.user_ids[:most]
    if policy.quiet_until_ms(now_ms) is not None:
        return dict.fromkeys(range(len(looked_at)), Reason.QUIET_HOURS)
    if not policy.counts_attention:
        return NOBODY_HELD
    reasons = ((place, attention.reason(policy, user_id, now_ms)) for place, user_id in enumerate(looked_at))
    return {place: reason for place, reason in reasons if reason is not None}


def told_by(judged: Judged, send: SendWave, aside: SetAside | None) -> tuple[Candidates, Candidates]:
    """Return who of each tier is told by a wave, best first."""
    partial = NO_CANDIDATES if judged.partial is None else judged.partial
    spared = SetAside(send.number, 0, 0) if aside is None else aside
    return (
        _not_held(judged.full, judged.held_full, send.full, None if send.catch_up else send.full + spared.full),
        _not_held(partial, judged.held_partial, send.partial, None if send.catch_up else send.partial + spared.partial),
    )


def _not_held(candidates: Candidates, held: Held, told: int, reached: int | None) -> Candidates:
    """Return the first ``told`` who are not held back; ``reached``: how far the wave went, checked."""
    if not held:
        return candidates.take(told)
    places = [place for place in range(len(candidates) if reached is None else reached) if place not in held]
    if len(places) < told or (reached is not None and len(places) != told):
        raise RuntimeError(f"a wave of {told} finds {len(places)} users who are not held back")
    return candidates.pick(places[:told])
