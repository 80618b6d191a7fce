"""Policies as the interface takes and shows them."""

from pydantic import BaseModel, ConfigDict, Field

DAY_MS = 86_400_000
LONGEST_MS = 366 * DAY_MS


class PolicyDocument(BaseModel):
    """How an order is offered. What is left out has its default; durations are milliseconds, 0 means "at once"."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "gentle",
                    "wave_size": 50,
                    "wave_interval_ms": 120_000,
                    "offers_a_day": 20,
                    "quiet_from_minute": 1_320,
                    "quiet_until_minute": 420,
                }
            ]
        },
    )

    name: str = Field(
        min_length=1, max_length=64, pattern=r"^\w[\w.-]*$", description="Publishing it again makes a new version."
    )
    wave_size: int = Field(default=200, ge=1, le=99_999, description="Most users of a wave.")
    wave_interval_ms: int = Field(default=60_000, ge=0, le=LONGEST_MS)
    full_window_ms: int = Field(
        default=1_800_000, ge=0, le=LONGEST_MS, description="After the full tier's last wave, until the partial tier."
    )
    partial_window_ms: int = Field(default=3_600_000, ge=0, le=LONGEST_MS)
    acceptors_wanted: int = Field(default=1, ge=1, le=10_000, description="Waves pause when so many wait.")
    full_limit: int = Field(default=100_000, ge=1, le=100_000, description="Most users of the full tier who are told.")
    partial_floor: int = Field(default=2_400, ge=0, le=11_000, description="Lowest score of the partial tier.")
    partial_limit: int = Field(default=500, ge=0, le=100_000)
    offer_expiry_ms: int = Field(default=DAY_MS, ge=0, le=LONGEST_MS)
    publisher_idle_ms: int = Field(
        default=DAY_MS, ge=0, le=LONGEST_MS, description="Until a publisher who lets acceptors wait is reminded."
    )
    hold_ms: int = Field(
        default=DAY_MS, ge=0, le=LONGEST_MS, description="Until a selected user must confirm; 0: nothing to confirm."
    )
    dispatch_expiry_ms: int = Field(default=7 * DAY_MS, ge=1, le=LONGEST_MS)
    needs_reach_confirmation: bool = Field(default=False, description="Orders must say `confirmed_reach`.")
    offers_an_hour: int = Field(
        default=0, ge=0, le=1_000, description="A user who was offered so many orders is passed over; 0: no cap."
    )
    offers_a_day: int = Field(default=0, ge=0, le=10_000, description="The same for 24 hours.")
    decline_cooldown_ms: int = Field(
        default=0, ge=0, le=DAY_MS, description="A user who declined is left alone for so long."
    )
    quiet_from_minute: int = Field(
        default=0, ge=0, le=1_439, description="Of the day: from then on nobody is told. Equal to the next: no quiet."
    )
    quiet_until_minute: int = Field(
        default=0,
        ge=0,
        le=1_439,
        description="From then on they are told again; on the next day if smaller.",
    )
    utc_offset_minutes: int = Field(default=480, ge=-720, le=840, description="The clock of the quiet hours.")
    rotate_equals: bool = Field(
        default=False, description="Draw anew for each order who of equal rank comes first, instead of by number."
    )


class PolicyAnswer(BaseModel):
    """One version of a policy. It never changes."""

    name: str
    version: int | None = Field(description="Null: the policy is built in and was never used.")
    created_at_ms: int | None
    policy: PolicyDocument


class PolicyList(BaseModel):
    """Policies, each in its newest version, or the versions of one, the newest first."""

    items: list[PolicyAnswer]
