"""Who gets in, and what is nobody else's business."""

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute

from api import openapi_document
from api.app import _application
from api.permissions import PUBLIC, ROUTES
from api.services import Limits
from kit.clock import now_ms
from marketplace.access import SCOPES, create_api_key, revoke_api_key
from tests.e2e.rest.installation import ALPHA, ORDER, WELDER, Backend, Installation, fresh, sentence_of


def test_every_route_declares_a_scope_and_no_declaration_is_left_over() -> None:
    """Deny by default: a route that is not in the table answers nobody, so a forgotten one is found here."""
    documented = {
        (method.upper(), path) for path, operations in openapi_document()["paths"].items() for method in operations
    }
    documented |= {("GET", path) for path in ("/openapi.json", "/docs", "/docs/start.js", "/docs/plain")}
    assert documented == set(ROUTES)
    for (_, path), scope in ROUTES.items():
        assert scope in SCOPES or scope == PUBLIC
        assert (scope == PUBLIC) == (not path.startswith("/v1/"))


def test_no_route_outside_v1_is_hidden_from_the_table() -> None:
    paths = {route.path for route in _application(Limits()).routes if isinstance(route, APIRoute)}
    assert paths <= {path for _, path in ROUTES}


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ({}, "This request carries no API key; send the header 'Authorization: Bearer qw_...' with your API key."),
        ({"authorization": "Basic abc"}, "The Authorization header is of another kind"),
        ({"authorization": "Bearer"}, "The Authorization header is of another kind"),
        ({"authorization": "Bearer " + "x" * 500}, "The Authorization header holds no API key of ours"),
        ({"authorization": "Bearer qw_1_" + "A" * 43}, "the API key is wrong: send the whole secret"),
        ({"authorization": "Bearer nonsense"}, "the API key is wrong: send the whole secret"),
    ],
)
def test_a_wrong_key_is_refused_with_a_sentence(
    installation: Installation, headers: dict[str, str], sentence: str
) -> None:
    answer = installation.stranger().get("/v1/dispatches", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert sentence_of(answer).startswith(sentence), sentence_of(answer)


def test_a_revoked_and_an_expired_key_are_refused(installation: Installation) -> None:
    services = installation.services

    def issue(session: Any) -> Any:
        return create_api_key(
            session, services.ids, name="short", owner=ALPHA, scopes=["dispatches:read"], now_ms=now_ms()
        )

    issued = services.database.run(issue)
    holder = installation.stranger(issued.secret)
    assert holder.get("/v1/dispatches").status_code == 200
    services.database.run(lambda session: revoke_api_key(session, key_id=issued.id, now_ms=now_ms()))
    answer = holder.get("/v1/dispatches")
    assert answer.status_code == 401
    assert sentence_of(answer) == "this API key was revoked: ask an admin for a new one"


@pytest.mark.parametrize("scope", sorted(SCOPES - {"admin"}))
def test_a_key_opens_the_routes_of_its_scope_only(installation: Installation, scope: str) -> None:
    holder = installation.backend(ALPHA, scope)
    for method, path in sorted(ROUTES):
        needed = ROUTES[method, path]
        if needed == PUBLIC or path.endswith("/stream"):
            continue
        answer = holder.ask(method, re.sub(r"\{[a-z_]+\}", "1", path), content=b"{}")
        if needed == scope:
            assert answer.status_code != 403, (method, path)
        else:
            assert answer.status_code == 403, (method, path)
            assert sentence_of(answer).startswith(f"this API key lacks the scope {needed}")


FOREIGN: list[tuple[str, str, Any]] = [
    ("GET", "/v1/dispatches/{dispatch_id}", None),
    ("GET", "/v1/dispatches/{dispatch_id}/waves", None),
    ("GET", "/v1/dispatches/{dispatch_id}/offers", None),
    ("GET", "/v1/dispatches/{dispatch_id}/funnel", None),
    ("GET", "/v1/dispatches/{dispatch_id}/timeline", None),
    ("GET", "/v1/dispatches/{dispatch_id}/suppressions", None),
    ("GET", "/v1/dispatches/{dispatch_id}/replay", None),
    ("GET", "/v1/dispatches/{dispatch_id}/explain?user_id={user_id}", None),
    ("GET", "/v1/dispatches/{dispatch_id}/explain?external_id={mine}", None),
    ("POST", "/v1/dispatches/{dispatch_id}/selection", {"user_id": "{user_id}"}),
    ("POST", "/v1/dispatches/{dispatch_id}/cancellation", {}),
    ("POST", "/v1/dispatches/{dispatch_id}/revision", {"keywords": ["x"]}),
    ("POST", "/v1/dispatches/{dispatch_id}/confirmation", {"token": 1}),
    ("POST", "/v1/dispatches/{dispatch_id}/failure", {"token": 1, "reason": "none"}),
    ("POST", "/v1/dispatches/{dispatch_id}/acceptances", {"external_id": "{id}"}),
    ("POST", "/v1/dispatches/{dispatch_id}/acceptances", {"user_id": "{user_id}"}),
    ("POST", "/v1/dispatches/{dispatch_id}/acceptances", {"external_id": "{mine}"}),
    ("POST", "/v1/dispatches/{dispatch_id}/acceptances", {"external_ids": ["{mine}"]}),
    ("POST", "/v1/dispatches/{dispatch_id}/acceptances", {"external_ids": ["{id}"]}),
    ("DELETE", "/v1/dispatches/{dispatch_id}/acceptances/{id}", None),
    ("DELETE", "/v1/dispatches/{dispatch_id}/acceptances/{mine}", None),
    ("POST", "/v1/dispatches/{dispatch_id}/declines", {"user_id": "{user_id}"}),
    ("POST", "/v1/dispatches/{dispatch_id}/declines", {"external_id": "{mine}"}),
    ("GET", "/v1/profiles/{id}", None),
    ("DELETE", "/v1/profiles/{id}", None),
    ("GET", "/v1/users/{id}/fairness", None),
    ("GET", "/v1/users/{id}/inbox", None),
    ("POST", "/v1/users/{id}/inbox/reads", {"dispatch_ids": [1]}),
    ("GET", "/v1/users/{id}/inbox/stream", None),
    ("GET", "/v1/users/{id}/channels", None),
    ("PUT", "/v1/users/{id}/channels/{channel}", {"address": "desk"}),
    ("DELETE", "/v1/users/{id}/channels/{channel}", None),
    ("GET", "/v1/dispatches/{dispatch_id}/replay", None),
    ("GET", "/v1/webhooks/{webhook_id}", None),
    ("PATCH", "/v1/webhooks/{webhook_id}", {"active": False}),
    ("DELETE", "/v1/webhooks/{webhook_id}", None),
    ("GET", "/v1/webhooks/{webhook_id}/deliveries", None),
    ("POST", "/v1/webhooks/{webhook_id}/rotation", {}),
    ("POST", "/v1/webhooks/{webhook_id}/test", {}),
    ("POST", "/v1/webhooks/{webhook_id}/resend", {}),
    ("POST", "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/resend", {}),
]


def test_every_route_with_an_object_is_tried_with_a_foreign_key() -> None:
    tried = {(method, path.partition("?")[0].replace("{mine}", "{id}")) for method, path, _ in FOREIGN}
    # Putting under somebody else's id makes a user of one's own: two sources never share ids.
    objects = {key for key, scope in ROUTES.items() if "{" in key[1] and scope != "admin"}
    objects -= {("PUT", "/v1/profiles/{id}")}
    # Policies are the platform's own.
    objects = {key for key in objects if not key[1].startswith("/v1/policies/")}
    assert tried == objects


@pytest.mark.parametrize(("method", "path", "body"), FOREIGN)
def test_what_belongs_to_another_owner_does_not_exist_for_a_key(
    installation: Installation, alpha: Backend, beta: Backend, method: str, path: str, body: Any
) -> None:
    name, mine = fresh("user"), fresh("mine")
    dispatch_id = installation.offered(name)
    user_id = alpha.get(f"/v1/profiles/{name}").json()["user_id"]
    beta.put_profile(mine)
    # The same request under the same key: one webhook for all of these tests.
    webhook = alpha.post(
        "/v1/webhooks",
        {"url": "https://example.com/", "kinds": ["dispatch.assigned"], "description": "foreign"},
        key="foreign",
    ).json()["webhook_id"]
    given = {"dispatch_id": dispatch_id, "user_id": user_id, "id": name, "mine": mine, "webhook_id": webhook}
    given |= {"channel": "log", "delivery_id": 1}
    before = alpha.get(f"/v1/dispatches/{dispatch_id}").json()

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [filled(each) for each in value]
        if value == "{user_id}":
            return user_id
        if isinstance(value, str):
            return value.format(**given)
        return value

    answer = beta.ask(method, filled(path), json=filled(body) if body is not None else None)
    if answer.status_code == 200:
        # A batch answers line by line.
        assert all(line["status"] == "error" for line in answer.json()["answers"])
    else:
        assert answer.status_code == 404, answer.text
    assert str(ORDER["title"]) not in answer.text
    assert alpha.get(f"/v1/dispatches/{dispatch_id}").json() == before
    assert alpha.get(f"/v1/profiles/{name}").status_code == 200


def test_lists_hold_what_is_ones_own(installation: Installation, alpha: Backend, beta: Backend) -> None:
    dispatch_id = alpha.submit(title=fresh("title"))
    name = fresh("user")
    alpha.put_profile(name)
    assert beta.get("/v1/dispatches", params={"search": str(dispatch_id)}).json()["items"] == []
    assert len(alpha.get("/v1/dispatches", params={"search": str(dispatch_id)}).json()["items"]) == 1
    assert len(installation.admin.get("/v1/dispatches", params={"search": str(dispatch_id)}).json()["items"]) == 1
    assert name not in beta.get("/v1/profiles?limit=1000").text
    assert name in alpha.get("/v1/profiles?limit=1000").text


def test_two_backends_use_the_same_id_for_two_users(alpha: Backend, beta: Backend) -> None:
    name = fresh("same")
    first, second = alpha.put_profile(name), beta.put_profile(name, rating=1)
    assert first != second
    assert alpha.get(f"/v1/profiles/{name}").json()["rating"] == WELDER["rating"]
    assert alpha.ask("DELETE", f"/v1/profiles/{name}").status_code == 204
    assert alpha.get(f"/v1/profiles/{name}").status_code == 404
    assert beta.get(f"/v1/profiles/{name}").status_code == 200


def test_a_user_of_another_source_who_was_told_answers_by_his_own_backend(
    installation: Installation, alpha: Backend, beta: Backend
) -> None:
    skill, name = fresh("skill"), fresh("user")
    number = beta.put_profile(name, keywords=[skill])
    installation.feed()
    dispatch_id = alpha.submit(keywords=[skill])
    installation.wait_told(dispatch_id)
    assert beta.get(f"/v1/users/{name}/inbox").json()["items"][0]["dispatch_id"] == dispatch_id
    accepted = beta.post(f"/v1/dispatches/{dispatch_id}/acceptances", {"external_id": name})
    assert accepted.json()["answers"][0]["status"] == "accepted"
    offer = alpha.get(f"/v1/dispatches/{dispatch_id}/offers").json()["items"][0]
    assert (offer["user_id"], offer["external_id"]) == (number, None)
    assert beta.get(f"/v1/dispatches/{dispatch_id}").status_code == 404
    selected = alpha.post(f"/v1/dispatches/{dispatch_id}/selection", {"user_id": number})
    assert selected.json()["user_id"] == number
