"""Reads the text of profiles by the live vocabulary, which the dispatcher holds; each text is asked for once."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from api.services import MatchService, Services
from kit.clock import elapsed_s
from kit.errors import Unavailable
from matching.profiles import parse_profile

if TYPE_CHECKING:
    from matching.extraction import Extractor

ASK_AGAIN_AFTER_S: Final = 5.0
"""An import of many texts does not wait for a dispatcher that is away at every line of them."""


class TextReader:
    """Stands in for an Extractor where profiles are taken in. Raises Unavailable while matching is paused.

    Whoever stores profiles then leaves the text to be read later, by work.
    """

    def __init__(self, match_service: MatchService) -> None:
        self._match_service = match_service
        self._read: dict[tuple[str, int, frozenset[str]], tuple[str, ...]] = {}
        self._paused: tuple[float, Unavailable] | None = None

    def keywords(self, text: str, most: int, without: Collection[str] = ()) -> tuple[str, ...]:
        """Return at most ``most`` known keywords that ``text`` names besides those in ``without``."""
        asked = (text, most, frozenset(without))
        if asked not in self._read:
            if self._paused is not None and elapsed_s() < self._paused[0]:
                raise self._paused[1]
            try:
                self._read[asked] = tuple(self._match_service.keywords(text, most, sorted(without)))
            except Unavailable as error:
                self._paused = (elapsed_s() + ASK_AGAIN_AFTER_S, error)
                raise
        return self._read[asked]


def extractor_of(services: Services) -> "Extractor":
    """Return what reads texts for one request: the process's own extractor, else the dispatcher's."""
    if services.extractor is not None:
        return services.extractor
    return cast("Extractor", TextReader(services.match_service))


def read_before_the_transaction(services: Services, document: Mapping[str, Any], extractor: "Extractor") -> None:
    """Check a profile and read its text now, so that no database lock waits for the dispatcher.

    Raises InvalidInput. A text that cannot be read now is stored unread.
    """
    content = {name: value for name, value in document.items() if name != "id"}
    with suppress(Unavailable):
        parse_profile(content, services.taxonomy, extractor=extractor, require_id=False)
