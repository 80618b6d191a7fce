"""Webhooks: where the owner of an API key is told what happens to its dispatches."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response

from api.bodies import BodyOf, body_of, read_model
from api.callers import CallerOf, ServicesOf, owner_seen_by
from api.cursors import decode_number, encode_cursor
from api.once import Answer, Changes, answer, changed
from api.services import Services
from api.v1.dispatches import Cursor
from api.v1.users import MAX_ID
from api.v1.webhook_models import (
    Delivery,
    DeliveryPageAnswer,
    NewWebhook,
    Nothing,
    RotationRequest,
    SentAgain,
    WebhookAnswer,
    WebhookChange,
    WebhookList,
    WebhookWithSecret,
)
from kit.db import Session
from kit.encryption import SecretBox
from kit.errors import Unavailable
from marketplace import webhooks
from marketplace.webhooks import DeliveryView, IssuedSecret, WebhookView

router = APIRouter(tags=["webhooks"])

WebhookIdPath = Annotated[int, Path(ge=1, le=MAX_ID, description="The id that registering answered.")]
DeliveryIdPath = Annotated[int, Path(ge=1, le=MAX_ID, description="The id that the list of deliveries shows.")]


class NoSecretBox(Unavailable):
    """The process has no key to seal secrets with."""


@router.post(
    "/v1/webhooks",
    response_model=WebhookWithSecret,
    status_code=201,
    summary="Register a webhook",
    openapi_extra=body_of(NewWebhook),
)
def register(change: Changes) -> Response:
    """Register an address; events that happen from two seconds later on are sent to it.

    Each is a POST of `{"type", "timestamp", "data"}` with the headers of Standard Webhooks, at least once, in no
    promised order: the same `webhook-id` means the same event. An answer 2xx within ten seconds takes it; anything
    else is tried again, sixteen times in about seventeen hours. 410 turns the webhook off.
    """
    wanted = read_model(change.body, NewWebhook)

    def effect(session: Session, now_ms: int) -> Answer:
        issued = webhooks.register_webhook(
            session,
            change.services.ids,
            _box(change.services),
            change.services.webhook_rules,
            owner=change.caller.owner,
            url=wanted.url,
            kinds=wanted.kinds,
            description=wanted.description,
            now_ms=now_ms,
        )
        return _issued(issued, 201)

    return change.once(effect)


@router.get("/v1/webhooks", response_model=WebhookList, summary="Your webhooks")
def list_all(caller: CallerOf, services: ServicesOf) -> Response:
    """Return all webhooks of the owner; there are at most 20."""
    with services.database.read() as session:
        found = webhooks.list_webhooks(session, owner=caller.owner)
    return answer(WebhookList(items=[_shown(view) for view in found]))


@router.get("/v1/webhooks/{webhook_id}", response_model=WebhookAnswer, summary="One webhook")
def get(webhook_id: WebhookIdPath, caller: CallerOf, services: ServicesOf) -> Response:
    """Return one webhook."""
    with services.database.read() as session:
        return answer(_shown(webhooks.get_webhook(session, owner=owner_seen_by(caller), webhook_id=webhook_id)))


@router.patch(
    "/v1/webhooks/{webhook_id}",
    response_model=WebhookAnswer,
    summary="Change a webhook, turn it off or on",
    openapi_extra=body_of(WebhookChange),
)
def change_one(webhook_id: WebhookIdPath, caller: CallerOf, services: ServicesOf, body: BodyOf) -> Response:
    """Set what the body names. While it is off, what waits for it becomes dead letters."""
    wanted = read_model(body, WebhookChange)

    def effect(session: Session) -> WebhookView:
        return webhooks.change_webhook(
            session,
            services.webhook_rules,
            owner=owner_seen_by(caller),
            webhook_id=webhook_id,
            url=wanted.url,
            kinds=wanted.kinds,
            description=wanted.description,
            active=wanted.active,
            now_ms=services.clock(),
        )

    return answer(_shown(changed(services, effect)))


@router.delete("/v1/webhooks/{webhook_id}", status_code=204, summary="Delete a webhook")
def delete(webhook_id: WebhookIdPath, caller: CallerOf, services: ServicesOf) -> Response:
    """End a webhook for good; nothing that waits is sent any more. Once it is gone the answer is 404."""

    def effect(session: Session) -> None:
        webhooks.delete_webhook(session, owner=owner_seen_by(caller), webhook_id=webhook_id, now_ms=services.clock())

    changed(services, effect)
    return Response(status_code=204)


@router.post(
    "/v1/webhooks/{webhook_id}/rotation",
    response_model=WebhookWithSecret,
    summary="Give a webhook a new secret",
    openapi_extra=body_of(RotationRequest),
)
def rotate(webhook_id: WebhookIdPath, change: Changes) -> Response:
    """Make a new secret. Until the overlap is over deliveries carry a signature by each secret."""
    wanted = read_model(change.body, RotationRequest)

    def effect(session: Session, now_ms: int) -> Answer:
        issued = webhooks.rotate_secret(
            session,
            _box(change.services),
            owner=owner_seen_by(change.caller),
            webhook_id=webhook_id,
            overlap_hours=wanted.overlap_hours,
            now_ms=now_ms,
        )
        return _issued(issued, 200)

    return change.once(effect)


@router.post(
    "/v1/webhooks/{webhook_id}/test",
    response_model=Delivery,
    status_code=202,
    summary="Send a test event",
    openapi_extra=body_of(Nothing),
)
def send_test(webhook_id: WebhookIdPath, change: Changes) -> Response:
    """Send an event of the type webhook.test, like every other one; the list of deliveries shows what became of it."""
    read_model(change.body, Nothing)

    def effect(session: Session, now_ms: int) -> Answer:
        sent = webhooks.send_test(
            session, change.services.ids, owner=owner_seen_by(change.caller), webhook_id=webhook_id, now_ms=now_ms
        )
        return Answer(202, _delivery(sent))

    return change.once(effect)


@router.get(
    "/v1/webhooks/{webhook_id}/deliveries", response_model=DeliveryPageAnswer, summary="What was sent, and dead letters"
)
def deliveries(
    webhook_id: WebhookIdPath,
    caller: CallerOf,
    services: ServicesOf,
    state: Annotated[
        Literal["pending", "delivered", "dead", "dropped"] | None, Query(description="dead: the dead letters.")
    ] = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=100, description="Most items of a page.")] = 20,
) -> Response:
    """Return deliveries, newest first. What was delivered is kept for seven days, dead letters until they are sent."""
    with services.database.read() as session:
        page = webhooks.list_deliveries(
            session,
            owner=owner_seen_by(caller),
            webhook_id=webhook_id,
            state=state,
            cursor=decode_number("deliveries", cursor),
            limit=limit,
        )
    following = None if page.next_cursor is None else encode_cursor("deliveries", page.next_cursor)
    return answer(DeliveryPageAnswer(items=[_delivery(view) for view in page.items], next_cursor=following))


@router.post(
    "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/resend",
    response_model=Delivery,
    status_code=202,
    summary="Send one delivery again",
    openapi_extra=body_of(Nothing),
)
def resend(webhook_id: WebhookIdPath, delivery_id: DeliveryIdPath, change: Changes) -> Response:
    """Send a delivery again, whatever became of it: the same event, the same `webhook-id`."""
    read_model(change.body, Nothing)

    def effect(session: Session, now_ms: int) -> Answer:
        sent = webhooks.send_again(
            session,
            change.services.ids,
            owner=owner_seen_by(change.caller),
            webhook_id=webhook_id,
            delivery_id=delivery_id,
            now_ms=now_ms,
        )
        return Answer(202, _delivery(sent))

    return change.once(effect)


@router.post(
    "/v1/webhooks/{webhook_id}/resend",
    response_model=SentAgain,
    status_code=202,
    summary="Send dead letters again",
    openapi_extra=body_of(Nothing),
)
def resend_dead(webhook_id: WebhookIdPath, change: Changes) -> Response:
    """Send the oldest dead letters of a webhook again, at most 1,000 a request."""
    read_model(change.body, Nothing)

    def effect(session: Session, now_ms: int) -> Answer:
        count = webhooks.send_dead_again(
            session, change.services.ids, owner=owner_seen_by(change.caller), webhook_id=webhook_id, now_ms=now_ms
        )
        return Answer(202, SentAgain(count=count))

    return change.once(effect)


def _box(services: Services) -> SecretBox:
    if services.secret_box is None:
        raise NoSecretBox("this server has no key to seal secrets with: register webhooks at another one", 60)
    return services.secret_box


def _issued(issued: IssuedSecret, status: int) -> Answer:
    shown = _shown(issued.webhook).model_dump()
    return Answer(
        status, WebhookWithSecret(**shown, secret=issued.secret), kept=WebhookWithSecret(**shown, secret=None)
    )


def _shown(view: WebhookView) -> WebhookAnswer:
    return WebhookAnswer(
        webhook_id=view.webhook_id,
        url=view.url,
        kinds=sorted(view.kinds),
        description=view.description,
        active=view.active,
        off_reason=view.off_reason,
        previous_secret_until_ms=view.previous_secret_until_ms,
        failing_since_ms=view.failing_since_ms,
        created_at_ms=view.created_at_ms,
        changed_at_ms=view.changed_at_ms,
    )


def _delivery(view: DeliveryView) -> Delivery:
    return Delivery.model_validate(view, from_attributes=True)
