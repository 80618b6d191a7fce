"""Home cells: where a user lives in the placement, and which cells an order can find full matches in.

A cell is a province (or ``*``: several or the whole country, or ``-``: none) times an industry section (likewise).
Every user has exactly one; an order opens all cells of an axis that it does not restrict. Cells are numbered
``province * sections + section``, with ``*`` and ``-`` after the last province and the last section.
"""

import numpy as np
import numpy.typing as npt

from matching.index.columns import ProfileColumns
from matching.profiles import Profile
from matching.query import Query
from matching.taxonomy import Taxonomy, Tree

ANY = "*"
NONE = "-"

Int32Array = npt.NDArray[np.int32]


class _Axis:
    """One dimension of the cells: the nodes of a tree at one depth, then ``*``, then ``-``."""

    def __init__(self, tree: Tree, depth: int) -> None:
        nodes = [node for node in range(len(tree)) if tree.depths[node] == depth]
        self.names = [tree.codes[node] for node in nodes] + [ANY, NONE]
        self.any_slot, self.none_slot = len(nodes), len(nodes) + 1
        self.slot_of_node = np.full(len(tree), self.any_slot, np.int32)
        for slot, node in enumerate(nodes):
            self.slot_of_node[node : tree.end[node]] = slot
        self._tree = tree

    def __len__(self) -> int:
        return len(self.names)

    def slot(self, codes: tuple[str, ...]) -> int:
        """The slot of a user who names ``codes``."""
        slots = {int(self.slot_of_node[self._tree.index(code)]) for code in codes}
        if not slots:
            return self.none_slot
        return slots.pop() if len(slots) == 1 else self.any_slot

    def slots(self, starts: npt.NDArray[np.int64], nodes: Int32Array) -> Int32Array:
        """The slot of every user, from the flat lists of their nodes."""
        found = np.full(len(starts) - 1, self.none_slot, np.int32)
        filled = np.flatnonzero(starts[1:] > starts[:-1])
        if len(filled):
            of_nodes = self.slot_of_node[nodes]
            lowest = np.minimum.reduceat(of_nodes, starts[filled])
            highest = np.maximum.reduceat(of_nodes, starts[filled])
            found[filled] = np.where(lowest == highest, lowest, self.any_slot)
        return found

    def open_slots(self, codes: tuple[str, ...], *, restricts: bool) -> npt.NDArray[np.bool_]:
        """The slots in which a user can satisfy this dimension of an order."""
        is_open = np.ones(len(self), np.bool_)
        if not restricts:
            return is_open
        slots = {int(self.slot_of_node[self._tree.index(code)]) for code in codes}
        if self.any_slot in slots:
            is_open[self.none_slot] = False
            return is_open
        is_open[:] = False
        is_open[[*slots, self.any_slot]] = True
        return is_open


class Cells:
    """The numbering of all cells of one taxonomy; immutable."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        # Regions hang under one country, so provinces lie at depth 1; industry sections are roots.
        self._provinces = _Axis(taxonomy.regions, depth=1)
        self._sections = _Axis(taxonomy.industries, depth=0)

    def __len__(self) -> int:
        return len(self._provinces) * len(self._sections)

    def name(self, cell: int) -> str:
        """The cell as people read it, such as ``440000 x C``, ``* x C`` or ``- x -``."""
        province, section = divmod(cell, len(self._sections))
        return f"{self._provinces.names[province]} x {self._sections.names[section]}"

    def home(self, profile: Profile) -> int:
        """The one cell of a user."""
        province = self._provinces.slot(profile.regions)
        return province * len(self._sections) + self._sections.slot(profile.industries)

    def homes(self, columns: ProfileColumns) -> Int32Array:
        """The cells of many users, int32 of the columns' length."""
        provinces = self._provinces.slots(columns.region_starts, columns.regions)
        sections = self._sections.slots(columns.industry_starts, columns.industries)
        return provinces * np.int32(len(self._sections)) + sections

    def open_for(self, query: Query) -> npt.NDArray[np.bool_]:
        """Which cells can hold a full match of ``query``: bool of the number of cells.

        A dimension that is not named opens its axis, and so does ``near``, which is met by location and not by cell.
        """
        provinces = self._provinces.open_slots(query.regions, restricts=bool(query.regions) and query.near is None)
        sections = self._sections.open_slots(query.industries, restricts=bool(query.industries))
        return (provinces[:, None] & sections[None, :]).ravel()
