"""The words that anybody holds: numbered, counted, and watched for changes."""

from collections.abc import Iterable, Mapping, Sequence
from math import log2

from matching.compounds import Compounds
from matching.corrections import CorrectionIndex
from matching.synonyms import Synonyms

MAX_WEIGHT = 15
RARITY_POWER = 1.5


class Vocabulary:
    """Normalised keywords of all profiles with a curated synonym file.

    A word gets a dense id from 0 when it is first seen and keeps it for good, also when nobody holds it any more.
    ``version`` changes exactly when the set of known words changes; ``compounds`` follows the same set. One writer at a
    time; readers may run beside it.
    """

    def __init__(self, synonyms: Synonyms | None = None) -> None:
        self.synonyms = synonyms or Synonyms()
        self.version = 0
        self.profile_count = 0
        self.known = bytearray()
        """By id: 1 for a known word; not to be changed by the reader."""
        self._ids: dict[str, int] = {}
        self._texts: list[str] = []
        self._frequencies: list[int] = []
        self.compounds = Compounds()
        for term in self.synonyms.terms():
            self.known[self.number(term)] = 1
            self.compounds.add(term)
        self.corrections = CorrectionIndex(self._texts)

    def __len__(self) -> int:
        """Return how many ids are given, used or not."""
        return len(self._texts)

    def number(self, text: str) -> int:
        """Return the id of ``text``, giving it the next one if it has none; that alone makes it no known word."""
        number = self._ids.get(text)
        if number is None:
            number = len(self._texts)
            self._frequencies.append(0)
            self.known.append(0)
            self._texts.append(text)
            self._ids[text] = number
        return number

    def add(self, texts: Iterable[str]) -> None:
        """Count the keywords of one more profile, each once."""
        self.profile_count += 1
        for text in texts:
            number = self.number(text)
            self._frequencies[number] += 1
            if self._frequencies[number] == 1 and text not in self.synonyms:
                self.known[number] = 1
                self.compounds.add(text)
                self.version += 1

    def remove(self, texts: Iterable[str]) -> None:
        """Take back one ``add`` of the same texts; raises ValueError if there was none."""
        if self.profile_count == 0:
            raise ValueError("vocabulary: more profiles are removed than were added")
        self.profile_count -= 1
        for text in texts:
            number = self._ids.get(text)
            if number is None or self._frequencies[number] == 0:
                raise ValueError(f"vocabulary: {text!r} is removed more often than it was added")
            self._frequencies[number] -= 1
            if self._frequencies[number] == 0 and text not in self.synonyms:
                self.known[number] = 0
                self.compounds.remove(text)
                self.version += 1

    def find(self, text: str) -> int | None:
        """Return the id of ``text`` whether or not anybody holds it now, or None if it was never seen."""
        return self._ids.get(text)

    def ids(self) -> Mapping[str, int]:
        """Return the ids of all words ever seen; not to be changed by the caller."""
        return self._ids

    def text_of(self, number: int) -> str:
        """Return the word with id ``number``."""
        return self._texts[number]

    def texts(self) -> Sequence[str]:
        """Return all words ever seen, by id; not to be changed by the caller."""
        return self._texts

    def frequency(self, text: str) -> int:
        """Return how many profiles hold ``text``."""
        number = self._ids.get(text)
        return 0 if number is None else self._frequencies[number]

    def holds(self, text: str) -> bool:
        """Say whether ``text`` is a known word: held by a profile or in the synonym file."""
        number = self._ids.get(text)
        return number is not None and self.known[number] == 1

    def weight(self, text: str) -> int:
        """Return 1..15, heavier for a rarer word: 15 for one that a single profile holds, 1 for one that all hold.

        Rarity is the logarithm of profiles over holders, as a share of that of a single holder; the weight grows with
        its power of 1.5, so that two common words together do not outweigh a rare one.
        """
        return self.weights((text,))[0]

    def weights(self, texts: Iterable[str]) -> list[int]:
        """Return the ``weight`` of each of ``texts``."""
        number_of, frequencies, others_of = self._ids.get, self._frequencies, self.synonyms.of
        profiles = self.profile_count
        most = log2(profiles) if profiles > 1 else 1.0
        weight_of: dict[int, int] = {}
        found: list[int] = []
        for text in texts:
            number = number_of(text)
            holders = 0 if number is None else frequencies[number]
            for synonym in others_of(text):
                holders = max(holders, self.frequency(synonym))
            weight = weight_of.get(holders)
            if weight is None:
                rarity = log2(profiles / (holders or 1)) / most if holders < profiles else 0.0
                weight = weight_of[holders] = round(MAX_WEIGHT * rarity**RARITY_POWER) or 1
            found.append(weight)
        return found
