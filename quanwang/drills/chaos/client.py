"""A client of the REST interface as a careful backend has one: a key for each change, several tries, a bounded wait."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from kit.clock import elapsed_s, pause
from quanwang.drills.chaos.history import History, Operation, Outcome

BUDGET_S: Final = 10.0
"""So long a client tries before it takes the outcome as unknown."""
CONNECT_S: Final = 1.0
ANSWER_S: Final = 4.0
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 1.0
MAX_CONNECTIONS: Final = 32
IN_FLIGHT: Final = "urn:quanwang:problem:idempotency-in-flight"
NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

Kept = Callable[[Any], Mapping[str, Any]]
"""Picks from an answer what the history keeps of it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one attempt brought. ``sent`` False: the request did not reach anybody."""

    status: int
    document: Any
    sent: bool = True


class Client:
    """Speaks to any of several web processes; safe for threads."""

    def __init__(
        self, addresses: Sequence[str], secret: str, history: History, transport: httpx.BaseTransport | None = None
    ) -> None:
        """``transport`` None: the network."""
        self._addresses = list(addresses)
        self._history = history
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {secret}"},
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
            trust_env=False,
            transport=transport,
        )

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def change(
        self, operation: Operation, method: str, path: str, body: object = None, *, key: str | None, kept: Kept
    ) -> Operation:
        """Do what the operation says under one key, again until an answer comes or the budget is used; note the end."""
        headers = {} if key is None else {"Idempotency-Key": key}
        uncertain = False
        started_s = elapsed_s()
        while True:
            operation.attempts += 1
            reply = self.attempt(method, path, body, headers, turn=operation.number + operation.attempts)
            if 200 <= reply.status < 300:
                self._history.end(operation, "ok", status=reply.status, answer=kept(reply.document))
                return operation
            again = self._again(reply)
            uncertain = uncertain or (again and reply.sent)
            if not again or elapsed_s() - started_s > BUDGET_S:
                # A try before it may still be under way somewhere, and come through after a refusal.
                outcome: Outcome = "unknown" if uncertain else "fail"
                self._history.end(operation, outcome, status=reply.status, sentence=_detail(reply.document))
                return operation
            growing_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(operation.attempts, 6))
            pause(growing_s * random.uniform(0.5, 1.0))

    def attempt(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None, *, turn: int = 0
    ) -> Reply:
        """Send once to one of the processes; never raises."""
        address = self._addresses[turn % len(self._addresses)]
        try:
            answer = self._http.request(method, address + path, json=body, headers=dict(headers or {}))
        except NEVER_SENT:
            return Reply(0, None, sent=False)
        except httpx.HTTPError:
            return Reply(0, None)
        try:
            return Reply(answer.status_code, answer.json() if answer.content else None)
        except ValueError:
            return Reply(answer.status_code, None)

    @staticmethod
    def _again(reply: Reply) -> bool:
        if reply.status == 409 and isinstance(reply.document, dict):
            return bool(reply.document.get("type") == IN_FLIGHT)
        return reply.status == 0 or reply.status == 429 or reply.status >= 500


def _detail(document: Any) -> str:
    return str(document.get("detail", ""))[:300] if isinstance(document, dict) else ""
