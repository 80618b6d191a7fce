"""A small running installation for the page tests: real uvicorn, SQLite, Redis, index and work loop, in one process."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from api.app import create_app
from api.services import Services
from engine.candidates import EngineCandidateSource
from engine.coordinator import Coordinator
from engine.extractors import Extractors
from engine.feeder import Feeder
from engine.in_process import in_process_shards
from engine.match_service import MatchService
from engine.socket import CallServer, SocketMatchService
from engine.warming import warm_kernels
from kit.clock import elapsed_s, now_ms
from kit.db import Database, Session, metadata
from kit.ids import IdAllocator
from kit.redis import RedisClient, RedisWakeStream, connect
from kit.work import Claimed, Wake, WorkLoop
from marketplace import dispatch
from marketplace.access import Caller, KeyRing, create_api_key
from marketplace.inbox import InboxEvents, InboxKeeper, InboxStore
from marketplace.profiles import DatabaseProfileLog, load_profiles, read_profiles
from matching.profiles import Profile
from matching.taxonomy import builtin_taxonomy
from matching.vocabulary import Vocabulary
from quanwang.processes.switches import require_deliveries, require_dispatch
from tests.harness.redis import WatchedRedis

OWNER = "pages-test"
LOCAL_WELDERS, FAR_WELDERS, OTHERS = range(1001, 1041), range(1041, 1081), range(1081, 1121)

ORDER: dict[str, Any] = {
    "title": "浦东张江厂区急招氩弧焊工三名，持证优先，包吃住",
    "description": "负责不锈钢管道焊接，能看懂图纸，有压力容器经验者优先。",
    "keywords": [{"any": ["氩弧焊工"], "weight": 3}, "焊接"],
    "keyword_rule": "any",
    "industries": ["33"],
    "regions": ["310115"],
    "origin": [31.22, 121.54],
}
"""Forty users satisfy all of it (LOCAL_WELDERS), forty more a part (FAR_WELDERS)."""


def _profiles() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for user in LOCAL_WELDERS:
        yield (
            str(user),
            {
                "keywords": ["氩弧焊", "焊接", "图纸"] if user % 2 else ["氩弧焊工", "电工"],
                "industries": ["33"],
                "regions": ["310115" if user % 3 else "310000"],
                "location": [31.0 + user % 17 / 50, 121.4 + user % 13 / 50],
                "rating": 50 + user % 50,
            },
        )
    for user in FAR_WELDERS:
        yield str(user), {"keywords": ["焊接"], "industries": ["33"], "regions": ["440305"], "rating": user % 100}
    for user in OTHERS:
        yield str(user), {"keywords": ["会计", "税务"], "industries": ["72"], "regions": ["110105"]}


class Matching:
    """The dispatcher's internal socket, which a test may take away and bring back."""

    def __init__(self, address: str, service: MatchService) -> None:
        self._address, self.service = address, service
        self.client = SocketMatchService(address)
        self._server: CallServer | None = None

    def start(self) -> None:
        """Answer calls."""
        self._server = CallServer(self._address, self.service.handlers())
        self._server.start()

    def stop(self) -> None:
        """Be away."""
        if self._server is not None:
            self._server.stop()
            self._server = None
            # A process that ends takes its connections with it; within one process they must be let go.
            self.client.close()


@dataclass
class World:
    """What tests speak to."""

    url: str
    database_url: str
    database: Database
    ids: IdAllocator
    wake: Wake
    matching: "Matching"
    admin_key: str
    inbox_key: str
    reader_key: str
    owner_key: str
    redis: RedisClient
    orders: Iterator[int] = field(default_factory=lambda: iter(range(1, 10_000)))

    def submit(self, policy: str = "default", order: Mapping[str, Any] = ORDER, **changes: Any) -> int:
        """Submit one approved order and return its dispatch."""
        document = {**order, "id": f"order-{next(self.orders)}", **changes}
        caller = Caller(1, OWNER, frozenset({"dispatches:write"}))
        answer = self.database.run(
            lambda session: dispatch.submit_orders(
                session,
                self.ids,
                caller=caller,
                documents=[document],
                taxonomy=builtin_taxonomy(),
                policy=policy,
                now_ms=now_ms(),
            )
        )[0]
        assert answer.dispatch_id is not None, answer.sentence
        self.wake.notify([dispatch.DISPATCH_WORK])
        return answer.dispatch_id

    def accept(self, dispatch_id: int, user: int) -> None:
        """Let a user accept by another way than the page."""
        self.database.run(
            lambda session: dispatch.accept_offer(
                session, self.ids, dispatch_id=dispatch_id, user_id=user, now_ms=now_ms()
            )
        )

    def withdraw(self, dispatch_id: int, user: int) -> None:
        """Let a user take his acceptance back."""
        self.database.run(
            lambda session: dispatch.withdraw_acceptance(
                session, self.ids, dispatch_id=dispatch_id, user_id=user, now_ms=now_ms()
            )
        )

    def forget_previews(self) -> None:
        """Give every owner his previews of this minute back."""
        minute = now_ms() // 60_000
        self.redis.pipeline([("DEL", f"preview:{each}:{OWNER}") for each in (minute, minute + 1)])

    def wait_delivered(self, dispatch_id: int) -> None:
        """Wait until every wave that was sent is in the inboxes."""
        self.wait_until(lambda: self._delivered(dispatch_id), f"dispatch {dispatch_id} was not delivered")

    def _delivered(self, dispatch_id: int) -> bool:
        with self.database.read() as session:
            waves = dispatch.list_waves(session, dispatch_id=dispatch_id).items
        return bool(waves) and all(wave.delivered_at_ms is not None for wave in waves)

    def wait_until(self, holds: Callable[[], bool], otherwise: str, *, within_s: float = 15) -> None:
        """Wait until something holds."""
        ends_at = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < ends_at, otherwise
            time.sleep(0.03)


