"""A load of orders through REST, by clients that repeat a request under its key until they have an answer."""

import itertools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from matching.taxonomy import builtin_taxonomy
from quanwang.demonstration.orders import OrderDraw

CLIENTS: Final = 4
ORDERS_PER_REQUEST: Final = 5
ANSWER_WITHIN_S: Final = 20.0
GIVE_UP_AFTER_S: Final = 45.0
REPEAT_AFTER_S: Final = 0.1
LONGEST_DRAW: Final = 1_000_000


@dataclass
class History:
    """What the clients saw. ``acknowledged``: external id -> dispatch id; ``unknown``: sent, and never answered.

    ``contradicted``: answers to the same request that named another dispatch. ``answered_s``: when answers came.
    """

    acknowledged: dict[str, int] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    contradicted: list[str] = field(default_factory=list)
    answered_s: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def acknowledge(self, answers: Sequence[Mapping[str, Any]]) -> None:
        """Note the lines of an answer."""
        with self.lock:
            self.answered_s.append(time.monotonic())
            for answer in answers:
                name, dispatch_id = str(answer["external_id"]), answer["dispatch_id"]
                if dispatch_id is None:
                    self.refused.append(f"{name}: {answer.get('sentence') or answer['status']}")
                elif self.acknowledged.setdefault(name, dispatch_id) != dispatch_id:
                    self.contradicted.append(name)

    def pause_around(self, moment_s: float) -> tuple[float, float]:
        """Return how long nothing was acknowledged around a moment, and how long after it that was over, in seconds."""
        with self.lock:
            times = [each for each in self.answered_s if each > moment_s - 2.0]
        longest = max(itertools.pairwise(times), key=lambda pair: pair[1] - pair[0], default=(0.0, 0.0))
        return longest[1] - longest[0], max(0.0, longest[1] - moment_s)

    def answers_since(self, moment_s: float) -> int:
        """Return how many requests were answered after a moment."""
        with self.lock:
            return sum(each > moment_s for each in self.answered_s)


class Load:
    """Clients that submit orders at a steady rate until stopped."""

    def __init__(self, url: str, secret: str, history: History, *, orders_per_s: float, batch: int) -> None:
        """``batch`` numbers the loads of one installation, so that every one sends new orders."""
        self._url, self._secret, self._history = url, secret, history
        self._pause_s = CLIENTS * ORDERS_PER_REQUEST / orders_per_s
        self._batch = batch
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._documents: Iterator[dict[str, object]] = OrderDraw(1, batch, builtin_taxonomy()).documents(LONGEST_DRAW)

    def start(self) -> None:
        """Let the clients begin."""
        self._threads = [threading.Thread(target=self._submit, name=f"client {place}") for place in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every client end its request, however often it must be repeated."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _submit(self) -> None:
        headers = {"Authorization": f"Bearer {self._secret}"}
        with httpx.Client(base_url=self._url, headers=headers, timeout=ANSWER_WITHIN_S) as client:
            while not self._stopping.wait(self._pause_s):
                with self._lock:
                    key = f"drill-{self._batch}-{next(self._numbers)}"
                    documents = list(itertools.islice(self._documents, ORDERS_PER_REQUEST))
                self._insist(client, key, documents)

    def _insist(self, client: httpx.Client, key: str, documents: list[dict[str, object]]) -> None:
        """Send one request under its key until it is answered or GIVE_UP_AFTER_S are over."""
        end_s = time.monotonic() + GIVE_UP_AFTER_S
        while time.monotonic() < end_s:
            try:
                answer = client.post("/v1/dispatches", json={"orders": documents}, headers={"Idempotency-Key": key})
            except httpx.HTTPError:
                time.sleep(REPEAT_AFTER_S)
                continue
            if answer.status_code == httpx.codes.CREATED:
                self._history.acknowledge(answer.json()["answers"])
                return
            if answer.status_code != httpx.codes.CONFLICT and answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                with self._history.lock:
                    self._history.refused.append(f"{key}: {answer.status_code} {answer.text[:200]}")
                return
            time.sleep(REPEAT_AFTER_S)
        with self._history.lock:
            self._history.unknown.update(str(document["id"]) for document in documents)
