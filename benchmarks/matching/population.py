"""Draws users straight into arrays, a chunk at a time, so that ten million fit into memory.

Real: the words and their frequencies, the populations of provinces, the districts and their seats, both trees. Drawn:
who lives where, who does what, service areas, ratings. Invented: crowd tags and their shares, the shares of industries.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.matching.places import Places
from benchmarks.matching.words import Words
from matching.index.columns import CrowdIds, ProfileColumns
from matching.index.locality import locality_order
from matching.taxonomy import Tree
from matching.vocabulary import Vocabulary

CHUNK_USERS = 1 << 20
FEWEST_KEYWORDS, MOST_KEYWORDS = 3, 12
WORD_DRAWS = 18
"""Draws with repetition out of which the first different ones are kept; 3 to 12 are found in nearly every case."""

CROWD_SHARES = {
    "全职": 0.45, "兼职": 0.30, "远程": 0.20, "持证上岗": 0.25, "夜班可": 0.15, "应届生": 0.10, "学生": 0.10,
    "宝妈": 0.06, "退伍军人": 0.04, "残疾人": 0.02,
}  # fmt: skip
"""Invented: no real source of target-crowd tags exists."""

LOCAL, CITY, PROVINCE, SEVERAL = 0.50, 0.76, 0.91, 0.97
"""Cumulative shares of who serves a district, its city, its province, several provinces; the rest serves everywhere."""
MOST_PROVINCES = 5
MOST_DISTRICTS = 3
"""Of somebody who serves locally: the own district and neighbours."""
INDUSTRY_COUNTS = (0.10, 0.35)
"""Cumulative shares of users with one, with two industries; the rest has three."""
INDUSTRY_TAIL_EXPONENT = 0.9
SAME_SECTION_SHARE = 0.25
LEVEL_REACH = (0.06, 0.26, 0.60)
"""Cumulative shares of industries named by section, division, group; the rest names a class."""
UNLOCATED_SHARE = 0.06
UNAVAILABLE_SHARE = 0.03

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class World:
    """What users and orders are drawn from. Word number = vocabulary id; crowd number = place in CROWD_SHARES."""

    words: Words
    vocabulary: Vocabulary
    crowds: CrowdIds
    places: Places
    industry_leaves: Int32Array
    industry_reach: npt.NDArray[np.float64]
    seed: int

    @classmethod
    def of(cls, words: Words, seed: int) -> "World":
        """Fix the tails of districts and industries by the seed."""
        vocabulary = Vocabulary()
        vocabulary.add(words.texts)
        crowds = CrowdIds()
        crowds.add(CROWD_SHARES)
        leaves, reach = _industry_tail(words.taxonomy.industries, seed)
        return cls(words, vocabulary, crowds, Places.of(words.taxonomy.regions, seed), leaves, reach, seed)


def _industry_tail(tree: Tree, seed: int) -> tuple[Int32Array, npt.NDArray[np.float64]]:
    """Leaves of the industry tree with their cumulative shares: a heavy tail of sections, and of leaves in each."""
    random = np.random.default_rng([seed, 0x1D])
    roots = list(tree.roots())
    random.shuffle(roots)
    leaves: list[int] = []
    shares: list[float] = []
    for rank, root in enumerate(roots, start=1):
        below = [node for node in range(root, tree.end[root]) if tree.end[node] == node + 1]
        random.shuffle(below)
        tail = 1.0 / np.arange(1, len(below) + 1) ** INDUSTRY_TAIL_EXPONENT
        leaves.extend(below)
        shares.extend(tail / tail.sum() / rank**INDUSTRY_TAIL_EXPONENT)
    reach = np.cumsum(shares)
    return np.array(leaves, np.int32), reach / reach[-1]


def chunks(world: World, users: int, chunk_users: int = CHUNK_USERS) -> Iterator[ProfileColumns]:
    """``users`` users in chunks; ids run from 1 on without a gap, each chunk in the engine's own order."""
    for number, first in enumerate(range(0, users, chunk_users)):
        random = np.random.default_rng([world.seed, 0x05E5, number])
        yield draw_users(world, random, min(chunk_users, users - first), first_id=first + 1)


def draw_users(world: World, random: np.random.Generator, size: int, *, first_id: int) -> ProfileColumns:
    """``size`` users with ids from ``first_id`` on, users of one region and industry near each other."""
    homes = world.places.draw(random, size)
    latitudes, longitudes = world.places.around(random, homes)
    unlocated = random.random(size) < UNLOCATED_SHARE
    latitudes[unlocated] = np.nan
    longitudes[unlocated] = np.nan
    drawn = ProfileColumns(
        np.zeros(size, np.int64),
        *_keywords(world.words, random, size),
        *_regions(world.places, random, homes),
        *_industries(world, random, size),
        *_crowds(random, size),
        latitudes,
        longitudes,
        np.clip(np.round(random.normal(68.0, 14.0, size)), 0, 100).astype(np.uint8),
        random.random(size) >= UNAVAILABLE_SHARE,
    )
    ordered = drawn.take(locality_order(drawn, np.array(world.words.taxonomy.regions.parents, np.int32)))
    ordered.ids[:] = np.arange(first_id, first_id + size)
    return ordered


