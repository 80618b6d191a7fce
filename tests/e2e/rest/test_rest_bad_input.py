"""Every wrong request gets one clear sentence that names what is wrong; nothing hangs, nothing leaks."""

import http.client
import json
import math
import socket
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.rest.installation import ORDER, WELDER, Backend, Installation, fresh, sentence_of

DEEP = '{"title":' + "[" * 100_000 + "]" * 100_000 + "}"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"regions": ["999999"]}, "regions[0]: '999999' is not a code of the region tree"),
        ({"industries": ["ZZ"]}, "industries[0]: 'ZZ' is not a code of the industry tree"),
        ({"near": {"lat": 91, "lon": 0, "radius_km": 5}}, "near.lat: 91 must be between -90 and 90"),
        ({"near": {"lat": 1, "lon": 0, "radius_km": 0}}, "near.radius_km: 0 must be more than 0"),
        ({"keywords": ["a"] * 300}, "keywords: 300 entries are more than the 16 allowed"),
        ({"keyword_rule": {"at_least": 2}}, "keyword_rule.at_least: 2 must be 1: the order has one keyword group"),
        ({"wave_size": 5}, "wave_size is no field of the order; known are confirmed_reach, crowds, description"),
        ({"limit": 0}, "limit: 0 must be between 1 and 100000"),
        ({"limit": 2.5}, "limit: 2.5 must be an integer"),
        ({"policy": "no such"}, "policy: 'no such' is not a known policy"),
        ({"exclude": [True]}, "exclude[0]: true must be an integer"),
        ({"title": 5}, "title: 5 must be text"),
        ({"keywords": ["  "]}, "keywords[0]: '  '"),
        ({"keywords": ["\u200b\u200b"]}, "keywords[0]: '\\u200b\\u200b' is an empty keyword"),
        ({"keywords": ["电\x00工"]}, "keywords[0]: '电\\x00工' holds the control character U+0000; remove it"),
        ({"crowds": ["\u200b"]}, "crowds[0]: '\\u200b' is an empty tag"),
        ({"title": "电\x00工"}, "title: '电\\x00工' holds the control character U+0000; remove it"),
        ({"id": 0}, "id: 0 must be between 1 and 9007199254740991"),
        ({"publisher": "-3"}, "publisher: '-3' must be from 1 up when it is a number"),
    ],
)
def test_a_wrong_order_is_refused_by_field_value_and_rule(
    alpha: Backend, changes: dict[str, Any], sentence: str
) -> None:
    answer = alpha.post("/v1/dispatches", {**ORDER, **changes})
    assert answer.status_code == 422
    assert sentence_of(answer).startswith(sentence), sentence_of(answer)
    assert answer.json()["field"]
    assert answer.json()["rule"]


def test_an_order_without_any_dimension_is_refused(alpha: Backend) -> None:
    for nothing in ({}, {"title": "x"}, {"title": "x", "text": "  "}):
        answer = alpha.post("/v1/dispatches", nothing)
        assert answer.status_code == 422
        assert sentence_of(answer).startswith("order names no dimension; give keywords, industries, regions, near or")


def test_an_unknown_policy_is_named_as_field_and_value(alpha: Backend) -> None:
    answer = alpha.post("/v1/dispatches", {**ORDER, "policy": "nope"})
    assert (answer.json()["field"], answer.json()["value"]) == ("policy", "nope")
    assert answer.json()["rule"].startswith("is not a known policy; choose one of default, ")
    reach = alpha.post("/v1/dispatches", {**ORDER, "policy": "whole_tier"})
    assert sentence_of(reach).startswith("confirmed_reach is needed by policy whole_tier; say how many users")