@contextmanager
def running_world(folder: Path, redis: WatchedRedis) -> Iterator[World]:
    """Start everything, yield it, stop everything."""
    # Compiling takes tens of seconds on a machine that never did it; the tests' own waits are short.
    warm_kernels()
    database_url = f"sqlite:///{folder / 'pages.sqlite3'}"
    database = Database(database_url)
    database.create_schema(metadata)
    ids, taxonomy = IdAllocator(database), builtin_taxonomy()
    list(load_profiles(database, ids, source=OWNER, profiles=_profiles(), taxonomy=taxonomy, clock=now_ms))
    _publish_policies(database, ids)

    vocabulary = Vocabulary()
    coordinator = Coordinator(in_process_shards(1, stopwatch=elapsed_s), taxonomy, vocabulary)
    Feeder(coordinator, DatabaseProfileLog(database)).step()
    extractors = Extractors(vocabulary, taxonomy, coordinator.crowd_tags)
    source = EngineCandidateSource(coordinator, taxonomy, extractors, stopwatch=elapsed_s)

    def profile_of(user_id: int) -> Profile | None:
        with database.read() as session:
            return read_profiles(session, [user_id]).get(user_id)

    address = f"unix://{folder / 'match.sock'}"
    matching = Matching(address, MatchService(coordinator, taxonomy, extractors, profile_of))
    matching.start()

    redis.start()
    client = connect(redis.url)
    store, wake = InboxStore(client), Wake(RedisWakeStream(client))
    InboxKeeper(database, store, dispatch).keep(now_ms())

    def match(claims: list[Claimed]) -> None:
        dispatch.run_due_dispatches(database, ids, source, claims, now_ms=now_ms(), gate=require_dispatch)

    def deliver(claims: list[Claimed]) -> None:
        dispatch.deliver_waves(database, store, claims, now_ms=now_ms(), gate=require_deliveries)

    loop = WorkLoop(
        database,
        {
            "dispatch": match,
            "delivery": deliver,
            "dispatch_label": lambda claims: dispatch.show_labels(database, store, claims),
        },
        wake,
        now_ms,
        poll_s=0.05,
    )
    working = threading.Thread(target=loop.run_forever, name="work")
    working.start()

    services = Services(
        database=database,
        ids=ids,
        taxonomy=taxonomy,
        key_ring=KeyRing(database),
        match_service=matching.client,
        inbox_store=store,
        inbox_events=InboxEvents(redis.url),
        redis=client,
        wake=wake,
        clock=now_ms,
    )
    try:
        with _served(services) as url:
            yield World(
                url,
                database_url,
                database,
                ids,
                wake,
                matching,
                redis=client,
                admin_key=_key(database, ids, "admin"),
                inbox_key=_key(database, ids, "inbox:read", "acceptances:write"),
                reader_key=_key(database, ids, "profiles:read"),
                owner_key=_key(database, ids, "dispatches:read"),
            )
    finally:
        loop.stop()
        working.join()
        matching.stop()
        client.close()
        redis.stop()
        database.dispose()


def _publish_policies(database: Database, ids: IdAllocator) -> None:
    quick = dispatch.Policy("quick", full_window_ms=300, partial_window_ms=600_000, partial_floor=0)
    sparing = dispatch.Policy("sparing", offers_a_day=1)
    small = dispatch.Policy("small", wave_size=8, wave_interval_ms=1, full_window_ms=600_000)

    def publish(session: Session) -> None:
        for policy in (quick, sparing, small):
            dispatch.publish_policy(session, ids, policy=policy, now_ms=now_ms())

    database.run(publish)


def _key(database: Database, ids: IdAllocator, *scopes: str) -> str:
    name = "-".join(scopes)
    issued = database.run(
        lambda session: create_api_key(session, ids, name=name, owner=OWNER, scopes=scopes, now_ms=now_ms())
    )
    return issued.secret


@contextmanager
def _served(services: Services) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(create_app(services), log_level="warning", timeout_graceful_shutdown=1, access_log=False)
    )
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="uvicorn")
    serving.start()
    try:
        while not server.started:
            assert serving.is_alive(), "uvicorn did not start"
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        serving.join()


def violations_script() -> str:
    """JavaScript that collects violations of the content security policy from the page's first moment."""
    return (
        "window.violations = [];"
        "document.addEventListener('securitypolicyviolation', event => window.violations.push("
        "event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sourceFile));"
    )


def json_of(text: str | None) -> Any:
    """Read the JSON of an attribute."""
    return json.loads(text or "null")
