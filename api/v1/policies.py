"""Policies: how orders are offered. Versions are immutable; an order names a policy, or a version of it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.bodies import body_of, read_object
from api.callers import CallerOf, ServicesOf
from api.once import Answer, Changes, answer
from api.v1.policy_models import PolicyAnswer, PolicyDocument, PolicyList
from kit.db import Session
from marketplace import dispatch
from marketplace.dispatch import Policy
from marketplace.dispatch.views import PolicyView

router = APIRouter(tags=["policies"])

Name = Annotated[str, Path(min_length=1, max_length=64, examples=["default"])]


@router.get("/v1/policies", response_model=PolicyList, summary="The policies that an order can name")
def list_all(_caller: CallerOf, services: ServicesOf) -> Response:
    """Return every policy in its newest version, by name, the built-in ones included."""
    with services.database.read() as session:
        found = dispatch.list_policies(session)
    return answer(PolicyList(items=[_shown(each) for each in found]))


@router.post(
    "/v1/policies",
    status_code=201,
    response_model=PolicyAnswer,
    summary="Publish a version of a policy",
    openapi_extra=body_of(PolicyDocument),
    responses={200: {"model": PolicyAnswer, "description": "The newest version is the same; nothing was written."}},
)
def publish(change: Changes) -> Response:
    """Keep a policy as the next version of its name. Dispatches that run keep the version that they began with."""
    document = read_object(change.body)

    def effect(session: Session, now_ms: int) -> Answer:
        policy = Policy.from_document(document)
        stored = dispatch.publish_policy(session, change.services.ids, policy=policy, now_ms=now_ms)
        shown = _shown(PolicyView(stored.policy, stored.version, stored.created_at_ms))
        return Answer(201 if stored.is_new else 200, shown)

    return change.once(effect)


@router.get("/v1/policies/{name}", response_model=PolicyAnswer, summary="One policy")
def get_one(
    name: Name,
    _caller: CallerOf,
    services: ServicesOf,
    version: Annotated[int | None, Query(ge=1, le=30_000, description="The newest when none is given.")] = None,
) -> Response:
    """Return a policy in its newest version, or in the one that is asked for."""
    with services.database.read() as session:
        return answer(_shown(dispatch.get_policy(session, name=name, version=version)))


@router.get("/v1/policies/{name}/versions", response_model=PolicyList, summary="The versions of a policy")
def list_versions(name: Name, _caller: CallerOf, services: ServicesOf) -> Response:
    """Return the newest 1,000 versions of a policy, the newest first."""
    with services.database.read() as session:
        found = dispatch.list_policy_versions(session, name=name)
    return answer(PolicyList(items=[_shown(each) for each in found]))


def _shown(view: PolicyView) -> PolicyAnswer:
    return PolicyAnswer(
        name=view.policy.name,
        version=view.version,
        created_at_ms=view.created_at_ms,
        policy=PolicyDocument.model_validate_json(view.policy.to_json()),
    )
