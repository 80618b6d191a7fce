"""The clients, in a process of their own: orders come at their times whatever became of those before (open loop).

They leave in bulk, as a backend's would: a client whose last request was answered sends all that is due by then. Every
time counts from when an order should have left, so a server that stalls cannot hide the orders that it kept.

Reads one JSON document from stdin, writes one to stdout. Run by ``benchmarks.dispatch.load``.
"""

import contextlib
import http.client
import json
import queue
import re
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

import redis

EVENTS_CHANNEL: Final = b"inbox:events"
MOST_IN_A_REQUEST: Final = 500
REQUEST_TIMEOUT_S: Final = 30.0
LISTEN_S: Final = 0.2
START_PAUSE_S: Final = 0.3

_DISPATCH = re.compile(rb'"dispatch_id":(\d+)')


@dataclass
class Notices:
    """What the inboxes' event channel said: by dispatch, users told so far and when the last of them was."""

    users: dict[int, int] = field(default_factory=dict)
    at_s: dict[int, float] = field(default_factory=dict)
    listening: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)

    def listen(self, url: str) -> None:
        """Read the channel until told to stop."""
        subscription = redis.Redis.from_url(url).pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        subscription.subscribe(EVENTS_CHANNEL.decode())
        subscription.get_message(timeout=LISTEN_S)
        self.listening.set()
        while not self.stopping.is_set():
            message = subscription.get_message(timeout=LISTEN_S)
            if message is not None:
                self.take(message["data"], time.perf_counter())
        subscription.close()

    def take(self, text: bytes, now_s: float) -> None:
        """Count one message: users of an offer, or a broadcast's whole number."""
        if text.startswith(b'{"users":['):
            told = text.count(b",", 0, text.index(b"]")) + 1
        elif text.startswith(b'{"kind":"broadcast"'):
            told = int(json.loads(text)["count"])
        else:
            return
        found = _DISPATCH.search(text)
        if found is None:
            return
        dispatch_id = int(found.group(1))
        self.users[dispatch_id] = self.users.get(dispatch_id, 0) + told
        self.at_s[dispatch_id] = now_s


@dataclass
class Sent:
    """What became of the orders, by place; None: nothing yet. Times are seconds of the process's clock."""

    left_s: list[float | None]
    answered_s: list[float | None]
    dispatch_ids: list[int | None]
    sentences: list[str] = field(default_factory=list)


def generate(task: dict[str, Any]) -> dict[str, Any]:
    """Send the task's orders at their times, wait for their notices, and return all times."""
    notices = Notices()
    listener = threading.Thread(target=notices.listen, args=(task["redis_url"],), daemon=True)
    listener.start()
    if not notices.listening.wait(REQUEST_TIMEOUT_S):
        raise TimeoutError("the inboxes' event channel could not be subscribed to")
    times: list[float] = task["arrivals"]
    sent = Sent([None] * len(times), [None] * len(times), [None] * len(times))
    due: queue.Queue[int | None] = queue.Queue()
    begin_s = time.perf_counter() + START_PAUSE_S
    clock_ms = time.time() * 1_000 - time.perf_counter() * 1_000
    clients = [
        threading.Thread(target=_send_all, args=(task, due, sent), daemon=True) for _ in range(task["connections"])
    ]
    for client in clients:
        client.start()
    _release(times, begin_s, task["batch_ms"] / 1_000, due)
    due.put(None)
    for client in clients:
        client.join()
    _wait_told(task["sizes"], sent, notices, task["drain_s"])
    notices.stopping.set()
    listener.join()
    known = [dispatch_id or 0 for dispatch_id in sent.dispatch_ids]
    return {
        "clock_ms": clock_ms,
        "intended_s": [begin_s + moment for moment in times],
        "left_s": sent.left_s,
        "answered_s": sent.answered_s,
        "dispatch_ids": sent.dispatch_ids,
        "told": [notices.users.get(dispatch_id, 0) for dispatch_id in known],
        "told_s": [notices.at_s.get(dispatch_id) for dispatch_id in known],
        "sentences": sent.sentences[:10],
    }


def _release(times: list[float], begin_s: float, every_s: float, due: "queue.Queue[int | None]") -> None:
    """Hand the orders whose time has come to the clients, every ``every_s``."""
    place = 0
    while place < len(times):
        now_s = time.perf_counter()
        while place < len(times) and begin_s + times[place] <= now_s:
            due.put(place)
            place += 1
        next_s = begin_s + times[place] if place < len(times) else now_s
        time.sleep(max(every_s, next_s - time.perf_counter()))


def _take(due: "queue.Queue[int | None]") -> list[int]:
    """All orders that are due, at most as many as a request may hold; none when there will be no more."""
    places: list[int] = []
    with contextlib.suppress(queue.Empty):
        while len(places) < MOST_IN_A_REQUEST:
            place = due.get(block=not places)
            if place is None:
                # For the next client too.
                due.put(None)
                break
            places.append(place)
    return places


def _send_all(task: dict[str, Any], due: "queue.Queue[int | None]", sent: Sent) -> None:
    """One client: a connection of its own, one request after the other, each with all that is due by then."""
    connection = http.client.HTTPConnection(task["host"], task["port"], timeout=REQUEST_TIMEOUT_S)
    while places := _take(due):
        now_s = time.perf_counter()
        for place in places:
            sent.left_s[place] = now_s
        try:
            answers = _post(connection, task, places)
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            sent.sentences.append(f"{type(error).__name__}: {error}")
            connection.close()
            continue
        now_s = time.perf_counter()
        for place, answer in zip(places, answers, strict=True):
            sent.answered_s[place] = now_s
            sent.dispatch_ids[place] = answer.get("dispatch_id")
            if answer.get("dispatch_id") is None:
                sent.sentences.append(str(answer))
    connection.close()


def _post(connection: http.client.HTTPConnection, task: dict[str, Any], places: list[int]) -> list[dict[str, Any]]:
    run, pool, choice = task["run"], task["pool"], task["choice"]
    orders = [{**pool[choice[place]], "id": f"{run}-{place}"} for place in places]
    headers = {
        "Authorization": f"Bearer {task['secret']}",
        "Idempotency-Key": f"{run}-{places[0]}",
        "Content-Type": "application/json",
    }
    body = json.dumps(orders[0] if len(orders) == 1 else {"orders": orders}, ensure_ascii=False).encode()
    connection.request("POST", "/v1/dispatches", body, headers)
    response = connection.getresponse()
    text = response.read()
    if response.status not in (200, 201):
        raise ValueError(f"answered {response.status}: {text[:300].decode(errors='replace')}")
    answers: list[dict[str, Any]] = json.loads(text)["answers"]
    return answers


def _wait_told(sizes: list[int], sent: Sent, notices: Notices, drain_s: float) -> None:
    """Return when everybody was told, or when nobody was for ``drain_s``."""
    left = {dispatch_id: sizes[i] for i, dispatch_id in enumerate(sent.dispatch_ids) if dispatch_id is not None}
    told_before, moved_s = -1, time.perf_counter()
    while left and time.perf_counter() - moved_s < drain_s:
        left = {each: size for each, size in left.items() if notices.users.get(each, 0) < size}
        told = sum(notices.users.values())
        if told != told_before:
            told_before, moved_s = told, time.perf_counter()
        time.sleep(0.02)


if __name__ == "__main__":
    json.dump(generate(json.load(sys.stdin)), sys.stdout)
