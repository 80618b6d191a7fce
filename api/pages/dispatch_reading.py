"""Reads dispatches through their queries and shapes them for the diagnostics pages."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from api.pages.dispatch_views import (
    AcceptanceRow,
    Acceptances,
    CertificateView,
    DispatchHead,
    DispatchList,
    DispatchRow,
    FunnelRow,
    FunnelView,
    RecipientRow,
    Recipients,
    TierView,
    TimelineRow,
    WaveView,
)
from api.pages.formats import Formats
from api.pages.names import user_names
from api.pages.words import DIMENSIONS, PASSED_OVER, STAGES, TIERS, TIMELINE, mark, word
from kit.db import Session
from marketplace import dispatch as dispatches
from marketplace.dispatch.views import DispatchSummary, DispatchView, Funnel, TimelineLine

Translate = Callable[[str], str]

PAGE_ROWS = 25
MAX_LINES = 200
MAX_WAVES = 100
FINAL_STAGES = frozenset({"exhausted", "expired", "cancelled", "publisher_silent", "unmatchable"})
"""Stages after which nothing changes any more."""


def shown_state(summary: DispatchSummary) -> str:
    """Return the one word that says most: the choice when there is one, else the stage."""
    return "accepted" if summary.choice == "accepted" else summary.state


def read_list(
    session: Session, *, owner: str | None, state: str | None, search: str, cursor: str | None
) -> DispatchList:
    """Return one page of the list with the counts per state."""
    counts = dispatches.count_by_state(session, owner=owner)
    page = dispatches.list_dispatches(
        session, owner=owner, state=state, search=search or None, cursor=cursor, limit=PAGE_ROWS
    )
    rows = [
        DispatchRow(
            id=item.dispatch_id,
            external_id=item.external_id,
            title=item.title,
            state=shown_state(item),
            full_count=item.full_count,
            partial_count=item.partial_count,
            told=item.notified_count,
            accepted=item.accepted_count,
            approved_at_ms=item.created_at_ms,
        )
        for item in page.items
    ]
    known = [(name, counts[name]) for name in STAGES if counts.get(name)]
    return DispatchList(rows, [("", sum(counts.values())), *known], state, search, cursor, page.next_cursor)


def read_head(view: DispatchView) -> DispatchHead:
    """Return what stands above the details."""
    summary = view.summary
    return DispatchHead(
        id=summary.dispatch_id,
        order_id=summary.order_id,
        external_id=summary.external_id,
        title=summary.title,
        owner=summary.owner,
        policy=f"{view.policy.name} v{view.policy_version}",
        state=shown_state(summary),
        final=summary.stage in FINAL_STAGES or summary.choice == "assigned",
        approved_at_ms=summary.created_at_ms,
        next_step_at_ms=summary.due_at_ms,
        trouble=summary.reason,
        unmatchable=summary.stage == "unmatchable",
        waves=summary.waves,
    )


def read_tiers(view: DispatchView) -> list[TierView]:
    """Return both tiers: who qualifies, who was told, how long the window is."""
    summary, policy = view.summary, view.policy
    return [
        TierView("full", summary.full_count, summary.notified_full, policy.full_window_ms),
        TierView("partial", summary.partial_count, summary.notified_partial, policy.partial_window_ms),
    ]


def funnel_view(
    funnel: Funnel, opened: int, passed_over: Mapping[str, int], form: Formats, translate: Translate
) -> FunnelView:
    """Return the funnel's rows; none as long as nobody was asked for. ``passed_over``: users by reason."""
    if funnel.population is None:
        return FunnelView([], None, [])
    steps: list[tuple[str, int | None, str]] = [(mark("All users"), funnel.population, "base")]
    steps += [(DIMENSIONS[name].label, funnel.dimension_counts.get(name), "dimension") for name in DIMENSIONS]
    steps += [
        (mark("Full match"), funnel.full, "full"),
        (mark("Partial match"), funnel.partial, "partial"),
        *(
            (f"{translate(mark('Passed over'))}: {translate(PASSED_OVER[reason].label)}", count, "base")
            for reason, count in passed_over.items()
        ),
        (mark("Told"), funnel.notified_full + funnel.notified_partial, "told"),
        (mark("Delivered"), funnel.delivered, "told"),
        (mark("Opened"), opened, "told"),
        (mark("Declined"), funnel.declined or None, "base"),
        (mark("Accepted"), funnel.accepted, "accepted"),
        (mark("Selected"), funnel.assigned or None, "accepted"),
    ]
    rows = [FunnelRow(translate(label), value, tone) for label, value, tone in steps if value is not None]
    chart = [
        {
            "label": row.label,
            "value": row.value,
            "text": _bar_text(row.value, funnel.population, form),
            "tone": row.tone,
        }
        for row in rows
    ]
    return FunnelView(rows, funnel.population, chart)


