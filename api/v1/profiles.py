"""Put, read, list, delete and import profiles of the caller's users."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from api.bodies import BodyOf, body_of, read_object
from api.callers import CallerOf, ServicesOf
from api.cursors import decode_number, encode_cursor
from api.once import answer, changed
from api.problems import NotThisMediaType
from api.text_reader import extractor_of, read_before_the_transaction
from api.v1.dispatches import Cursor, Limit
from api.v1.import_stream import ImportResponse, ImportSlots
from api.v1.profile_models import (
    ImportAnswer,
    ImportLine,
    ProfileAnswer,
    ProfileDocument,
    ProfilePage,
    ProfileStored,
)
from api.v1.users import ExternalIdPath
from kit.db import Session
from marketplace import channels, profiles
from marketplace.profiles import ProfileReceipt, StoredProfile

router = APIRouter(tags=["profiles"])

LINE_TYPES = ("application/jsonl", "application/x-ndjson", "application/x-jsonlines", "application/json", "text/plain")


async def import_slot(request: Request) -> Any:
    """Hold one of the places for imports until the answer is sent. Raises TooManyImports."""
    slots: ImportSlots = request.app.state.import_slots
    with slots.taken():
        yield


@router.put(
    "/v1/profiles/{id}",
    response_model=ProfileStored,
    summary="Create or replace the profile of a user",
    openapi_extra=body_of(ProfileDocument),
    responses={201: {"model": ProfileStored, "description": "There was no profile of this user before."}},
)
def put(external_id: ExternalIdPath, body: BodyOf, caller: CallerOf, services: ServicesOf) -> Response:
    """Store a profile whole: fields that are left out take their defaults. The same profile again changes nothing.

    A `text` adds the keywords that it names. While matching is paused nobody can read it: the profile is stored with
    its own keywords at once, `extracted` is null, and the text's keywords are added when matching is back.
    """
    document = read_object(body)
    extractor = extractor_of(services)
    read_before_the_transaction(services, document, extractor)

    def effect(session: Any) -> ProfileReceipt:
        return profiles.put_profile(
            session,
            services.ids,
            caller=caller,
            external_id=external_id,
            document=document,
            taxonomy=services.taxonomy,
            extractor=extractor,
            now_ms=services.clock(),
        )

    receipt = changed(services, effect)
    stored = ProfileStored(
        external_id=receipt.external_id,
        user_id=receipt.user_id,
        version=receipt.version,
        created=receipt.created,
        changed=receipt.changed,
        extracted=None if receipt.extracted is None else list(receipt.extracted),
    )
    return answer(stored, 201 if receipt.created else 200)


@router.get("/v1/profiles/{id}", response_model=ProfileAnswer, summary="One profile of yours")
def get(external_id: ExternalIdPath, caller: CallerOf, services: ServicesOf) -> Response:
    """Return a profile as it is stored: keywords normalised, unique and sorted."""
    with services.database.read() as session:
        return answer(_shown(profiles.get_profile(session, caller=caller, external_id=external_id)))


@router.get("/v1/profiles", response_model=ProfilePage, summary="List your profiles")
def list_all(caller: CallerOf, services: ServicesOf, cursor: Cursor = None, limit: Limit = 100) -> Response:
    """Return your profiles by the platform's number, page by page."""
    after = decode_number("profiles", cursor) or 0
    with services.database.read() as session:
        found = profiles.list_profiles(session, caller=caller, after_user_id=after, limit=limit)
    more = encode_cursor("profiles", found[-1].user_id) if len(found) == limit else None
    return answer(ProfilePage(items=[_shown(each) for each in found], next_cursor=more))


@router.delete("/v1/profiles/{id}", status_code=204, response_class=Response, summary="Delete a profile")
def delete(external_id: ExternalIdPath, caller: CallerOf, services: ServicesOf) -> Response:
    """Delete a profile's content and the user's addresses on channels; no wave reaches the user any longer.

    The number stays the user's.
    """

    def effect(session: Session) -> None:
        gone = profiles.delete_profile(session, caller=caller, external_id=external_id, now_ms=services.clock())
        channels.leave_channel(session, user_id=gone.user_id)

    changed(services, effect)
    return Response(status_code=204)


@router.post(
    "/v1/profiles:import",
    response_class=Response,
    summary="Import profiles line by line",
    openapi_extra=body_of(ImportLine, media_type="application/jsonl"),
    responses={
        200: {
            "description": "One answer a line, as JSON lines, as the lines are stored.",
            "model": ImportAnswer,
        }
    },
)
def import_lines(
    request: Request, caller: CallerOf, services: ServicesOf, _slot: Annotated[None, Depends(import_slot)]
) -> Response:
    """Store one profile a line (JSON lines, UTF-8), answered line by line while you send.

    A bad line is answered with a sentence and stops no other. Lines answered "ok" are committed. Sending the same lines
    again changes nothing, so it needs no Idempotency-Key: after a broken connection send them again.
    """
    media_type = request.headers.get("content-type", "application/jsonl").partition(";")[0].strip().lower()
    if media_type not in LINE_TYPES:
        raise NotThisMediaType(f"The body is said to be {media_type[:80]!r}; send JSON lines as application/jsonl.")
    return ImportResponse(services, caller)


def _shown(stored: StoredProfile) -> ProfileAnswer:
    return ProfileAnswer(
        external_id=stored.external_id,
        user_id=stored.user_id,
        version=stored.version,
        **stored.document,
        text=stored.text,
        extracted=None if stored.extracted is None else list(stored.extracted),
        changed_at_ms=stored.changed_at_ms,
    )
