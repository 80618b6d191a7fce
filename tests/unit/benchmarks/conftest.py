"""A small world of package sources, its users in every form, and orders over them."""

from dataclasses import dataclass

import pytest

from benchmarks.matching.checking import find_truths
from benchmarks.matching.engine import Engine
from benchmarks.matching.oracle import Truth
from benchmarks.matching.orders import Workload, draw_workload
from benchmarks.matching.peers.population import PeerPopulation
from benchmarks.matching.population import World, chunks
from benchmarks.matching.tokens import TokenBook, Tokens, tokens_of
from benchmarks.matching.words import load_words
from matching.index.columns import ProfileColumns

USERS = 2_000
ORDERS = 160


@dataclass(frozen=True)
class Town:
    """Everything about the same 2,000 users."""

    world: World
    columns: ProfileColumns
    engine: Engine
    workload: Workload
    truths: list[Truth]
    book: TokenBook
    tokens: Tokens
    people: PeerPopulation


@pytest.fixture(scope="session")
def world() -> World:
    return World.of(load_words(None), seed=3)


@pytest.fixture(scope="session")
def town(world: World) -> Town:
    (columns,) = chunks(world, USERS)
    engine = Engine(world, [columns])
    workload = draw_workload(world, engine, ORDERS, USERS)
    book = TokenBook.of(world)
    return Town(
        world,
        columns,
        engine,
        workload,
        find_truths(world, [columns], workload.queries),
        book,
        tokens_of(columns, book, world),
        PeerPopulation.of(columns),
    )
