"""The words that pages use for states, tiers and dimensions; ``mark`` lets the catalogues find them."""

from dataclasses import dataclass


def mark(text: str) -> str:
    """Return the text unchanged: it is translated where it is shown."""
    return text


@dataclass(frozen=True, slots=True)
class Word:
    """A label, and the tone in which it is shown (a class of the style sheet)."""

    label: str
    tone: str = ""


STAGES = {
    "approved": Word(mark("Approved"), "tag"),
    "offering_full": Word(mark("Offering: full tier"), "tag tag-full"),
    "offering_partial": Word(mark("Offering: partial tier"), "tag tag-partial"),
    "exhausted": Word(mark("Nobody accepted"), "tag tag-bad"),
    "expired": Word(mark("Expired"), "tag"),
    "cancelled": Word(mark("Cancelled"), "tag"),
    "publisher_silent": Word(mark("Publisher silent"), "tag tag-bad"),
    "unmatchable": Word(mark("Nothing to match by"), "tag tag-bad"),
    "accepted": Word(mark("Accepted, awaiting choice"), "tag tag-good"),
    "assigned": Word(mark("Assigned"), "tag tag-good"),
}
"""Stage or, when the publisher's choice says more, the choice."""

TIERS = {
    "full": Word(mark("Full match"), "tag tag-full"),
    "partial": Word(mark("Partial match"), "tag tag-partial"),
    "none": Word(mark("No match"), "tag"),
}

DIMENSIONS = {
    "keywords": Word(mark("Keywords")),
    "industry": Word(mark("Industry")),
    "region": Word(mark("Region")),
    "crowd": Word(mark("Crowd")),
}

MEMBER_KINDS = {
    "exact": Word(mark("as given")),
    "synonym": Word(mark("synonym")),
    "suffix": Word(mark("suffix")),
    "correction": Word(mark("correction")),
}

KEY_KINDS = {
    "keyword": Word(mark("keyword")),
    "region": Word(mark("region")),
    "industry": Word(mark("industry")),
    "crowd": Word(mark("crowd")),
}

EXTRACTION_REASONS = {
    "known": Word(mark("a known keyword")),
    "inside": Word(mark("a known keyword inside a longer one")),
    "across": Word(mark("a known keyword that begins inside another one")),
    "full_name": Word(mark("the full name")),
    "short_name": Word(mark("a short name")),
    "supported": Word(mark("a wider region in the text makes it sure")),
    "named_industry": Word(mark("the text calls it an industry")),
    "rarer_taken": Word(mark("rarer keywords of the text were taken instead")),
    "order_names": Word(mark("the order names keys of this kind itself")),
    "crowd_of_text": Word(mark("a text names no crowd for an order")),
    "narrowed": Word(mark("a region inside it is in the text")),
    "whole_country": Word(mark("the whole country restricts nothing")),
    "ambiguous": Word(mark("several have this name")),
    "other_thing": Word(mark("names something after the place, not the place")),
    "too_short": Word(mark("too short to be sure without more in the text")),
}
"""Why a key of the text counts or not."""

ANSWERS = {
    "accepted": Word(mark("In the queue"), "tag tag-good"),
    "selected": Word(mark("Selected"), "tag tag-good"),
    "confirmed": Word(mark("Confirmed"), "tag tag-good"),
    "declined": Word(mark("Declined"), "tag"),
    "withdrawn": Word(mark("Withdrawn"), "tag"),
    "failed": Word(mark("Failed"), "tag tag-bad"),
    "lapsed": Word(mark("Not confirmed in time"), "tag"),
    "released": Word(mark("Released"), "tag"),
}

SHOWN_STATES = {
    "open": Word(mark("Open"), "tag tag-good"),
    "taken": Word(mark("Taken by someone else"), "tag"),
    "closed": Word(mark("Closed"), "tag"),
    "cancelled": Word(mark("Cancelled"), "tag"),
    "expired": Word(mark("Expired"), "tag"),
}

TIMELINE = {
    "submitted": Word(mark("Approved and submitted")),
    "wave": Word(mark("Wave sent")),
    "accepted": Word(mark("Accepted by")),
    "declined": Word(mark("Declined by")),
    "withdrawn": Word(mark("Acceptance withdrawn by")),
    "assigned": Word(mark("Publisher selected")),
    "confirmed": Word(mark("Confirmed by")),
    "assignment_lapsed": Word(mark("Not confirmed in time by")),
    "assignment_failed": Word(mark("Assignment failed")),
    "assignment_withdrawn": Word(mark("Assignment given back by")),
    "released": Word(mark("Acceptance released")),
    "publisher_reminded": Word(mark("Publisher reminded")),
    "offering_full": Word(mark("Full tier opened")),
    "offering_partial": Word(mark("Partial tier opened")),
    "exhausted": Word(mark("Closed: nobody accepted")),
    "expired": Word(mark("Closed: expired")),
    "cancelled": Word(mark("Cancelled")),
    "publisher_silent": Word(mark("Closed: the publisher stayed silent")),
    "unmatchable": Word(mark("Closed: nothing to match by")),
    "approved": Word(mark("Offering starts over")),
}
"""Kinds of lines of a dispatch's timeline."""

PASSED_OVER = {
    "quiet_hours": Word(mark("quiet hours")),
    "hour_cap": Word(mark("offered enough within an hour")),
    "day_cap": Word(mark("offered enough within a day")),
    "declined": Word(mark("declined something a short while ago")),
    "limit": Word(mark("no room within the tier's limit")),
    "outranked": Word(mark("too many others fitted better")),
}
"""Why somebody who fits was not told: the reasons of the policy."""

PASSED_OVER_STATES = {
    "waiting": Word(mark("waiting for the catch-up wave")),
    "settled": Word(mark("the catch-up wave has been")),
    "final": Word(mark("not told any more")),
}

STAGE_TIMES = {
    "queued": Word(mark("Waited for the first wave")),
    "delivery": Word(mark("Slowest delivery into inboxes")),
    "full": Word(mark("In the full tier")),
    "partial": Word(mark("In the partial tier")),
    "to_first_acceptance": Word(mark("Until the first acceptance")),
    "to_assignment": Word(mark("Until the assignment")),
}
"""How long each stage of a dispatch took."""


def word(words: dict[str, Word], key: str) -> Word:
    """Return the word for a key; a key that has none yet is shown as it stands."""
    return words.get(key) or Word(key.replace("_", " "), "tag")
