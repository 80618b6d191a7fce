"""Where a user is notified beside the inbox."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from api.bodies import BodyOf, RequestModel, body_of, read_model
from api.callers import CallerOf, ServicesOf
from api.once import answer, changed
from api.v1.users import ExternalIdPath, own_user
from kit.db import Session
from marketplace import channels
from marketplace.channels import Preference

router = APIRouter(tags=["channels"])

Kind = Literal["offer", "assigned", "publisher_reminded"]
ChannelPath = Annotated[
    str,
    Path(description="log or smtp, as the installation is set up.", min_length=1, max_length=20, examples=["smtp"]),
]


class ChannelChoice(RequestModel):
    """A user's choice for one channel."""

    address: str = Field(
        min_length=1, max_length=254, description="A mail address for smtp.", examples=["name@example.com"]
    )
    kinds: list[Kind] | None = Field(
        default=None,
        min_length=1,
        max_length=3,
        description="offer: an order was offered. assigned: the user was selected. publisher_reminded: acceptances wait"
        " for the user's choice. Default: all.",
    )
    language: Literal["zh-CN", "en"] = "zh-CN"


class ChannelAnswer(BaseModel):
    """A choice as it stands."""

    channel: str
    address: str
    kinds: list[str]
    language: str
    changed_at_ms: int


class ChannelList(BaseModel):
    """All choices of a user; ``available`` names the channels of this installation."""

    items: list[ChannelAnswer]
    available: list[str]


@router.get("/v1/users/{id}/channels", response_model=ChannelList, summary="Where a user is notified")
def list_channels(external_id: ExternalIdPath, caller: CallerOf, services: ServicesOf) -> Response:
    """Return the user's choices; without any there is only the inbox."""
    with services.database.read() as session:
        user_id = own_user(session, caller, external_id=external_id, user_id=None)
        found = channels.channels_of_user(session, user_id=user_id)
    return answer(ChannelList(items=[_shown(each) for each in found], available=sorted(services.channels)))


@router.put(
    "/v1/users/{id}/channels/{channel}",
    response_model=ChannelAnswer,
    summary="Notify a user on a channel",
    openapi_extra=body_of(ChannelChoice),
)
def choose(
    external_id: ExternalIdPath, channel: ChannelPath, caller: CallerOf, services: ServicesOf, body: BodyOf
) -> Response:
    """Notify the user there from about two seconds later on, at least once; a repeat has the same message id.

    You say that the user agreed and that the address is the user's own.
    """
    wanted = read_model(body, ChannelChoice)

    def effect(session: Session) -> Preference:
        return channels.choose_channel(
            session,
            services.channels,
            user_id=own_user(session, caller, external_id=external_id, user_id=None),
            channel=channel,
            address=wanted.address,
            kinds=wanted.kinds,
            language=wanted.language,
            now_ms=services.clock(),
        )

    return answer(_shown(changed(services, effect)))


@router.delete("/v1/users/{id}/channels/{channel}", status_code=204, summary="End a user's notifications on a channel")
def leave(external_id: ExternalIdPath, channel: ChannelPath, caller: CallerOf, services: ServicesOf) -> Response:
    """Send the user nothing more there, not even what is under way. A second time changes nothing."""

    def effect(session: Session) -> None:
        user_id = own_user(session, caller, external_id=external_id, user_id=None)
        channels.leave_channel(session, user_id=user_id, channel=channel)

    changed(services, effect)
    return Response(status_code=204)


def _shown(preference: Preference) -> ChannelAnswer:
    return ChannelAnswer(
        channel=preference.channel,
        address=preference.address,
        kinds=sorted(preference.kinds),
        language=preference.language.value,
        changed_at_ms=preference.changed_at_ms,
    )
