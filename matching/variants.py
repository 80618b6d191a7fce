"""Other words that an order's keyword may be held under: synonyms, occupational suffixes, corrected slips.

Variants are never chained: each is one step from the keyword itself.
"""

from collections.abc import Iterator

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from matching.corrections import chinese_is_correctable, latin_is_correctable
from matching.members import Member, MemberKind
from matching.vocabulary import Vocabulary

MAX_VARIANTS = 16
SUFFIXES = ("工", "员", "师", "手", "人员")
SYNONYM_SIMILARITY = 100
SUFFIX_SIMILARITY = 90
MAX_CORRECTION_SIMILARITY = 89
"""A guess never outranks a rule, however long the word is."""
MIN_LATIN_RATIO = 80

_ORDER_OF_KINDS: dict[MemberKind, int] = {"exact": 0, "synonym": 1, "suffix": 2, "correction": 3}


def variants(text: str, vocabulary: Vocabulary) -> list[Member]:
    """Return at most 16 variants of the normalised keyword ``text``, which is not among them.

    Best similarity first, then synonym before suffix before correction, then by text. A word found in two ways is kept
    in the better one. Only a word that the vocabulary does not know is corrected.
    """
    found: dict[str, Member] = {}
    for member in _ways(text, vocabulary):
        found.setdefault(member.text, member)
    found.pop(text, None)
    return sorted(found.values(), key=_rank)[:MAX_VARIANTS]


def _rank(member: Member) -> tuple[int, int, str]:
    return -member.similarity, _ORDER_OF_KINDS[member.kind], member.text


def _ways(text: str, vocabulary: Vocabulary) -> Iterator[Member]:
    """Yield members, the better kinds first."""
    for synonym in vocabulary.synonyms.of(text):
        yield Member(synonym, "synonym", SYNONYM_SIMILARITY, text)
    for other in suffix_forms(text):
        if vocabulary.holds(other):
            yield Member(other, "suffix", SUFFIX_SIMILARITY, text)
    if not vocabulary.holds(text):
        yield from _corrections(text, vocabulary)


def suffix_forms(text: str) -> list[str]:
    """Return ``text`` with each occupational suffix added, and with each that it ends in dropped."""
    added = [text + suffix for suffix in SUFFIXES]
    dropped = [text.removesuffix(suffix) for suffix in SUFFIXES if text.endswith(suffix) and text != suffix]
    return added + dropped


def occupations(text: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the known occupations that are called after ``text``: 电焊工 of 电焊, by the same suffixes."""
    return tuple(form for form in (text + suffix for suffix in SUFFIXES) if vocabulary.holds(form))


def _corrections(text: str, vocabulary: Vocabulary) -> Iterator[Member]:
    if latin_is_correctable(text):
        for known in vocabulary.corrections.latin(text):
            similarity = latin_similarity(text, known)
            if similarity and vocabulary.holds(known):
                yield Member(known, "correction", similarity, text)
    elif chinese_is_correctable(text):
        for known in vocabulary.corrections.chinese(text):
            if known != text and vocabulary.holds(known):
                yield Member(known, "correction", 100 * (len(text) - 1) // len(text), text)


def latin_similarity(text: str, known: str) -> int:
    """Return 80..89 if ``known`` is one edit from ``text`` and alike enough, else 0."""
    if Levenshtein.distance(text, known, score_cutoff=1) != 1:
        return 0
    ratio = fuzz.ratio(text, known)
    return min(int(ratio), MAX_CORRECTION_SIMILARITY) if ratio >= MIN_LATIN_RATIO else 0
