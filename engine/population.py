"""Who is where: every user's shard and words, so that a change finds its old place and the vocabulary stays exact."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from engine.cells import Cells
from engine.ports import UnknownBarrier
from matching.index.columns import CrowdIds, ProfileColumns, encode_profiles
from matching.profiles import Profile
from matching.taxonomy import Taxonomy
from matching.vocabulary import Vocabulary

UNPLACED = -1
BARRIERS_KEPT = 4
"""Sizes are kept for a few barriers: shards publish two, and one may be on its way."""


class Population:
    """All users with their shard and keyword numbers (int32, packed: about 150 bytes a user)."""

    def __init__(self, vocabulary: Vocabulary, taxonomy: Taxonomy, cells: Cells, shards: int) -> None:
        self.vocabulary = vocabulary
        self.crowds = CrowdIds()
        self._taxonomy, self._cells = taxonomy, cells
        self._shard_of: dict[int, int] = {}
        self._words_of: dict[int, bytes] = {}
        self._sizes = np.zeros(shards, np.int64)
        self._sizes_at: dict[int, npt.NDArray[np.int64]] = {}

    def __len__(self) -> int:
        return len(self._shard_of)

    def clear(self) -> None:
        """Forget everybody; numbers of words and crowds stay given."""
        for words in self._words_of.values():
            self.vocabulary.remove(self._texts(words))
        self._shard_of.clear()
        self._words_of.clear()
        self._sizes[:] = 0
        self._sizes_at.clear()

    def put(self, profiles: Sequence[Profile]) -> ProfileColumns:
        """Take these users in, each id once, and return them encoded; where they live is said by ``settle``."""
        for profile in profiles:
            former = self._words_of.get(profile.id)
            self.vocabulary.add(profile.keywords)
            if former is not None:
                self.vocabulary.remove(self._texts(former))
            self.crowds.add(profile.crowds)
        columns = encode_profiles(profiles, self.vocabulary, self._taxonomy, self.crowds)
        starts = columns.keyword_starts.tolist()
        for row, profile in enumerate(profiles):
            self._words_of[profile.id] = columns.keywords[starts[row] : starts[row + 1]].tobytes()
            self._shard_of.setdefault(profile.id, UNPLACED)
        return columns

    def settle(self, ids: npt.NDArray[np.int64], shards: npt.NDArray[np.int32]) -> list[list[int]]:
        """Note the shard of every user; returns for each shard the ids that moved away from it."""
        gone: list[list[int]] = [[] for _ in self._sizes]
        for user_id, shard in zip(ids.tolist(), shards.tolist(), strict=True):
            former = self._shard_of[user_id]
            if former == shard:
                continue
            if former != UNPLACED:
                gone[former].append(user_id)
                self._sizes[former] -= 1
            self._sizes[shard] += 1
            self._shard_of[user_id] = shard
        return gone

    def remove(self, ids: Iterable[int]) -> list[tuple[int, int]]:
        """Forget these users; returns (shard, id) of those who were there."""
        removed: list[tuple[int, int]] = []
        for user_id in ids:
            words = self._words_of.pop(user_id, None)
            if words is None:
                continue
            self.vocabulary.remove(self._texts(words))
            shard = self._shard_of.pop(user_id)
            if shard != UNPLACED:
                self._sizes[shard] -= 1
                removed.append((shard, user_id))
        return removed

    def note_sizes(self, barrier: int) -> None:
        """Remember how many users every shard holds at ``barrier``: what an answer at that barrier must account for."""
        self._sizes_at[barrier] = self._sizes.copy()
        while len(self._sizes_at) > BARRIERS_KEPT:
            del self._sizes_at[next(iter(self._sizes_at))]

    def sizes(self, barrier: int) -> npt.NDArray[np.int64]:
        """Users of every shard at a barrier of late, int64 (shards); raises UnknownBarrier for an older one."""
        sizes = self._sizes_at.get(barrier)
        if sizes is None:
            raise UnknownBarrier(f"barrier {barrier} has gone by; ask again at the present one")
        return sizes

    def _texts(self, words: bytes) -> list[str]:
        return [self.vocabulary.text_of(number) for number in np.frombuffer(words, np.int32).tolist()]
