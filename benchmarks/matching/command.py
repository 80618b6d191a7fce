"""What ``quanwang bench matching`` makes of its options, and where its figures go."""

from pathlib import Path
from typing import Any

from benchmarks.matching.page import page
from benchmarks.matching.peers.choice import installed, require
from benchmarks.matching.settings import PEERS, BenchSettings, parse_peers, parse_sizes
from benchmarks.matching.tables import sentences, tables
from benchmarks.reports import show, write_json, write_text

CURVE_SHARES = (10, 3)
LEAST_ON_A_CURVE = 1_000


def chosen_settings(
    *,
    users: int,
    orders: int,
    peers: str | None,
    seed: int,
    rounds: int,
    threads: int,
    curve: str | None,
    checks: int,
) -> BenchSettings:
    """Check the options; raises InvalidInput, or PeerMissing for a peer that was asked for and cannot run."""
    names = installed(PEERS) if peers is None else parse_peers(peers)
    require(names)
    sizes = parse_sizes(curve) if curve is not None else default_sizes(users)
    return BenchSettings(users, orders, names, seed, rounds, threads, sizes, checks)


def default_sizes(users: int) -> tuple[int, ...]:
    """A tenth and a third of the users."""
    return tuple(size for share in CURVE_SHARES if (size := users // share) >= LEAST_ON_A_CURVE)


def report(document: dict[str, Any], json_file: Path | None, html: Path | None) -> None:
    """Print the tables and write the files that are asked for; raises UnwritableReport."""
    show(tables(document), sentences(document))
    if json_file is not None:
        write_json(json_file, document)
    if html is not None:
        write_text(html, page(document))
