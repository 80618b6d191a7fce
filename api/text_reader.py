"""Reads the text of profiles by the live vocabulary, which the dispatcher holds; each text is asked for once."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, cast

from api.services import MatchService, Services
from matching.profiles import parse_profile

if TYPE_CHECKING:
    from matching.extraction import Extractor


class TextReader:
    """Stands in for an Extractor where profiles are taken in. Raises Unavailable while matching is paused.

    A profile whose text could not be read would be matched by less than it says, and nobody would ever read it again;
    so it is refused for now instead.
    """

    def __init__(self, match_service: MatchService) -> None:
        self._match_service = match_service
        self._read: dict[tuple[str, int, frozenset[str]], tuple[str, ...]] = {}

    def keywords(self, text: str, most: int, without: Collection[str] = ()) -> tuple[str, ...]:
        """Return at most ``most`` known keywords that ``text`` names besides those in ``without``."""
        asked = (text, most, frozenset(without))
        if asked not in self._read:
            self._read[asked] = tuple(self._match_service.keywords(text, most, sorted(without)))
        return self._read[asked]


def extractor_of(services: Services) -> "Extractor":
    """Return what reads texts for one request: the process's own extractor, else the dispatcher's."""
    if services.extractor is not None:
        return services.extractor
    return cast("Extractor", TextReader(services.match_service))


def read_before_the_transaction(services: Services, document: Mapping[str, Any], extractor: "Extractor") -> None:
    """Check a profile and read its text now, so that no database lock waits for the dispatcher.

    Raises InvalidInput, Unavailable.
    """
    content = {name: value for name, value in document.items() if name != "id"}
    parse_profile(content, services.taxonomy, extractor=extractor, require_id=False)
