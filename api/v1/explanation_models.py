"""Why a user matches an order or not, as the interface shows it: codes for programs, sentences for people."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from matching.statements import Code

Dimension = Literal["keywords", "industry", "region", "crowd"]


class Statement(BaseModel):
    """One thing that is stated, for programs to say in their own words."""

    code: Code = Field(description="What is stated; more codes may follow.")
    parameters: dict[str, Any] = Field(
        description="What the code is about: words, tags, codes of the dimension's tree (`node`, `inner`, `outer`,"
        " `asked_nodes`, `held_nodes`), numbers.",
        examples=[{"asked_nodes": ["310115"], "held_nodes": ["440305"]}],
    )


class DimensionExplanation(BaseModel):
    """One dimension that the order names."""

    dimension: Dimension
    satisfied: bool
    score: int = Field(description="What it adds to the score.")
    reason: str = Field(description="Why, as an English sentence.")
    reasons: list[Statement] = Field(description="The same for programs; of a region, each is a way to satisfy it.")


class HeldWord(BaseModel):
    """A word of the group that the user holds."""

    text: str
    kind: Literal["exact", "synonym", "suffix", "correction"]
    similarity: int
    of: str = Field(description="The order's keyword that it stands for.")


class GroupExplanation(BaseModel):
    """One keyword group of the order."""

    asked: list[str]
    weight: int
    hit: bool
    by: list[HeldWord]


class ChangeExplanation(BaseModel):
    """How one missing dimension could be satisfied, by either side."""

    dimension: Dimension
    user: str = Field(description="What the user could do, as an English sentence.")
    order: str = Field(description="What the order could ask instead, as an English sentence.")
    user_changes: list[Statement] = Field(description="Each is enough by itself, the smallest first.")
    order_changes: list[Statement] = Field(description="Each is enough by itself, the smallest first.")


class MatchExplanation(BaseModel):
    """The user's place in the answer to the order's frozen query, as his profile stands now."""

    order: int
    user: int
    tier: Literal["full", "partial", "none"]
    closed_by: str = Field(description="What bars the user whatever he fits, as an English sentence; empty: nothing.")
    closed: Statement | None
    score: int
    tie: int
    distance_km: float | None = Field(description="From the publisher's place; null when either place is not known.")
    near_km: float | None = Field(description="From the centre of `near`; null without it or without a place.")
    dimensions: list[DimensionExplanation]
    groups: list[GroupExplanation]
    groups_needed: int
    changes: list[ChangeExplanation] = Field(
        description="For each missing dimension the smallest changes; empty exactly when every dimension is satisfied."
    )
