"""/metrics: requests by route template, queue depths by kind and state, which parts are up, what is built in."""

import platform
import threading
from collections.abc import Iterable, Iterator
from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from api.checks import PartChecks
from api.services import Services
from kit.clock import elapsed_s
from kit.db import Session
from kit.errors import QuanwangError
from kit.work import count_work
from marketplace.dispatch import count_by_state

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
DEPTHS_KEPT_S: Final = 5.0
VERSION: Final = "0.1.0"

router = APIRouter(tags=["operation"])


class Metrics:
    """The measures of one application; every application has its own registry."""

    def __init__(self, services: Services, checks: PartChecks) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "quanwang_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "quanwang_http_request_seconds",
            "Time to the end of the answer; live streams last as long as they are open.",
            ["method", "route"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.registry.register(_Depths(services))
        self.registry.register(_Parts(checks))
        self.registry.register(_Shards(checks))

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request; ``route`` is the template of the path, so that ids make no series."""
        method = method if method in METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def text(self) -> bytes:
        """Return everything in the text format of Prometheus."""
        return generate_latest(self.registry)


class _Depths(Collector):
    """Queue depths from the database, at most five seconds old."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._kept: tuple[float, list[GaugeMetricFamily]] | None = None

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing is asked of the database when the collector is registered."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the depths; nothing while the database is away (``quanwang_part_up`` says so)."""
        with self._lock:
            if self._kept is None or elapsed_s() - self._kept[0] > DEPTHS_KEPT_S:
                try:
                    with self._services.database.read() as session:
                        self._kept = (elapsed_s(), self._count(session))
                except QuanwangError:
                    self._kept = (elapsed_s(), [])
            yield from self._kept[1]

    def _count(self, session: Session) -> list[GaugeMetricFamily]:
        rows = GaugeMetricFamily("quanwang_work_rows", "Work rows by kind and state.", labels=["kind", "state"])
        overdue = GaugeMetricFamily(
            "quanwang_work_overdue_seconds", "How long the earliest pending work is due.", labels=["kind"]
        )
        now_ms = self._services.clock()
        for found in count_work(session):
            rows.add_metric([found.kind, found.state], found.count)
            if found.state == "pending":
                overdue.add_metric([found.kind], max(0, now_ms - found.earliest_due_at_ms) / 1000)
        dispatches = GaugeMetricFamily("quanwang_dispatches", "Dispatches by state.", labels=["state"])
        for state, count in sorted(count_by_state(session, owner=None).items()):
            dispatches.add_metric([state], count)
        return [rows, overdue, dispatches]


class _Parts(Collector):
    """Which parts answer, and what is built in."""

    def __init__(self, checks: PartChecks) -> None:
        self._checks = checks

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing is asked when the collector is registered."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield 1 or 0 for each part, and 1 with the build as labels."""
        up = GaugeMetricFamily("quanwang_part_up", "1 when the part answers.", labels=["part"])
        for part, state in self._checks.states().items():
            up.add_metric([part], 1 if state.up else 0)
        yield up
        build = GaugeMetricFamily("quanwang_build", "Always 1; the labels say what runs.", labels=["version", "python"])
        build.add_metric([VERSION, platform.python_version()], 1)
        yield build


class _Shards(Collector):
    """What the shards hold, as they last told; nothing while matching is away."""

    _MEASURES: Final = (
        ("population", "quanwang_shard_users", "Users held."),
        ("segments", "quanwang_shard_segments", "Segments that a query asks."),
        ("bytes", "quanwang_shard_bytes", "Memory of the index."),
        ("barrier", "quanwang_shard_barrier", "The newest barrier published."),
        ("merges", "quanwang_shard_merges", "Merges done since the shard began."),
        (
            "failed_merges",
            "quanwang_shard_failed_merges",
            "Merges that failed since it began; the log says why.",
        ),
        (
            "kernels_compiled",
            "quanwang_shard_kernels_compiled",
            "Kernels compiled while the shard served: each made somebody wait; run `quanwang kernels` before a start.",
        ),
    )

    def __init__(self, checks: PartChecks) -> None:
        self._checks = checks

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing is asked when the collector is registered."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield a gauge a measure, labelled by shard."""
        shards = self._checks.shards()
        for key, name, meaning in self._MEASURES:
            gauge = GaugeMetricFamily(name, meaning, labels=["shard"])
            for shard in shards:
                gauge.add_metric([str(shard["shard_id"])], shard[key])
            yield gauge


@router.get(
    "/metrics",
    summary="Measures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The text format."}},
)
def metrics(request: Request) -> Response:
    """Requests and their times by route template, work rows and dispatches by state, parts that are up, the build."""
    measures: Metrics = request.app.state.metrics
    return Response(measures.text(), media_type=CONTENT_TYPE)
