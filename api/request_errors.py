"""Turns what pydantic says about a request into our sentences: field, value, rule."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from kit.errors import shown_value

MAX_ERRORS: Final = 20
PLACES: Final = ("body", "query", "path", "header", "cookie")

RULES: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a whole number below 2^53",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
}


def sentences_of(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return ``{"field", "rule", "detail"}`` for each of pydantic's errors, at most twenty; detail is a sentence."""
    return [_sentence_of(error) for error in errors[:MAX_ERRORS]]


def _sentence_of(error: Mapping[str, Any]) -> dict[str, str]:
    place = list(error.get("loc", ()))
    if len(place) > 1 and place[0] in PLACES:
        place = place[1:]
    field = _path(place) or "body"
    kind = str(error.get("type"))
    rule = RULES.get(kind) or _rule_of(str(error.get("msg", "is refused")))
    detail = (
        f"{field} {rule}."
        if kind in ("missing", "extra_forbidden")
        else f"{field}: {shown_value(error.get('input'))} {rule}."
    )
    return {"field": field, "rule": rule, "detail": detail}


def _path(place: Sequence[str | int]) -> str:
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def _rule_of(message: str) -> str:
    """Make a rule of pydantic's message, whose own sentences begin with "Input should" or "Value error,"."""
    message = message.removeprefix("Value error, ").removeprefix("Input ")
    for kind in ("String ", "List ", "Integer ", "Number "):
        message = message.removeprefix(kind)
    message = message.replace("should be", "must be").replace("should have", "must have").replace("should", "must")
    return message.rstrip(".")
