"""What a run gave: the table for people, the document for programs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from quanwang.drills.chaos.checks import acknowledged_orders
from quanwang.drills.chaos.end_state import EndState
from quanwang.drills.chaos.faults import Struck
from quanwang.drills.chaos.findings import Code, Finding
from quanwang.drills.chaos.history import Operation
from quanwang.drills.chaos.recovery import KINDS, NOTIFY, Recoveries, percentile, recoveries

if TYPE_CHECKING:
    from quanwang.drills.chaos.run import Wishes

SHOWN_FINDINGS: Final = 20


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a run. ``orders``: distinct orders that were acknowledged."""

    seed: int
    seconds: float
    planted_bug: str | None
    orders: int
    unknown_orders: int
    told: int
    operations: Mapping[str, Mapping[str, int]]
    faults: Mapping[str, int]
    recoveries: Recoveries
    stages: Mapping[str, int]
    findings: Sequence[Finding]
    quiet_s: float | None

    @property
    def clean(self) -> bool:
        """Whether every promise was kept."""
        return not self.findings

    def count(self, code: Code) -> int:
        """Return how many findings there are of a kind."""
        return sum(finding.code is code for finding in self.findings)

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object of ``--json``."""
        return {
            "seed": self.seed,
            "seconds": self.seconds,
            "planted_bug": self.planted_bug,
            "clean": self.clean,
            "acknowledged": self.orders,
            "unknown": self.unknown_orders,
            "lost": self.count(Code.LOST),
            "doubled": self.count(Code.DOUBLED),
            "found": {code.value: self.count(code) for code in Code},
            "told": self.told,
            "operations": {kind: dict(counts) for kind, counts in self.operations.items()},
            "faults": dict(self.faults),
            "stages": dict(self.stages),
            "quiet_after_s": self.quiet_s,
            "recovery_ms": {
                fault: {
                    kind: {"p50": percentile(times, 0.5), "p99": percentile(times, 0.99), "count": len(times)}
                    for kind, times in kinds.items()
                }
                for fault, kinds in self.recoveries.items()
            },
            "findings": [{"code": each.code.value, "sentence": each.sentence} for each in self.findings],
        }


def report_of(
    wishes: "Wishes",
    operations: Sequence[Operation],
    end: EndState,
    struck: Sequence[Struck],
    findings: Sequence[Finding],
    *,
    quiet_s: float | None,
) -> Report:
    """Count everything."""
    counts: dict[str, Counter[str]] = {}
    for each in operations:
        counts.setdefault(each.kind, Counter())[each.outcome or "unknown"] += 1
    acknowledged = {title for title, _ in acknowledged_orders(operations)}
    unknown = {
        title
        for each in operations
        if each.kind == "submit" and each.outcome == "unknown"
        for title in each.wanted["titles"]
    }
    created_ms = {each.dispatch_id: each.created_at_ms for each in end.dispatches}
    return Report(
        seed=wishes.seed,
        seconds=wishes.seconds,
        planted_bug=wishes.planted_bug,
        orders=len(acknowledged),
        unknown_orders=len(unknown - acknowledged),
        told=sum(len(chunk.user_ids) for chunk in end.chunks),
        operations=counts,
        faults=Counter(each.name for each in struck),
        recoveries=recoveries(struck, operations, end.chunks, created_ms),
        stages=Counter("assigned" if each.assigned_user_id is not None else each.stage for each in end.dispatches),
        findings=findings,
        quiet_s=quiet_s,
    )


def show(console: Console, report: Report) -> None:
    """Print the tables and, when something is wrong, the lines that matter."""
    console.print(_recovery_table(report))
    console.print(_operation_table(report))
    stages = ", ".join(f"{count:,} {stage}" for stage, count in sorted(report.stages.items()))
    quiet = "never quiet" if report.quiet_s is None else f"quiet after {report.quiet_s:.0f} s"
    console.print(f"At the end: {stages}; {report.told:,} notices; {quiet}.", highlight=False, soft_wrap=True)
    console.print(
        f"[bold]{report.orders:,} orders acknowledged[/bold], lost {report.count(Code.LOST)}, doubled"
        f" {report.count(Code.DOUBLED)}, unknown {report.unknown_orders}; faults {sum(report.faults.values())}; seed"
        f" {report.seed}.",
        highlight=False,
        soft_wrap=True,
    )
    if report.clean:
        console.print("[green]Every promise was kept.[/green]")
        return
    kinds = ", ".join(f"{code.value} {report.count(code)}" for code in Code if report.count(code))
    console.print(f"[red]Broken promises: {kinds}.[/red]")
    for finding in _varied(report.findings):
        console.print(f"  {finding.code.value}: {finding.sentence}", highlight=False, soft_wrap=True, markup=False)
    if len(report.findings) > SHOWN_FINDINGS:
        console.print(f"  and {len(report.findings) - SHOWN_FINDINGS:,} more", highlight=False)


def _varied(findings: Sequence[Finding]) -> list[Finding]:
    """Return the first of each kind first, so that one flood hides no other finding."""
    seen: Counter[Code] = Counter()
    ranked: list[tuple[int, int, Finding]] = []
    for place, finding in enumerate(findings):
        ranked.append((seen[finding.code], place, finding))
        seen[finding.code] += 1
    return [finding for _, _, finding in sorted(ranked, key=lambda row: row[:2])[:SHOWN_FINDINGS]]


def _recovery_table(report: Report) -> Table:
    table = Table(title="Faults, and the time until the next success of each kind: p50 / p99 in seconds", box=None)
    table.add_column("fault", no_wrap=True)
    table.add_column("times", justify="right")
    for kind in (*KINDS, NOTIFY):
        table.add_column(kind, justify="right")
    for name, times in sorted(report.faults.items()):
        found = report.recoveries.get(name, {})
        table.add_row(name, str(times), *(_times(found.get(kind, ())) for kind in (*KINDS, NOTIFY)))
    return table


def _times(times_ms: Sequence[int]) -> str:
    half, most = percentile(times_ms, 0.5), percentile(times_ms, 0.99)
    return "-" if half is None or most is None else f"{half / 1000:.2f} / {most / 1000:.1f}"


def _operation_table(report: Report) -> Table:
    table = Table(title="What the clients asked for", box=None)
    table.add_column("operation", no_wrap=True)
    for outcome in ("ok", "fail", "unknown"):
        table.add_column(outcome, justify="right")
    for kind, counts in sorted(report.operations.items()):
        table.add_row(kind, *(f"{counts.get(outcome, 0):,}" for outcome in ("ok", "fail", "unknown")))
    return table