def _bar_text(value: int, population: int, form: Formats) -> str:
    """Return a count and its share of all users; the whole needs no share."""
    return form.number(value) if value == population else f"{form.number(value)}  {form.percent(value, population)}"


def read_waves(session: Session, dispatch_id: int) -> list[WaveView]:
    """Return the waves, newest last; the chunks of one wave are one."""
    chunks = dispatches.list_waves(session, dispatch_id=dispatch_id, limit=MAX_WAVES).items
    waves = []
    for number, group in groupby(chunks, key=lambda chunk: chunk.number):
        parts = list(group)
        waves.append(
            WaveView(
                number=number,
                at_ms=parts[0].sent_at_ms,
                told_full=sum(part.size for part in parts if part.tier == "full"),
                told_partial=sum(part.size for part in parts if part.tier == "partial"),
                certificate=_certificate(parts[0].certificate),
            )
        )
    return waves


def _certificate(document: Mapping[str, Any]) -> CertificateView | None:
    names = ("barrier", "placement_version", "vocabulary_version", "evaluated", "closed_by_routing", "population")
    if any(name not in document for name in names):
        return None
    return CertificateView(**{name: document[name] for name in names})


def read_recipients(session: Session, view: DispatchView, *, tier: str | None, cursor: str | None) -> Recipients:
    """Return one page of told users, best first."""
    page = dispatches.list_offers(
        session, dispatch_id=view.summary.dispatch_id, tier=tier, cursor=cursor, limit=PAGE_ROWS
    )
    names = user_names(session, [offer.user_id for offer in page.items], view.summary.owner)
    rows = [
        RecipientRow(
            user=names[offer.user_id],
            tier=offer.tier,
            score=offer.score,
            tie=offer.tie,
            wave=offer.wave,
            told_at_ms=offer.notified_at_ms,
            answer=None if offer.state == "offered" else offer.state,
        )
        for offer in page.items
    ]
    return Recipients(rows, tier, cursor, page.next_cursor)


def read_acceptances(session: Session, view: DispatchView) -> Acceptances:
    """Return who accepted, in the order of arrival."""
    shown = view.acceptances[:PAGE_ROWS]
    names = user_names(session, [acceptance.user_id for acceptance in shown], view.summary.owner)
    rows = [AcceptanceRow(names[each.user_id], each.state, each.position, each.accepted_at_ms) for each in shown]
    return Acceptances(rows, len(view.acceptances) - len(rows))


def read_timeline(
    session: Session, view: DispatchView, lines: Sequence[TimelineLine], form: Formats, translate: Translate
) -> list[TimelineRow]:
    """Return what happened, oldest first, in words."""
    lines = lines[:MAX_LINES]
    names = user_names(session, [line.user_id for line in lines if line.user_id is not None], view.summary.owner)
    return [TimelineRow(line.at_ms, *_told(line, names, form, translate)) for line in lines]


def _told(line: TimelineLine, names: Mapping[int, str], form: Formats, translate: Translate) -> tuple[str, str | None]:
    """Return one line in words, and what is said below it."""
    if line.kind == "wave" and line.detail:
        number, tier, size = line.detail.split(" ")
        text = translate(mark("Wave %(number)s: %(count)s told")) % {"number": number, "count": form.number(int(size))}
        return text, translate(word(TIERS, tier).label)
    text = translate(word(TIMELINE, line.kind).label)
    if line.kind == "unmatchable":
        # The matcher's sentence is English; what it means stands above the page in the reader's language.
        return text, None
    if line.user_id is not None:
        return f"{text} {names[line.user_id]}", line.detail
    return text, line.detail or (line.actor if line.actor != "system" else None)
