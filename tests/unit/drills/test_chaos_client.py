"""What a client takes as acknowledged, as refused and as unknown."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from quanwang.drills.chaos import client as module
from quanwang.drills.chaos.client import IN_FLIGHT, Client
from quanwang.drills.chaos.history import History, Operation

Try = httpx.Response | httpx.HTTPError
OK = httpx.Response(200, json={"place": 1})
AWAY = httpx.Response(503, json={"detail": "the database does not answer"})
TAKEN = httpx.Response(409, json={"type": "urn:quanwang:problem:order-already-assigned", "detail": "taken"})
UNDER_WAY = httpx.Response(409, json={"type": IN_FLIGHT, "detail": "in progress"})
REFUSED = httpx.ConnectError("nobody listens")
SILENT = httpx.ReadTimeout("no answer")


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Operation]]:
    """Sends one change whose tries bring these, in order; the last one again and again. A try takes a second."""
    seconds = 0.0

    def pause(_seconds: float) -> None:
        nonlocal seconds
        seconds += 1.0

    monkeypatch.setattr(module, "pause", pause)
    monkeypatch.setattr(module, "elapsed_s", lambda: seconds)
    history = History(tmp_path / "history.jsonl", lambda: int(seconds * 1000))

    def send(*tries: Try) -> Operation:
        left = list(tries)
        keys = set()

        def answer(request: httpx.Request) -> httpx.Response:
            keys.add(request.headers["idempotency-key"])
            found = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(found, httpx.HTTPError):
                raise found
            return httpx.Response(found.status_code, content=found.content, headers=found.headers)

        client = Client(["http://one", "http://two"], "secret", history, httpx.MockTransport(answer))
        operation = client.change(
            history.begin("accept", order="one", wanted={}), "POST", "/x", {}, key="k", kept=lambda document: document
        )
        client.close()
        assert keys == {"k"}, "every try carries the same key"
        return operation

    yield send
    history.close()


@pytest.mark.parametrize(
    ("tries", "outcome", "attempts"),
    [
        ([OK], "ok", 1),
        ([AWAY, OK], "ok", 2),
        ([SILENT, UNDER_WAY, OK], "ok", 3),
        ([TAKEN], "fail", 1),
        ([REFUSED, TAKEN], "fail", 2),
        ([AWAY, TAKEN], "unknown", 2),
        ([SILENT, TAKEN], "unknown", 2),
        ([UNDER_WAY, TAKEN], "unknown", 2),
        ([REFUSED], "fail", 12),
        ([AWAY], "unknown", 12),
        ([REFUSED, SILENT, REFUSED], "unknown", 12),
    ],
)
def test_only_an_answer_is_a_promise(
    ask: Callable[..., Operation], tries: list[Try], outcome: str, attempts: int
) -> None:
    operation = ask(*tries)
    assert (operation.outcome, operation.attempts) == (outcome, attempts)
    assert operation.answer == ({"place": 1} if outcome == "ok" else {})


def test_the_sentence_of_the_last_answer_is_kept(ask: Callable[..., Operation]) -> None:
    operation = ask(AWAY)
    assert (operation.status, operation.sentence) == (503, "the database does not answer")
