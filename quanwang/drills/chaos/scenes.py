"""What happens with each order of a run: drawn from the seed and the order's number, so a run repeats itself. Pure."""

import random
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from marketplace.dispatch import Policy


class Publisher(StrEnum):
    """What the publisher does once somebody accepted."""

    SELECTS = "selects"
    """Selects the first of the queue."""
    CANCELS = "cancels"
    """Takes the order back."""
    SILENT = "silent"
    """Does nothing: reminded, then closed."""


class Receiver(StrEnum):
    """What the selected receiver does."""

    CONFIRMS = "confirms"
    """Goes on: the assignment stays."""
    FAILS = "fails"
    """The engagement fails: the queue moves on."""
    FAILS_LATER = "fails later"
    """As before, but seconds after a confirmation, when no timer of the order runs any more."""
    WITHDRAWS = "withdraws"
    """Takes the yes back although selected."""
    SILENT = "silent"
    """Lets the hold run out."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The story of one order. ``acceptors`` 0: nobody wants it; ``withdrawers``: how many of them take it back.

    ``external_id`` False: the order has no id of its own, so only its Idempotency-Key tells it from a second one.
    ``sent_twice``: the publisher clicks twice, so that the same request is under way two times at once.
    ``fresh``: for a crowd of one, whose profile is put right before.
    """

    number: int
    policy: str
    external_id: bool
    fresh: bool
    cancelled_at_once: bool
    own_expiry_s: int | None
    sent_twice: bool
    acceptors: int
    withdrawers: int
    publisher: Publisher
    receiver: Receiver


POLICY: Final = Policy(
    "chaos",
    wave_size=300,
    wave_interval_ms=500,
    full_window_ms=2_500,
    partial_window_ms=2_500,
    acceptors_wanted=2,
    partial_limit=100,
    offer_expiry_ms=10_000,
    publisher_idle_ms=6_000,
    hold_ms=6_000,
    dispatch_expiry_ms=1_800_000,
)
"""Seconds in place of hours, so that every timer runs out many times within a run."""

RUSH: Final = replace(POLICY, name="chaos-rush", wave_size=8, wave_interval_ms=0, full_limit=160)
"""Small waves that follow each other at once: whoever comes late finds the next one sent already."""

SPARED: Final = replace(POLICY, name="chaos-spared", offers_an_hour=12)
"""Spares users who were offered much of late: whoever of the full tier is not told is noted with the reason."""

POLICIES: Final = {policy.name: policy for policy in (POLICY, RUSH, SPARED)}
POLICY_SHARES: Final = (0.6, 0.25, 0.15)


def draw_scene(seed: int, number: int) -> Scene:
    """Return the story of the ``number``-th order of a run."""
    randomness = random.Random(f"{seed} scene {number}")
    wanted = randomness.random() < 0.6
    acceptors = randomness.randint(1, 4) if wanted else 0
    return Scene(
        number=number,
        policy=randomness.choices(list(POLICIES), POLICY_SHARES)[0],
        external_id=randomness.random() < 0.7,
        fresh=randomness.random() < 0.06,
        cancelled_at_once=randomness.random() < 0.04,
        own_expiry_s=randomness.randint(8, 30) if randomness.random() < 0.05 else None,
        sent_twice=randomness.random() < 0.08,
        acceptors=acceptors,
        withdrawers=randomness.randint(0, acceptors - 1) if acceptors > 1 and randomness.random() < 0.4 else 0,
        publisher=randomness.choices(list(Publisher), (0.7, 0.1, 0.2))[0],
        receiver=randomness.choices(list(Receiver), (0.55, 0.12, 0.08, 0.1, 0.15))[0],
    )


def title_of(seed: int, number: int) -> str:
    """Return the title of an order: nothing else has it, so an order that is there twice is seen."""
    return f"chaos {seed} order {number}"
