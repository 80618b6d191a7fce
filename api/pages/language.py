"""Which language and time zone a page speaks, and the catalogues that it speaks from."""

import gettext
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.messages.pofile import read_po

CATALOGUES = Path(__file__).resolve().parent.parent / "i18n"
LANGUAGE_COOKIE = "quanwang_language"
TIME_ZONE_COOKIE = "quanwang_time_zone"
DEFAULT_TIME_ZONE = "Asia/Shanghai"
LANGUAGES = {"zh-CN": "zh_CN", "en": "en"}
"""Tags that a browser sends, and the catalogue of each. The first is the default."""


class Catalogue(gettext.NullTranslations):
    """One language's messages, read from its .po file; a message without a translation is shown as it stands."""

    def __init__(self, locale: str, path: Path) -> None:
        super().__init__()
        with path.open("rb") as file:
            messages = read_po(file, locale=locale)
        self._texts: dict[str, tuple[str, ...]] = {}
        for message in messages:
            forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
            if message.id and all(forms):
                key = message.id if isinstance(message.id, str) else message.id[0]
                self._texts[key] = tuple(str(form) for form in forms)

    def gettext(self, message: str) -> str:
        """Return the text of a message."""
        forms = self._texts.get(message)
        return forms[0] if forms else message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return the text of a message for a number of things."""
        forms = self._texts.get(msgid1)
        if forms is None:
            return msgid1 if n == 1 else msgid2
        # Chinese has one form, English two; no other language is offered.
        return forms[0 if n == 1 else len(forms) - 1]


@lru_cache(maxsize=8)
def catalogue(tag: str) -> Catalogue:
    """Return the messages of one of LANGUAGES."""
    locale = LANGUAGES[tag]
    return Catalogue(locale, CATALOGUES / locale / "LC_MESSAGES" / "quanwang.po")


@lru_cache(maxsize=8)
def locale_of(tag: str) -> Locale:
    """Return Babel's rules (numbers, dates) for one of LANGUAGES."""
    return Locale.parse(LANGUAGES[tag])


def choose_language(cookie: str | None, accept_language: str | None) -> str:
    """Return one of LANGUAGES: the reader's own choice, else the best that his browser asks for, else Chinese."""
    if cookie in LANGUAGES:
        return cookie
    for wanted in _by_preference(accept_language or ""):
        primary = wanted.split("-")[0]
        for tag in LANGUAGES:
            if tag.split("-")[0] == primary:
                return tag
    return next(iter(LANGUAGES))


def _by_preference(accept_language: str) -> Iterable[str]:
    """Return the tags of an Accept-Language header, lower case, the most wanted first."""
    weighed: list[tuple[float, str]] = []
    for part in accept_language.lower().split(",")[:20]:
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        if tag and weight > 0:
            weighed.append((-weight, tag))
    return [tag for _, tag in sorted(weighed, key=lambda pair: pair[0])]


def choose_time_zone(cookie: str | None) -> ZoneInfo:
    """Return the zone that the browser named, else China's."""
    if cookie and len(cookie) <= 64:
        try:
            return ZoneInfo(cookie)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    return ZoneInfo(DEFAULT_TIME_ZONE)
