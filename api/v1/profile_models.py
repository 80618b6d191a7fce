"""Profiles as the interface takes and shows them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from api.v1.order_models import Code, ShortText, UserName

EXAMPLE: dict[str, JsonValue] = {
    "keywords": ["电焊工", "氩弧焊"],
    "industries": ["33"],
    "regions": ["310115", "310104"],
    "crowds": ["veteran"],
    "location": [31.2304, 121.4737],
    "rating": 86,
    "available": True,
}


class ProfileDocument(BaseModel):
    """What a user offers. Missing lists are empty; the domain checks every field."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    id: UserName | None = Field(default=None, description="Your id of the user; may repeat the one in the path.")
    keywords: list[ShortText] = Field(default_factory=list, max_length=64)
    industries: list[Code] = Field(default_factory=list, max_length=32, description="Codes of GB/T 4754, any level.")
    regions: list[Code] = Field(
        default_factory=list, max_length=64, description="Codes of GB/T 2260; 100000 = everywhere."
    )
    crowds: list[ShortText] = Field(default_factory=list, max_length=32)
    location: Annotated[list[float], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="[latitude, longitude] in WGS-84."
    )
    rating: int = Field(default=60, ge=0, le=100)
    available: bool = Field(default=True, description="An unavailable user is told nothing.")
    text: str = Field(default="", max_length=20_000, description="Free text from which keywords are added.")


class ImportLine(ProfileDocument):
    """One line of an import: a profile with the id of its user."""

    id: UserName = Field(description="Your id of the user.")


class ProfileStored(BaseModel):
    """A profile as it was stored."""

    external_id: str
    user_id: int
    version: int
    created: bool
    changed: bool = Field(description="False: the same profile was there already, nothing was written.")
    extracted: list[str] | None = Field(description="Keywords that the text added; null when nobody read it yet.")


class ProfileAnswer(BaseModel):
    """One profile of yours."""

    external_id: str
    user_id: int
    version: int
    keywords: list[str]
    industries: list[str]
    regions: list[str]
    crowds: list[str]
    location: Annotated[list[float], Field(min_length=2, max_length=2)] | None
    rating: int
    available: bool
    text: str | None
    extracted: list[str] | None
    changed_at_ms: int


class ProfilePage(BaseModel):
    """A part of your profiles."""

    items: list[ProfileAnswer]
    next_cursor: str | None


class ImportAnswer(BaseModel):
    """What became of one line of an import."""

    line: int = Field(description="From 1; blank lines count and are not answered.")
    status: Literal["ok", "error"]
    external_id: str | None
    user_id: int | None = None
    version: int | None = None
    changed: bool | None = None
    extracted: list[str] | None = None
    sentence: str | None = None
