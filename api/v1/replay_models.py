"""A dispatch replayed, and planned under another policy, as the interface shows it."""

from typing import Any

from pydantic import BaseModel, Field

from marketplace.dispatch.remarks import Remark, RemarkCode
from marketplace.dispatch.replay_views import Plan, Replan, Replay


class RemarkAnswer(BaseModel):
    """One thing that a replay has to say."""

    code: RemarkCode = Field(description="What is said; more codes may follow.")
    parameters: dict[str, Any]
    sentence: str = Field(description="The same as an English sentence.")


class WaveReplayAnswer(BaseModel):
    """One wave beside its replay."""

    number: int
    sent_at_ms: int
    late_ms: int | None = Field(description="How long after the machine wanted it; null when it was not replayed.")
    full: int
    partial: int
    recorded_digest: str = Field(
        description="SHA-256 over number, sizes, expiry, and every chunk's tier, ids, scores and ties."
    )
    replayed_digest: str | None = Field(description="Of the wave that the machine cut again; null: not replayed.")
    identical: bool


class PlannedWaveAnswer(BaseModel):
    """One wave of a plan."""

    number: int
    at_ms: int = Field(description="From the submission.")
    full: int
    partial: int


class PlanAnswer(BaseModel):
    """How the dispatch went, or would have gone. Times are milliseconds from the submission, null: never."""

    policy: str
    policy_version: int | None = Field(description="Null: the policy is built in and was never used.")
    full: int = Field(description="Users of the full tier who were told.")
    partial: int
    notices: int = Field(description="Users told in all.")
    waves: int
    first_waves: list[PlannedWaveAnswer] = Field(description="At most 200.")
    first_notice_ms: int | None
    last_notice_ms: int | None
    partial_tier_ms: int | None
    first_acceptance_ms: int | None
    acceptances: int
    assigned_ms: int | None
    ended_ms: int | None
    stage: str


class ReplanAnswer(BaseModel):
    """What was recorded beside what another policy would have made of the same candidates and people."""

    recorded: PlanAnswer
    planned: PlanAnswer
    notes: list[RemarkAnswer]


class ReplayAnswer(BaseModel):
    """The machine run again on the recorded match results."""

    dispatch_id: int
    policy: str
    policy_version: int
    identical: bool = Field(description="Every wave is byte for byte the recorded one, and all else came as recorded.")
    waves: list[WaveReplayAnswer]
    events: int = Field(description="Lines of the timeline that the machine brought about again.")
    differences: list[RemarkAnswer] = Field(description="Empty exactly when it is identical.")
    notes: list[RemarkAnswer] = Field(description="What the record does not hold.")
    with_policy: ReplanAnswer | None = Field(description="Null unless `with_policy` was asked for.")


def replay_answer(found: Replay, replan: Replan | None) -> ReplayAnswer:
    """Return a replay as the interface shows it."""
    return ReplayAnswer(
        dispatch_id=found.dispatch_id,
        policy=found.policy,
        policy_version=found.policy_version,
        identical=found.identical,
        waves=[
            WaveReplayAnswer(**{name: getattr(wave, name) for name in WaveReplayAnswer.model_fields})
            for wave in found.waves
        ],
        events=found.events,
        differences=_remarks(found.differences),
        notes=_remarks(found.notes),
        with_policy=None if replan is None else replan_answer(replan),
    )


def replan_answer(found: Replan) -> ReplanAnswer:
    """Return a plan beside the record."""
    return ReplanAnswer(recorded=_plan(found.recorded), planned=_plan(found.planned), notes=_remarks(found.notes))


def _plan(plan: Plan) -> PlanAnswer:
    fields = {name: getattr(plan, name) for name in PlanAnswer.model_fields if name != "first_waves"}
    waves = [PlannedWaveAnswer.model_validate(wave, from_attributes=True) for wave in plan.first_waves]
    return PlanAnswer(first_waves=waves, **fields)


def _remarks(remarks: tuple[Remark, ...]) -> list[RemarkAnswer]:
    return [
        RemarkAnswer(code=remark.code, parameters=dict(remark.parameters), sentence=remark.sentence)
        for remark in remarks
    ]
