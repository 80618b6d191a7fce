"""Keeps the shards up with the profile log: loads everybody once, then cuts a barrier for every run of changes.

A barrier is the number of the newest change that it covers, so all shards, whatever they missed, can be brought to the
same state from the log alone. After a shard was lost, its last snapshot is published again and the log is replayed
to it; until then nothing is matched.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from engine.ports import ProfileLog, ShardLost
from matching.profiles import Profile

Changes = Sequence[tuple[int, Profile | None]]

PAGE_PROFILES = 10_000
MAX_CHANGES_A_BARRIER = 20_000
MAX_RECOVERIES = 5
"""How often one step begins again because shards die under it, before it gives up with ShardLost."""


class FedIndex(Protocol):
    """What the feeder drives: ``engine.coordinator.Coordinator``."""

    def load(self, profiles: Iterator[Profile], barrier: int) -> int:
        """Replace everybody and publish ``barrier``; returns the population."""
        ...

    def apply(self, changes: Changes, barrier: int) -> None:
        """Put or delete users and publish ``barrier`` on every shard that does not publish it yet; raises ShardLost
        when a shard died.
        """
        ...

    def lost_shards(self) -> Sequence[int]:
        """The shards that do not publish the present barrier."""
        ...

    def restore_shard(self, shard_id: int) -> int | None:
        """Publish a lost shard's last snapshot again; its barrier, or None when there is none that can be used."""
        ...

    def replay_shard(self, shard_id: int, changes: Changes, barrier: int) -> None:
        """Bring a restored shard, and it alone, to ``barrier``."""
        ...


class Feeder:
    """One thread calls ``start`` once and then ``step`` twice a second."""

    def __init__(self, index: FedIndex, log: ProfileLog) -> None:
        self._index, self._log = index, log
        self._barrier: int | None = None

    @property
    def barrier(self) -> int | None:
        """The newest change that every shard has, or None before the first load."""
        return self._barrier

    def start(self) -> int:
        """Load everybody from the database; returns the population.

        The log's end is read before the profiles: what changes in between is loaded already and replayed once more,
        which changes nothing.
        """
        barrier = self._log.last_seq()
        population = self._index.load(self._everybody(), barrier)
        self._barrier = barrier
        return population

    def step(self) -> int:
        """Bring lost shards back, then publish the next changes; returns how many users changed."""
        for _ in range(MAX_RECOVERIES):
            try:
                if self._barrier is None:
                    return self.start()
                self.recover()
                return self._publish(self._barrier)
            except ShardLost as lost:
                latest = lost
        raise latest

    def recover(self) -> int:
        """Bring every lost shard to one barrier with the others; returns how many were lost.

        A shard whose snapshot cannot be used makes everybody be loaded again: slower, and as exact.
        """
        lost = list(self._index.lost_shards())
        if not lost:
            return 0
        snapshots = [self._index.restore_shard(shard_id) for shard_id in lost]
        if self._barrier is None or any(snapshot is None for snapshot in snapshots):
            self.start()
            return len(lost)
        oldest = min(snapshot for snapshot in snapshots if snapshot is not None)
        position, missed = self._changes_since(oldest)
        for shard_id in lost:
            self._index.replay_shard(shard_id, missed, position)
        if position > self._barrier:
            # Profiles are read as they are now, so the replay may be newer than the barrier of the other shards:
            # all of them move on to it together, and until then the coordinator has no common barrier to ask at.
            self._index.apply(missed, position)
            self._barrier = position
        return len(lost)

    def _publish(self, barrier: int) -> int:
        newest, changes = self._log.read_changes(barrier, MAX_CHANGES_A_BARRIER)
        if newest > barrier:
            self._index.apply(changes, newest)
            self._barrier = newest
        return len(changes)

    def _changes_since(self, position: int) -> tuple[int, list[tuple[int, Profile | None]]]:
        """Everybody who changed after ``position``, each once with his present profile, and the position covered."""
        end = max(self._log.last_seq(), self._barrier or 0)
        missed: dict[int, Profile | None] = {}
        while position < end:
            newest, changes = self._log.read_changes(position, MAX_CHANGES_A_BARRIER)
            if newest <= position:
                break
            missed.update(changes)
            position = newest
        return position, list(missed.items())

    def _everybody(self) -> Iterator[Profile]:
        after = 0
        while page := self._log.read_all(after, PAGE_PROFILES):
            yield from page
            after = page[-1].id
