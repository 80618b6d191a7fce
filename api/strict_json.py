"""Reads JSON the way a public interface should: one meaning or a sentence why not."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from api.problems import MalformedRequest
from kit.errors import InvalidInput, QuanwangError

MAX_DEPTH: Final = 16
"""The deepest document that any route takes has five levels."""
MAX_SAFE_INTEGER: Final = 2**53 - 1
"""Above it, readers in JavaScript and many others lose digits without a word."""

_SURROGATE: Final = re.compile(r"\\u[dD][89abcdefABCDEF][0-9a-fA-F]{2}")


def parse_json(body: bytes) -> Any:
    """Return the value of a JSON text in UTF-8.

    Raises MalformedRequest for what is no JSON (also NaN, a name given twice, bad UTF-8, deep nesting), InvalidInput
    for numbers that are not exact in every reader.
    """
    if not body.strip():
        raise MalformedRequest("The body is empty; send a JSON document.")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedRequest(
            f"The body is not UTF-8: byte {error.start + 1} (0x{body[error.start]:02x}) cannot be read; encode it so."
        ) from error
    try:
        value = json.loads(
            text, parse_constant=_constant, parse_int=_integer, parse_float=_float, object_pairs_hook=_object
        )
    except json.JSONDecodeError as error:
        raise MalformedRequest(
            f"The body is no JSON: {error.msg.lower()} at line {error.lineno}, column {error.colno}."
        ) from error
    except RecursionError as error:
        raise _too_deep() from error
    _check_depth(value)
    if (refused := _find_refused(value)) is not None:
        raise refused
    if _SURROGATE.search(text):
        _check_surrogates(value)
    return value


@dataclass(frozen=True, slots=True)
class _RefusedNumber:
    """Stands where the parser met a number that is none, or that not every reader takes; its place is found later."""

    shown: str
    rule: str | None
    """None: it is no JSON at all."""

    def error(self, place: str) -> QuanwangError:
        if self.rule is None:
            return MalformedRequest(
                f"The body is no JSON: {place} is {self.shown}, which is no number; leave it out or send a number."
            )
        return InvalidInput(place, self.shown, self.rule)


def _constant(name: str) -> _RefusedNumber:
    return _RefusedNumber(name, None)


def _integer(digits: str) -> int | _RefusedNumber:
    # Length first: converting a million digits takes minutes.
    if len(digits) > 17 or abs(value := int(digits)) > MAX_SAFE_INTEGER:
        shown = digits if len(digits) <= 40 else f"{digits[:37]}..."
        return _RefusedNumber(shown, f"must be between -{MAX_SAFE_INTEGER} and {MAX_SAFE_INTEGER} (2^53 - 1)")
    return value


def _float(digits: str) -> float | _RefusedNumber:
    value = float(digits)
    if value - value != 0:
        return _RefusedNumber(digits[:40], "is too large for a floating point number")
    return value


def _find_refused(value: Any, place: str = "") -> QuanwangError | None:
    """Return the error of the first refused number, which names the path to it; the depth was bounded before."""
    if isinstance(value, _RefusedNumber):
        return value.error(place or "body")
    inner: Iterable[tuple[str, Any]] = ()
    if isinstance(value, dict):
        inner = ((f"{place}.{name[:80]}" if place else name[:80], each) for name, each in value.items())
    elif isinstance(value, list):
        inner = ((f"{place}[{number}]", each) for number, each in enumerate(value))
    return next((found for path, each in inner if (found := _find_refused(each, path)) is not None), None)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedRequest(f"The body names {twice[:80]!r} twice in one object; keep one of them.")
    return found


def _check_depth(value: Any) -> None:
    level: Iterable[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> MalformedRequest:
    return MalformedRequest(f"The body is nested deeper than {MAX_DEPTH} levels; no document here needs that.")


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise MalformedRequest(
            "The body holds half of a surrogate pair (\\ud800 to \\udfff alone), which is no character; remove it."
        ) from error
