"""Who was told beside an exact answer of one's own: everybody of the full tier, by rank, and nobody else. Pure.

Only people who did not change during the run are compared; of them it is known at every moment who qualifies.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from marketplace.dispatch import Policy
from quanwang.drills.chaos.end_state import EndedDispatch, EndState, ToldChunk
from quanwang.drills.chaos.findings import MOST_OF_A_KIND, Code, Finding


@dataclass(frozen=True, slots=True)
class Tiers:
    """The exact answer for one order: whoever stays, best first, the partial tier above the policy's floor.

    ``refused``: the order cannot be matched.
    """

    full: Sequence[int] = ()
    partial: Sequence[int] = ()
    refused: bool = False


@dataclass(slots=True)
class _Told:
    full: list[int] = field(default_factory=list)
    partial: list[int] = field(default_factory=list)
    first_full: int = 0


def check_tiers(
    end: EndState, expected: Mapping[int, Tiers], policies: Mapping[str, Policy], stays: Callable[[int], bool]
) -> list[Finding]:
    """Compare every dispatch that has an ``expected`` answer; ``stays`` says who did not change.

    Whoever was passed over with a reason counts as dealt with; where that may happen, ranks prove nothing.
    """
    told = _told(end.chunks)
    found: list[Finding] = []
    for dispatch in end.dispatches:
        tiers = expected.get(dispatch.dispatch_id)
        if tiers is not None:
            passed_over = end.suppressed.get(dispatch.dispatch_id, frozenset())
            policy = policies[dispatch.policy]
            found += _compare(dispatch, tiers, told[dispatch.dispatch_id], passed_over, policy, stays)
    return found[:MOST_OF_A_KIND]


def check_only_users(end: EndState, only_users: Mapping[str, int]) -> list[Finding]:
    """Orders for a crowd of one, whose profile was acknowledged before them, told that user and nobody else."""
    told = _told(end.chunks)
    found: list[Finding] = []
    for dispatch in end.dispatches:
        wanted = only_users.get(dispatch.title)
        if wanted is None:
            continue
        reached = told[dispatch.dispatch_id].full + told[dispatch.dispatch_id].partial
        name = f"order {dispatch.title!r} (dispatch {dispatch.dispatch_id}, {dispatch.stage})"
        if wanted not in reached and dispatch.stage not in ("cancelled", "expired"):
            found.append(Finding(Code.MISSED, f"{name} missed user {wanted}, whose profile was acknowledged before it"))
        found += [
            Finding(Code.WRONGLY_TOLD, f"{name} told user {each} of another crowd")
            for each in reached
            if each != wanted
        ]
    return found[:MOST_OF_A_KIND]


def _told(chunks: Sequence[ToldChunk]) -> defaultdict[int, _Told]:
    told: defaultdict[int, _Told] = defaultdict(_Told)
    for chunk in chunks:
        its = told[chunk.dispatch_id]
        (its.full if chunk.tier == "full" else its.partial).extend(chunk.user_ids)
        if chunk.number == 1 and chunk.tier == "full":
            its.first_full += len(chunk.user_ids)
    return told


def _compare(
    dispatch: EndedDispatch,
    tiers: Tiers,
    told: _Told,
    passed_over: Set[int],
    policy: Policy,
    stays: Callable[[int], bool],
) -> list[Finding]:
    name = f"dispatch {dispatch.dispatch_id} ({dispatch.title!r}, {dispatch.stage})"
    if tiers.refused != (dispatch.stage == "unmatchable") and dispatch.stage not in ("cancelled", "expired"):
        what = "was told to be unmatchable" if dispatch.stage == "unmatchable" else "cannot be matched and was"
        return [Finding(Code.MISSED, f"{name} {what}")]
    full = {user_id for user_id in told.full if stays(user_id)}
    partial = {user_id for user_id in told.partial if stays(user_id)}
    found = [
        *_strangers(name, "full", full, tiers.full),
        *_strangers(name, "partial", partial, tiers.partial),
    ]
    if not policy.spares_attention:
        found += [
            *_out_of_rank(name, "full", full, tiers.full),
            *_out_of_rank(name, "partial", partial, tiers.partial),
        ]
    whole_full = dispatch.offered_partial or dispatch.stage == "exhausted"
    if whole_full and len(told.full) < policy.full_limit:
        found += _missing(name, "full", full | passed_over, tiers.full)
    if dispatch.stage == "exhausted" and len(told.partial) < policy.partial_limit:
        found += _missing(name, "partial", partial | passed_over, tiers.partial)
    due_at_first = 0 if policy.spares_attention else min(policy.wave_size, len(tiers.full))
    if dispatch.waves and told.first_full < due_at_first:
        found.append(Finding(Code.MISSED, f"{name} told {told.first_full} users at first, {due_at_first} were due"))
    return found


def _missing(name: str, tier: str, told: Set[int], wanted: Sequence[int]) -> list[Finding]:
    missing = [user_id for user_id in wanted if user_id not in told]
    if not missing:
        return []
    return [Finding(Code.MISSED, f"{name} missed {len(missing)} of the {tier} tier: {missing[:5]}")]


def _strangers(name: str, tier: str, told: set[int], wanted: Sequence[int]) -> list[Finding]:
    strangers = sorted(told.difference(wanted))
    if not strangers:
        return []
    return [Finding(Code.WRONGLY_TOLD, f"{name} told {len(strangers)} who are not in its {tier} tier: {strangers[:5]}")]


def _out_of_rank(name: str, tier: str, told: set[int], wanted: Sequence[int]) -> list[Finding]:
    """Whoever was told ranks before everybody of the same tier who was not."""
    first_untold = next((place for place, user_id in enumerate(wanted) if user_id not in told), len(wanted))
    later = [user_id for user_id in wanted[first_untold:] if user_id in told]
    if not later:
        return []
    untold = wanted[first_untold]
    return [Finding(Code.WRONGLY_TOLD, f"{name} told {later[:3]} of the {tier} tier before user {untold}")]
