"""P@1 and NDCG@10 of finding the occupation of a title, by the matcher itself and by BM25, on two halves of titles.

A profile is an occupation: its name, its aliases if wanted, and the sub-terms that reading these as the profile's text
adds. A query is a title that goes through ``text`` like an order's: extraction, variants, matching, the contract's
order (full tier before partial, score, tie, id). What was tuned was tuned on one half of the titles; the other half
is what counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log2

from benchmarks.extraction.bm25 import Bm25, bigrams
from benchmarks.extraction.labels import Occupation, Title
from engine.coordinator import Coordinator
from engine.in_process import in_process_shards
from matching.errors import NoDimension
from matching.extraction import Extractor
from matching.normalisation import normalise
from matching.profiles import Profile, parse_profile
from matching.query import Query, parse_order, resolve
from matching.synonyms import Synonyms
from matching.taxonomy import Taxonomy, builtin_taxonomy
from matching.vocabulary import Vocabulary

DEPTH = 10
BATCH = 256


@dataclass(frozen=True, slots=True)
class Quality:
    """``method`` on ``half`` ("tuned" or "held out") of the titles, with or without aliases in the profiles.

    ``precision_at_1`` and ``ndcg_at_10`` are 0..1, means over ``titles``; each title has one right code.
    ``found`` is the share of titles whose right occupation is among the first ten.
    """

    method: str
    aliases: bool
    half: str
    titles: int
    precision_at_1: float
    ndcg_at_10: float
    found: float


def measure_quality(
    occupations: Sequence[Occupation], titles: Sequence[Title], synonyms: Synonyms, *, with_aliases: bool
) -> list[Quality]:
    """Return the four figures of one set-up: both methods on both halves."""
    names = [occupation.names(with_aliases=with_aliases) for occupation in occupations]
    # The aliases include the name; the published baseline counts both.
    columns = [(own.name, *(own.aliases if with_aliases else ())) for own in occupations]
    codes = [occupation.code for occupation in occupations]
    answers = {
        "BM25 over character bigrams": _by_bigrams(columns, titles),
        "Quanwang": _by_matching(names, titles, synonyms),
    }
    return [
        _quality(method, with_aliases, half, _ranks(ranked, titles, codes, half))
        for method, ranked in answers.items()
        for half in ("tuned", "held out")
    ]


def _by_bigrams(columns: Sequence[Sequence[str]], titles: Sequence[Title]) -> list[list[int]]:
    index = Bm25([[pair for name in own for pair in bigrams(normalise(name))] for own in columns])
    return [index.best(bigrams(normalise(title.text)), DEPTH) for title in titles]


def _by_matching(names: Sequence[Sequence[str]], titles: Sequence[Title], synonyms: Synonyms) -> list[list[int]]:
    taxonomy = builtin_taxonomy()
    profiles = profiles_of(names, synonyms, taxonomy)
    vocabulary = Vocabulary(synonyms)
    coordinator = Coordinator(in_process_shards(1), taxonomy, vocabulary)
    coordinator.load(profiles, barrier=1)
    extractor = Extractor(vocabulary, taxonomy)
    queries = [_frozen(title.text, number, vocabulary, taxonomy, extractor) for number, title in enumerate(titles, 1)]
    asked = [query for query in queries if query is not None]
    ranked: dict[int, list[int]] = {}
    for first in range(0, len(asked), BATCH):
        batch = asked[first : first + BATCH]
        for query, result in zip(batch, coordinator.match(batch), strict=True):
            answer = result.to_match()
            ranked[query.id] = [hit[0] - 1 for hit in (*answer.full, *answer.partial)][:DEPTH]
    return [ranked.get(number, []) for number in range(1, len(titles) + 1)]


def profiles_of(names: Sequence[Sequence[str]], synonyms: Synonyms, taxonomy: Taxonomy) -> list[Profile]:
    """Return one profile for each list of names; what its text adds is read by the vocabulary of all the names."""
    documents = [{"id": number, "keywords": list(own)} for number, own in enumerate(names, start=1)]
    known = Vocabulary(synonyms)
    for document in documents:
        known.add(parse_profile(document, taxonomy).keywords)
    reader = Extractor(known, taxonomy)
    return [
        parse_profile({**document, "text": "\n".join(own)}, taxonomy, extractor=reader)
        for document, own in zip(documents, names, strict=True)
    ]


def _frozen(text: str, number: int, vocabulary: Vocabulary, taxonomy: Taxonomy, extractor: Extractor) -> Query | None:
    order = parse_order({"id": number, "text": text, "limit": DEPTH}, taxonomy)
    try:
        return resolve(order, vocabulary, taxonomy, extractor=extractor)
    except NoDimension:
        return None


def _ranks(
    ranked: Iterable[Sequence[int]], titles: Sequence[Title], codes: Sequence[str], half: str
) -> list[int | None]:
    """Return the place from 0 of the right code for the titles of a half, None where it is not among the first ten."""
    return [
        next((place for place, row in enumerate(rows) if codes[row] == title.code), None)
        for rows, title in zip(ranked, titles, strict=True)
        if title.is_held_out == (half == "held out")
    ]


def _quality(method: str, with_aliases: bool, half: str, ranks: Sequence[int | None]) -> Quality:  # noqa: FBT001
    found = [rank for rank in ranks if rank is not None]
    return Quality(
        method,
        with_aliases,
        half,
        len(ranks),
        sum(rank == 0 for rank in found) / len(ranks),
        sum(1 / log2(rank + 2) for rank in found) / len(ranks),
        len(found) / len(ranks),
    )
