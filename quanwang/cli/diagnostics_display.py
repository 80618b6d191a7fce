"""Shows the documents of the diagnosing commands as sentences and tables."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

MATCHES = {"full": "is a full match", "partial": "is a partial match", "none": "is no match"}
STAGES = {
    "queued": "waited for the first wave",
    "delivery": "slowest delivery into inboxes",
    "full": "in the full tier",
    "partial": "in the partial tier",
    "to_first_acceptance": "until the first acceptance",
    "to_assignment": "until the assignment",
}
DIGEST_SHOWN = 12


def show_explanation(console: Console, found: dict[str, Any]) -> None:
    """Print the verdict, what would change it, then each dimension."""
    match, told = found["match"], found["notification"]
    user = found["external_id"] or found["user_id"]
    console.print(f"User [bold]{escape(str(user))}[/bold] {MATCHES[match['tier']]} of dispatch {found['dispatch_id']}.")
    if match["closed_by"]:
        console.print(Text(f"Barred, whatever fits: {match['closed_by']}."))
    if told is None:
        console.print("Not told." if match["tier"] == "none" else "Not told, or not yet: the best are told first.")
    else:
        console.print(
            f"Told in wave {told['wave']} as number {told['rank']} of the {told['tier']} tier at"
            f" {_moment(told['notified_at_ms'])}; {_delivered(told)}; the answer: {told['state']}."
        )
    _show_changes(console, match["changes"])
    table = _table("", "dimension", "points", "why")
    for row in match["dimensions"]:
        mark = "[green]yes[/green]" if row["satisfied"] else "[red]no[/red]"
        table.add_row(mark, row["dimension"], f"{row['score']:,}", Text(row["reason"]))
    console.print(table)
    for group in match["groups"]:
        by = ", ".join(f"{word['text']} ({word['kind']} {word['similarity']})" for word in group["by"]) or "nothing"
        console.print(Text(f"  group {' / '.join(group['asked'])} (weight {group['weight']}): hit by {by}"))
    distance = "" if match["distance_km"] is None else f", {match['distance_km']:,.1f} km from the publisher"
    console.print(f"Score {match['score']:,}, tie {match['tie']}{distance}.")


def _show_changes(console: Console, changes: Sequence[dict[str, Any]]) -> None:
    if not changes:
        return
    one = len(changes) == 1
    console.print("Would be a full match if, " + ("by either change:" if one else "for every line, by either change:"))
    for change in changes:
        console.print(
            Text(f"  {change['dimension']}: the user could {change['user']}; the order could {change['order']}")
        )


def show_funnel(console: Console, found: dict[str, Any]) -> None:
    """Print the steps with their shares, then the times and the certificate."""
    population = found["population"]
    if population is None:
        console.print("Nobody was looked for yet: the dispatch waits for its first wave, or ended before it.")
        return
    table = _table("step", "users", "of all")
    steps = [("all users", population)]
    steps += [(f"satisfy {name}", count) for name, count in found["dimension_counts"].items()]
    steps += [("full tier", found["full"]), ("partial tier", found["partial"])]
    steps += [(name.replace("_", " "), found[name]) for name in ("notified_full", "notified_partial", "delivered")]
    steps += [(name, found[name]) for name in ("opened", "accepted", "declined", "assigned")]
    for name, count in steps:
        if count is not None:
            share = f"{count / population:.3%}" if population else "-"
            table.add_row(name, f"{count:,}", share)
    console.print(table)
    times = _table("stage", "took")
    for name, length_ms in found["stage_ms"].items():
        times.add_row(STAGES.get(name, name), _length(length_ms))
    _add_match_times(times, found["match_times"])
    console.print(times)
    proof = found["certificate"]
    console.print(
        f"Certificate: {proof['evaluated']:,} evaluated + {proof['closed_by_routing']:,} closed by routing ="
        f" {proof['population']:,} users at barrier {proof['barrier']:,}."
        if "evaluated" in proof
        else "This wave carries no certificate."
    )


def _add_match_times(times: Table, measured: dict[str, Any] | None) -> None:
    if measured is None:
        return
    for name, words in (
        ("catch_up_us", "caught up with profile changes"),
        ("resolve_us", "resolved the queries"),
        ("match_us", f"matched a batch of {measured['batch']}"),
    ):
        times.add_row(words, _microseconds(measured[name]))
    for shard in measured["shards"]:
        times.add_row(f"  of that, shard {shard['shard']}", _microseconds(shard["us"]))


def show_preview(console: Console, found: dict[str, Any]) -> None:
    """Print both tiers and what each key costs."""
    console.print(
        f"Of {found['population']:,} users, [bold]{found['full_count']:,}[/bold] satisfy everything and"
        f" [bold]{found['partial_count']:,}[/bold] a part."
    )
    if not found["full_count"]:
        console.print("[yellow]Nobody satisfies all of it now: widen or drop a key.[/yellow]")
    counts = _table("dimension", "users who satisfy it")
    for name, count in found["dimension_counts"].items():
        counts.add_row(name, f"{count:,}")
    console.print(counts)
    if found["gains"]:
        gains = _table("change", "dimension", "key", "full tier then", "gain")
        for gain in found["gains"]:
            change = "without" if gain["change"] == "drop" else "widened to"
            row = (change, gain["dimension"], Text(gain["value"]), f"{gain['full_count']:,}", f"+{gain['gain']:,}")
            gains.add_row(*row)
        console.print(gains)


def show_replay(console: Console, found: dict[str, Any]) -> None:
    """Print each wave beside its replay, then the plan under another policy."""
    table = _table("wave", "sent at", "late", "full", "partial", "recorded", "replayed", "")
    for wave in found["waves"]:
        same = "[green]identical[/green]" if wave["identical"] else "[red]differs[/red]"
        replayed = wave["replayed_digest"]
        table.add_row(
            str(wave["number"]),
            _moment(wave["sent_at_ms"]),
            "-" if wave["late_ms"] is None else _length(wave["late_ms"]),
            f"{wave['full']:,}",
            f"{wave['partial']:,}",
            wave["recorded_digest"][:DIGEST_SHOWN],
            "-" if replayed is None else replayed[:DIGEST_SHOWN],
            same,
        )
    console.print(table)
    policy = f"{found['policy']} version {found['policy_version']}"
    verdict = "comes out byte for byte" if found["identical"] else "[red]does not come out as recorded[/red]"
    console.print(
        f"Under {escape(policy)} the dispatch {verdict}: {len(found['waves'])} waves, {found['events']} other events."
    )
    _show_remarks(console, found["differences"])
    _show_remarks(console, found["notes"])
    if found["with_policy"] is not None:
        _show_plan(console, found["with_policy"])


def _show_plan(console: Console, found: dict[str, Any]) -> None:
    recorded, planned = found["recorded"], found["planned"]
    version = "" if planned["policy_version"] is None else f" version {planned['policy_version']}"
    table = _table("", f"recorded ({escape(recorded['policy'])})", f"under {escape(planned['policy'])}{version}")
    for name in ("full", "partial", "notices", "waves", "acceptances"):
        words = {"full": "full tier told", "partial": "partial tier told", "notices": "told in all"}.get(name, name)
        table.add_row(words, f"{recorded[name]:,}", f"{planned[name]:,}")
    for name, words in (
        ("first_notice_ms", "first told after"),
        ("last_notice_ms", "last told after"),
        ("partial_tier_ms", "partial tier after"),
        ("first_acceptance_ms", "first acceptance after"),
        ("assigned_ms", "assigned after"),
        ("ended_ms", "ended after"),
    ):
        table.add_row(words, _or_never(recorded[name]), _or_never(planned[name]))
    table.add_row("stands at", recorded["stage"], planned["stage"])
    console.print(table)
    _show_remarks(console, found["notes"])


def _show_remarks(console: Console, remarks: Sequence[dict[str, Any]]) -> None:
    for remark in remarks:
        console.print(Text(f"- {remark['sentence']}"))


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        numeric = heading in ("users", "of all", "points", "late", "full", "partial", "took", "full tier then", "gain")
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    return table


def _delivered(told: dict[str, Any]) -> str:
    at_ms = told["delivered_at_ms"]
    return "not in the inbox yet" if at_ms is None else f"in the inbox {_length(at_ms - told['notified_at_ms'])} later"


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _or_never(length_ms: int | None) -> str:
    return "never" if length_ms is None else _length(length_ms)


def _microseconds(length_us: int) -> str:
    return f"{length_us:,} us" if length_us < 10_000 else _length(length_us // 1000)


def _length(length_ms: int) -> str:
    if length_ms < 10_000:
        return f"{length_ms:,} ms"
    seconds = length_ms // 1000
    parts = [(seconds // 3600, "h"), (seconds % 3600 // 60, "min"), (seconds % 60, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)
