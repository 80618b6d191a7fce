"""One line of JSON with one meaning: what readers differ about (a name given twice) is refused."""

import json
from typing import Any, Final

import orjson

from kit.errors import InvalidInput

SPACES_BEFORE_COLON: Final = (b" :", b"\t:", b"\r:", b"\n:")


def parse_line(content: bytes) -> Any:
    """Return the value of a line of JSON in UTF-8. Raises InvalidInput for no JSON and for a name given twice."""
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        shown = content[:60].decode("utf-8", "replace")
        raise InvalidInput("", shown, f"is no JSON object: {error}") from None
    try:
        if _may_repeat_a_name(content, document):
            json.loads(content, object_pairs_hook=_once)
    except RecursionError:
        raise InvalidInput(
            "", content[:60].decode("utf-8", "replace"), "is nested deeper than any document here needs"
        ) from None
    return document


def _may_repeat_a_name(content: bytes, document: Any) -> bool:
    """Whether a second, slow look is needed: there are more names, written out, than different ones.

    Every name has a colon; where texts have colons too, it ends in ``":``, as nothing else does but a quote in a text.
    """
    names = len(document) if isinstance(document, dict) and content.count(b"{") == 1 else _count_names(document)
    if content.count(b":") == names:
        return False
    return content.count(b'":') != names or any(spaced in content for spaced in SPACES_BEFORE_COLON)


def _count_names(document: Any) -> int:
    if isinstance(document, dict):
        return len(document) + sum(map(_count_names, document.values()))
    if isinstance(document, list):
        return sum(_count_names(each) for each in document if isinstance(each, dict | list))
    return 0


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidInput("", name[:80], "is named twice in one object; keep one of them")
        found[name] = value
    return found
