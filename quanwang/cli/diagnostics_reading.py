"""Reads what the diagnosing commands show: the documents of the REST interface, as an admin's key would get them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from api.v1.diagnostics import NotMatchedYet, funnel_answer, offer_answer
from api.v1.dispatch_models import OrderExplanation
from api.v1.explanation_models import MatchExplanation
from api.v1.replay_models import replay_answer
from engine.socket import SocketMatchService
from kit.clock import now_ms
from kit.db import Database, Session
from kit.errors import InvalidInput
from marketplace import dispatch
from marketplace.dispatch import Policy
from marketplace.inbox import opened_counts
from marketplace.orders import read_order, with_internal_exclusions
from marketplace.users import UserNotFound, find_user_id, identities_of
from matching.taxonomy import Taxonomy


@contextmanager
def _asking(address: str) -> Iterator[SocketMatchService]:
    service = SocketMatchService(address)
    try:
        yield service
    finally:
        service.close()


def read_explanation(database: Database, match_address: str, dispatch_id: int, user: str) -> dict[str, Any]:
    """Return why a user is in a dispatch or not. Raises DispatchNotFound, UserNotFound, NotMatchedYet, Unavailable."""
    with database.read() as session:
        view = dispatch.get_dispatch(session, dispatch_id=dispatch_id)
        number, name = _find_user(session, view.summary.owner, user)
        told = dispatch.notification_of(session, dispatch_id=dispatch_id, user_id=number)
    if view.query_json is None:
        raise NotMatchedYet(dispatch_id)
    with _asking(match_address) as service:
        match = service.explain(view.query_json, number)
    return OrderExplanation(
        dispatch_id=dispatch_id,
        user_id=number,
        external_id=name,
        notification=None if told is None else offer_answer(told, name),
        match=MatchExplanation.model_validate(match),
    ).model_dump(mode="json")


def _find_user(session: Session, owner: str, text: str) -> tuple[int, str | None]:
    """Return a user's number and the owner's id of him: by that id first, else by the number."""
    found = find_user_id(session, owner, text)
    if found is None and text.isascii() and text.isdecimal() and len(text) <= 16:
        found = next(iter(identities_of(session, [int(text)])), None)
    if found is None:
        raise UserNotFound(f"there is no user {text[:40]!r} of {owner}: give the owner's id or the platform's number")
    identity = identities_of(session, [found]).get(found)
    return found, identity.external_id if identity is not None and identity.source == owner else None


def read_funnel(database: Database, dispatch_id: int) -> dict[str, Any]:
    """Return the funnel. Raises DispatchNotFound."""
    with database.read() as session:
        found = dispatch.funnel(session, dispatch_id=dispatch_id)
        opened = opened_counts(session, [dispatch_id]).get(dispatch_id, 0)
    return funnel_answer(found, opened).model_dump(mode="json")


def read_preview(
    database: Database, match_address: str, taxonomy: Taxonomy, document: object, owner: str | None
) -> dict[str, Any]:
    """Return exact counts. Raises InvalidInput, Unavailable."""
    if not isinstance(document, dict):
        raise InvalidInput("FILE", document, "must hold one JSON object, an order")
    if owner is None and document.get("exclude"):
        raise InvalidInput("exclude", None, "names ids of an owner: say whose with --owner", show_value=False)
    if owner is not None:
        with database.read() as session:
            document = with_internal_exclusions(session, owner, [document])[0]
    order = read_order(document, taxonomy)
    asked = {name: value for name, value in order.key_information.to_document().items() if name != "id"}
    with _asking(match_address) as service:
        found = service.preview(asked)
    return {**found, "query": json.loads(found["query"])}


def read_replay(database: Database, dispatch_id: int, policy: str | Policy | None) -> dict[str, Any]:
    """Return the replay, with a plan under another policy if one is given.

    Raises DispatchNotFound, TooMuchToReplay, UnknownPolicy.
    """
    with database.read() as session:
        found = dispatch.replay_dispatch(session, dispatch_id=dispatch_id)
        plan = (
            None
            if policy is None
            else dispatch.replan_dispatch(session, dispatch_id=dispatch_id, with_policy=policy, now_ms=now_ms())
        )
    return replay_answer(found, plan).model_dump(mode="json")
