"""The whole measurement of texts: quality on both set-ups, then speed over a vocabulary of real terms."""

import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.extraction.labels import read_occupations, read_terms, read_texts, read_titles
from benchmarks.extraction.quality import Quality, measure_quality
from benchmarks.extraction.speed import Speed, measure_speed, words_of
from matching.synonyms import Synonyms, load_synonyms

SYNONYMS = Path(__file__).with_name("synonyms.csv")


@dataclass(frozen=True, slots=True)
class ExtractionReport:
    """What was measured; ``speed`` is None when only quality was asked for."""

    synonyms: str
    python: str
    machine: str
    qualities: tuple[Quality, ...]
    speed: Speed | None

    def quality(self, method: str, *, aliases: bool, half: str) -> Quality:
        """Return one figure; raises StopIteration for none such."""
        return next(q for q in self.qualities if (q.method, q.aliases, q.half) == (method, aliases, half))

    def to_document(self) -> dict[str, object]:
        """Return the report as JSON values, all samples included."""
        return asdict(self)


def run(
    shared_data: Path,
    *,
    synonyms: Path | None = SYNONYMS,
    with_speed: bool = True,
    tell: Callable[[str], None] = lambda _: None,
) -> ExtractionReport:
    """Measure everything; ``tell`` hears what comes next.

    Raises OSError when the labels are not in ``shared_data``, BadTable or UnreadableFile for the synonyms.
    """
    occupations, titles = read_occupations(shared_data), read_titles(shared_data)
    known = load_synonyms(synonyms) if synonyms else Synonyms()
    qualities: list[Quality] = []
    for with_aliases in (False, True):
        tell(f"{len(titles)} titles against {len(occupations)} occupations, {'with' if with_aliases else 'no'} aliases")
        qualities += measure_quality(occupations, titles, known, with_aliases=with_aliases)
    speed = None
    if with_speed:
        terms = read_terms(shared_data)
        terms += [name for occupation in occupations for name in occupation.names(with_aliases=True)]
        terms += [title.text for title in titles]
        tell("speed over real terms and their sub-terms")
        speed = measure_speed(words_of(terms), read_texts(shared_data), known)
    return ExtractionReport(
        str(synonyms.name) if synonyms else "none",
        platform.python_version(),
        f"{platform.machine()}, {platform.system()}",
        tuple(qualities),
        speed,
    )