def test_the_publisher_reads_in_his_inbox_why_his_order_could_not_be_matched(alpha: Backend) -> None:
    publisher = fresh("user")
    dispatch_id = alpha.submit(keywords=[], regions=[], text="谁来帮忙", title="帮忙", publisher=publisher)
    state = {}
    for _ in range(200):
        state = alpha.get(f"/v1/dispatches/{dispatch_id}").json()
        if state["state"] == "unmatchable":
            break
        time.sleep(0.05)
    assert state["reason"].startswith("text: '谁来帮忙' names no known keyword, region or industry; name some in")
    page = alpha.get(f"/v1/users/{publisher}/inbox").json()
    assert [(each["dispatch_id"], each["reason"]) for each in page["unmatchable"]] == [(dispatch_id, state["reason"])]
    assert page["items"] == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"keywords": ["词"] * 300}, "keywords: 300 entries are more than the 64 allowed"),
        ({"location": [91, 0]}, "location[0]: 91 must be between -90 and 90"),
        ({"rating": 101}, "rating: 101 must be between 0 and 100"),
        ({"regions": ["000000"]}, "regions[0]: '000000' is not a code of the region tree"),
        ({"surname": "王"}, "surname is no field of the profile; known are available"),
        ({"id": "another"}, "id: 'another' differs from the id"),
    ],
)
def test_a_wrong_profile_is_refused_by_field_value_and_rule(
    alpha: Backend, changes: dict[str, Any], sentence: str
) -> None:
    answer = alpha.ask("PUT", f"/v1/profiles/{fresh('user')}", json={**WELDER, **changes})
    assert answer.status_code == 422
    assert sentence_of(answer).startswith(sentence), sentence_of(answer)


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b"", 400, "The body is empty; send a JSON document."),
        (b"   \n", 400, "The body is empty; send a JSON document."),
        (b"{", 400, "The body is no JSON: expecting property name"),
        (b"nonsense", 400, "The body is no JSON: expecting value at line 1, column 1."),
        (b'{"near": {"lat": NaN}}', 400, "The body is no JSON: near.lat is NaN, which is no number; leave it out"),
        (b'{"limit": -Infinity}', 400, "The body is no JSON: limit is -Infinity, which is no number"),
        (b'{"limit": 1e999}', 422, "limit: '1e999' is too large for a floating point number"),
        (b'{"orders": [{}, {"id": 9007199254740993}]}', 422, "orders[1].id: '9007199254740993' must be between -90071"),
        (b'{"limit": ' + b"9" * 5000 + b"}", 422, "limit: '9999999999"),
        (b"[[1e999]]", 422, "[0][0]: '1e999' is too large for a floating point number"),
        (b"NaN", 400, "The body is no JSON: body is NaN, which is no number"),
        (b'{"title": "\xff\xfe"}', 400, "The body is not UTF-8: byte 12 (0xff) cannot be read"),
        (b'{"title": "a", "title": "b"}', 400, "The body names 'title' twice in one object"),
        (b'{"title": "\\ud800"}', 400, "The body holds half of a surrogate pair"),
        (DEEP.encode(), 400, "The body is nested deeper than 16 levels"),
        (b'{"orders": []}', 422, "orders: [] must be a list of at least one order"),
        (b'{"orders": [{}], "more": 1}', 422, "more is no field beside orders; known are orders, policy"),
        (b"[]", 422, "body: [] must be one order"),
        (b'"text"', 422, "body: 'text' must be one order"),
    ],
)
def test_a_body_with_more_than_one_meaning_is_refused(alpha: Backend, body: bytes, status: int, sentence: str) -> None:
    started = time.monotonic()
    answer = alpha.ask("POST", "/v1/dispatches", content=body, headers={"content-type": "application/json"})
    assert time.monotonic() - started < 3
    assert answer.status_code == status
    assert sentence_of(answer).startswith(sentence), sentence_of(answer)


def test_a_thousand_and_one_orders_are_too_many(alpha: Backend) -> None:
    answer = alpha.post("/v1/dispatches", {"orders": [ORDER] * 1_001})
    assert answer.status_code == 413
    assert sentence_of(answer) == "1001 orders in one request are too many; send at most 1,000 at a time."


def test_another_media_type_is_refused(alpha: Backend) -> None:
    answer = alpha.ask("POST", "/v1/dispatches", content=b"title=x", headers={"content-type": "text/csv"})
    assert answer.status_code == 415
    assert sentence_of(answer) == "The body is said to be 'text/csv'; send it as application/json."


