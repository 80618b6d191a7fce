"""A pool of real orders with known reach, of which the load is drawn."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.dispatch.sampling import draw_size, nearest
from benchmarks.dispatch.settings import LARGEST_WAVE_USERS
from benchmarks.dispatch.site import Site
from benchmarks.timing import now_s, wait_s
from engine.socket import SocketMatchService
from kit.errors import Unavailable
from quanwang.demonstration.orders import OrderDraw

CANDIDATES: Final = 6_000
ASKING_THREADS: Final = 4
PATIENCE_S: Final = 20.0
LEAST_POOL: Final = 50
BATCH: Final = 1_000_000
"""Number of the drawn batch: far from those of demonstrations."""

POLICY: Final = "benchmark"


class TooFewOrders(Unavailable):
    """Hardly any drawn order reaches somebody."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Orders by how many users they reach, ascending."""

    documents: list[dict[str, Any]]
    sizes: list[int]

    def draw(self, dice: random.Random, count: int) -> list[int]:
        """Places of ``count`` orders whose sizes follow the distribution as nearly as the pool allows."""
        return [nearest(self.sizes, draw_size(dice)) for _ in range(count)]


def make_pool(site: Site, seed: int, tell: Callable[[str], None]) -> Pool:
    """Draw orders and ask the running installation how many users each reaches. Raises TooFewOrders."""
    tell(f"Asking how many users each of {CANDIDATES:,} orders reaches")
    documents = list(OrderDraw(seed, BATCH, site.taxonomy).documents(CANDIDATES))
    services = [SocketMatchService(site.settings.match_address) for _ in range(ASKING_THREADS)]

    def ask(service: SocketMatchService, part: list[dict[str, Any]]) -> list[int]:
        return [_reach(service, {**for_the_matcher(document), "limit": 1}) for document in part]

    try:
        parts = [documents[i::ASKING_THREADS] for i in range(ASKING_THREADS)]
        with ThreadPoolExecutor(ASKING_THREADS) as threads:
            counts = list(threads.map(ask, services, parts))
    finally:
        for service in services:
            service.close()
    found = sorted(
        (
            (count, place, document)
            for part, counted in zip(parts, counts, strict=True)
            for place, (document, count) in enumerate(zip(part, counted, strict=True))
            if 1 <= count <= LARGEST_WAVE_USERS
        ),
        key=lambda each: each[:2],
    )
    if len(found) < LEAST_POOL:
        raise TooFewOrders(f"only {len(found)} of {CANDIDATES:,} drawn orders reach 1 to 5,000 users: more --profiles")
    return Pool([_plain(document) for _, _, document in found], [count for count, _, _ in found])


def _reach(service: SocketMatchService, document: dict[str, Any]) -> int:
    """The users of the full tier; on a crowded machine the dispatcher may need a second to take a call."""
    end_s = now_s() + PATIENCE_S
    while True:
        try:
            return int(service.match(document)["full_count"])
        except Unavailable:
            if now_s() > end_s:
                raise
            wait_s(0.2)


def for_the_matcher(document: dict[str, Any]) -> dict[str, Any]:
    """The order as matching takes it, without what only dispatch reads."""
    left_out = {"id", "title", "description", "publisher", "policy", "expires_at_ms", "confirmed_reach"}
    return {name: value for name, value in document.items() if name not in left_out}


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in {"id", "publisher"}} | {"policy": POLICY}
