"""Policies, revisions, suppressions and fairness over HTTP."""

import dataclasses

from api.v1.policy_models import PolicyDocument
from kit.clock import now_ms
from marketplace import dispatch
from marketplace.dispatch import Policy
from marketplace.dispatch.policies import _BOUNDS as BOUNDS
from tests.e2e.rest.installation import ORDER, Backend, Installation, fresh, sentence_of, wait_until


def test_the_documented_policy_is_the_policy() -> None:
    """Fields, defaults and bounds stand in two places; this keeps them one."""
    shown = PolicyDocument.model_json_schema()["properties"]
    fields = {field.name: field for field in dataclasses.fields(Policy)}
    assert set(shown) == set(fields)
    for name, (low, high) in BOUNDS.items():
        assert (shown[name]["minimum"], shown[name]["maximum"]) == (low, high), name
        assert shown[name]["default"] == fields[name].default, name


def test_a_policy_is_published_read_and_named(installation: Installation, alpha: Backend) -> None:
    admin, name = installation.admin, fresh("policy")
    first = admin.post("/v1/policies", {"name": name, "wave_size": 7, "partial_limit": 0})
    assert first.status_code == 201, first.text
    assert (first.json()["version"], first.json()["policy"]["full_window_ms"]) == (1, 1_800_000)
    same = admin.post("/v1/policies", {"name": name, "wave_size": 7, "partial_limit": 0})
    assert (same.status_code, same.json()) == (200, first.json())
    second = admin.post("/v1/policies", {"name": name, "wave_size": 9, "partial_limit": 0})
    assert (second.status_code, second.json()["version"]) == (201, 2)
    assert alpha.get(f"/v1/policies/{name}").json() == second.json()
    assert alpha.get(f"/v1/policies/{name}?version=1").json() == first.json()
    versions = alpha.get(f"/v1/policies/{name}/versions").json()["items"]
    assert [each["version"] for each in versions] == [2, 1]
    listed = {each["name"]: each["version"] for each in alpha.get("/v1/policies").json()["items"]}
    assert listed[name] == 2
    assert {"default", "whole_tier", "demonstration"} <= set(listed)
    whole = alpha.get(f"/v1/dispatches/{alpha.submit(policy=f'{name}:1')}").json()
    assert (whole["policy"]["wave_size"], whole["policy_version"]) == (7, 1)


def test_a_bad_policy_is_one_sentence(installation: Installation, alpha: Backend) -> None:
    bad: dict[str, dict[str, object]] = {
        "wave_size: 1000000 must be a whole number from 1 to 99,999.": {"wave_size": 1_000_000},
        "full_window_ms: -1 must be a whole number from 0 to 31,622,400,000.": {"full_window_ms": -1},
        "hold_ms: true must be a whole number": {"hold_ms": True},
        "rotate_equals: 1 must be true or false.": {"rotate_equals": 1},
        "name: 'a:b' must have 1 to 64 letters": {"name": "a:b"},
        "colour is no field of a policy; known are acceptors_wanted, ": {"colour": "red"},
    }
    for sentence, changes in bad.items():
        answer = installation.admin.post("/v1/policies", {"name": "bad", **changes})
        assert answer.status_code == 422, answer.text
        assert sentence_of(answer).startswith(sentence), sentence_of(answer)
    assert sentence_of(installation.admin.post("/v1/policies", {})) == "name is missing; give the policy a name."
    assert installation.admin.get("/v1/policies/bad").status_code == 404
    assert alpha.post("/v1/policies", {"name": "mine"}).status_code == 403
    assert alpha.get("/v1/policies/quick?version=9").status_code == 404


def test_an_edited_order_shows_its_new_title_to_who_was_told(installation: Installation, alpha: Backend) -> None:
    name, newcomer, skill = fresh("user"), fresh("user"), fresh("skill")
    dispatch_id = installation.offered(name)
    path = f"/v1/dispatches/{dispatch_id}"
    alpha.put_profile(newcomer, keywords=[skill])
    installation.feed()
    revised = alpha.post(f"{path}/revision", {"title": "改期: 电焊工", "keywords": [skill]})
    assert revised.status_code == 200, revised.text
    assert revised.json() == {"dispatch_id": dispatch_id, "order_version": 2}

    def titles(user: str) -> list[str]:
        return [item["title"] for item in alpha.get(f"/v1/users/{user}/inbox").json()["items"]]

    wait_until(lambda: titles(name) == ["改期: 电焊工"], "the inbox shows the old title")
    wait_until(lambda: titles(newcomer) == ["改期: 电焊工"], "the new version is offered to nobody")
    refused = alpha.post(f"{path}/revision", {**ORDER, "policy": "quick"})
    assert refused.status_code == 422
    assert sentence_of(refused).startswith("policy: 'quick' cannot be changed")
    assert installation.beta.post(f"{path}/revision", {"keywords": ["x"]}).status_code == 404
    alpha.post(f"{path}/acceptances", {"external_id": name})
    alpha.post(f"{path}/selection", {"external_id": name})
    late = alpha.post(f"{path}/revision", {"keywords": ["x"]})
    assert late.status_code == 409
    assert "is already assigned" in sentence_of(late)


def test_who_was_passed_over_is_shown_with_the_reason(installation: Installation, alpha: Backend) -> None:
    policy, name, skill = fresh("capped"), fresh("user"), fresh("skill")
    installation.admin.post("/v1/policies", {"name": policy, "offers_a_day": 1, "partial_limit": 0})
    alpha.put_profile(name, keywords=[skill])
    installation.feed()
    installation.wait_told(alpha.submit(keywords=[skill], policy=policy))
    path = f"/v1/dispatches/{alpha.submit(keywords=[skill], policy=policy)}/suppressions"
    wait_until(lambda: bool(alpha.get(path).json()["items"]), "nobody was passed over")
    (line,) = alpha.get(path).json()["items"]
    assert (line["reason"], line["state"], line["users"], line["tier"]) == ("day_cap", "waiting", 1, "full")
    assert installation.beta.get(path).status_code == 404


def test_what_a_user_was_offered_and_won(installation: Installation, alpha: Backend) -> None:
    name = fresh("user")
    dispatch_id = installation.offered(name)
    alpha.post(f"/v1/users/{name}/inbox/reads", {"dispatch_ids": [dispatch_id]})
    alpha.post(f"/v1/dispatches/{dispatch_id}/acceptances", {"external_id": name})
    alpha.post(f"/v1/dispatches/{dispatch_id}/selection", {"external_id": name})
    dispatch.count_offers(installation.database, installation.services.ids, now_ms=now_ms())
    found = alpha.get(f"/v1/users/{name}/fairness").json()
    assert (found["external_id"], found["offered"], found["opened"], found["won"]) == (name, 1, 1, 1)
    assert found["counted_at_ms"]
    assert installation.beta.get(f"/v1/users/{name}/fairness").status_code == 404
    assert alpha.get("/v1/fairness").status_code == 403
    page = installation.admin.get("/v1/fairness?limit=900").json()
    assert found["user_id"] in [each["user_id"] for each in page["items"]]
