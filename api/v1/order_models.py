"""Orders as backends submit them. The domain checks them itself; these models describe them in the documentation."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from marketplace.orders import MAX_POLICY_REFERENCE
from matching.taxonomy import MAX_CODE_CHARACTERS

ShortText = Annotated[str, Field(min_length=1, max_length=64)]
Code = Annotated[str, Field(min_length=1, max_length=MAX_CODE_CHARACTERS)]
UserName = Annotated[str, Field(min_length=1, max_length=128)] | Annotated[int, Field(ge=1, le=2**53 - 1)]


class KeywordGroup(BaseModel):
    """Keywords of which a user needs any one."""

    model_config = ConfigDict(extra="forbid")

    any: list[ShortText] = Field(min_length=1, max_length=64)
    weight: int = Field(default=1, ge=1, le=15)


class AtLeast(BaseModel):
    """How many of the groups a user must hit."""

    model_config = ConfigDict(extra="forbid")

    at_least: int = Field(ge=1, le=16)


class Circle(BaseModel):
    """A circle on the earth (WGS-84); its edge belongs to it."""

    model_config = ConfigDict(extra="forbid")

    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)
    radius_km: float = Field(gt=0, le=20_038)


class OrderDocument(BaseModel):
    """An approved order: what receivers read, and its key information: at least one dimension, or a text.

    From `text` come up to 8 keywords, regions and industries, each where the order names none of that dimension
    itself; when nothing in it is known the dispatch ends as `unmatchable`, with the reason. Title and description are
    for people: nothing is read from them.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "id": "order-10086",
                    "title": "上海浦东 急招持证焊工",
                    "description": "钢结构厂房, 两周, 日结",
                    "keywords": [["电焊工", "氩弧焊"], {"any": ["钢结构"], "weight": 2}],
                    "keyword_rule": {"at_least": 1},
                    "regions": ["310115"],
                    "industries": ["33"],
                    "near": {"lat": 31.22, "lon": 121.54, "radius_km": 30},
                    "policy": "default",
                }
            ]
        },
    )

    id: UserName | None = Field(default=None, description="Your id of the order; submitted again it is a duplicate.")
    title: str | None = Field(default=None, max_length=200)
    description: str | None = Field(default=None, max_length=20_000)
    publisher: UserName | None = Field(default=None, description="Your id of the user who publishes it.")
    policy: str | None = Field(
        default=None,
        description="Name of a policy, or `name:version`; `default` when none is named.",
        max_length=MAX_POLICY_REFERENCE,
    )
    expires_at_ms: int | None = Field(default=None, ge=1, le=2**53 - 1)
    confirmed_reach: int | None = Field(
        default=None, ge=1, le=100_000, description="Needed by policies that tell many at once."
    )
    keywords: list[ShortText | list[ShortText] | KeywordGroup] | None = Field(default=None, max_length=16)
    keyword_rule: Literal["all", "any"] | AtLeast | None = Field(default=None, description='`"all"` by default.')
    industries: list[Code] | None = Field(default=None, max_length=32, description="Codes of GB/T 4754, any level.")
    regions: list[Code] | None = Field(default=None, max_length=64, description="Codes of GB/T 2260, any level.")
    near: Circle | None = None
    crowds: list[ShortText] | None = Field(default=None, max_length=32)
    origin: Annotated[list[float], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="Where the publisher is: [latitude, longitude]."
    )
    exclude: list[UserName] | None = Field(
        default=None, max_length=100_000, description="Your ids of users to leave out."
    )
    limit: int | None = Field(default=None, ge=1, le=100_000)
    fuzzy: bool | None = Field(default=None, description="Use synonyms, suffixes and corrections; true by default.")
    text: str | None = Field(default=None, max_length=20_000, description="Free text from which keys are extracted.")


class OrderBatch(BaseModel):
    """Up to 1,000 orders, each answered by itself."""

    model_config = ConfigDict(extra="forbid")

    orders: list[OrderDocument] = Field(min_length=1, max_length=1_000)
    policy: str | None = Field(default=None, description="For orders that name none.", max_length=MAX_POLICY_REFERENCE)


class RoundedCount(BaseModel):
    """A count that does not single out a person: exactly one of the two is given."""

    about: int | None = Field(default=None, description="Rounded down to two digits.")
    below: int | None = Field(default=None, description="Fewer than this many.")


class KeyGain(BaseModel):
    """What changing one key of the order would do to the full tier."""

    change: Literal["drop", "widen"]
    dimension: str
    value: str
    full: RoundedCount
    gain: RoundedCount
    sentence: str


class PreviewAnswer(BaseModel):
    """How many users an order would reach now, and what each of its keys costs. Counts are rounded."""

    full: RoundedCount
    partial: RoundedCount
    dimensions: dict[str, RoundedCount]
    gains: list[KeyGain] = Field(description="Best gain first.")
    extracted: list[dict[str, Any]] = Field(description="What was recognised in the text.")
    query: dict[str, Any] = Field(description="The order as it would be asked, with its variants.")
    warnings: list[str] = Field(description="Sentences about an order that would reach nobody.")
