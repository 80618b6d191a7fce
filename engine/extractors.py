"""One extractor for all orders; it follows the vocabulary by itself and is made anew only when crowds appear."""

import threading
from collections.abc import Callable, Collection

from matching.extraction import Extractor
from matching.taxonomy import Taxonomy
from matching.vocabulary import Vocabulary


class Extractors:
    """Hands out the present extractor; thread-safe."""

    def __init__(self, vocabulary: Vocabulary, taxonomy: Taxonomy, crowds: Callable[[], Collection[str]]) -> None:
        self._vocabulary, self._taxonomy, self._crowds = vocabulary, taxonomy, crowds
        self._made: Extractor | None = None
        self._made_with = -1
        self._making = threading.Lock()

    def current(self) -> Extractor:
        """The extractor of the present vocabulary and crowds."""
        with self._making:
            crowds = self._crowds()
            if self._made is None or len(crowds) != self._made_with:
                self._made = Extractor(self._vocabulary, self._taxonomy, crowds)
                self._made_with = len(crowds)
            return self._made
