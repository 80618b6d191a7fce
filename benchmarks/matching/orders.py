"""Draws orders as publishers write them, and chooses them so that small and large answers have fixed shares.

Keywords come from the words of a category by their weight, or are the words found in a real advertisement title. The
titles are those that shape no profile (split by a hash of their text).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.matching.contest import Operation
from benchmarks.matching.engine import Engine
from benchmarks.matching.population import CROWD_SHARES, World
from matching.normalisation import normalise
from matching.query import Query, parse_order, resolve
from quanwang.demonstration.titles import split_titles

BUCKETS = ("0", "1-100", "100-10k", ">10k")
BUCKET_ENDS = (0, 100, 10_000)
"""The largest answer, in users of the full tier, of each bucket but the last."""
BUCKET_SHARES = (0.10, 0.40, 0.40, 0.10)
"""Chosen, not observed: near-empty answers flatter whoever is measured, so they are not left to chance."""
RULES = ("any", "all")
CANDIDATES_AT_ONCE = 256
MOST_CANDIDATES_AN_ORDER = 40
FRUITLESS = 1_024
"""So many candidates in a row of which no bucket wants any: what is short stays short."""

TITLE_SHARE = 0.25
SEVERAL_WORDS_SHARE = 0.20
HEAVY_GROUP_SHARE = 0.20
REGION_SHARE, NEAR_SHARE, BOTH_SHARE = 0.78, 0.30, 0.10
"""Orders with a region; of them, with a circle; of those, with places named besides."""
INDUSTRY_SHARE, CROWD_SHARE, EXCLUDE_SHARE, ORIGIN_SHARE = 0.25, 0.12, 0.10, 0.85
NEAREST_KM, FARTHEST_KM = 5.0, 50.0
MOST_EXCLUDED = 100
LONGEST_TITLE_WORD = 8


@dataclass(frozen=True, slots=True)
class Workload:
    """Orders in a drawn order, with the rule, the bucket and the size of the full tier of each."""

    queries: tuple[Query, ...]
    rules: tuple[str, ...]
    buckets: tuple[int, ...]
    full_counts: tuple[int, ...]

    def rows(self, operation: Operation) -> list[int]:
        """The orders that an operation is measured on."""
        rule = {Operation.FULL_ANY: "any", Operation.FULL_ALL: "all"}.get(operation)
        return [row for row in range(len(self.queries)) if rule is None or self.rules[row] == rule]


def bucket_of(full_count: int) -> int:
    """The bucket of an answer of so many users."""
    return int(np.searchsorted(BUCKET_ENDS, full_count))


class OrderDraw:
    """Draws order documents."""

    def __init__(self, world: World, users: int) -> None:
        """Find the words of the titles, once."""
        self._world, self._users = world, users
        self._random = np.random.default_rng([world.seed, 0x0DE5])
        known = set(world.words.texts)
        found = (_words_inside(title.text, known) for title in split_titles()[0])
        self._titles = [words for words in found if words]

    def document(self, order_id: int, rule: str) -> dict[str, Any]:
        """One order with the keyword rule ``rule``."""
        random, places = self._random, self._world.places
        place = int(places.draw(random, 1)[0])
        document: dict[str, Any] = {"id": order_id, "keywords": self._groups(rule), "keyword_rule": rule}
        centre = [float(array[0]) for array in places.around(random, np.array([place]))]
        if random.random() < REGION_SHARE:
            circle = random.random() < NEAR_SHARE
            if circle:
                radius_km = float(np.exp(random.uniform(np.log(NEAREST_KM), np.log(FARTHEST_KM))))
                document["near"] = {"lat": centre[0], "lon": centre[1], "radius_km": round(radius_km, 1)}
            if not circle or random.random() < BOTH_SHARE:
                document["regions"] = self._regions(place)
        if random.random() < INDUSTRY_SHARE:
            document["industries"] = self._industries()
        if random.random() < CROWD_SHARE:
            document["crowds"] = list(random.choice(list(CROWD_SHARES), int(random.integers(1, 3)), replace=False))
        if random.random() < EXCLUDE_SHARE:
            excluded = random.integers(1, self._users + 1, int(random.integers(1, MOST_EXCLUDED + 1)))
            document["exclude"] = excluded.tolist()
        if random.random() < ORIGIN_SHARE:
            document["origin"] = centre
        return document

    def _groups(self, rule: str) -> list[Any]:
        random, words = self._random, self._world.words
        most = 5 if rule == "any" else 3
        if random.random() < TITLE_SHARE:
            title = self._titles[int(random.integers(len(self._titles)))]
            return list(title[:most])
        table = words.tail if random.random() < words.tail_share else words.skills
        drawn = table.draw_words(random, table.draw_categories(random, 1), 2 * most)[0]
        texts = [words.texts[number] for number in dict.fromkeys(drawn.tolist())]
        groups: list[Any] = []
        for _ in range(int(random.integers(1, most + 1))):
            if not texts:
                break
            several = random.random() < SEVERAL_WORDS_SHARE
            group = [texts.pop() for _ in range(min(len(texts), 2 if several else 1))]
            heavy = random.random() < HEAVY_GROUP_SHARE
            groups.append({"any": group, "weight": int(random.integers(2, 6))} if heavy else group)
        return groups

    def _regions(self, place: int) -> list[str]:
        random, places = self._random, self._world.places
        tree = self._world.words.taxonomy.regions
        level = random.random()
        of_level = places.districts if level < 0.35 else places.cities if level < 0.75 else places.provinces
        nodes = {int(of_level[place])}
        if random.random() < 0.2:
            nodes.add(int(of_level[int(places.draw(random, 1)[0])]))
        return [tree.codes[node] for node in sorted(nodes)]

    def _industries(self) -> list[str]:
        random, world = self._random, self._world
        tree = world.words.taxonomy.industries
        drawn = np.searchsorted(world.industry_reach, random.random(int(random.integers(1, 3))))
        codes = []
        for leaf in world.industry_leaves[np.minimum(drawn, len(world.industry_leaves) - 1)]:
            chain = [int(leaf), *tree.ancestors(int(leaf))]
            codes.append(tree.codes[chain[int(random.integers(len(chain)))]])
        return sorted(set(codes))


def draw_workload(world: World, engine: Engine, orders: int, users: int) -> Workload:
    """``orders`` orders, half of each rule, with BUCKET_SHARES of the answer sizes as far as there are such orders."""
    draw = OrderDraw(world, users)
    chosen: list[tuple[Query, str, int]] = []
    for number, rule in enumerate(RULES):
        wanted = orders * (number + 1) // len(RULES) - orders * number // len(RULES)
        chosen.extend((query, rule, count) for query, count in _choose(world, engine, draw, rule, wanted))
    order = np.random.default_rng([world.seed, 0x5FFE]).permutation(len(chosen))
    queries, rules, counts = zip(*(chosen[i] for i in order), strict=True) if chosen else ((), (), ())
    return Workload(queries, rules, tuple(bucket_of(count) for count in counts), counts)


def _choose(world: World, engine: Engine, draw: OrderDraw, rule: str, wanted: int) -> list[tuple[Query, int]]:
    """``wanted`` orders of one rule; where a bucket stays short, the others give more."""
    quotas = [round(share * wanted) for share in BUCKET_SHARES]
    quotas[1] += wanted - sum(quotas)
    taken: list[tuple[Query, int]] = []
    spare: list[tuple[Query, int]] = []
    candidates = fruitless = 0
    while len(taken) < wanted and candidates < MOST_CANDIDATES_AN_ORDER * wanted and fruitless < FRUITLESS:
        queries = [_freeze(world, draw.document(candidates + i + 1, rule)) for i in range(CANDIDATES_AT_ONCE)]
        candidates += CANDIDATES_AT_ONCE
        before = len(taken)
        for query, count in zip(queries, engine.full_counts(queries).tolist(), strict=True):
            bucket = bucket_of(count)
            if quotas[bucket] > 0:
                quotas[bucket] -= 1
                taken.append((query, count))
            elif len(spare) < wanted:
                spare.append((query, count))
        fruitless = 0 if len(taken) > before else fruitless + CANDIDATES_AT_ONCE
    return taken + spare[: wanted - len(taken)]


def _freeze(world: World, document: dict[str, Any]) -> Query:
    taxonomy = world.words.taxonomy
    return resolve(parse_order(document, taxonomy), world.vocabulary, taxonomy)


def _words_inside(title: str, known: set[str]) -> tuple[str, ...]:
    """Known words of a title, longest first from the left, none over another."""
    text = normalise(title)
    found: list[str] = []
    place = 0
    while place < len(text):
        lengths = range(min(LONGEST_TITLE_WORD, len(text) - place), 1, -1)
        word = next((text[place : place + n] for n in lengths if text[place : place + n] in known), "")
        if word:
            found.append(word)
        place += max(1, len(word))
    return tuple(dict.fromkeys(found))


def sample_evenly(workload: Workload, rows: Sequence[int], most: int) -> list[int]:
    """At most ``most`` of ``rows``, the rules and buckets in turn, so that none is left out."""
    strata: dict[tuple[str, int], list[int]] = {}
    for row in rows:
        strata.setdefault((workload.rules[row], workload.buckets[row]), []).append(row)
    queues = [list(reversed(strata[key])) for key in sorted(strata)]
    chosen: list[int] = []
    while len(chosen) < min(most, len(rows)):
        for queue in queues:
            if queue and len(chosen) < most:
                chosen.append(queue.pop())
    return sorted(chosen)
