"""What the page of a replay shows: every wave beside its replay, and the record beside a plan."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from api.pages.formats import Formats
from api.pages.remark_sentences import remark_sentence
from api.pages.words import STAGES, mark, word
from kit.db import Session
from marketplace import dispatch as dispatches
from marketplace.dispatch.remarks import Remark
from marketplace.dispatch.replay_views import Plan, Replan, Replay, WaveReplay

Translate = Callable[[str], str]

SHOWN_WAVES: Final = 50
SHOWN_REMARKS: Final = 50
SHOWN_POLICIES: Final = 50
SHOWN_VERSIONS: Final = 10


@dataclass(frozen=True, slots=True)
class ReplayView:
    """A dispatch replayed. ``waves``: the first ones, those that differ before all others; ``more``: how many more."""

    identical: bool
    wave_count: int
    differing: int
    waves: Sequence[WaveReplay]
    more: int
    differences: Sequence[str]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One fact of the record and of the plan; ``other``: they differ."""

    label: str
    recorded: str
    planned: str

    @property
    def other(self) -> bool:
        """Whether the plan differs from the record."""
        return self.recorded != self.planned


@dataclass(frozen=True, slots=True)
class PlannedWaveRow:
    """One wave as it was and as it would have been; "" where there is none."""

    number: int
    recorded: str
    planned: str


@dataclass(frozen=True, slots=True)
class ReplanView:
    """The record beside what another policy would have made of the same candidates and people."""

    recorded: str
    planned: str
    rows: Sequence[PlanRow]
    waves: Sequence[PlannedWaveRow]
    more: int
    notes: Sequence[str]


def replay_view(found: Replay, form: Formats, translate: Translate) -> ReplayView:
    """Shape a replay for a reader."""
    waves = sorted(found.waves, key=lambda wave: wave.identical)[:SHOWN_WAVES]
    return ReplayView(
        identical=found.identical,
        wave_count=len(found.waves),
        differing=sum(not wave.identical for wave in found.waves),
        waves=waves,
        more=len(found.waves) - len(waves),
        differences=_told(found.differences, form, translate),
        notes=_told(found.notes, form, translate),
    )


def replan_view(found: Replan, form: Formats, translate: Translate) -> ReplanView:
    """Shape a plan and the record for a reader."""
    recorded, planned = found.recorded, found.planned

    def after(length_ms: int | None) -> str:
        return translate(mark("never")) if length_ms is None else form.duration(length_ms)

    def stage(plan: Plan) -> str:
        return translate(word(STAGES, plan.stage).label)

    facts: list[tuple[str, Callable[[Plan], str]]] = [
        (mark("Users told"), lambda plan: form.number(plan.notices)),
        (mark("Full matches told"), lambda plan: form.number(plan.full)),
        (mark("Partial matches told"), lambda plan: form.number(plan.partial)),
        (mark("Waves"), lambda plan: form.number(plan.waves)),
        (mark("First notice after"), lambda plan: after(plan.first_notice_ms)),
        (mark("Last notice after"), lambda plan: after(plan.last_notice_ms)),
        (mark("Partial tier opened after"), lambda plan: after(plan.partial_tier_ms)),
        (mark("Acceptances"), lambda plan: form.number(plan.acceptances)),
        (mark("First acceptance after"), lambda plan: after(plan.first_acceptance_ms)),
        (mark("Assigned after"), lambda plan: after(plan.assigned_ms)),
        (mark("Ended after"), lambda plan: after(plan.ended_ms)),
        (mark("Stage at the end"), stage),
    ]
    rows = [PlanRow(translate(label), tell(recorded), tell(planned)) for label, tell in facts]
    waves = _planned_waves(recorded, planned, form, translate)
    return ReplanView(
        recorded=_policy_name(recorded),
        planned=_policy_name(planned),
        rows=rows,
        waves=waves,
        more=max(recorded.waves, planned.waves) - len(waves),
        notes=_told(found.notes, form, translate),
    )


def policy_choices(session: Session) -> list[str]:
    """Return the policies that can be planned with, ``name:version``, newest version first; unused ones by name."""
    choices: list[str] = []
    for newest in dispatches.list_policies(session)[:SHOWN_POLICIES]:
        name = newest.policy.name
        versions = dispatches.list_policy_versions(session, name=name)[:SHOWN_VERSIONS]
        choices += [name if each.version is None else f"{name}:{each.version}" for each in versions]
    return choices


def _policy_name(plan: Plan) -> str:
    return plan.policy if plan.policy_version is None else f"{plan.policy}:{plan.policy_version}"


def _planned_waves(recorded: Plan, planned: Plan, form: Formats, translate: Translate) -> list[PlannedWaveRow]:
    sides = [
        {
            wave.number: translate(mark("after %(time)s: %(full)s full, %(partial)s partial"))
            % {"time": form.duration(wave.at_ms), "full": form.number(wave.full), "partial": form.number(wave.partial)}
            for wave in plan.first_waves
        }
        for plan in (recorded, planned)
    ]
    numbers = sorted({*sides[0], *sides[1]})[:SHOWN_WAVES]
    return [PlannedWaveRow(number, sides[0].get(number, "–"), sides[1].get(number, "–")) for number in numbers]


def _told(remarks: Sequence[Remark], form: Formats, translate: Translate) -> list[str]:
    return [remark_sentence(remark, form, translate) for remark in remarks[:SHOWN_REMARKS]]
