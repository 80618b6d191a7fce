"""What a user can choose."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from kit.errors import InvalidInput


class NotificationKind(StrEnum):
    """What users can be notified of."""

    OFFER = "offer"
    """A receiver was offered an order."""
    ASSIGNED = "assigned"
    """A receiver was selected."""
    PUBLISHER_REMINDED = "publisher_reminded"
    """A publisher lets acceptances wait."""


class Language(StrEnum):
    """What notifications are written in."""

    CHINESE = "zh-CN"
    """Simplified Chinese."""
    ENGLISH = "en"
    """English."""


EVERYTHING: Final = frozenset(NotificationKind)


@dataclass(frozen=True, slots=True)
class Preference:
    """A user's choice for one channel."""

    user_id: int
    channel: str
    address: str
    kinds: frozenset[NotificationKind]
    language: Language
    changed_at_ms: int


def checked_kinds(kinds: Collection[str]) -> frozenset[NotificationKind]:
    """Return the kinds. Raises InvalidInput for none and for unknown ones."""
    known = {kind.value: kind for kind in NotificationKind}
    for name in kinds:
        if name not in known:
            raise InvalidInput("kinds", name, f"is no kind of notification; there are {', '.join(known)}")
    if not kinds:
        raise InvalidInput("kinds", [], "must name at least one; to end a channel, delete it")
    return frozenset(known[name] for name in kinds)


def checked_language(language: str) -> Language:
    """Return the language. Raises InvalidInput."""
    try:
        return Language(language)
    except ValueError:
        listed = ", ".join(each.value for each in Language)
        raise InvalidInput("language", language, f"must be one of {listed}") from None
