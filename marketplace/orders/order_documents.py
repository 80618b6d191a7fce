"""Reads a submitted order: what orders keep of it, and its key information checked by matching."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from kit.errors import InvalidInput
from marketplace.orders.tables import MAX_EXTERNAL_ID, MAX_TITLE
from matching.errors import NoDimension
from matching.fields import identity, known_fields
from matching.normalisation import valid_characters, valid_text
from matching.orders import FIELDS as KEY_FIELDS
from matching.orders import Order, parse_order
from matching.taxonomy import Taxonomy

MAX_DESCRIPTION: Final = 20_000
MAX_TIME_MS: Final = 2**53 - 1
MAX_POLICY_REFERENCE: Final = 70
OWN_FIELDS: Final = frozenset({"id", "title", "description", "publisher", "policy", "expires_at_ms", "confirmed_reach"})
NO_DIMENSION: Final = (
    "names no dimension; give keywords, industries, regions, near or crowds, or a text to find them in (the title and"
    " the description are for people, nothing is read from them)."
)


@dataclass(frozen=True, slots=True)
class SubmittedOrder:
    """A checked submission. ``external_id`` and ``publisher`` are the backend's ids as text."""

    external_id: str | None
    title: str
    description: str
    publisher: str | None
    policy: str | None
    expires_at_ms: int | None
    confirmed_reach: int | None
    key_information: Order
    body_hash: bytes

    def document_json(self, order_id: int) -> str:
        """Return the validated key information, as text, under its own order's id."""
        return orjson.dumps(replace(self.key_information, id=order_id).to_document()).decode()


def read_order(document: object, taxonomy: Taxonomy) -> SubmittedOrder:
    """Check one order document. Raises InvalidInput naming the field, the value and the rule.

    Raises NoDimension for an order that names no dimension and has no text. Whether anything in the text is known shows
    when it is matched: the vocabulary lives with the dispatcher.
    """
    document = known_fields(document, OWN_FIELDS | KEY_FIELDS, "order", path="")
    title = _text(document, "title", MAX_TITLE).strip()
    valid_characters("title", title)
    description = _text(document, "description", MAX_DESCRIPTION)
    valid_text("description", description)
    key_fields: dict[str, Any] = {name: value for name, value in document.items() if name not in OWN_FIELDS}
    return SubmittedOrder(
        external_id=_external_id(document.get("id"), "id"),
        title=title or str(key_fields.get("text", ""))[:MAX_TITLE].strip(),
        description=description,
        publisher=_external_id(document.get("publisher"), "publisher"),
        policy=_policy(document.get("policy")),
        expires_at_ms=_optional_number(document, "expires_at_ms", 1, MAX_TIME_MS),
        confirmed_reach=_optional_number(document, "confirmed_reach", 1, 100_000),
        key_information=_key_information(key_fields, taxonomy),
        body_hash=_hash_of(document),
    )


def _key_information(key_fields: Mapping[str, object], taxonomy: Taxonomy) -> Order:
    try:
        return parse_order(key_fields, taxonomy, require_id=False)
    except NoDimension:
        raise NoDimension("order", None, NO_DIMENSION, show_value=False) from None


def _text(document: Mapping[str, Any], field: str, longest: int) -> str:
    value = document.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidInput(field, value, "must be text.")
    if len(value) > longest:
        raise InvalidInput(field, value, f"must have at most {longest:,} characters.")
    return value


def _external_id(value: object, field: str) -> str | None:
    """An id of the backend: text, or an integer from 1 up, which is the same id as its digits."""
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(identity(field, value))
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_EXTERNAL_ID or not value.isprintable():
        raise InvalidInput(field, value, f"must be an integer or 1 to {MAX_EXTERNAL_ID} printable characters.")
    if value != value.strip():
        raise InvalidInput(field, value, "must not begin or end with a space.")
    if value == "0" or (value.startswith("-") and value[1:].isdigit()):
        raise InvalidInput(field, value, "must be from 1 up when it is a number.")
    return value


def _policy(value: object) -> str | None:
    if value is None or (isinstance(value, str) and 1 <= len(value) <= MAX_POLICY_REFERENCE):
        return value
    raise InvalidInput("policy", value, 'must be the name of a policy, or name and version such as "default:2".')


def _optional_number(document: Mapping[str, Any], field: str, low: int, high: int) -> int | None:
    value = document.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidInput(field, value, f"must be a whole number from {low:,} to {high:,}.")
    return value


def _hash_of(document: Mapping[str, Any]) -> bytes:
    try:
        body = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise InvalidInput("order", None, f"cannot be written as JSON ({error}).", show_value=False) from error
    return hashlib.sha256(body).digest()
