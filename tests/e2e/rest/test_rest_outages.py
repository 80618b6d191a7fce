"""Parts that are away: what can go on goes on, the rest says so within a bounded time, and comes back by itself."""

import gc
import json
import signal
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from kit.db import Database, metadata
from tests.e2e.rest.installation import ORDER, WELDER, Installation, fresh, running, sentence_of, wait_until
from tests.e2e.rest.test_rest_inbox import listening
from tests.harness.mariadb import MariaServer
from tests.harness.redis import WatchedRedis

SHORT_S = 0.5
"""Matching away is known at once: 300 ms are promised, the rest is for two busy cores."""

library_leaves_sockets_to_the_collector = pytest.mark.filterwarnings(
    # PyMySQL drops the socket of a connection that broke in the middle of an answer without closing it.
    "ignore::ResourceWarning"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path: unix sockets live in it."""
    with tempfile.TemporaryDirectory(prefix="qw-") as name:
        yield Path(name)


@pytest.fixture
def own(sqlite_database: Database, redis_server: WatchedRedis, folder: Path) -> Iterator[Installation]:
    """An installation of this test alone, on SQLite."""
    with running(sqlite_database, redis_server, folder) as found:
        yield found


def test_without_matching_orders_are_kept_and_go_out_when_it_is_back(own: Installation) -> None:
    name, skill = fresh("user"), fresh("skill")
    own.alpha.put_profile(name, keywords=[skill])
    own.matching.stop()
    ready = httpx.get(own.url + "/readyz")
    assert ready.status_code == 200
    assert ready.json()["status"] == "ready"
    assert ready.json()["matching"].startswith("matching paused: ")
    dispatch_id = own.alpha.submit(keywords=[skill])
    assert own.alpha.get(f"/v1/dispatches/{dispatch_id}").json()["state"] == "approved"
    assert own.alpha.get(f"/v1/users/{name}/inbox").json()["items"] == []
    for _ in range(3):
        started = time.monotonic()
        preview = own.alpha.post("/v1/dispatches:preview", ORDER, key=None)
        assert time.monotonic() - started < SHORT_S
        assert preview.status_code == 503
        assert int(preview.headers["retry-after"]) >= 1
        assert "matching is paused" in sentence_of(preview)
    assert own.alpha.ask("PUT", f"/v1/profiles/{fresh('user')}", json=WELDER).status_code == 201

    own.matching.start()
    own.wait_told(dispatch_id)
    assert own.alpha.get(f"/v1/users/{name}/inbox").json()["items"][0]["dispatch_id"] == dispatch_id
    own.matching.stop()
    started = time.monotonic()
    explain = own.alpha.get(f"/v1/dispatches/{dispatch_id}/explain", params={"external_id": name})
    assert time.monotonic() - started < SHORT_S
    assert explain.status_code == 503
    own.matching.start()


def test_a_profile_with_a_text_is_taken_without_matching_and_read_when_it_is_back(own: Installation) -> None:
    """By PUT and by import; whoever puts the profile again before it is read wins."""
    skill, other = fresh("skill"), fresh("skill")
    own.alpha.put_profile(fresh("user"), keywords=[skill, other])
    own.matching.stop()
    name, later, imported = fresh("user"), fresh("user"), fresh("user")
    document = {"keywords": ["钢结构"], "text": f"会{skill}"}
    put = own.alpha.ask("PUT", f"/v1/profiles/{name}", json=document)
    assert (put.status_code, put.json()["extracted"], put.json()["version"]) == (201, None, 1)
    assert own.alpha.get(f"/v1/profiles/{name}").json()["keywords"] == ["钢结构"]
    again = own.alpha.ask("PUT", f"/v1/profiles/{name}", json=document)
    assert (again.status_code, again.json()["changed"]) == (200, False)
    own.alpha.ask("PUT", f"/v1/profiles/{later}", json=document)
    own.alpha.ask("PUT", f"/v1/profiles/{later}", json={**document, "text": f"会{other}"})
    line = json.dumps({"id": imported, **document}).encode()
    sent = own.alpha.ask("POST", "/v1/profiles:import", content=line, headers={"content-type": "application/jsonl"})
    assert sent.json()["status"] == "ok"

    own.matching.start()
    for user, word in ((name, skill), (later, other), (imported, skill)):
        wait_until(
            lambda user=user: own.alpha.get(f"/v1/profiles/{user}").json()["extracted"] is not None,  # type: ignore[misc]
            f"the text of {user} was not read",
        )
        stored = own.alpha.get(f"/v1/profiles/{user}").json()
        # Sub-terms of the word may come with it, the word of the text that was put before may not.
        assert word in stored["extracted"]
        assert ({skill, other} - {word}).isdisjoint(stored["extracted"])
        assert sorted(stored["keywords"]) == sorted(["钢结构", *stored["extracted"]])
    own.matching.feed()
    dispatch_id = own.alpha.submit(keywords=[other], regions=[])
    own.wait_told(dispatch_id)
    assert own.alpha.get(f"/v1/users/{later}/inbox").json()["items"][0]["dispatch_id"] == dispatch_id
    own.matching.stop()
    unchanged = own.alpha.ask("PUT", f"/v1/profiles/{name}", json=document).json()
    assert unchanged["changed"] is False
    assert skill in unchanged["extracted"]
    own.matching.start()


def test_without_redis_everything_is_read_from_the_database(own: Installation, redis_server: WatchedRedis) -> None:
    name = fresh("user")
    dispatch_id = own.offered(name)
    before = own.alpha.get(f"/v1/users/{name}/inbox").json()
    assert before["source"] == "redis"
    redis_server.kill()
    started = time.monotonic()
    page = own.alpha.get(f"/v1/users/{name}/inbox").json()
    assert time.monotonic() - started < 5
    assert page["source"] == "database"
    assert page["items"] == before["items"]
    assert own.alpha.post(f"/v1/users/{name}/inbox/reads", {"dispatch_ids": [dispatch_id]}).json() == {"marked": 1}
    accepted = own.alpha.post(f"/v1/dispatches/{dispatch_id}/acceptances", {"external_id": name})
    assert accepted.json()["answers"][0]["status"] == "accepted"
    assert own.alpha.submit()
    ready = httpx.get(own.url + "/readyz")
    assert ready.status_code == 200
    assert ready.json()["redis"].startswith("Redis does not answer")
    assert 'quanwang_part_up{part="redis"} 0.0' in httpx.get(own.url + "/metrics").text
    with listening(own.alpha, name) as listener:
        # Nothing can be heard now: the client is told to read the list.
        wait_until(lambda: bool(listener.of("reset")), "no reset came")
    redis_server.start()


@library_leaves_sockets_to_the_collector
def test_without_the_database_a_sentence_and_a_time_come_at_once(
    own_mariadb_server: MariaServer, redis_server: WatchedRedis, folder: Path
) -> None:
    database = Database(own_mariadb_server.create_database("rest"), retry_window_s=0.5)
    database.create_schema(metadata)
    with running(database, redis_server, folder, matching=False) as own:
        key = fresh()
        first = own.alpha.post("/v1/dispatches", ORDER, key=key)
        assert first.status_code == 201
        own_mariadb_server.stop(signal.SIGKILL)
        for method, path, body in (
            ("POST", "/v1/dispatches", ORDER),
            ("GET", "/v1/dispatches", None),
            ("PUT", "/v1/profiles/1", WELDER),
            ("GET", "/v1/users/1/inbox", None),
            ("POST", "/v1/profiles:import", {"id": "1"}),
        ):
            started = time.monotonic()
            answer = own.alpha.ask(method, path, json=body)
            assert time.monotonic() - started < 5, path
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["retry-after"]) >= 1
            assert "the database" in sentence_of(answer)
        assert httpx.get(own.url + "/livez").status_code == 200
        ready = httpx.get(own.url + "/readyz")
        assert ready.status_code == 503
        assert ready.json()["status"] == "not ready"
        assert "the database" in ready.json()["database"]
        assert 'quanwang_part_up{part="database"} 0.0' in httpx.get(own.url + "/metrics").text
        own_mariadb_server.start()
        again = own.alpha.post("/v1/dispatches", ORDER, key=key)
        assert again.status_code == 201
        assert again.json() == first.json()
        assert again.headers["idempotency-replayed"] == "true"
        assert httpx.get(own.url + "/readyz").status_code == 200
    database.dispose()
    gc.collect()


@library_leaves_sockets_to_the_collector
def test_a_database_that_hangs_does_not_hang_the_probes(
    own_mariadb_server: MariaServer, redis_server: WatchedRedis, folder: Path
) -> None:
    database = Database(own_mariadb_server.create_database("rest"), statement_timeout_s=2, retry_window_s=0.1)
    database.create_schema(metadata)
    with running(database, redis_server, folder, matching=False) as own:
        assert httpx.get(own.url + "/readyz").status_code == 200
        own_mariadb_server.send(signal.SIGSTOP)
        try:
            for _ in range(3):
                started = time.monotonic()
                ready = httpx.get(own.url + "/readyz")
                assert time.monotonic() - started < 2
                assert ready.status_code == 503
                assert ready.json()["database"]
            with ThreadPoolExecutor(60) as many:
                # More than the thread pool holds: they wait, and health is told all the same.
                answers = [many.submit(own.alpha.post, "/v1/dispatches", ORDER) for _ in range(60)]
                time.sleep(0.5)
                for path, status in (("/livez", 200), ("/readyz", 503)):
                    started = time.monotonic()
                    assert httpx.get(own.url + path, timeout=5).status_code == status
                    assert time.monotonic() - started < 2
                for answer in answers:
                    assert answer.result(timeout=30).status_code == 503
                    sentence_of(answer.result())
        finally:
            own_mariadb_server.send(signal.SIGCONT)
        wait_until(lambda: httpx.get(own.url + "/readyz").status_code == 200, "it did not become ready again")
    database.dispose()
    gc.collect()


def test_a_full_disk_is_told_and_nothing_half_is_kept(own: Installation) -> None:
    title = fresh("title")

    def bound(pages: int) -> None:
        with own.database.transaction() as session:
            session.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    with own.database.read() as session:
        used = session.exec_driver_sql("PRAGMA page_count").scalar_one()
    bound(used)
    for _ in range(20):
        answer = own.alpha.post("/v1/dispatches", {"orders": [{**ORDER, "title": title}] * 100})
        if answer.status_code != 201:
            break
    assert answer.status_code == 503
    assert "is full: free space there; nothing was changed" in sentence_of(answer)
    ready = httpx.get(own.url + "/readyz")
    assert ready.status_code == 503
    assert ready.json()["status"] == "not ready"
    assert "is full: free space there" in ready.json()["database"]
    kept = len(own.alpha.get("/v1/dispatches", params={"search": title, "limit": 1000}).json()["items"])
    assert kept % 100 == 0
    bound(1_000_000_000)
    assert own.alpha.submit(title=title)
    wait_until(lambda: httpx.get(own.url + "/readyz").status_code == 200, "it did not become ready again")


def test_the_main_job_on_mariadb(mariadb_database: Database, redis_server: WatchedRedis, folder: Path) -> None:
    """An order reaches its user, who accepts and is selected; a repeated submission is one."""
    with running(mariadb_database, redis_server, folder) as own:
        name, key = fresh("user"), fresh()
        dispatch_id = own.offered(name)
        inbox = own.alpha.get(f"/v1/users/{name}/inbox").json()
        assert inbox["items"][0]["dispatch_id"] == dispatch_id
        own.alpha.post(f"/v1/dispatches/{dispatch_id}/acceptances", {"external_id": name}, key=key)
        replayed = own.alpha.post(f"/v1/dispatches/{dispatch_id}/acceptances", {"external_id": name}, key=key)
        assert replayed.headers["idempotency-replayed"] == "true"
        selected = own.alpha.post(f"/v1/dispatches/{dispatch_id}/selection", {"external_id": name})
        assert selected.json()["external_id"] == name
        assert own.alpha.get("/v1/dispatches?state=assigned").json()["items"][0]["dispatch_id"] == dispatch_id


def test_few_connections_refuse_with_a_sentence_and_keep_every_order_once(
    mariadb_server: MariaServer, redis_server: WatchedRedis, folder: Path
) -> None:
    """Many requests share one connection: who waits in vain is told so, and asking again under the same key helps."""
    url = mariadb_server.create_database("rest_few_connections")
    database = Database(url, pool_size=1, pool_timeout_s=0.05)
    database.create_schema(metadata)
    with running(database, redis_server, folder, matching=False) as own:
        titles = {fresh(): fresh("title") for _ in range(30)}

        refused: list[str] = []

        def submit(key: str) -> None:
            for _ in range(200):
                answer = own.alpha.post("/v1/dispatches", {**ORDER, "title": titles[key]}, key=key)
                if answer.status_code == 201:
                    return
                assert answer.status_code == 503, answer.text
                assert "connections" in sentence_of(answer)
                assert int(answer.headers["retry-after"]) >= 1
                refused.append(key)
            raise AssertionError("no connection in 200 tries")

        with ThreadPoolExecutor(20) as many:
            list(many.map(submit, titles))
        assert refused, "nobody had to wait: this test found nothing"
        listed = own.alpha.get("/v1/dispatches", params={"limit": 1000}).json()["items"]
        assert sorted(item["title"] for item in listed) == sorted(titles.values())
        assert httpx.get(own.url + "/livez").status_code == 200
    database.dispose()
