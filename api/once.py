"""One effect and one answer for a request that comes twice: the Idempotency-Key, stored with the effect."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from api.bodies import raw_body
from api.callers import authorized, services_of
from api.problems import MalformedRequest
from api.services import Services
from kit import idempotency
from kit.db import Session
from kit.idempotency import Replay, hash_body
from kit.work import kinds_enqueued
from marketplace.access import Caller

KEY_HEADER: Final = "Idempotency-Key"
REPLAYED_HEADER: Final = "idempotency-replayed"
Result = TypeVar("Result")


class NoIdempotencyKey(MalformedRequest):
    """The request changes something and cannot be told from its own repetition."""

    def __init__(self) -> None:
        super().__init__(
            "The header Idempotency-Key is missing; send a new unique text (such as a UUID) with every new request, and"
            " the same text when you send the same request again."
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers. ``kept``, when given, is what the same request gets again: without what is shown once."""

    status: int
    document: BaseModel
    kept: BaseModel | None = None


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """A request that changes something: who asks, under which key, and what the body says."""

    services: Services
    caller: Caller
    scope: str
    key: str
    body: bytes

    def once(self, effect: Callable[[Session, int], Answer]) -> Response:
        """Run ``effect(session, now_ms)`` and keep its answer in one transaction; the same request again gets it again.

        ``effect`` may run several times (lock conflicts): nothing but its session may change. An error keeps nothing,
        so the request can be sent again under the same key.
        """
        now_ms = self.services.clock()
        reached = self.services.reached

        def run(session: Session) -> tuple[int, str, bool, frozenset[str]]:
            owner = f"{self.caller.owner}\n{self.scope}"
            started = idempotency.begin(
                session, owner=owner, key=self.key, body_hash=hash_body(self.body), now_ms=now_ms
            )
            if isinstance(started, Replay):
                return started.status, started.body, True, frozenset()
            reached("request.begun")
            answer = effect(session, now_ms)
            reached("request.effected")
            kept = (answer.kept or answer.document).model_dump_json()
            idempotency.store(session, owner=owner, key=self.key, status=answer.status, body=kept)
            reached("request.stored")
            text = answer.document.model_dump_json() if answer.kept else kept
            return answer.status, text, False, kinds_enqueued(session)

        # The key is written with the effect: a second run finds the answer if the first commit was kept.
        status, text, replayed, kinds = self.services.database.run_idempotent(run)
        reached("request.committed")
        self.services.wake.notify(kinds)
        headers = {REPLAYED_HEADER: "true"} if replayed else {}
        return Response(text, status, headers=headers, media_type="application/json")


async def change_request(
    request: Request,
    caller: Annotated[Caller, Depends(authorized)],
    body: Annotated[bytes, Depends(raw_body)],
    key: Annotated[
        str | None,
        Header(
            alias=KEY_HEADER,
            description="A unique text of yours (1 to 255 printable ASCII characters). The same request under the same"
            " key has one effect and one answer, kept for 7 days.",
            examples=["7d0c7f0e-order-10086"],
        ),
    ] = None,
) -> ChangeRequest:
    """Return the request as one that changes something. Raises NoIdempotencyKey."""
    if key is None or not key.strip():
        raise NoIdempotencyKey
    scope = f"{request.method} {request.url.path}"
    return ChangeRequest(services_of(request), caller, scope, key, body)


Changes = Annotated[ChangeRequest, Depends(change_request)]


def changed(services: Services, effect: Callable[[Session], Result]) -> Result:
    """Run an effect that is the same however often it runs (PUT, DELETE) in one transaction, then wake the workers."""

    def run(session: Session) -> tuple[Result, frozenset[str]]:
        return effect(session), kinds_enqueued(session)

    result, kinds = services.database.run_idempotent(run)
    services.wake.notify(kinds)
    return result


def answer(document: BaseModel, status: int = 200) -> Response:
    """Return a document as it stands, without a second validation."""
    return Response(document.model_dump_json(), status, media_type="application/json")
