"""What a run found to be wrong: one sentence each, under a code that counts."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Code(StrEnum):
    """What kind of promise was broken."""

    LOST = "lost"
    """An acknowledged order is not there, or was never dispatched."""
    DOUBLED = "doubled"
    """One order became two dispatches."""
    UNDONE = "undone"
    """Something else that was acknowledged is not there: an acceptance, a selection, a cancellation."""
    PHANTOM = "phantom"
    """Something is there that was refused, or that nobody asked for."""
    TOLD_TWICE = "told twice"
    """A user was told of one order more than once."""
    MISSED = "missed"
    """A user who had to be told was not."""
    WRONGLY_TOLD = "wrongly told"
    """A user was told who does not qualify, or before somebody who ranks higher."""
    ASSIGNMENTS = "assignments"
    """More than one assignment, or a place in the queue that moved back."""
    FORGOTTEN = "forgotten"
    """Something waits for ever: a deadline, a delivery, a dead letter."""
    INVARIANT = "invariant"
    """The platform's own invariants do not hold."""
    INCIDENT = "incident"
    """An answer of the kind that only a fault of ours gives (500)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise."""

    code: Code
    sentence: str


MOST_OF_A_KIND: Final = 1_000
"""A run that breaks everything needs no longer list."""
