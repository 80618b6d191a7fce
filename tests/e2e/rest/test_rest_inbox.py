"""A user's inbox: pages, read marks, live events with Last-Event-ID."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from marketplace.inbox import InboxEvents
from tests.e2e.rest.installation import STALLED_MS, Backend, Installation, fresh, sentence_of, wait_until
from tests.integration.inbox.waves import Waves


class Listener:
    """Reads a stream of server-sent events in a thread, until its connection is shut."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.events: list[dict[str, Any]] = []
        self.comments: list[str] = []
        self._response = response
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        event: dict[str, Any] = {}
        with contextlib.suppress(OSError, http.client.HTTPException):
            while raw := self._response.readline():
                line = raw.decode().rstrip("\r\n")
                if line.startswith(":"):
                    self.comments.append(line)
                elif line:
                    name, _, value = line.partition(": ")
                    event[name] = value
                elif "data" in event:
                    event["data"] = json.loads(event["data"])
                    self.events.append(event)
                    event = {}

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event.get("event") == kind]

    def join(self) -> None:
        self._thread.join(20)


@contextlib.contextmanager
def listening(backend: Backend, name: str, last_event_id: str | None = None) -> Iterator[Listener]:
    headers = {"authorization": f"Bearer {backend.secret}"}
    if last_event_id is not None:
        headers["last-event-id"] = last_event_id
    connection = http.client.HTTPConnection(backend.http.base_url.netloc.decode(), timeout=30)
    connection.request("GET", f"/v1/users/{name}/inbox/stream", headers=headers)
    plug = connection.sock
    response = connection.getresponse()
    assert response.status == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] in ("no-cache", "no-store")
    listener = Listener(response)
    try:
        wait_until(lambda: bool(listener.comments), "the stream did not open")
        yield listener
    finally:
        plug.shutdown(socket.SHUT_RDWR)
        listener.join()
        response.close()
        connection.close()


def offer(installation: Installation, skill: str, **changes: Any) -> int:
    dispatch_id = installation.alpha.submit(keywords=[skill], **changes)
    installation.wait_told(dispatch_id)
    return dispatch_id


def receiver(installation: Installation) -> tuple[str, str]:
    """A new user of alpha and the one skill that he alone has."""
    name, skill = fresh("user"), fresh("skill")
    installation.alpha.put_profile(name, keywords=[skill])
    installation.feed()
    return name, skill


def test_an_inbox_is_read_page_by_page(installation: Installation, alpha: Backend) -> None:
    name, skill = receiver(installation)
    sent = [offer(installation, skill) for _ in range(5)]
    seen, cursor = [], None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = alpha.get(f"/v1/users/{name}/inbox", params=query).json()
        seen += [entry["dispatch_id"] for entry in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == sent[::-1]
    assert page["unread"] == 5
    marked = alpha.post(f"/v1/users/{name}/inbox/reads", {"dispatch_ids": [sent[0], 999]})
    assert marked.json() == {"marked": 1}
    page = alpha.get(f"/v1/users/{name}/inbox").json()
    assert page["unread"] == 4
    assert [entry["read"] for entry in page["items"]] == [False] * 4 + [True]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"dispatch_ids": []}, "dispatch_ids: [] must have at least 1 item"),
        ({"dispatch_ids": [0]}, "dispatch_ids[0]: 0 must be greater than or equal to 1"),
        ({"dispatch_ids": list(range(1, 102))}, "dispatch_ids:"),
        ({}, "dispatch_ids is missing"),
    ],
)
def test_wrong_read_marks_are_refused(installation: Installation, alpha: Backend, body: Any, sentence: str) -> None:
    name, _ = receiver(installation)
    answer = alpha.post(f"/v1/users/{name}/inbox/reads", body)
    assert answer.status_code == 422
    assert sentence_of(answer).startswith(sentence), sentence_of(answer)


def test_an_offer_arrives_live_and_a_late_listener_misses_nothing(installation: Installation, alpha: Backend) -> None:
    name, skill = receiver(installation)
    events = installation.services.inbox_events
    assert isinstance(events, InboxEvents)
    with listening(alpha, name) as listener:
        assert events.client_count == 1
        first = offer(installation, skill, title="第一单")
        wait_until(lambda: bool(listener.of("offer")), "no event came")
        event = listener.of("offer")[0]
        assert event["data"]["dispatch_id"] == first
        assert event["data"]["title"] == "第一单"
        assert int(event["id"]) == event["data"]["id"]
        alpha.post(f"/v1/dispatches/{first}/cancellation", {})
        wait_until(lambda: bool(listener.of("state")), "no change of state came")
        assert listener.of("state")[0]["data"]["state"] == "closed"
    wait_until(lambda: events.client_count == 0, "the stream of a client that left stayed open")
    second, third = offer(installation, skill), offer(installation, skill)
    with listening(alpha, name, event["id"]) as listener:
        wait_until(lambda: len(listener.of("offer")) == 2, "what was missed did not come")
        assert [each["data"]["dispatch_id"] for each in listener.of("offer")] == [second, third]


def test_a_reader_that_stops_reading_is_cut_off(installation: Installation, alpha: Backend) -> None:
    """It reads its head and nothing more: its queue is bounded, its connection is closed, others go on."""
    name, _ = receiver(installation)
    user_id = alpha.put_profile(name)
    events, store = installation.services.inbox_events, installation.services.inbox_store
    assert isinstance(events, InboxEvents)
    assert store is not None
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    host, port = alpha.http.base_url.host, alpha.http.base_url.port
    connection.connect((host, port))
    with connection:
        head = [f"GET /v1/users/{name}/inbox/stream HTTP/1.1", f"host: {host}", f"authorization: Bearer {alpha.secret}"]
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        wait_until(lambda: events.client_count == 1, "the stream did not open")
        waves = Waves()
        for _ in range(200):
            store.deliver([waves.commit([user_id], title="长" * 200) for _ in range(40)])
        wait_until(lambda: events.client_count == 0, "the stalled reader keeps its place")
        time.sleep(2 * STALLED_MS / 1_000)
        connection.settimeout(10)
        with pytest.raises(ConnectionResetError):
            while connection.recv(65_536):
                pass


def test_a_last_event_id_above_all_begins_at_the_newest(installation: Installation, alpha: Backend) -> None:
    name, skill = receiver(installation)
    offer(installation, skill)
    with listening(alpha, name, "99999999999") as listener:
        second = offer(installation, skill)
        wait_until(lambda: bool(listener.of("offer")), "no event came")
        (event,) = listener.of("offer")
        assert event["data"]["dispatch_id"] == second
        assert int(event["id"]) == event["data"]["id"] < 99_999_999_999


def test_a_wrong_last_event_id_is_refused_before_the_stream_begins(installation: Installation, alpha: Backend) -> None:
    name, _ = receiver(installation)
    answer = alpha.get(f"/v1/users/{name}/inbox/stream", headers={"last-event-id": "yesterday"})
    assert answer.status_code == 422
    assert sentence_of(answer).startswith("Last-Event-ID: 'yesterday' is no id that this stream gave")


def test_a_stream_of_an_unknown_user_is_not_opened(alpha: Backend) -> None:
    answer = alpha.get("/v1/users/nobody-at-all/inbox/stream")
    assert answer.status_code == 404
    assert sentence_of(answer) == "there is no user 'nobody-at-all' of yours: put a profile for it first"
