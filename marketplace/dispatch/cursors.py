"""Cursors: where a list goes on. Opaque to callers, checked when they come back."""

from kit.errors import InvalidInput

MAX_PAGE = 1_000


def page_size(limit: int) -> int:
    """Return a checked page size. Raises InvalidInput outside 1..1,000."""
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_PAGE:
        raise InvalidInput("limit", limit, f"must be a whole number from 1 to {MAX_PAGE:,}.")
    return limit


def encode(*numbers: int) -> str:
    """Return a cursor of whole numbers."""
    return ".".join(f"{number:x}" for number in numbers)


def decode(cursor: str | None, parts: int) -> tuple[int, ...] | None:
    """Read a cursor of ``parts`` numbers; None at the beginning. Raises InvalidInput for anything else."""
    if cursor is None or cursor == "":
        return None
    try:
        numbers = tuple(int(part, 16) for part in cursor.split("."))
    except ValueError:
        numbers = ()
    if len(numbers) != parts or any(not 0 <= number < 2**63 for number in numbers):
        raise InvalidInput("cursor", cursor, "is not a cursor of this list; start without one.")
    return numbers
