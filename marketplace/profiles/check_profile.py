"""Check profile documents before a transaction is opened: checking is the slow part and needs no lock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kit.errors import InvalidInput, QuanwangError, Unavailable
from kit.json_lines import parse_line
from marketplace.profiles import documents
from marketplace.users import external_id_of
from matching import fields
from matching.profiles import Profile, parse_profile
from matching.taxonomy import Taxonomy

if TYPE_CHECKING:
    from matching.extraction import Extractor

MAX_LINE_BYTES: Final = 262_144
"""Bounds one line of an import: 20,000 characters of text and all lists at their caps fit."""


@dataclass(frozen=True, slots=True)
class CheckedProfile:
    """A profile that may be stored; ``line`` is its place in the request, from 1.

    ``extracted`` are the keywords that ``text`` added; None when there is no text, or nobody to read it now: it is read
    later then (see ``read_texts``).
    """

    line: int
    external_id: str
    encoded: str
    text: str | None
    extracted: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line that may not be stored, and why."""

    line: int
    external_id: str | None
    sentence: str


class ImportLineTooLong(InvalidInput):
    """One line of an import is longer than any profile can be."""


def check_profile(
    document: object, taxonomy: Taxonomy, extractor: "Extractor | None", *, external_id: object = None, line: int = 1
) -> CheckedProfile:
    """Check one document. ``external_id`` comes from elsewhere (the path of a request) or from the field ``id``.

    Raises InvalidInput that names the field, the value and the rule.
    """
    if not isinstance(document, Mapping):
        raise InvalidInput("profile", document, "must be a JSON object")
    content = dict(document)
    inner_id = content.pop("id", None)
    if external_id is None and inner_id is None:
        raise InvalidInput("id", None, "is missing: give every profile your own id of the user", show_value=False)
    name = external_id_of(inner_id if external_id is None else external_id)
    if external_id is not None and inner_id is not None and external_id_of(inner_id) != name:
        raise InvalidInput("id", inner_id, f"differs from the id {name!r} that the request names")
    text = content.get("text") or None
    try:
        profile = parse_profile(content, taxonomy, extractor=extractor, require_id=False)
        extracted = _added_by_text(profile, content) if text and extractor is not None else None
    except Unavailable:
        profile, extracted = parse_profile(content, taxonomy, require_id=False), None
    return CheckedProfile(line, name, documents.encode(profile), text, extracted)


def check_lines(
    lines: Sequence[bytes | str | Mapping[str, Any]], first_line: int, taxonomy: Taxonomy, extractor: "Extractor | None"
) -> list[CheckedProfile | RefusedLine]:
    """Check lines of an import one by one; blank lines are skipped, a bad one stops no other."""
    checked: list[CheckedProfile | RefusedLine] = []
    for offset, raw in enumerate(lines):
        line = first_line + offset
        document: object = None
        try:
            document = _decoded(raw)
            if document is not None:
                checked.append(check_profile(document, taxonomy, extractor, line=line))
        except QuanwangError as error:
            checked.append(RefusedLine(line, _claimed_id(document), error.sentence))
    return checked


def _decoded(raw: bytes | str | Mapping[str, Any]) -> object | None:
    if isinstance(raw, Mapping):
        return raw
    if len(raw) > MAX_LINE_BYTES:
        raise ImportLineTooLong("", len(raw), f"bytes are more than the {MAX_LINE_BYTES} allowed")
    text = (
        raw.strip().encode(errors="surrogatepass")
        if isinstance(raw, str)
        else raw.removeprefix(b"\xef\xbb\xbf").strip()
    )
    if not text:
        return None
    document: object = parse_line(text)
    if document is None:
        raise InvalidInput("profile", document, "must be a JSON object")
    return document


def _claimed_id(document: object) -> str | None:
    """Return the id of a refused document, when it has a sound one, so that the sender finds it again."""
    if not isinstance(document, Mapping):
        return None
    try:
        return external_id_of(document.get("id"))
    except InvalidInput:
        return None


def _added_by_text(profile: Profile, content: Mapping[str, Any]) -> tuple[str, ...]:
    given = set(fields.keywords("keywords", content.get("keywords", ()), fields.MAX_PROFILE_KEYWORDS))
    return tuple(word for word in profile.keywords if word not in given)
