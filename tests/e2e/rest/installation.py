"""A small running installation for the tests of the REST interface: real uvicorn, database, Redis, index, work loop."""

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from api import Limits, Services, create_app
from engine.candidates import EngineCandidateSource
from engine.coordinator import Coordinator
from engine.extractors import Extractors
from engine.feeder import Feeder
from engine.in_process import in_process_shards
from engine.match_service import MatchService
from engine.socket import CallServer, SocketMatchService
from engine.warming import warm_kernels
from kit.clock import elapsed_s, now_ms
from kit.config import Settings
from kit.db import Database
from kit.encryption import SecretBox
from kit.ids import IdAllocator
from kit.redis import RedisClient, RedisWakeStream, connect
from kit.work import Claimed, Wake, WorkLoop
from marketplace import dispatch
from marketplace.access import KeyRing, create_api_key
from marketplace.inbox import InboxEvents, InboxKeeper, InboxStore
from marketplace.profiles import PROFILE_TEXT_WORK, DatabaseProfileLog, read_profiles, read_texts
from marketplace.webhooks import AddressRules
from matching.profiles import Profile
from matching.taxonomy import builtin_taxonomy
from matching.vocabulary import Vocabulary
from quanwang.processes.channels import channels_of
from quanwang.processes.installation import cut_off_stalled
from quanwang.processes.pushing import notice_handlers, pushing
from tests.harness.receiver import LOCAL
from tests.harness.redis import WatchedRedis

STALLED_MS = 1_500
"""The kernel closes a connection on which nothing is read for so long."""
ALPHA, BETA = "alpha", "beta"
"""Two backends that know nothing of each other."""

BACKEND_SCOPES = (
    "profiles:write",
    "profiles:read",
    "dispatches:write",
    "dispatches:read",
    "inbox:read",
    "acceptances:write",
    "webhooks:write",
    "webhooks:read",
)
WELDER: dict[str, Any] = {"keywords": ["电焊工", "钢结构"], "industries": ["33"], "regions": ["310115"], "rating": 80}
ORDER: dict[str, Any] = {
    "title": "浦东急招电焊工",
    "description": "两周, 日结",
    "keywords": ["电焊工"],
    "regions": ["310115"],
    "policy": "quick",
}
_numbers = itertools.count(1)


def fresh(prefix: str = "key") -> str:
    """A text that no other test uses."""
    return f"{prefix}-{next(_numbers)}"


class Backend:
    """A backend with an API key. Every answer is checked for what all answers promise."""

    def __init__(self, url: str, secret: str | None, owner: str) -> None:
        self.owner = owner
        self.secret = secret
        headers = {} if secret is None else {"authorization": f"Bearer {secret}"}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=60, limits=httpx.Limits(max_connections=100))

    def ask(self, method: str, path: str, *, key: str | None = "", **options: Any) -> httpx.Response:
        """Send a request; POST gets a fresh Idempotency-Key unless ``key`` says which (None: none)."""
        headers = dict(options.pop("headers", {}))
        if method == "POST" and key is not None:
            headers["idempotency-key"] = key or fresh()
        response = self.http.request(method, path, headers=headers, **options)
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-request-id"]
        if response.status_code >= 400:
            sentence_of(response)
        return response

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("GET", path, **options)

    def post(self, path: str, json: Any = None, *, key: str | None = "", **options: Any) -> httpx.Response:
        return self.ask("POST", path, json=json, key=key, **options)

    def put_profile(self, name: str, **changes: Any) -> int:
        """Put a welder under this name and return the platform's number of the user."""
        answer = self.ask("PUT", f"/v1/profiles/{name}", json={**WELDER, **changes})
        assert answer.status_code in (200, 201), answer.text
        number: int = answer.json()["user_id"]
        return number

    def submit(self, **changes: Any) -> int:
        """Submit one order and return its dispatch."""
        answer = self.post("/v1/dispatches", {**ORDER, **changes})
        assert answer.status_code == 201, answer.text
        dispatch_id: int = answer.json()["answers"][0]["dispatch_id"]
        return dispatch_id


