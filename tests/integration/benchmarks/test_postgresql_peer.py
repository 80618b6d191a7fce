"""The PostgreSQL peer, on a private server: its answers are the oracle's, and nothing of it stays behind."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.matching.checking import find_fault, find_truths
from benchmarks.matching.contest import Operation
from benchmarks.matching.engine import Engine
from benchmarks.matching.orders import draw_workload
from benchmarks.matching.peers.population import PeerPopulation
from benchmarks.matching.peers.postgresql import PostgreSql
from benchmarks.matching.peers.postgresql_server import PostgreSqlFailed, PrivateServer, find_programs
from benchmarks.matching.population import World, chunks
from benchmarks.matching.tokens import TokenBook, tokens_of
from benchmarks.matching.words import load_words

USERS = 2_000
needs_postgresql = pytest.mark.skipif(find_programs() is None, reason="PostgreSQL is not installed")


@needs_postgresql
def test_postgresql_answers_as_the_oracle_does() -> None:
    world = World.of(load_words(None), seed=8)
    (columns,) = chunks(world, USERS)
    workload = draw_workload(world, Engine(world, [columns]), 64, USERS)
    queries = [*workload.queries, *(replace(q, at_least=2) for q in workload.queries if len(q.groups) > 2)]
    truths = find_truths(world, [columns], queries)
    book = TokenBook.of(world)
    peer = PostgreSql(PeerPopulation.of(columns), tokens_of(columns, book, world), book)
    server = peer._server
    try:
        for query, truth in zip(queries, truths, strict=True):
            for operation in Operation:
                (answered,) = peer.unpack(operation, peer.answer(operation, [query]))
                assert find_fault(operation, answered, truth) is None
        assert peer.describe()["bytes"]
        pid = server.pid
        assert pid is not None
    finally:
        peer.close()
    assert not server.folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_server_that_cannot_be_made_says_why_and_leaves_nothing() -> None:
    # pytest's own folders are closed to the user that the server runs as.
    with tempfile.TemporaryDirectory() as name:
        programs = Path(name)
        programs.chmod(0o755)
        for program, text in (("initdb", "#!/bin/sh\necho no room >&2\nexit 1\n"), ("postgres", "#!/bin/sh\nexit 1\n")):
            (programs / program).write_text(text)
            (programs / program).chmod(0o755)
        with pytest.raises(PostgreSqlFailed, match="no room"):
            PrivateServer(programs)
