"""The canonical form in which a profile is stored, and the way back without checking it again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from matching import fields
from matching.profiles import DEFAULT_RATING, Profile


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """A profile as its owner sees it.

    ``document`` has the fields of matching (keywords include those found in ``text``) without the id; ``extracted`` are
    the keywords that came from ``text``, None when it was not read.
    """

    user_id: int
    external_id: str
    version: int
    document: dict[str, Any]
    text: str | None
    extracted: tuple[str, ...] | None
    changed_at_ms: int

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object for the owner: his id, our id, the profile."""
        shown: dict[str, Any] = {"id": self.external_id, "user_id": self.user_id, "version": self.version}
        shown.update(self.document)
        if self.text is not None:
            shown["text"] = self.text
            shown["extracted"] = None if self.extracted is None else list(self.extracted)
        shown["changed_at_ms"] = self.changed_at_ms
        return shown


def encode(profile: Profile) -> str:
    """Return the canonical text: equal profiles give equal texts. Defaults are left out, so millions stay small."""
    document: dict[str, Any] = {}
    if profile.keywords:
        document["k"] = profile.keywords
    if profile.industries:
        document["i"] = profile.industries
    if profile.regions:
        document["r"] = profile.regions
    if profile.crowds:
        document["c"] = profile.crowds
    if profile.location is not None:
        document["l"] = profile.location
    if profile.rating != DEFAULT_RATING:
        document["s"] = profile.rating
    if not profile.available:
        document["a"] = False
    return orjson.dumps(document).decode()


def decode(user_id: int, text: str) -> Profile:
    """Return the profile of a canonical text; nothing is checked, it was before it was stored."""
    document = orjson.loads(text)
    get = document.get
    location = get("l")
    return Profile(
        user_id,
        tuple(get("k", ())),
        tuple(get("i", ())),
        tuple(get("r", ())),
        tuple(get("c", ())),
        None if location is None else (location[0], location[1]),
        get("s", DEFAULT_RATING),
        get("a", True),
    )


def with_keywords(text: str, more: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return a canonical text with more normalised keywords, as far as there is room, and those that it did not have.

    The first ones have precedence.
    """
    profile = decode(0, text)
    added = [keyword for keyword in dict.fromkeys(more) if keyword not in profile.keywords]
    added = added[: fields.MAX_PROFILE_KEYWORDS - len(profile.keywords)]
    return encode(replace(profile, keywords=tuple(sorted({*profile.keywords, *added})))), tuple(sorted(added))


def shown(profile: Profile) -> dict[str, Any]:
    """Return the profile's JSON object without the id."""
    document: dict[str, Any] = profile.to_document()
    del document["id"]
    return document
