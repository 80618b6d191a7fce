"""Cursors: where a list goes on. Opaque to callers, checked when they come back."""

from kit.errors import InvalidInput

MAX_PAGE = 1_000


def page_size(limit: int) -> int:
    """Return a checked page size. Raises InvalidInput outside 1..1,000."""
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_PAGE:
        raise InvalidInput("limit", limit, f"must be a whole number from 1 to {MAX_PAGE:,}.")
    return limit


def encode(kind: str, *numbers: int) -> str:
    """Return a cursor of whole numbers in the list ``kind``."""
    return ".".join((kind, *(f"{number:x}" for number in numbers)))


def decode(kind: str, cursor: str | None, parts: int) -> tuple[int, ...] | None:
    """Read a cursor of the list ``kind`` of ``parts`` numbers; None at the beginning.

    Raises InvalidInput for anything that ``encode`` did not write.
    """
    if cursor is None or cursor == "":
        return None
    _, *written = cursor.split(".")
    try:
        numbers = tuple(int(part, 16) for part in written)
    except ValueError:
        numbers = ()
    in_range = all(0 <= number < 2**63 for number in numbers)
    if len(numbers) != parts or not in_range or encode(kind, *numbers) != cursor:
        raise InvalidInput("cursor", cursor, "is not a cursor of this list; start without one.")
    return numbers
