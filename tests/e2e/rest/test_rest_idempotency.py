"""The same request twice has one effect and one answer."""

import re
import threading

import httpx
import pytest

from api.permissions import PUBLIC, ROUTES
from tests.e2e.rest.installation import ORDER, Backend, Installation, fresh, sentence_of

WITHOUT_KEY = {"/v1/profiles:import", "/v1/dispatches:preview"}
"""Repeatable by nature: the same lines change nothing, a preview changes nothing at all."""


@pytest.mark.parametrize(
    "path", sorted(path for (method, path), scope in ROUTES.items() if method == "POST" and scope != PUBLIC)
)
def test_a_change_without_a_key_is_refused(installation: Installation, alpha: Backend, path: str) -> None:
    backend = installation.admin if ROUTES["POST", path] == "admin" else alpha
    answer = backend.post(re.sub(r"\{\w+\}", "1", path), {}, key=None)
    if path in WITHOUT_KEY:
        assert answer.status_code in (200, 415, 422)
        return
    assert answer.status_code == 400
    assert sentence_of(answer).startswith("The header Idempotency-Key is missing; send a new unique text")


@pytest.mark.parametrize("key", ["x" * 256, "tab\there"])
def test_a_key_of_another_form_is_refused(alpha: Backend, key: str) -> None:
    answer = alpha.post("/v1/dispatches", ORDER, key=key)
    assert answer.status_code == 400
    assert "must have 1..255 printable ASCII characters" in sentence_of(answer)


def test_a_repetition_gets_the_first_answer(alpha: Backend) -> None:
    key, title = fresh(), fresh("title")
    first = alpha.post("/v1/dispatches", {**ORDER, "title": title}, key=key)
    second = alpha.post("/v1/dispatches", {**ORDER, "title": title}, key=key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert len(alpha.get("/v1/dispatches", params={"search": title}).json()["items"]) == 1


def test_the_same_key_with_another_body_is_refused(alpha: Backend) -> None:
    key = fresh()
    assert alpha.post("/v1/dispatches", ORDER, key=key).status_code == 201
    answer = alpha.post("/v1/dispatches", {**ORDER, "title": "another"}, key=key)
    assert answer.status_code == 422
    assert sentence_of(answer) == (
        f"the Idempotency-Key '{key}' was used before with another body: send a new key with a new request"
    )


def test_an_error_does_not_use_the_key_up(alpha: Backend) -> None:
    key = fresh()
    assert alpha.post("/v1/dispatches", {**ORDER, "regions": ["1"]}, key=key).status_code == 422
    assert alpha.post("/v1/dispatches", ORDER, key=key).status_code == 201


def test_keys_of_two_owners_do_not_meet(alpha: Backend, beta: Backend) -> None:
    key = fresh()
    assert alpha.post("/v1/dispatches", ORDER, key=key).status_code == 201
    answer = beta.post("/v1/dispatches", {**ORDER, "title": "another"}, key=key)
    assert answer.status_code == 201
    assert "idempotency-replayed" not in answer.headers


def test_an_order_submitted_twice_under_two_keys_is_one(alpha: Backend) -> None:
    name = fresh("order")
    first = alpha.post("/v1/dispatches", {**ORDER, "id": name})
    second = alpha.post("/v1/dispatches", {**ORDER, "id": name})
    assert (first.status_code, second.status_code) == (201, 200)
    before, after = first.json()["answers"][0], second.json()["answers"][0]
    assert after["status"] == "duplicate"
    assert after["dispatch_id"] == before["dispatch_id"]
    changed = alpha.post("/v1/dispatches", {**ORDER, "id": name, "title": "another"}).json()["answers"][0]
    assert changed["status"] == "duplicate"
    assert changed["sentence"].startswith(f"order {name} was submitted before with other content")


def test_twenty_at_once_with_one_key_have_one_effect(installation: Installation, alpha: Backend) -> None:
    key, title = fresh(), fresh("title")
    answers: list[httpx.Response] = []

    def send() -> None:
        answers.append(alpha.post("/v1/dispatches", {**ORDER, "title": title}, key=key))

    threads = [threading.Thread(target=send) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {201, 409}
    created = {answer.json()["answers"][0]["dispatch_id"] for answer in answers if answer.status_code == 201}
    assert len(created) == 1
    assert len(alpha.get("/v1/dispatches", params={"search": title}).json()["items"]) == 1
