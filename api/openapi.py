"""Completes the OpenAPI document: bodies that the domain checks itself, problem documents, answers of every route."""

import re
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from api.bodies import REQUEST_MODELS
from api.once import KEY_HEADER
from api.permissions import PUBLIC, ROUTES

DESCRIPTION: Final = (
    "Sends every approved order to every user who qualifies for it: first to those who satisfy all of its key"
    " information, then, if nobody accepts, to those who satisfy part of it. All routes below /v1 take an API key"
    " (`Authorization: Bearer qw_...`) and show what belongs to the key's owner. Errors are problem documents of"
    " RFC 9457 whose `detail` is one sentence. Times are milliseconds since 1970-01-01 UTC. Lists are read page by"
    " page: pass `next_cursor` as `cursor` until it is null. Every POST needs the header `Idempotency-Key`, so that a"
    " request that is sent twice has one effect and one answer. Two take none: `/v1/dispatches:preview` changes"
    " nothing, and of `/v1/profiles:import` the same lines again change nothing, while its answers leave before its end"
    " is known. PUT, PATCH and DELETE are the same however often they are sent."
)


class Problem(BaseModel):
    """What went wrong, as of RFC 9457 (application/problem+json)."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:quanwang:problem:invalid-input",
                    "title": "Invalid input",
                    "status": 422,
                    "detail": "near.lat: 91 must be between -90 and 90",
                    "request_id": "5f0e6c1a9b3d2f48",
                    "field": "near.lat",
                    "value": 91,
                    "rule": "must be between -90 and 90",
                }
            ]
        },
    )

    type: str = Field(description="A stable name of the kind of problem.")
    title: str
    status: int
    detail: str = Field(description="One sentence: what is wrong, where, and what to do.")
    request_id: str | None = Field(default=None, description="Also in the header X-Request-Id; name it when you ask.")


MEANINGS: Final[dict[str, str]] = {
    "400": "The request cannot be read (no JSON, or a header is missing).",
    "401": "No API key, or a wrong one.",
    "403": "The key lacks the scope that this route needs.",
    "404": "It does not exist, or belongs to another owner.",
    "408": "The body did not arrive in time.",
    "409": "The state of the thing does not allow this now.",
    "413": "The body is larger than this route takes.",
    "415": "The body is not of the media type that this route reads.",
    "422": "A field breaks a rule; the sentence names the field, the value and the rule.",
    "429": "A budget is used up; Retry-After says when to come back.",
    "503": "A part that is needed is away; Retry-After says when to come back.",
}


def describe(app: FastAPI) -> None:
    """Make ``app.openapi()`` return the whole document, made once."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # the way that FastAPI documents


def _document(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    models: list[type[BaseModel]] = [*REQUEST_MODELS.values(), Problem]
    _, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    schemas.update(definitions["$defs"])
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    made["components"]["schemas"] = dict(sorted(schemas.items()))
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            _complete(path, method, operation)
    return made


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    scope = ROUTES.get((method.upper(), path), PUBLIC)
    for parameter in operation.get("parameters", []):
        if parameter["name"] == KEY_HEADER:
            parameter["required"] = True
            parameter["schema"] = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
    if scope == PUBLIC:
        return
    operation["description"] = f"{operation.get('description', '').strip()}\n\nScope: `{scope}`."
    operation["operationId"] = re.sub(r"[^a-z]+", "_", f"{method}_{path}".replace("/v1/", "_")).strip("_")
    for status in _statuses(method, path):
        responses.setdefault(
            status,
            {
                "description": MEANINGS[status],
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        )
    operation["responses"] = dict(sorted(responses.items()))


def _statuses(method: str, path: str) -> tuple[str, ...]:
    found = ["401", "403", "422", "503"]
    if "{" in path:
        found.append("404")
    if method in ("post", "put", "patch"):
        found += ["400", "408", "413", "415"]
    if method in ("post", "delete") or path.endswith("/explain"):
        found.append("409")
    if "preview" in path or path.endswith(("/stream", "/explain")):
        found.append("429")
    return tuple(found)
