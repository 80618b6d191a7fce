"""What the charts of a dispatch show, and the tables that say the same: who was told when, and what took how long."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from api.pages.formats import Formats
from api.pages.words import STAGE_TIMES, TIMELINE, mark
from marketplace.dispatch.ports import MatchTiming
from marketplace.dispatch.views import Funnel, TimelineLine

Translate = Callable[[str], str]

SHOWN_STEPS: Final = 100
"""Lines of the table; the chart shows all that the timeline holds."""
SHOWN_SHARDS: Final = 32
TURNS: Final = (
    "offering_partial", "assigned", "exhausted", "expired", "cancelled", "publisher_silent"
)  # fmt: skip
"""What changes the course of a dispatch, so that the chart marks it."""
MAX_TURNS: Final = 6


@dataclass(frozen=True, slots=True)
class WaveStep:
    """One thing on the chart: a wave and whom it told, an acceptance, or a turn; ``told`` is the sum so far."""

    at_ms: int
    text: str
    full: int
    partial: int
    told: int


@dataclass(frozen=True, slots=True)
class WaveChart:
    """The waves over time; no steps before the first wave. ``more``: how many steps the table leaves out."""

    steps: Sequence[WaveStep]
    more: int
    chart: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StageTime:
    """How long one stage took, in words, and what it means."""

    label: str
    length: str
    meaning: str


@dataclass(frozen=True, slots=True)
class StageChart:
    """How long the stages took, and how long the first wave's matching took. ``batch``: orders matched together."""

    rows: Sequence[StageTime]
    chart: Sequence[Mapping[str, Any]]
    batch: int | None


def wave_chart(lines: Sequence[TimelineLine], *, until_ms: int | None, translate: Translate) -> WaveChart:
    """Return who had been told at which time. ``until_ms`` is now while the dispatch goes on, None after its end."""
    full: list[tuple[int, int]] = []
    partial: list[tuple[int, int]] = []
    steps: list[WaveStep] = []
    accepted: list[int] = []
    turns: list[dict[str, Any]] = []
    told = {"full": 0, "partial": 0}
    for number, tier, size, at_ms in _waves(lines):
        told[tier] += size
        # Both lines have a point at every wave, so that one can be stacked on the other.
        for points, name in ((full, "full"), (partial, "partial")):
            _add_point(points, at_ms, told[name])
        text = translate(mark("Wave %(number)s")) % {"number": number}
        sizes = {"full": 0, "partial": 0, tier: size}
        steps.append(WaveStep(at_ms, text, sizes["full"], sizes["partial"], told["full"] + told["partial"]))
    if not steps:
        return WaveChart([], 0, {})
    for line in lines:
        if line.kind == "accepted":
            accepted.append(line.at_ms)
        elif line.kind in TURNS and len(turns) < MAX_TURNS:
            turns.append({"at": line.at_ms, "label": translate(TIMELINE[line.kind].label)})
        else:
            continue
        steps.append(WaveStep(line.at_ms, translate(_STEPS.get(line.kind, TIMELINE[line.kind].label)), 0, 0, 0))
    # A stable sort: within one millisecond waves come first.
    steps.sort(key=lambda step: step.at_ms)
    start = min(line.at_ms for line in lines)
    last = max(step.at_ms for step in steps) if until_ms is None else until_ms
    end = max(last, max(step.at_ms for step in steps), start + 1)
    chart = {
        "from": start,
        "until": end,
        "full": _line(full, start, end),
        "partial": _line(partial, start, end),
        "accepted": accepted,
        "turns": turns,
        "words": {
            "full": translate(mark("Told, full match")),
            "partial": translate(mark("Told, partial match")),
            "accepted": translate(mark("Acceptance")),
        },
    }
    return WaveChart(_with_sums(steps)[:SHOWN_STEPS], max(0, len(steps) - SHOWN_STEPS), chart)


_STEPS: Final = {"accepted": mark("Acceptance")}


def _waves(lines: Sequence[TimelineLine]) -> list[tuple[int, str, int, int]]:
    """Return (number, tier, users, when) of the waves, the chunks of one tier of a wave added up."""
    found: dict[tuple[int, str], tuple[int, int]] = {}
    for line in lines:
        if line.kind == "wave" and line.detail:
            number, tier, size = line.detail.split(" ")
            users, at_ms = found.get((int(number), tier), (0, line.at_ms))
            found[int(number), tier] = (users + int(size), at_ms)
    return [(number, tier, users, at_ms) for (number, tier), (users, at_ms) in found.items()]


def _add_point(points: list[tuple[int, int]], at_ms: int, value: int) -> None:
    if points and points[-1][0] == at_ms:
        points.pop()
    points.append((at_ms, value))


def _line(points: Sequence[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """Return the points from the beginning to the end of the chart; none for a tier of which nobody was told."""
    if not points[-1][1]:
        return []
    return [(start, 0), *points, (end, points[-1][1])]


def _with_sums(steps: Sequence[WaveStep]) -> list[WaveStep]:
    told, summed = 0, []
    for step in steps:
        told += step.full + step.partial
        summed.append(WaveStep(step.at_ms, step.text, step.full, step.partial, told))
    return summed


def stage_chart(funnel: Funnel, form: Formats, translate: Translate) -> StageChart:
    """Return how long the stages took that happened, in their order, and the matching of the first wave."""
    found = [
        (translate(label.label), funnel.stage_ms[name] * 1_000, "told", translate(STAGE_MEANINGS[name]))
        for name, label in STAGE_TIMES.items()
        if name in funnel.stage_ms
    ]
    if funnel.timing is not None:
        found += _match_times(funnel.timing, translate)
    return StageChart(
        rows=[StageTime(label, form.microseconds(us), meaning) for label, us, _, meaning in found],
        chart=[
            {"label": label, "value": us, "text": form.microseconds(us), "tone": tone} for label, us, tone, _ in found
        ],
        batch=None if funnel.timing is None else funnel.timing.batch,
    )


def _match_times(timing: MatchTiming, translate: Translate) -> list[tuple[str, int, str, str]]:
    parts = [
        (translate(label), us, "full", translate(meaning))
        for label, us, meaning in (
            (mark("Catching up"), timing.catch_up_us, mark("until the shards knew every change of profiles")),
            (mark("Reading the order"), timing.resolve_us, mark("its text and keys became a query")),
            (mark("Matching"), timing.match_us, mark("all shards asked, their answers merged")),
        )
    ]
    shards = [
        (
            translate(mark("Shard %(number)s")) % {"number": shard},
            us,
            "dimension",
            translate(mark("how long this shard worked on it")),
        )
        for shard, us in timing.shards_us[:SHOWN_SHARDS]
    ]
    return parts + shards


STAGE_MEANINGS: Final[Mapping[str, str]] = {
    "queued": mark("from the approval to the first wave"),
    "delivery": mark("the wave that took longest from being sent to being in every inbox"),
    "full": mark("from the first wave to the partial tier, or to the end"),
    "partial": mark("from its opening to the end"),
    "to_first_acceptance": mark("from the approval"),
    "to_assignment": mark("from the approval"),
}
