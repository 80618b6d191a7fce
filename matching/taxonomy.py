"""The two trees of codes: regions (GB/T 2260) and industries (GB/T 4754).

Nodes are numbered in preorder with siblings sorted by code, so node ``i`` and all its descendants are exactly the
interval ``[i, end[i])``. Two nodes lie on one root path when one's interval holds the other.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from matching.errors import BadTable, UnknownCode
from matching.tables import TableRow, read_table, table_path

TreeKind = Literal["region", "industry"]

ROOT_REGION = "100000"
"""The whole country: the one root of the region tree, implied when a file does not list it."""

MAX_NODES = 200_000
MAX_DEPTH = 16
MAX_CODE_CHARACTERS = 16

LEVELS: Mapping[TreeKind, tuple[str, ...]] = {
    "region": ("country", "province", "city", "district"),
    "industry": ("section", "division", "group", "class"),
}


_UNDIVIDED_DIVISIONS = frozenset({"12", "91", "97"})


@dataclass(frozen=True, slots=True)
class Node:
    """One row of a tree before it is numbered; ``parent`` is "" for a root, ``place`` is ``FILE:LINE``."""

    code: str
    parent: str
    name_zh: str = ""
    name_en: str = ""
    level: str = ""
    location: tuple[float, float] | None = None
    place: str = "built in"


class Tree:
    """An immutable forest of codes in preorder.

    All sequences are indexed by node: ``codes``, ``names_zh``, ``names_en``, ``levels``, ``locations`` (latitude and
    longitude in degrees, or None), ``parents`` (-1 for a root), ``end`` (one past the last descendant) and ``depths``
    (0 for a root).
    """

    __slots__ = ("_index", "codes", "depths", "end", "kind", "levels", "locations", "names_en", "names_zh", "parents")

    def __init__(self, kind: TreeKind, nodes: Sequence[Node]) -> None:
        """Number ``nodes``, given in any order; raises BadTable for duplicates, unknown parents and cycles."""
        ordered, depths, end, parents = _preorder(nodes)
        self.kind: TreeKind = kind
        self.codes = tuple(node.code for node in ordered)
        self.names_zh = tuple(node.name_zh for node in ordered)
        self.names_en = tuple(node.name_en for node in ordered)
        self.levels = tuple(node.level or _level(kind, depth) for node, depth in zip(ordered, depths, strict=True))
        self.locations = tuple(node.location for node in ordered)
        self.depths = tuple(depths)
        self.end = tuple(end)
        self.parents = tuple(parents)
        self._index = {code: i for i, code in enumerate(self.codes)}

    def __len__(self) -> int:
        return len(self.codes)

    def __contains__(self, code: object) -> bool:
        return code in self._index

    def index(self, code: str, field: str = "") -> int:
        """Return the node of ``code``; raises UnknownCode naming ``field``."""
        found = self._index.get(code)
        if found is None:
            raise UnknownCode(field or self.kind, code, f"is not a code of the {self.kind} tree")
        return found

    def name(self, node: int) -> str:
        """Return the Chinese name, else the English name, else the code."""
        return self.names_zh[node] or self.names_en[node] or self.codes[node]

    def ancestors(self, node: int) -> tuple[int, ...]:
        """Return the proper ancestors of ``node``, nearest first."""
        found: list[int] = []
        parent = self.parents[node]
        while parent >= 0:
            found.append(parent)
            parent = self.parents[parent]
        return tuple(found)

    def children(self, node: int) -> tuple[int, ...]:
        """Return the children of ``node`` in order of code."""
        found: list[int] = []
        child = node + 1
        while child < self.end[node]:
            found.append(child)
            child = self.end[child]
        return tuple(found)

    def related(self, one: int, other: int) -> bool:
        """Say whether the nodes lie on one root path: equal, ancestor or descendant."""
        return one <= other < self.end[one] or other <= one < self.end[other]

    def roots(self) -> tuple[int, ...]:
        """Return the nodes without a parent in order of code."""
        return tuple(node for node, parent in enumerate(self.parents) if parent < 0)


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """The two trees that codes of profiles and orders are checked against."""

    regions: Tree
    industries: Tree


@lru_cache(maxsize=1)
def builtin_taxonomy() -> Taxonomy:
    """Return the built-in trees: GB/T 2260 regions; GB/T 4754-2017 sections, divisions and well-formed lower codes."""
    return Taxonomy(load_tree(table_path("regions.csv"), "region"), _builtin_industries())


def load_taxonomy(regions: Path | None = None, industries: Path | None = None) -> Taxonomy:
    """Return the built-in trees with each given file in place of its tree (errors as of ``load_tree``)."""
    builtin = builtin_taxonomy()
    return Taxonomy(
        load_tree(regions, "region") if regions else builtin.regions,
        load_tree(industries, "industry") if industries else builtin.industries,
    )


def load_tree(path: str | Path, kind: TreeKind) -> Tree:
    """Read a CSV file with at least the columns code, parent, name (or name_zh, name_en), rows in any order.

    An empty parent means a root; in a region file it means the whole country. Only the listed codes are known
    afterwards. Raises UnreadableFile, or BadTable with ``FILE:LINE`` for a row that breaks a rule.
    """
    rows = read_table(path, required=("code", "parent"), one_of=("name", "name_zh", "name_en"))
    nodes = [_node(row) for row in rows]
    if not nodes:
        raise BadTable(str(path), "the file", "has a header but no row; give one code a row")
    if kind == "region":
        nodes = _under_the_country(nodes)
    return Tree(kind, nodes)


def _node(row: TableRow) -> Node:
    code, parent = row.get("code"), row.get("parent")
    if not re.fullmatch(r"[0-9A-Za-z_.-]+", code) or len(code) > MAX_CODE_CHARACTERS:
        raise BadTable(
            row.place, code, f"must be a code of 1 to {MAX_CODE_CHARACTERS} letters, digits, '_', '.' or '-'"
        )
    return Node(
        code=code,
        parent=parent,
        name_zh=row.get("name_zh") or row.get("name"),
        name_en=row.get("name_en"),
        level=row.get("level"),
        location=_location(row),
        place=row.place,
    )


def _location(row: TableRow) -> tuple[float, float] | None:
    latitude, longitude = row.get("lat"), row.get("lon")
    if not latitude and not longitude:
        return None
    try:
        location = (float(latitude), float(longitude))
    except ValueError:
        raise BadTable(row.place, f"{latitude},{longitude}", "must be a latitude and a longitude in degrees") from None
    if not (-90 <= location[0] <= 90 and -180 <= location[1] <= 180):
        raise BadTable(row.place, f"{latitude},{longitude}", "must be a latitude and a longitude in degrees")
    return location


def _under_the_country(nodes: list[Node]) -> list[Node]:
    """Hang every root of a region file under the one country."""
    country = [node for node in nodes if node.code == ROOT_REGION]
    for node in country:
        if node.parent:
            raise BadTable(node.place, node.parent, f"cannot be the parent of {ROOT_REGION}, the root of all regions")
    placed = [
        Node(n.code, n.parent or ROOT_REGION, n.name_zh, n.name_en, n.level, n.location, n.place)
        for n in nodes
        if n.code != ROOT_REGION
    ]
    return placed + (country or [Node(ROOT_REGION, "", "全国", "China", "country")])


def _builtin_industries() -> Tree:
    """Sections and divisions by name; groups DD1..DD9 and classes DDd0..DDd9 by structure, without names.

    The standard numbers a group DD0 only where it is the one group of its division.
    """
    nodes = [_node(row) for row in read_table(table_path("industries.csv"), required=("code", "parent"))]
    for division in [node.code for node in nodes if node.parent]:
        digits = "0123456789" if division in _UNDIVIDED_DIVISIONS else "123456789"
        for group in (f"{division}{digit}" for digit in digits):
            nodes.append(Node(group, division))
            nodes.extend(Node(f"{group}{digit}", group) for digit in "0123456789")
    return Tree("industry", nodes)


def _level(kind: TreeKind, depth: int) -> str:
    names = LEVELS[kind]
    return names[depth] if depth < len(names) else f"level {depth}"


def _preorder(nodes: Sequence[Node]) -> tuple[list[Node], list[int], list[int], list[int]]:
    """Return the nodes in preorder with their depths, ends and parents."""
    if len(nodes) > MAX_NODES:
        raise BadTable(
            nodes[MAX_NODES].place, len(nodes), f"codes are more than the {MAX_NODES:,} that a tree may have"
        )
    by_code = _by_code(nodes)
    below: dict[str, list[str]] = {}
    for node in nodes:
        if node.parent and node.parent not in by_code:
            raise BadTable(node.place, node.parent, f"is named as the parent of {node.code} but is no code of the file")
        below.setdefault(node.parent, []).append(node.code)

    ordered: list[Node] = []
    depths: list[int] = []
    parents: list[int] = []
    stack = [(code, 0, -1) for code in sorted(below.get("", ()), reverse=True)]
    while stack:
        code, depth, parent = stack.pop()
        if depth >= MAX_DEPTH:
            raise BadTable(by_code[code].place, code, f"lies deeper than the {MAX_DEPTH} levels that a tree may have")
        own = len(ordered)
        ordered.append(by_code[code])
        depths.append(depth)
        parents.append(parent)
        stack.extend((child, depth + 1, own) for child in sorted(below.get(code, ()), reverse=True))
    if len(ordered) < len(nodes):
        reached = {node.code for node in ordered}
        lost = next(node for node in nodes if node.code not in reached)
        raise BadTable(lost.place, lost.code, "has no root: its parents form a circle; break the circle")

    end = [0] * len(ordered)
    for node_index in range(len(ordered) - 1, -1, -1):
        end[node_index] = max(end[node_index], node_index + 1)
        if parents[node_index] >= 0:
            end[parents[node_index]] = max(end[parents[node_index]], end[node_index])
    return ordered, depths, end, parents


def _by_code(nodes: Sequence[Node]) -> dict[str, Node]:
    by_code: dict[str, Node] = {}
    for node in nodes:
        first = by_code.setdefault(node.code, node)
        if first is not node:
            raise BadTable(node.place, node.code, f"is given twice; the first is {first.place}")
    return by_code
