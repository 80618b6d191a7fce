"""Cursors of lists: opaque to clients, checked when they come back."""

import base64
import binascii
import re
from typing import Final

from kit.errors import InvalidInput

RULE: Final = "is no cursor of this list; pass next_cursor as the page before gave it"
_POSITION: Final = re.compile(r"[\x21-\x7e]{1,120}")


def encode_cursor(kind: str, position: str | int) -> str:
    """Return the cursor of a position in the list ``kind``."""
    return base64.urlsafe_b64encode(f"{kind}:{position}".encode()).decode().rstrip("=")


def decode_cursor(kind: str, cursor: str | None) -> str | None:
    """Return the position that a cursor of the list ``kind`` names, None for none. Raises InvalidInput."""
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise InvalidInput("cursor", cursor, RULE) from error
    found, _, position = text.partition(":")
    if found != kind or not _POSITION.fullmatch(position) or encode_cursor(kind, position) != cursor:
        raise InvalidInput("cursor", cursor, RULE)
    return position


def decode_number(kind: str, cursor: str | None) -> int | None:
    """Return the position as a whole number of 0 to 2^53 - 1."""
    position = decode_cursor(kind, cursor)
    if position is None:
        return None
    if not re.fullmatch(r"0|[1-9][0-9]{0,15}", position) or int(position) >= 1 << 53:
        raise InvalidInput("cursor", cursor, RULE)
    return int(position)
