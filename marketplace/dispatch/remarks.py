"""What a replay has to say besides its figures: codes with parameters for programs, sentences for people."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


class RemarkCode(enum.StrEnum):
    """What is said. Parameters stand in double backquotes."""

    NOT_ASKED = "not_asked"
    """The machine would not have sent wave ``wave`` at its time."""
    OTHER_SIZE = "other_size"
    """Wave ``wave`` told ``told_full`` and ``told_partial`` users, the machine would tell ``full``, ``partial``."""
    OTHER_BYTES = "other_bytes"
    """Wave ``wave`` has the same sizes and another number, expiry, tier or order of users."""
    NOT_REACHED = "not_reached"
    """Wave ``wave`` comes after the first difference, so it was not replayed."""
    EVENT_NOT_MADE = "event_not_made"
    """The machine would not have done ``kind`` when it was recorded."""
    EVENT_NOT_RECORDED = "event_not_recorded"
    """The machine would have done ``kind``, and it is not recorded."""
    OTHER_END = "other_end"
    """The replay ends as ``replayed``, and the dispatch stands at ``recorded``."""

    UNTOLD_NOT_NAMED = "untold_not_named"
    """``full`` and ``partial`` users were counted and never told: a limit or an end came first, so only their numbers
    are recorded."""
    PARTIAL_NEVER_ASKED = "partial_never_asked"
    """Nobody ever asked for the partial tier, so it is not known who is in it."""
    EARLIER_EXPIRY_UNKNOWN = "earlier_expiry_unknown"
    """The order was edited; when its earlier versions would have expired is not recorded."""
    UNSEEN_ANSWER = "unseen_answer"
    """An acceptance was committed while wave ``wave`` was: the machine had not seen it yet."""
    FIRST_YES_NOT_KEPT = "first_yes_not_kept"
    """Somebody withdrew and accepted again: only his last acceptance is kept, and the publisher was waited for since
    the first.
    """
    CUT_SHORT = "cut_short"
    """The re-planning stopped after ``steps`` steps."""
    UNTOLD_UNPLANNED = "untold_unplanned"
    """Up to ``partial`` users of the partial tier may reach the policy's floor; their scores were never recorded."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One code with its parameters."""

    code: RemarkCode
    parameters: Mapping[str, int | str] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The remark in English."""
        return SENTENCES[self.code].format_map(self.parameters)


SENTENCES: Final[Mapping[RemarkCode, str]] = {
    RemarkCode.NOT_ASKED: "The machine would not have sent wave {wave} at that time.",
    RemarkCode.OTHER_SIZE: (
        "Wave {wave} told {told_full} full and {told_partial} partial users; the machine would have told {full} and"
        " {partial}."
    ),
    RemarkCode.OTHER_BYTES: "Wave {wave} has the right sizes, and another expiry or order of users than the machine's.",
    RemarkCode.NOT_REACHED: "Wave {wave} comes after the first difference, so it was not replayed.",
    RemarkCode.EVENT_NOT_MADE: "The machine would not have done '{kind}' when it was recorded.",
    RemarkCode.EVENT_NOT_RECORDED: "The machine would have done '{kind}', and no such line is recorded.",
    RemarkCode.OTHER_END: "The replay ends as {replayed}, and the dispatch stands at {recorded}.",
    RemarkCode.UNTOLD_NOT_NAMED: (
        "{full} full and {partial} partial users were counted and never told: a limit or the end came first, so their"
        " numbers are recorded and not who they are."
    ),
    RemarkCode.PARTIAL_NEVER_ASKED: "Nobody ever asked for the partial tier, so it is not known who is in it.",
    RemarkCode.EARLIER_EXPIRY_UNKNOWN: "The order was edited; when its earlier versions were to expire is not kept.",
    RemarkCode.UNSEEN_ANSWER: "An acceptance was committed while wave {wave} was: the machine had not seen it yet.",
    RemarkCode.FIRST_YES_NOT_KEPT: (
        "Somebody withdrew and accepted again; only the last acceptance is kept, so since when the publisher was waited"
        " for is taken from the reminder."
    ),
    RemarkCode.CUT_SHORT: "The re-planning was stopped after {steps} steps; what comes later is not counted.",
    RemarkCode.UNTOLD_UNPLANNED: (
        "Up to {partial} more users of the partial tier may reach the policy's floor; their scores were never recorded,"
        " so they are left out."
    ),
}
