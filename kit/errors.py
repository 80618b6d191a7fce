"""The kinds of errors that a person can cause or must be told about.

A feature names its own error by subclassing one of these kinds where it is raised. ``str(error)`` is one clear
sentence: what is wrong, where, and what to do. The API maps kinds to HTTP statuses in one table; nothing here knows
HTTP.
"""


class QuanwangError(Exception):
    """An expected error; its text is shown to people as it stands."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class InvalidInput(QuanwangError):
    """A value that breaks a rule; says which field, which value, which rule.

    ``field`` is a path such as ``near.lat`` or ``keywords[3]``; long values are shortened in the sentence.
    """

    def __init__(self, field: str, value: object, rule: str) -> None:
        shown = repr(value)
        if len(shown) > 80:
            shown = shown[:77] + "..."
        super().__init__(f"{field}: {shown} {rule}")
        self.field = field
        self.value = value
        self.rule = rule


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