@pytest.mark.parametrize("path", ["/v1/dispatches", "/v1/users/1/inbox/reads", "/v1/dispatches:preview"])
def test_fifty_megabytes_are_refused_without_reading_them(
    installation: Installation, alpha: Backend, path: str
) -> None:
    """The answer comes after a small part of the body; the rest is never taken."""
    where = urlsplit(installation.url)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=10) as connection:
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {50_000_000}\r\nidempotency-key: k\r\n"
        head += f"authorization: Bearer {alpha.secret}\r\ncontent-type: application/json\r\n\r\n"
        connection.sendall(head.encode() + b"[" + b" " * 100_000)
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.status == 413
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["connection"] == "close"
        detail = json.loads(response.read())["detail"]
    limit = "8,388,608" if path == "/v1/dispatches" else "1,048,576"
    assert detail.startswith(f"The body is larger than the {limit} bytes that {path} takes; send less at once")


def test_fifty_megabytes_in_pieces_are_refused_too(alpha: Backend) -> None:
    def pieces() -> Any:
        for _ in range(800):
            yield b" " * 65_536

    answer = alpha.ask(
        "POST", "/v1/users/1/inbox/reads", content=pieces(), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413
    assert sentence_of(answer).startswith("The body is larger than the 1,048,576 bytes")


def test_a_client_that_sends_fifty_megabytes_first_gets_its_answer(alpha: Backend) -> None:
    answer = alpha.ask(
        "POST", "/v1/dispatches", content=b" " * 50_000_000, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/v1/dispatches?colour=red", "colour is no parameter of this route; known are: cursor, limit"),
        ("/v1/dispatches?limit=1&limit=2", "limit is given 2 times; give it once"),
        ("/v1/dispatches?limit=0", "limit: '0' must be greater than or equal to 1."),
        ("/v1/dispatches?limit=many", "limit: 'many' must be a whole number."),
        ("/v1/dispatches?state=lost", "state: 'lost' must be one of open, assigned"),
        ("/v1/dispatches?cursor=!!", "cursor: '!!' is not a cursor of this list"),
        ("/v1/dispatches?cursor=abc", "cursor: 'abc' is not a cursor of this list; start without one."),
        ("/v1/dispatches?cursor=waves.1", "cursor: 'waves.1' is not a cursor of this list; start without one."),
        ("/v1/profiles?cursor=abcd", "cursor: 'abcd' is no cursor of this list; pass next_cursor"),
        ("/v1/dispatches/0", "dispatch_id: '0' must be greater than or equal to 1."),
        ("/v1/dispatches/first", "dispatch_id: 'first' must be a whole number."),
        ("/v1/dispatches/9007199254740993", "dispatch_id: '9007199254740993' must be less than or equal to"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(alpha: Backend, path: str, sentence: str) -> None:
    answer = alpha.get(path)
    assert answer.status_code == 422
    assert sentence_of(answer).startswith(sentence), sentence_of(answer)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "external_id or user_id must be given, to name the user"),
        ({"external_id": "1", "user_id": 1}, "external_id and user_id are both given; name the user by one of them"),
        ({"external_id": "1", "colour": 2}, "colour is no field here; known are external_id, user_id"),
        ({"user_id": "7"}, "user_id: '7' must be a whole number"),
        ({"user_id": 0}, "user_id: 0 must be greater than or equal to 1"),
        ({"external_id": True}, "external_id"),
        ({"external_ids": []}, "external_ids: [] must have at least 1 item"),
        ({"external_ids": ["1"] * 1001}, "external_ids"),
    ],
)
def test_a_wrong_acceptance_is_refused(alpha: Backend, body: dict[str, Any], sentence: str) -> None:
    answer = alpha.post(f"/v1/dispatches/{alpha.submit()}/acceptances", body)
    assert answer.status_code == 422
    assert sentence_of(answer).startswith(sentence), sentence_of(answer)