def sentence_of(response: httpx.Response) -> str:
    """The sentence of a problem document, after checking that it is one and leaks nothing."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    document = response.json()
    assert document["status"] == response.status_code
    assert document["type"].startswith("urn:quanwang:problem:")
    assert document["title"]
    assert document["request_id"] == response.headers["x-request-id"]
    sentence: str = document["detail"]
    assert 10 <= len(sentence) <= 600, sentence
    for leak in ("Traceback", 'File "', "sqlalchemy", "pymysql", "sqlite3", ".sock", "<class", "object at 0x"):
        assert leak not in response.text
    return sentence


@dataclass
class Installation:
    """What tests speak to."""

    url: str
    services: Services
    matching: "Matching"
    alpha: Backend
    beta: Backend
    admin: Backend
    app: FastAPI = field(repr=False)
    stack: ExitStack = field(repr=False)

    @property
    def database(self) -> Database:
        return self.services.database

    def backend(self, owner: str, *scopes: str) -> Backend:
        """A backend with a new key of these scopes."""
        secret = _key(self.services, owner, scopes)
        return self.stack.enter_context(_closing(Backend(self.url, secret, owner)))

    def stranger(self, secret: str | None = None) -> Backend:
        """Somebody without a key, or with this one."""
        return self.stack.enter_context(_closing(Backend(self.url, secret, "nobody")))

    def feed(self) -> None:
        """Let the index see all profiles now."""
        self.matching.feed()

    def wait_told(self, dispatch_id: int) -> None:
        """Wait until the first wave of a dispatch is in the inboxes."""

        def delivered() -> bool:
            with self.database.read() as session:
                waves = dispatch.list_waves(session, dispatch_id=dispatch_id).items
            return bool(waves) and all(wave.delivered_at_ms is not None for wave in waves)

        wait_until(delivered, f"dispatch {dispatch_id} was not delivered")

    def offered(self, name: str, **changes: Any) -> int:
        """A dispatch of alpha that was offered to a new user of alpha of this name only."""
        skill = fresh("skill")
        self.alpha.put_profile(name, keywords=[skill])
        self.feed()
        dispatch_id = self.alpha.submit(keywords=[skill], **changes)
        self.wait_told(dispatch_id)
        return dispatch_id


def wait_until(holds: Callable[[], bool], otherwise: str, *, within_s: float = 20) -> None:
    """Wait until something holds."""
    ends_at = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < ends_at, otherwise
        time.sleep(0.03)


class Matching:
    """The dispatcher's part: index, internal socket, work loop; may be stopped and started."""

    def __init__(
        self, database: Database, ids: IdAllocator, store: InboxStore, wake: Wake, folder: Path, settings: Settings
    ) -> None:
        self._settings = settings
        self._database, self._ids, self._store, self._wake = database, ids, store, wake
        self.address = f"unix://{folder / 'match.sock'}"
        self._lock = threading.Lock()
        self._stack = ExitStack()

    def start(self) -> None:
        taxonomy, vocabulary = builtin_taxonomy(), Vocabulary()
        coordinator = Coordinator(in_process_shards(2, stopwatch=elapsed_s), taxonomy, vocabulary)
        self._feeder = Feeder(coordinator, DatabaseProfileLog(self._database))
        self.feed()
        extractors = Extractors(vocabulary, taxonomy, coordinator.crowd_tags)
        source = EngineCandidateSource(coordinator, taxonomy, extractors, stopwatch=elapsed_s)
        service = MatchService(coordinator, taxonomy, extractors, self._profile_of)
        server = CallServer(self.address, service.handlers())
        server.start()
        self._stack.callback(server.stop)
        database, ids, store = self._database, self._ids, self._store

        def run(claims: list[Claimed]) -> None:
            dispatch.run_due_dispatches(database, ids, source, claims, now_ms=now_ms())

        loop = WorkLoop(
            database,
            {
                "dispatch": run,
                PROFILE_TEXT_WORK: lambda claims: read_texts(database, claims, extractors.current(), now_ms=now_ms()),
                "delivery": lambda claims: dispatch.deliver_waves(database, store, claims, now_ms=now_ms()),
                "dispatch_label": lambda claims: dispatch.show_labels(database, store, claims),
                **notice_handlers(self._settings, database, ids),
            },
            self._wake,
            now_ms,
            poll_s=0.05,
        )
        working = threading.Thread(target=loop.run_forever, name="work")
        working.start()
        self._stack.callback(working.join)
        self._stack.callback(loop.stop)

    def feed(self) -> None:
        with self._lock:
            self._feeder.step()

    def stop(self) -> None:
        self._stack.close()

    def _profile_of(self, user_id: int) -> Profile | None:
        with self._database.read() as session:
            return read_profiles(session, [user_id]).get(user_id)


