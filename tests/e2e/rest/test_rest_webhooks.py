"""Webhooks and channels through the interface, with the worker's own loops behind it and real receivers."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.rest.installation import Backend, Installation, fresh, sentence_of, wait_until
from tests.harness.receiver import Receiver, receiving, status

KINDS = ["dispatch.wave_sent", "dispatch.assigned", "dispatch.closed", "acceptance.created", "assignment.ended"]


def registered(backend: Backend, receiver: Receiver, **changes: Any) -> dict[str, Any]:
    answer = backend.post("/v1/webhooks", {"url": receiver.url, "kinds": KINDS, **changes})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def owner_of_one(installation: Installation) -> Backend:
    """A backend of its own, so that other tests' dispatches send it nothing."""
    return installation.backend(
        fresh("owner"),
        *("profiles:write", "profiles:read", "dispatches:write", "dispatches:read", "acceptances:write"),
        *("webhooks:write", "webhooks:read"),
    )


def told(receiver: Receiver, secret: str) -> list[tuple[str, dict[str, Any]]]:
    documents = [arrived.verify(secret) for arrived in receiver.arrived]
    return [(each["type"], each["data"]) for each in documents if isinstance(each, dict)]


def deliveries(backend: Backend, webhook_id: int, **query: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = backend.get(f"/v1/webhooks/{webhook_id}/deliveries", params=query).json()["items"]
    return items


def test_an_owner_is_told_of_its_dispatch_by_signed_webhooks(installation: Installation) -> None:
    """Signatures are checked by the library that receivers use, against the real clock."""
    owner = owner_of_one(installation)
    with receiving() as receiver:
        secret = registered(owner, receiver)["secret"]
        name, skill = fresh("user"), fresh("skill")
        number = owner.put_profile(name, keywords=[skill])
        installation.feed()
        dispatch_id = owner.submit(keywords=[skill], id="order-1")
        wait_until(lambda: len(receiver.arrived) == 1, "the wave was not told")
        owner.post(f"/v1/dispatches/{dispatch_id}/acceptances", {"external_id": name})
        owner.post(f"/v1/dispatches/{dispatch_id}/selection", {"external_id": name})
        wait_until(lambda: len(receiver.arrived) == 3, "acceptance and selection were not told")
        found = dict(told(receiver, secret))
    about = {"dispatch_id": dispatch_id, "external_id": "order-1"}
    assert set(found) == {"dispatch.wave_sent", "acceptance.created", "dispatch.assigned"}
    assert all(data | about == data for data in found.values())
    user = {"user_id": number, "user_external_id": name}
    assert found["dispatch.assigned"] | user == found["dispatch.assigned"]


def test_a_secret_is_shown_once(installation: Installation) -> None:
    owner = owner_of_one(installation)
    with receiving() as receiver:
        body = {"url": receiver.url, "kinds": KINDS}
        first, again = (owner.post("/v1/webhooks", body, key="the same") for _ in range(2))
        assert first.json()["secret"].startswith("whsec_")
        assert again.json() == {**first.json(), "secret": None}
        webhook_id = first.json()["webhook_id"]
        assert "secret" not in owner.get(f"/v1/webhooks/{webhook_id}").json()
        (listed,) = owner.get("/v1/webhooks").json()["items"]
        assert "secret" not in listed
        rotated = owner.post(f"/v1/webhooks/{webhook_id}/rotation", {"overlap_hours": 1}).json()
        assert rotated["previous_secret_until_ms"] > rotated["changed_at_ms"]
        owner.post(f"/v1/webhooks/{webhook_id}/test", {})
        wait_until(lambda: bool(receiver.arrived), "the test event did not come")
        for secret in (first.json()["secret"], rotated["secret"]):
            assert told(receiver, secret) == [("webhook.test", {"webhook_id": webhook_id})]


def test_a_webhook_is_changed_and_deleted(installation: Installation) -> None:
    owner = owner_of_one(installation)
    with receiving() as receiver:
        webhook_id = registered(owner, receiver)["webhook_id"]
        path = f"/v1/webhooks/{webhook_id}"
        off = owner.ask("PATCH", path, json={"active": False, "description": "later"}).json()
        assert (off["active"], off["off_reason"], off["description"]) == (False, "switched off by its owner", "later")
        on = owner.ask("PATCH", path, json={"active": True, "kinds": ["dispatch.closed"]}).json()
        assert (on["active"], on["off_reason"], on["kinds"]) == (True, None, ["dispatch.closed"])
        assert owner.ask("DELETE", path).status_code == 204
        assert owner.get(path).status_code == 404
        assert owner.get("/v1/webhooks").json() == {"items": []}


def test_a_dead_letter_is_listed_and_sent_again(installation: Installation) -> None:
    """410 makes one at once; the owner turns the webhook on and asks for it again."""
    owner = owner_of_one(installation)
    with receiving() as receiver:
        receiver.answer = status(410)
        webhook_id = registered(owner, receiver)["webhook_id"]
        sent = owner.post(f"/v1/webhooks/{webhook_id}/test", {})
        assert (sent.status_code, sent.json()["state"]) == (202, "pending")
        wait_until(lambda: bool(deliveries(owner, webhook_id, state="dead")), "it is no dead letter")
        assert not owner.get(f"/v1/webhooks/{webhook_id}").json()["active"]
        receiver.answer = status(200)
        owner.ask("PATCH", f"/v1/webhooks/{webhook_id}", json={"active": True})
        assert owner.post(f"/v1/webhooks/{webhook_id}/resend", {}).json() == {"count": 1}
        wait_until(lambda: bool(deliveries(owner, webhook_id, state="delivered")), "it was not sent again")
        (delivery,) = deliveries(owner, webhook_id)
        once_more = owner.post(f"/v1/webhooks/{webhook_id}/deliveries/{delivery['delivery_id']}/resend", {})
        assert once_more.status_code == 202
        wait_until(lambda: len(receiver.arrived) == 3, "it was not sent once more")
        assert {arrived.headers["webhook-id"] for arrived in receiver.arrived} == {f"evt_{delivery['event_id']}"}


def test_deliveries_are_read_page_by_page(installation: Installation) -> None:
    owner = owner_of_one(installation)
    with receiving() as receiver:
        webhook_id = registered(owner, receiver)["webhook_id"]
        sent = [owner.post(f"/v1/webhooks/{webhook_id}/test", {}).json()["delivery_id"] for _ in range(5)]
        seen, cursor = [], None
        while True:
            query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
            page = owner.get(f"/v1/webhooks/{webhook_id}/deliveries", params=query).json()
            seen += [item["delivery_id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == sent[::-1]


@pytest.mark.parametrize(
    ("body", "code", "sentence"),
    [
        ({}, 422, "url is missing"),
        ({"url": "https://example.com/", "kinds": []}, 422, "kinds: [] must have at least 1 item"),
        ({"url": "https://example.com/", "kinds": ["dispatch.lost"]}, 422, "kinds[0]: 'dispatch.lost' must be"),
        ({"url": "https://10.0.0.1/", "kinds": KINDS}, 422, "url: 'https://10.0.0.1/' leads to an address that is not"),
        ({"url": "ftp://example.com/", "kinds": KINDS}, 422, "url: 'ftp://example.com/' must be a URL such as"),
        ({"url": "https://a:b@example.com/", "kinds": KINDS}, 422, "url: 'https://a:b@example.com/' must hold no user"),
        ({"url": "https://example.com/", "kinds": KINDS, "secret": "mine"}, 422, "secret"),
    ],
)
def test_a_wrong_webhook_is_refused(alpha: Backend, body: Any, code: int, sentence: str) -> None:
    answer = alpha.post("/v1/webhooks", body)
    assert answer.status_code == code
    assert sentence_of(answer).startswith(sentence), sentence_of(answer)


def test_a_foreign_webhook_does_not_exist(installation: Installation, alpha: Backend, beta: Backend) -> None:
    with receiving() as receiver:
        webhook_id = registered(owner_of_one(installation), receiver)["webhook_id"]
        for answer in (
            beta.get(f"/v1/webhooks/{webhook_id}"),
            beta.get(f"/v1/webhooks/{webhook_id}/deliveries"),
            beta.ask("PATCH", f"/v1/webhooks/{webhook_id}", json={"active": False}),
            beta.ask("DELETE", f"/v1/webhooks/{webhook_id}"),
            beta.post(f"/v1/webhooks/{webhook_id}/test", {}),
            beta.post(f"/v1/webhooks/{webhook_id}/rotation", {}),
            beta.post(f"/v1/webhooks/{webhook_id}/resend", {}),
            beta.post(f"/v1/webhooks/{webhook_id}/deliveries/1/resend", {}),
        ):
            assert answer.status_code == 404
            assert sentence_of(answer).startswith(f"there is no webhook {webhook_id} of yours")


def test_a_user_is_notified_on_a_channel(installation: Installation, alpha: Backend, tmp_path: Path) -> None:
    """Chosen over REST, written by the worker's loops into the log file of the installation."""
    name, skill = fresh("user"), fresh("skill")
    number = alpha.put_profile(name, keywords=[skill])
    assert alpha.get(f"/v1/users/{name}/channels").json() == {"items": [], "available": ["log"]}
    chosen = alpha.ask("PUT", f"/v1/users/{name}/channels/log", json={"address": "desk 4", "language": "en"})
    assert chosen.json() | {"channel": "log", "address": "desk 4", "language": "en"} == chosen.json()
    assert chosen.json()["kinds"] == ["assigned", "offer", "publisher_reminded"]
    installation.feed()
    dispatch_id = alpha.submit(keywords=[skill], title="Weld a gate")
    log = installation.services.channels["log"]._path  # type: ignore[attr-defined]  # the file of the channel

    def lines() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [line for line in found if line["user_id"] == number]

    wait_until(lambda: len(lines()) == 1, "the offer was not notified")
    assert lines()[0] | {"dispatch_id": dispatch_id, "subject": "A new offer: Weld a gate"} == lines()[0]
    assert alpha.ask("DELETE", f"/v1/users/{name}/channels/log").status_code == 204
    assert alpha.ask("DELETE", f"/v1/users/{name}/channels/log").status_code == 204
    assert alpha.get(f"/v1/users/{name}/channels").json()["items"] == []


@pytest.mark.parametrize(
    ("channel", "body", "code", "sentence"),
    [
        ("smtp", {"address": "a@example.com"}, 404, "there is no channel 'smtp' here; there are: log"),
        ("log", {"address": " desk"}, 422, "address: ' desk' must be 1 to 254 printable characters"),
        ("log", {}, 422, "address is missing"),
        ("log", {"address": "desk", "kinds": []}, 422, "kinds: [] must have at least 1 item"),
        ("log", {"address": "desk", "language": "fr"}, 422, "language: 'fr' must be"),
    ],
)
def test_a_wrong_channel_is_refused(alpha: Backend, channel: str, body: Any, code: int, sentence: str) -> None:
    name = fresh("user")
    alpha.put_profile(name)
    answer = alpha.ask("PUT", f"/v1/users/{name}/channels/{channel}", json=body)
    assert answer.status_code == code
    assert sentence_of(answer).startswith(sentence), sentence_of(answer)


def test_a_deleted_profile_takes_its_addresses_with_it(alpha: Backend) -> None:
    name = fresh("user")
    alpha.put_profile(name)
    alpha.ask("PUT", f"/v1/users/{name}/channels/log", json={"address": "desk 4"})
    assert alpha.ask("DELETE", f"/v1/profiles/{name}").status_code == 204
    assert alpha.get(f"/v1/users/{name}/channels").json()["items"] == []