@pytest.mark.parametrize("size", [9_000_000, 20_000_000, 50_000_000])
@pytest.mark.parametrize("whose", ["own", "wrong"])
def test_a_client_that_reads_only_after_it_sent_everything_gets_its_answer(
    installation: Installation, alpha: Backend, size: int, whose: str
) -> None:
    """Python's own client: it asks for the connection to be closed, and sends the whole body before it reads."""
    secret = alpha.secret if whose == "own" else "qw_1_" + "x" * 43
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/json", "idempotency-key": "k"}
    for path, status in (("/v1/dispatches", 413), ("/v1/profiles:import", 401), ("/v1/nothing-there", 413)):
        if path == "/v1/profiles:import" and whose == "own":
            continue
        for _ in range(3):
            wanted = urllib.request.Request(installation.url + path, b" " * size, headers)
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(wanted, timeout=30)
            with refused.value as answer:
                assert answer.code == status
                assert json.loads(answer.read())["status"] == status


@pytest.mark.parametrize("path", ["/v1/profiles/%ff", "/v1/dispatches?search=%e7%94", "/v1/profiles/%ed%a0%80"])
def test_an_address_that_is_no_utf8_is_refused(alpha: Backend, path: str) -> None:
    answer = alpha.ask("PUT" if "profiles" in path else "GET", path, json=WELDER)
    assert answer.status_code == 400
    assert " of the address is not UTF-8: '" in sentence_of(answer)


def test_an_unknown_path_and_an_unknown_method_say_so(alpha: Backend) -> None:
    missing = alpha.get("/v1/dispatchs")
    assert missing.status_code == 404
    assert sentence_of(missing) == "There is nothing at /v1/dispatchs; /docs lists every route."
    refused = alpha.ask("PATCH", "/v1/dispatches")
    assert refused.status_code == 405
    assert refused.headers["allow"] == "GET, POST"
    assert sentence_of(refused).startswith("/v1/dispatches does not take PATCH; it takes GET, POST.")


def test_what_cannot_be_answered_by_the_state_of_things(installation: Installation, alpha: Backend) -> None:
    told = fresh("user")
    dispatch_id = installation.offered(told)
    stranger = fresh("user")
    number = alpha.put_profile(stranger)
    never = alpha.post(f"/v1/dispatches/{dispatch_id}/acceptances", {"external_id": stranger})
    assert never.status_code == 403
    assert sentence_of(never).startswith(f"User {number} was never offered dispatch {dispatch_id}")
    unknown = alpha.post(f"/v1/dispatches/{dispatch_id}/acceptances", {"external_id": "nobody"})
    assert unknown.status_code == 404
    assert sentence_of(unknown) == "there is no user 'nobody' of yours: put a profile for it first"
    batch = alpha.post(f"/v1/dispatches/{dispatch_id}/acceptances", {"external_ids": ["nobody", told, stranger]})
    assert [line["status"] for line in batch.json()["answers"]] == ["error", "accepted", "error"]
    selected = alpha.post(f"/v1/dispatches/{dispatch_id}/selection", {"external_id": stranger})
    assert selected.status_code == 409
    assert "no waiting acceptance" in sentence_of(selected)
    assert alpha.ask("DELETE", f"/v1/dispatches/{dispatch_id}/acceptances/{told}").json()["state"] == "withdrawn"
    declined = alpha.post(f"/v1/dispatches/{dispatch_id}/declines", {"external_id": told, "reason": "too far"})
    assert declined.json()["state"] == "declined"
    assert alpha.post(f"/v1/dispatches/{dispatch_id}/cancellation", {"reason": "done"}).json()["state"] == "cancelled"
    closed = alpha.post(f"/v1/dispatches/{dispatch_id}/acceptances", {"external_id": told})
    assert closed.status_code == 409
    assert sentence_of(closed).startswith(f"Dispatch {dispatch_id} is closed (cancelled)")


def test_a_request_that_is_no_http_does_not_hurt(installation: Installation, alpha: Backend) -> None:
    where = urlsplit(installation.url)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=10) as connection:
        connection.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    assert httpx.get(installation.url + "/livez").json() == {"status": "alive"}
    assert math.isfinite(alpha.get("/v1/dispatches").elapsed.total_seconds())
