"""Users and orders as tokens: the one form in which every peer gets its index and its question.

A token is a number: a keyword, a crowd tag, or a tree node seen from one of two sides. A user carries ``below[n]`` for
every node n that is one of his or above one of his, and ``own[n]`` for his nodes themselves. An order's node n is then
hit by ``below[n]`` or by ``own[a]`` of any node a above n: exactly the users on one root path with n.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from benchmarks.matching.population import World
from matching.index.columns import ProfileColumns
from matching.query import Near, Query
from matching.taxonomy import Tree

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
RowArray = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Question:
    """A query in tokens; a dimension that is not named is None, one that nobody can hit is an empty list.

    ``groups`` with their ``weights``; ``excluded`` ids ascending.
    """

    groups: list[list[int]]
    weights: list[int]
    at_least: int
    industry: list[int] | None
    region: list[int] | None
    crowd: list[int] | None
    near: Near | None
    origin: tuple[float, float] | None
    excluded: tuple[int, ...]
    limit: int


@dataclass(frozen=True, slots=True)
class TokenBook:
    """Looks words, nodes and tags up; ``size`` tokens in all."""

    words: dict[str, int]
    regions: dict[str, list[int]]
    industries: dict[str, list[int]]
    crowds: dict[str, int]
    size: int
    offsets: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, world: World) -> "TokenBook":
        """Number all tokens: words, crowds, then both sides of both trees."""
        taxonomy = world.words.taxonomy
        words, tags = len(world.words.texts), len(world.crowds)
        offsets = {"keywords": 0, "crowds": words, "region_below": words + tags}
        offsets["region_own"] = offsets["region_below"] + len(taxonomy.regions)
        offsets["industry_below"] = offsets["region_own"] + len(taxonomy.regions)
        offsets["industry_own"] = offsets["industry_below"] + len(taxonomy.industries)
        return cls(
            {text: number for number, text in enumerate(world.words.texts)},
            _node_tokens(taxonomy.regions, offsets["region_below"], offsets["region_own"]),
            _node_tokens(taxonomy.industries, offsets["industry_below"], offsets["industry_own"]),
            {tag: words + number for number, tag in enumerate(world.crowds.tags())},
            offsets["industry_own"] + len(taxonomy.industries),
            offsets,
        )

    def ask(self, query: Query) -> Question:
        """Look a query up. This is a peer's compilation, and timed."""
        words = self.words
        return Question(
            [[words[m.text] for m in group.members if m.text in words] for group in query.groups],
            [group.weight for group in query.groups],
            query.at_least,
            _union(self.industries, query.industries) if query.industries else None,
            _union(self.regions, query.regions) if query.regions or query.near else None,
            [self.crowds[tag] for tag in query.crowds if tag in self.crowds] if query.crowds else None,
            query.near,
            query.origin,
            query.exclude,
            query.limit,
        )


def _union(lists: dict[str, list[int]], codes: Iterable[str]) -> list[int]:
    return list(dict.fromkeys(token for code in codes for token in lists[code]))


def _node_tokens(tree: Tree, below: int, own: int) -> dict[str, list[int]]:
    return {
        code: [below + node, *(own + above for above in tree.ancestors(node))] for node, code in enumerate(tree.codes)
    }


@dataclass(frozen=True, slots=True)
class Tokens:
    """Who carries what: tokens of user row u are ``tokens[starts[u] : starts[u + 1]]``, ascending."""

    starts: Int64Array
    tokens: Int32Array

    def postings(self, size: int) -> tuple[Int64Array, RowArray]:
        """Starts by token, and rows ascending within each token."""
        rows = np.repeat(np.arange(len(self.starts) - 1, dtype=np.uint32), np.diff(self.starts))
        order = np.argsort(self.tokens, kind="stable")
        starts = np.zeros(size + 1, np.int64)
        np.cumsum(np.bincount(self.tokens, minlength=size), out=starts[1:])
        return starts, rows[order]


def tokens_of(columns: ProfileColumns, book: TokenBook, world: World) -> Tokens:
    """All tokens of all users."""
    taxonomy = world.words.taxonomy
    parts = [
        _pairs(columns.keyword_starts, columns.keywords, book.offsets["keywords"]),
        _pairs(columns.crowd_starts, columns.crowds, book.offsets["crowds"]),
        _pairs(columns.region_starts, columns.regions, book.offsets["region_own"]),
        _pairs(columns.industry_starts, columns.industries, book.offsets["industry_own"]),
        _closed(columns.region_starts, columns.regions, taxonomy.regions, book.offsets["region_below"]),
        _closed(columns.industry_starts, columns.industries, taxonomy.industries, book.offsets["industry_below"]),
    ]
    keys = np.concatenate(parts)
    keys.sort()
    fresh = np.ones(len(keys), np.bool_)
    fresh[1:] = keys[1:] != keys[:-1]
    keys = keys[fresh]
    starts = np.searchsorted(keys, np.arange(len(columns) + 1, dtype=np.int64) << 32)
    return Tokens(starts.astype(np.int64), (keys & 0xFFFFFFFF).astype(np.int32))


def tokens_a_user(columns: ProfileColumns, world: World) -> float:
    """Keywords, crowds, and regions and industries closed upward, on average."""
    taxonomy = world.words.taxonomy
    closed = (
        _closed(columns.region_starts, columns.regions, taxonomy.regions, 0),
        _closed(columns.industry_starts, columns.industries, taxonomy.industries, 0),
    )
    count = len(columns.keywords) + len(columns.crowds)
    for keys in closed:
        keys.sort()
        count += int((keys[1:] != keys[:-1]).sum()) + min(1, len(keys))
    return count / max(1, len(columns))


def _pairs(starts: Int64Array, numbers: Int32Array, offset: int) -> Int64Array:
    rows = np.repeat(np.arange(len(starts) - 1, dtype=np.int64), np.diff(starts))
    return (rows << 32) | (numbers.astype(np.int64) + offset)


def _closed(starts: Int64Array, nodes: Int32Array, tree: Tree, offset: int) -> Int64Array:
    """Pairs of every node and every node above it, repetitions included."""
    parents = np.array(tree.parents, np.int64)
    rows = np.repeat(np.arange(len(starts) - 1, dtype=np.int64), np.diff(starts)) << 32
    level = nodes.astype(np.int64)
    found = []
    while len(level):
        found.append(rows | (level + offset))
        level = parents[level]
        some = level >= 0
        rows, level = rows[some], level[some]
    return np.concatenate(found) if found else np.zeros(0, np.int64)