@contextmanager
def running(
    database: Database, redis: WatchedRedis, folder: Path, *, limits: Limits | None = None, matching: bool = True
) -> Iterator[Installation]:
    """Start everything on ``database``, yield it, stop everything."""
    if matching:
        warm_kernels()
    ids = IdAllocator(database)
    quick = dispatch.Policy("quick", full_window_ms=3_600_000, partial_window_ms=0, partial_limit=0)
    database.run(lambda session: dispatch.publish_policy(session, ids, policy=quick, now_ms=now_ms()))
    with ExitStack() as stack:
        client = connect(redis.url)
        stack.callback(client.close)
        store, wake = InboxStore(client), Wake(RedisWakeStream(client))
        InboxKeeper(database, store, dispatch).keep(now_ms())
        settings = Settings(data_dir=folder, webhook_networks=LOCAL, channels="log")
        part = Matching(database, ids, store, wake, folder, settings)
        if matching:
            part.start()
            stack.callback(part.stop)
        stack.enter_context(pushing(settings, database, client))
        services = _services(database, ids, client, store, redis.url, part.address, limits or Limits(), settings)
        app = create_app(services)
        url = stack.enter_context(served(app))
        alpha, beta, admin = (
            stack.enter_context(_closing(Backend(url, _key(services, owner, scopes), owner)))
            for owner, scopes in ((ALPHA, BACKEND_SCOPES), (BETA, BACKEND_SCOPES), ("root", ("admin",)))
        )
        yield Installation(url, services, part, alpha, beta, admin, app, stack)


def _services(
    database: Database,
    ids: IdAllocator,
    client: RedisClient,
    store: InboxStore,
    redis_url: str,
    address: str,
    limits: Limits,
    settings: Settings,
) -> Services:
    return Services(
        database=database,
        ids=ids,
        taxonomy=builtin_taxonomy(),
        key_ring=KeyRing(database, ttl_ms=0),
        match_service=SocketMatchService(address),
        inbox_store=store,
        inbox_events=InboxEvents(redis_url),
        redis=client,
        # Not the loop's own: a Wake has one waiting loop.
        wake=Wake(RedisWakeStream(client)),
        clock=now_ms,
        limits=limits,
        secret_box=SecretBox(settings.resolved_encryption_key_file),
        webhook_rules=AddressRules.parse(settings.webhook_networks),
        channels=channels_of(settings),
        ready_checks_s=0.0,
    )


def _key(services: Services, owner: str, scopes: tuple[str, ...]) -> str:
    issued = services.database.run(
        lambda session: create_api_key(session, services.ids, name="test", owner=owner, scopes=scopes, now_ms=now_ms())
    )
    return issued.secret


@contextmanager
def _closing(backend: Backend) -> Iterator[Backend]:
    try:
        yield backend
    finally:
        backend.http.close()


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve the application on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    cut_off_stalled(listener, STALLED_MS)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, access_log=False))
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="uvicorn")
    serving.start()
    try:
        wait_until(lambda: server.started or not serving.is_alive(), "uvicorn did not start")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        serving.join()
        listener.close()
