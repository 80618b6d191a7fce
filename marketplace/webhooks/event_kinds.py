"""What an owner can be told of."""

from collections.abc import Collection
from enum import StrEnum

from kit.errors import InvalidInput


class EventKind(StrEnum):
    """The kinds of events; each is about a dispatch of the owner, but for the test."""

    WAVE_SENT = "dispatch.wave_sent"
    """A wave of offers was committed: its number and how many users of each tier it tells."""
    ASSIGNED = "dispatch.assigned"
    """A receiver was selected, by the publisher or because the queue moved on."""
    PUBLISHER_REMINDED = "dispatch.publisher_reminded"
    """Acceptances wait and the publisher has chosen nobody; after the same time again the dispatch closes."""
    CLOSED = "dispatch.closed"
    """The dispatch ended without an assignment: exhausted, expired, cancelled, publisher_silent or unmatchable."""
    ACCEPTANCE_CREATED = "acceptance.created"
    """A user accepted and stands in the queue."""
    ACCEPTANCE_WITHDRAWN = "acceptance.withdrawn"
    """A user who waited in the queue took the acceptance back."""
    ASSIGNMENT_CONFIRMED = "assignment.confirmed"
    """The selected receiver confirmed within the hold."""
    ASSIGNMENT_ENDED = "assignment.ended"
    """The assignment ended before it was fulfilled: withdrawn, lapsed or failed."""
    TEST = "webhook.test"
    """Sent when the owner asks for it, whatever kinds were chosen."""


CHOOSABLE = tuple(kind for kind in EventKind if kind is not EventKind.TEST)


def checked_kinds(kinds: Collection[str]) -> frozenset[EventKind]:
    """Return the kinds. Raises InvalidInput for none and for unknown ones."""
    known = {kind.value: kind for kind in CHOOSABLE}
    for name in kinds:
        if name not in known:
            raise InvalidInput("kinds", name, f"is no kind of event; there are {', '.join(known)}")
    if not kinds:
        raise InvalidInput("kinds", [], f"must name at least one of {', '.join(known)}")
    return frozenset(known[name] for name in kinds)
