"""The work behind ``quanwang match``: two files in, one file out, by the same shards as online but without Ray.

A line that breaks a rule is told on stderr as ``FILE:LINE: reason`` and left out; the others are matched. A repeated
profile id: the last line wins, with a warning. A repeated order id is no error: every order line is a question of its
own and gets its own line, in input order.
"""

import gc
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from engine.coordinator import Coordinator
from engine.in_process import in_process_shards
from kit.errors import InvalidInput
from matching.extraction import Extractor
from matching.profiles import Profile, parse_profile
from matching.query import Order, Query, parse_order, resolve
from matching.reference import Match
from matching.synonyms import Synonyms, load_synonyms
from matching.taxonomy import Taxonomy, load_taxonomy
from matching.vocabulary import Vocabulary
from quanwang.cli.line_files import OnBytes, UnwritableFile, read_lines, whole_file

BATCH = 256

Parsed = TypeVar("Parsed")


def match_files(
    profiles: Path,
    orders: Path,
    out: Path,
    regions: Path | None,
    industries: Path | None,
    synonyms: Path | None,
    shards: int,
    *,
    full_set: bool = False,
) -> int:
    """Do what the command does; returns how many lines were refused. Raises UnreadableFile or BadTable."""
    if out.exists() and any(path.exists() and out.samefile(path) for path in (profiles, orders)):
        raise UnwritableFile(f"{out}: is also read; name another file for the answers")
    taxonomy = load_taxonomy(regions, industries)
    known_synonyms = load_synonyms(synonyms) if synonyms else Synonyms()
    door = _Door(taxonomy, known_synonyms, shards)
    with _progress() as progress, whole_file(out) as answers:
        population = door.read_profiles(profiles, _bar(progress, f"Reading {profiles.name}"))
        _bar(progress, f"Loading {len(population):,} profiles (the first run on a machine compiles, about a minute)")
        door.load(population)
        del population  # the shards hold it now, in a tenth of the memory
        on_bytes = _bar(progress, f"Matching {orders.name}")
        for order, query, answer in door.answers(orders, on_bytes):
            line = _line(order, query, answer)
            if full_set:
                line["full_set"] = door.full_set(query)
            answers.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY))
    return door.refused


def _line(order: Order, query: Query, answer: Match) -> dict[str, Any]:
    line: dict[str, Any] = {
        "order": answer.order,
        "full_count": answer.full_count,
        "full": answer.full,
        "partial": answer.partial,
        "partial_count": answer.partial_count,
    }
    if order.text:
        line["extracted"] = [key._asdict() for key in query.extracted]
    return line


class _Door:
    """One run: what is loaded, and how many lines were refused so far."""

    def __init__(self, taxonomy: Taxonomy, synonyms: Synonyms, shards: int) -> None:
        self._taxonomy = taxonomy
        self._synonyms = synonyms
        self._vocabulary = Vocabulary(synonyms)
        self._coordinator = Coordinator(in_process_shards(shards), taxonomy, self._vocabulary)
        self._crowds: set[str] = set()
        self.refused = 0

    def read_profiles(self, path: Path, on_bytes: OnBytes) -> list[Profile]:
        """Return the good profiles, the last of each id; words in their texts are those of all profiles' keywords."""
        population: dict[int, Profile] = {}
        lines: dict[int, int] = {}
        texts: dict[int, Any] = {}
        gc.disable()  # a million fresh objects and no circles: collections would only look at them again and again
        try:
            for number, document in read_lines(path, on_bytes):
                profile = self._checked(path, number, document, self._profile)
                if profile is None:
                    continue
                if profile.id in population:
                    earlier = lines[profile.id]
                    _tell(f"{path}:{number}: warning: profile {profile.id} replaces that of line {earlier}")
                    texts.pop(profile.id, None)
                population[profile.id], lines[profile.id] = profile, number
                if document.get("text"):
                    texts[profile.id] = document
        finally:
            gc.enable()
        self._add_from_texts(population, texts)
        return list(population.values())

    def _add_from_texts(self, population: dict[int, Profile], documents: dict[int, Any]) -> None:
        if not documents:
            return
        vocabulary = Vocabulary(self._synonyms)
        for profile in population.values():
            vocabulary.add(profile.keywords)
        extractor = Extractor(vocabulary, self._taxonomy)
        for user_id, document in documents.items():
            population[user_id] = parse_profile(document, self._taxonomy, extractor=extractor)

    def load(self, population: list[Profile]) -> None:
        """Hold the profiles in shards; that fills the vocabulary too."""
        for profile in population:
            self._crowds.update(profile.crowds)
        self._coordinator.load(population, barrier=1)

    def answers(self, path: Path, on_bytes: OnBytes) -> Iterator[tuple[Order, Query, Match]]:
        """Yield every good order with its frozen query and its answer, in input order."""
        extractor = Extractor(self._vocabulary, self._taxonomy, self._crowds)

        def frozen(document: Any) -> tuple[Order, Query]:
            order = parse_order(document, self._taxonomy)
            return order, resolve(order, self._vocabulary, self._taxonomy, extractor=extractor)

        checked = (self._checked(path, number, document, frozen) for number, document in read_lines(path, on_bytes))
        good = (pair for pair in checked if pair is not None)
        while batch := list(islice(good, BATCH)):
            answers = self._coordinator.match([query for _, query in batch])
            for (order, query), answer in zip(batch, answers, strict=True):
                yield order, query, answer.to_match()

    def full_set(self, query: Query) -> Any:
        """Return the ids of everybody in the full tier of one query, ascending, as an array that orjson writes.

        One at a time: the full sets of a batch of orders could each be as large as the population.
        """
        return self._coordinator.full_set(query).ids()

    def _profile(self, document: Any) -> Profile:
        return parse_profile(document, self._taxonomy)

    def _checked(self, path: Path, number: int, document: Any, parse: Callable[[Any], Parsed]) -> Parsed | None:
        """Return the parsed line, or tell why it is refused."""
        try:
            if isinstance(document, InvalidInput):
                raise document
            return parse(document)
        except InvalidInput as error:
            self.refused += 1
            _tell(f"{path}:{number}: {error.sentence}")
            return None


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _progress() -> Progress:
    """Bars on stderr, on a terminal only; the bars go away at the end, the sentences stay."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _bar(progress: Progress, description: str) -> OnBytes:
    task = progress.add_task(description, total=None)

    def on_bytes(read: int, total: int) -> None:
        progress.update(task, completed=read, total=max(1, total))

    return on_bytes
