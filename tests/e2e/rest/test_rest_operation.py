"""Health, measures, documentation, headers, faults of our own."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

import api
from kit.errors import QuanwangError
from tests.e2e.rest.installation import Backend, Installation, fresh, sentence_of

ROOT = Path(__file__).resolve().parents[3]


def test_health_is_told_without_a_key(installation: Installation) -> None:
    assert httpx.get(installation.url + "/livez").json() == {"status": "alive"}
    ready = httpx.get(installation.url + "/readyz")
    assert ready.status_code == 200
    found = ready.json()
    warnings = found.pop("warnings")
    assert found == {"status": "ready", "database": "ok", "redis": "ok", "matching": "ok"}
    # The servers of the tests do not flush; whatever could lose an acknowledged order is said here.
    unsafe = installation.database.dialect == "mysql"
    assert any("innodb_flush_log_at_trx_commit is not 1" in warning for warning in warnings) is unsafe


def test_measures_count_requests_by_template_and_queues_by_state(installation: Installation, alpha: Backend) -> None:
    # Its acceptance window is open, so its work row waits.
    alpha.get(f"/v1/dispatches/{installation.offered(fresh('user'))}")
    alpha.get("/v1/dispatches/12345")
    httpx.get(installation.url + "/wp-login.php")
    text = httpx.get(installation.url + "/metrics").text
    assert re.search(
        r'quanwang_http_requests_total\{method="GET",route="/v1/dispatches/\{dispatch_id\}",status="404"\} \d', text
    )
    assert 'route="(none)",status="404"' in text
    assert "12345" not in text
    assert "wp-login" not in text
    assert re.search(r'quanwang_http_request_seconds_bucket\{le="0.25",method="POST",route="/v1/dispatches"\}', text)
    assert re.search(r'quanwang_dispatches\{state="[a-z_]+"\} [1-9]', text)
    assert 'quanwang_work_rows{kind="dispatch"' in text
    assert 'quanwang_part_up{part="database"} 1.0' in text
    assert 'quanwang_build{python="3.' in text
    assert re.search(r'quanwang_shard_users\{shard="0"\} [1-9]', text)
    assert 'quanwang_shard_kernels_compiled{shard="0"}' in text


def test_the_committed_document_is_the_one_that_is_served(installation: Installation) -> None:
    """Regenerate it by ``quanwang openapi > openapi.json``."""
    committed = (ROOT / "openapi.json").read_text(encoding="utf-8")
    assert committed == api.openapi_text(), "openapi.json is out of date: run `quanwang openapi > openapi.json`"
    assert httpx.get(installation.url + "/openapi.json").json() == json.loads(committed)


def test_every_operation_is_described() -> None:
    document = api.openapi_document()
    names = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], path
            assert operation["description"], path
            names.add(operation["operationId"])
            if path.startswith("/v1/"):
                assert operation["security"] == [{"apiKey": []}]
                assert "Scope: `" in operation["description"]
                assert {"401", "403", "503"} <= set(operation["responses"])
            if method in ("post", "put"):
                assert operation["requestBody"]["content"], path
    assert len(names) == sum(len(operations) for operations in document["paths"].values())
    assert not re.findall(r"HTTPValidationError", json.dumps(document))


def test_references_of_the_document_lead_somewhere() -> None:
    document = api.openapi_document()
    for name in set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document))):
        assert name in document["components"]["schemas"]


def test_examples_of_the_document_are_taken(alpha: Backend) -> None:
    schemas = api.openapi_document()["components"]["schemas"]
    order: dict[str, Any] = schemas["OrderDocument"]["examples"][0]
    assert alpha.post("/v1/dispatches", {**order, "id": fresh("order")}).status_code == 201
    profile: dict[str, Any] = schemas["ProfileDocument"]["examples"][0]
    assert alpha.ask("PUT", f"/v1/profiles/{fresh('user')}", json=profile).status_code == 201


def test_documentation_needs_no_other_site(installation: Installation) -> None:
    for path in ("/docs", "/docs/plain"):
        page = httpx.get(installation.url + path)
        assert page.status_code == 200
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', page.text)
        assert "'unsafe-inline'" not in page.headers["content-security-policy"].partition("style-src")[0]
    plain = httpx.get(installation.url + "/docs/plain").text
    for path in api.openapi_document()["paths"]:
        assert path in plain
    # Nothing that the plain page needs is inline but its style sheet, which the policy names by its hash.
    assert "<script" not in plain
    assert " style=" not in plain


def test_a_request_id_is_taken_over_and_a_wild_one_is_not(alpha: Backend) -> None:
    assert alpha.get("/v1/dispatches", headers={"x-request-id": "abc-1"}).headers["x-request-id"] == "abc-1"
    wild = alpha.get("/v1/dispatches", headers={"x-request-id": "a b; c"}).headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{16}", wild)


def test_every_answer_carries_the_security_headers(installation: Installation, alpha: Backend) -> None:
    for answer in (alpha.get("/v1/dispatches"), alpha.get("/v1/none"), httpx.get(installation.url + "/livez")):
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert alpha.get("/v1/dispatches").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("fault", [RuntimeError("secret of the house"), QuanwangError("an error of no kind")])
def test_a_fault_of_ours_is_an_incident_number_and_nothing_else(
    installation: Installation, alpha: Backend, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr("marketplace.dispatch.list_dispatches", fail)
    answer = alpha.get("/v1/dispatches")
    assert answer.status_code == 500
    number = answer.json()["incident"]
    assert sentence_of(answer).startswith(f"Something went wrong on our side; it was logged as incident {number}.")
    assert "secret" not in answer.text


def test_a_preview_rounds_and_is_bounded(installation: Installation, alpha: Backend) -> None:
    skill = fresh("skill")
    for _ in range(12):
        alpha.put_profile(fresh("user"), keywords=[skill])
    alpha.put_profile(fresh("user"), keywords=[skill], regions=["440305"])
    installation.feed()
    found = alpha.post("/v1/dispatches:preview", {"keywords": [skill], "regions": ["310115"]}, key=None)
    assert found.status_code == 200, found.text
    assert found.json()["full"] == {"about": 10, "below": None}
    assert found.json()["warnings"] == []
    assert any(
        gain["change"] == "drop" and gain["dimension"] == "region" and gain["gain"] == {"about": None, "below": 10}
        for gain in found.json()["gains"]
    )
    nobody = alpha.post("/v1/dispatches:preview", {"keywords": [fresh("unheard")]}, key=None).json()
    assert nobody["full"] == {"about": None, "below": 10}
    assert nobody["warnings"]
    refused = alpha.post("/v1/dispatches:preview", {"near": {"lat": 91, "lon": 0, "radius_km": 1}}, key=None)
    assert sentence_of(refused) == "near.lat: 91 must be between -90 and 90"
    eager = installation.backend(fresh("owner"), "dispatches:read")
    for _ in range(200):
        answer = eager.post("/v1/dispatches:preview", {"regions": ["310115"]}, key=None)
        if answer.status_code == 429:
            break
    assert answer.status_code == 429
    assert sentence_of(answer).startswith("The 60 previews of this minute are used up; ask again in ")
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_an_explanation_says_why_and_why_not(installation: Installation, alpha: Backend) -> None:
    told = fresh("user")
    dispatch_id = installation.offered(told)
    other = fresh("user")
    alpha.put_profile(other, keywords=["会计"], regions=["440305"])
    installation.feed()
    why = alpha.get(f"/v1/dispatches/{dispatch_id}/explain", params={"external_id": told}).json()
    assert why["match"]["tier"] == "full"
    assert why["notification"]["state"] == "offered"
    why_not = alpha.get(f"/v1/dispatches/{dispatch_id}/explain", params={"external_id": other}).json()
    assert why_not["match"]["tier"] == "none"
    keywords, region = why_not["match"]["dimensions"][0], why_not["match"]["changes"][-1]
    assert keywords["reason"] == "0 of 1 groups are hit, 1 needed; the user holds 会计"
    assert keywords["reasons"][1] == {"code": "keywords_held", "parameters": {"words": ["会计"], "more": 0}}
    assert region["order"] == "ask for 南山区 (440305) too"
    assert region["order_changes"] == [{"code": "add_node", "parameters": {"node": "440305"}}]
    assert why_not["match"]["closed"] is None
    assert why_not["notification"] is None
    assert alpha.get(f"/v1/dispatches/{dispatch_id}/explain").status_code == 422
