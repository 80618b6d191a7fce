"""The kinds of errors that a person can cause or must be told about.

A feature names its own error by subclassing one of these kinds where it is raised. ``str(error)`` is one clear
sentence: what is wrong, where, and what to do. The API maps kinds to HTTP statuses in one table; nothing here knows
HTTP.
"""

import json

LONGEST_SHOWN = 80
"""Characters of a value or of a field's name in a sentence; longer ones are cut."""


class QuanwangError(Exception):
    """An expected error; its text is shown to people as it stands."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class InvalidInput(QuanwangError):
    """A value that breaks a rule; says which field, which value, which rule.

    ``field`` is a path such as ``near.lat`` or ``keywords[3]``, or "" for the whole of what was read. Values are shown
    as JSON writes them, text in single quotes. With ``show_value=False`` the rule is about the field itself (it is
    missing, or unknown) and continues its name: "near lacks lat".
    """

    def __init__(self, field: str, value: object, rule: str, *, show_value: bool = True) -> None:
        if not show_value:
            # The name may be the sender's own: of any length, and with anything in it.
            field = field if field.isprintable() else repr(field)
            field = field if len(field) <= LONGEST_SHOWN else f"{field[: LONGEST_SHOWN - 3]}..."
        self.field = field
        self.value = value
        self.rule = rule
        self.show_value = show_value
        place = f"{self.field}: " if self.field else ""
        super().__init__(f"{place}{shown_value(value)} {rule}" if show_value else f"{self.field} {rule}")


def shown_value(value: object) -> str:
    """Return a value as a sentence shows it: text in single quotes, all else as JSON, cut at 80 characters."""
    if isinstance(value, str):
        shown = repr(value)
    else:
        try:
            shown = json.dumps(value, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError):
            shown = "a value that cannot be shown"
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[: LONGEST_SHOWN - 3]}..."


class Unauthenticated(QuanwangError):
    """Nobody is known behind the request."""


class Forbidden(QuanwangError):
    """The caller is known and may not do this."""


class NotFound(QuanwangError):
    """The thing does not exist, or not for this caller."""


class Conflict(QuanwangError):
    """The state of the thing does not allow this now."""


class Unprocessable(QuanwangError):
    """The request contradicts an earlier one, such as a reused idempotency key."""


class TooLarge(QuanwangError):
    """More than a bound allows."""


class TooManyRequests(QuanwangError):
    """A rate or a budget is used up; ``retry_after_s`` says when to come back."""

    def __init__(self, sentence: str, retry_after_s: int) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class Unavailable(QuanwangError):
    """A part that is needed is away for now; ``retry_after_s`` says when to come back."""

    def __init__(self, sentence: str, retry_after_s: int = 5) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s
