"""What the supervisor of a primary and its standby does next: pure, one step at a time.

The rule behind it: a standby may be promoted only while it is *trusted*, which means that no commit is acknowledged
without it. Trust is written down before it begins to matter and taken away, in writing, before commits go on without
the standby. So whatever dies when, a promoted standby has every acknowledged transaction.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from kit.db.replication import Position

FROZEN_S: Final = 3.0
"""A server that has not answered for so long counts as dead, and is killed before anything else happens."""

GRACE_S: Final = 3.0
"""How long commits wait for a standby that is away, until the primary goes on alone."""

CLOSE_TRANSACTIONS: Final = 2_000
"""A standby at most so far behind is asked to confirm commits; they wait until it has caught up."""


class Step(Enum):
    """One thing to do. Each is done whole before the next look."""

    NOTHING = "nothing"
    FAIL_OVER = "kill the primary for good and promote the standby"
    RESTART_PRIMARY = "kill what is left of the primary and start it again in its place"
    DISTRUST = "write down that the standby may not be promoted"
    GO_ALONE = "let the primary commit without the standby"
    RESTART_STANDBY = "kill what is left of the standby and start it again"
    FOLLOW = "tell the standby to follow the primary"
    COPY = "give the standby a new copy of the primary"
    CONFIRM = "let commits wait for the standby again"
    TRUST = "write down that the standby may be promoted"


@dataclass(frozen=True, slots=True)
class PrimarySight:
    """How the primary looks. ``silent_s``: since when it does not answer, 0 when it does. ``confirming``: its commits
    wait for the standby; ``confirmed``: and the standby confirms them.
    """

    alive: bool
    silent_s: float
    confirming: bool
    confirmed: bool
    written: Position


@dataclass(frozen=True, slots=True)
class StandbySight:
    """How the standby looks. ``away_s``: since when it does not receive and apply; ``received``: what it has for sure.

    ``broken``: its replication stopped with an error that does not mend itself; ``diverged``: it holds transactions
    that the primary does not know; ``copying``: it is being filled.
    """

    alive: bool
    silent_s: float
    away_s: float
    follows: bool
    received: Position
    broken: bool
    diverged: bool
    copying: bool


def next_step(primary: PrimarySight, standby: StandbySight, *, trusted: bool, wanted: Position | None) -> Step:
    """Return what to do now. ``wanted``: what the standby must have received before it is trusted, once confirming."""
    if not primary.alive or primary.silent_s > FROZEN_S:
        can_take_over = trusted and standby.alive and standby.silent_s == 0 and not standby.broken
        return Step.FAIL_OVER if can_take_over else Step.RESTART_PRIMARY
    if primary.silent_s > 0:
        return Step.NOTHING
    lost = not standby.alive or standby.silent_s > FROZEN_S or standby.diverged or standby.broken
    if trusted and (lost or standby.away_s > GRACE_S or not primary.confirming):
        return Step.DISTRUST
    if primary.confirming and standby.away_s > GRACE_S:
        return Step.GO_ALONE
    if not standby.alive or standby.silent_s > FROZEN_S:
        return Step.RESTART_STANDBY
    if standby.silent_s > 0 or standby.copying:
        return Step.NOTHING
    if standby.diverged or standby.broken:
        return Step.COPY
    if not standby.follows:
        return Step.FOLLOW
    if standby.away_s > 0:
        return Step.NOTHING
    return _toward_trust(primary, standby, trusted=trusted, wanted=wanted)


def _toward_trust(primary: PrimarySight, standby: StandbySight, *, trusted: bool, wanted: Position | None) -> Step:
    if trusted:
        return Step.NOTHING
    if not primary.confirming or wanted is None:
        is_close = primary.written.sequence - standby.received.sequence <= CLOSE_TRANSACTIONS
        return Step.CONFIRM if is_close else Step.NOTHING
    return Step.TRUST if primary.confirmed and standby.received >= wanted else Step.NOTHING


def has_diverged(held: Position, *, fork: Position, primary_number: int) -> bool:
    """Whether a server holds a transaction that the primary does not know.

    ``held`` is its newest one, ``fork`` the newest one that the present primary had when it was promoted. What the
    primary wrote itself it knows; anything newer than the fork by somebody else it does not.
    """
    return held.server != primary_number and held.sequence > fork.sequence
