"""Which peers run: each is made only when its package, or its server, is there."""

from collections.abc import Callable
from importlib.util import find_spec

from benchmarks.matching.contest import Contestant, Operation
from benchmarks.matching.peers.population import PeerPopulation
from benchmarks.matching.peers.postgresql_server import find_programs
from benchmarks.matching.tokens import TokenBook, Tokens
from kit.errors import Unavailable

Maker = Callable[[PeerPopulation, Tokens, TokenBook], Contestant]

ORDERS_AT_MOST: dict[str, dict[Operation, int]] = {
    "postgresql": {
        Operation.FULL_ANY: 128,
        Operation.FULL_ALL: 128,
        Operation.FULL_RANKED: 48,
        Operation.PARTIAL: 24,
    },
    "numpy_scan": dict.fromkeys(Operation, 16),
}
"""Peers that take milliseconds get fewer orders, the buckets in turn; the report says how many."""

MODULES = {"pyroaring": "pyroaring", "tantivy": "tantivy", "postgresql": "psycopg", "numpy_scan": "numpy"}


class PeerMissing(Unavailable):
    """A peer that was asked for by name is not installed."""


def installed(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of ``names`` that can run here."""
    return tuple(name for name in names if lacks(name) is None)


def lacks(name: str) -> str | None:
    """A sentence saying what a peer lacks, or None."""
    if find_spec(MODULES[name]) is None:
        return f"the peer {name} needs the package {MODULES[name]}: run bin/_setup test, or leave it out with --peers"
    if name == "postgresql" and find_programs() is None:
        return (
            "the peer postgresql needs initdb and postgres on the PATH or under /usr/lib/postgresql:"
            " install the package postgresql, or leave it out with --peers"
        )
    return None


def require(names: tuple[str, ...]) -> None:
    """Raise PeerMissing when one of ``names`` cannot run here."""
    for name in names:
        if sentence := lacks(name):
            raise PeerMissing(sentence)


def make_peer(name: str, population: PeerPopulation, tokens: Tokens, book: TokenBook) -> Contestant:
    """Build one peer's index."""
    return _maker(name)(population, tokens, book)


def _maker(name: str) -> Maker:
    if name == "pyroaring":
        from benchmarks.matching.peers.roaring import Roaring

        return Roaring
    if name == "tantivy":
        from benchmarks.matching.peers.tantivy_index import Tantivy

        return Tantivy
    if name == "postgresql":
        from benchmarks.matching.peers.postgresql import PostgreSql

        return PostgreSql
    from benchmarks.matching.peers.scan import Scan

    return Scan
