"""Curated equivalent terms, from a file.

The file is UTF-8 text, one set of equivalent terms a line, separated by tabs if the line has one and by commas
otherwise; blank lines and lines that start with ``#`` are skipped::

    电焊,焊接,烧焊
    python<TAB>python3

Terms are normalised like keywords. A term on several lines is equivalent to the other terms of each of them, and these
lines are not joined: equivalence is never chained.
"""

import csv
from collections.abc import Iterable
from pathlib import Path

from kit.errors import InvalidInput
from matching.errors import BadTable
from matching.normalisation import keyword
from matching.tables import read_text

MAX_TERMS_A_LINE = 64


class Synonyms:
    """Sets of equivalent normalised terms; immutable."""

    __slots__ = ("_of",)

    def __init__(self, lines: Iterable[Iterable[str]] = ()) -> None:
        """Take the terms of each line, already normalised."""
        of: dict[str, set[str]] = {}
        for line in lines:
            terms = set(line)
            for term in terms:
                of.setdefault(term, set()).update(terms - {term})
        self._of = {term: tuple(sorted(others)) for term, others in of.items()}

    def __contains__(self, term: str) -> bool:
        return term in self._of

    def of(self, term: str) -> tuple[str, ...]:
        """Return the terms equivalent to ``term``, sorted, without itself."""
        return self._of.get(term, ())

    def terms(self) -> tuple[str, ...]:
        """Return every term, sorted."""
        return tuple(sorted(self._of))


def load_synonyms(path: str | Path) -> Synonyms:
    """Read a synonym file; raises UnreadableFile, or BadTable with ``FILE:LINE``."""
    lines: list[list[str]] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        lines.append(_terms(f"{path}:{number}", line))
    return Synonyms(lines)


def _terms(place: str, line: str) -> list[str]:
    cells = next(csv.reader([line], delimiter="\t" if "\t" in line else ","))
    try:
        terms = [keyword(place, cell) for cell in cells if cell.strip()]
    except InvalidInput as error:
        raise BadTable(place, error.value, error.rule) from error
    if len(set(terms)) < 2:
        raise BadTable(place, line.strip(), "must have two different terms or more, separated by commas or tabs")
    if len(terms) > MAX_TERMS_A_LINE:
        raise BadTable(place, len(terms), f"terms are more than the {MAX_TERMS_A_LINE} that a line may have")
    return terms