def _keywords(words: Words, random: np.random.Generator, size: int) -> tuple[Int64Array, Int32Array]:
    """3 to 12 different words of a category, by weight."""
    skills = words.skills.draw_words(random, words.skills.draw_categories(random, size), WORD_DRAWS)
    if words.tail_share:
        occupations = words.tail.draw_categories(random, size)
        rows, draws = np.nonzero(random.random(skills.shape, np.float32) < words.tail_share)
        skills[rows, draws] = words.tail.draw_words(random, occupations[rows], 1)[:, 0]
    return pack_rows(skills, random.integers(FEWEST_KEYWORDS, MOST_KEYWORDS + 1, size))


def _regions(places: Places, random: np.random.Generator, homes: Int64Array) -> tuple[Int64Array, Int32Array]:
    """Service areas: local, the city, the province, several provinces, everywhere."""
    size = len(homes)
    kind = random.random(size)
    area = np.where(kind < LOCAL, places.districts[homes], places.cities[homes])
    area = np.where(kind < CITY, area, places.provinces[homes])
    area = np.where(kind < SEVERAL, area, places.root)
    local, several = kind < LOCAL, (kind >= PROVINCE) & (kind < SEVERAL)
    drawn = np.empty((size, MOST_PROVINCES), np.int32)
    drawn[:, 0] = area
    drawn[:, 1:] = places.draw_provinces(random, (size, MOST_PROVINCES - 1))
    # Districts of one city lie side by side in preorder; at the edge of a city the neighbour is the next city's.
    neighbours = places.districts_in_order[
        np.searchsorted(places.districts_in_order, area[local])[:, None]
        - random.integers(0, 2, (int(local.sum()), 1))
        - np.arange(MOST_DISTRICTS - 1)
    ]
    drawn[local, 1:MOST_DISTRICTS] = neighbours
    count = np.where(several, random.integers(2, MOST_PROVINCES + 1, size), 1)
    return pack_rows(drawn, np.where(local, random.integers(1, MOST_DISTRICTS + 1, size), count))


def _industries(world: World, random: np.random.Generator, size: int) -> tuple[Int64Array, Int32Array]:
    """One to three nodes at mixed levels, the others often of the first one's section."""
    tree = world.words.taxonomy.industries
    parents, depths = np.array(tree.parents, np.int32), np.array(tree.depths, np.int32)
    leaves = np.searchsorted(world.industry_reach, random.random((size, 3)), side="right")
    nodes = world.industry_leaves[np.minimum(leaves, len(world.industry_leaves) - 1)]
    levels = np.searchsorted(LEVEL_REACH, random.random((size, 3)), side="right")
    deepest = nodes.copy()
    for _ in range(int(depths.max(initial=0))):
        nodes = np.where(depths[nodes] > levels, parents[nodes], nodes)
    # A neighbour: another leaf next to the first one in preorder, seen at its own level.
    near = np.clip(deepest[:, :1] + random.integers(-6, 7, (size, 3)), 0, len(tree) - 1).astype(np.int32)
    near_first = random.random((size, 3)) < SAME_SECTION_SHARE
    near_first[:, 0] = False
    nodes = np.where(near_first, near, nodes)
    count = 1 + np.searchsorted(INDUSTRY_COUNTS, random.random(size), side="right")
    return pack_rows(nodes, count)


def _crowds(random: np.random.Generator, size: int) -> tuple[Int64Array, Int32Array]:
    held = random.random((size, len(CROWD_SHARES))) < np.array(list(CROWD_SHARES.values()))
    starts = np.zeros(size + 1, np.int64)
    np.cumsum(held.sum(axis=1), out=starts[1:])
    return starts, np.nonzero(held)[1].astype(np.int32)


def pack_rows(drawn: Int32Array, wanted: Int64Array) -> tuple[Int64Array, Int32Array]:
    """The first ``wanted[i]`` different numbers of each row of ``drawn``, ascending, as starts and a flat list."""
    order = np.argsort(drawn, axis=1, kind="stable")
    ascending = np.take_along_axis(drawn, order, axis=1)
    fresh = np.ones(drawn.shape, np.bool_)
    fresh[:, 1:] = ascending[:, 1:] != ascending[:, :-1]
    first_seen = np.zeros(drawn.shape, np.bool_)
    np.put_along_axis(first_seen, order, fresh, axis=1)
    first_seen &= np.cumsum(first_seen, axis=1) <= wanted[:, None]
    kept = np.take_along_axis(first_seen, order, axis=1)
    starts = np.zeros(len(drawn) + 1, np.int64)
    np.cumsum(kept.sum(axis=1), out=starts[1:])
    return starts, ascending[kept]
