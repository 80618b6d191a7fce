"""Merges of one shard: one at a time, beside the writer, swapped in at a barrier."""

import logging
import threading
from collections.abc import Callable

from matching.index.merging import Merged, MergeJob
from matching.index.segment_set import SegmentSet

RunAside = Callable[[Callable[[], None]], None]
"""Runs a function some time, in whatever thread; must not wait for it."""

LONGEST_PAUSE_BARRIERS = 256
"""After a failed merge the next try waits one barrier, then two, four, and so on up to this (two minutes)."""

_log = logging.getLogger(__name__)


def run_in_thread(work: Callable[[], None]) -> None:
    """Run in a thread of its own, which never keeps the process from ending: what it builds can be built again."""
    threading.Thread(target=work, name="merge", daemon=True).start()


class Merges:
    """The writer calls ``take_in`` and ``start`` at its barriers; what runs aside touches no more than its job."""

    def __init__(self, shard_id: int, run_aside: RunAside) -> None:
        self.done = 0
        self.failed = 0
        self._shard_id, self._run_aside = shard_id, run_aside
        self._under_way = False
        self._finished: Merged | None = None
        self._failures_in_a_row = 0
        self._pause_barriers = 0

    def take_in(self, users: SegmentSet) -> None:
        """Swap a merge that has finished since the last barrier into ``users``."""
        finished, self._finished = self._finished, None
        if finished and users.take_in(finished):
            self.done += 1

    def start(self, users: SegmentSet) -> None:
        """Begin the next merge that ``users`` want, unless one is under way or waits to be taken in."""
        if self._under_way or self._finished:
            return
        if self._pause_barriers > 0:
            self._pause_barriers -= 1
            return
        job = users.next_job()
        if job is not None:
            self._under_way = True
            self._run_aside(lambda: self._build(job))

    def _build(self, job: MergeJob) -> None:
        """Whatever goes wrong, memory included, the old parts serve on and another try is made later."""
        try:
            self._finished = job.build()
            self._failures_in_a_row = 0
        except Exception as error:  # noqa: BLE001  # a thread of its own: nobody above could be told
            self.failed += 1
            self._pause_barriers = min(1 << self._failures_in_a_row, LONGEST_PAUSE_BARRIERS)
            self._failures_in_a_row += 1
            _log.warning(
                "shard %d: merging %d segments of %d users (%s) failed with %s: %s; the old ones serve on, and after"
                " %d more barriers it is tried again",
                self._shard_id,
                len(job.parts),
                sum(part.population() for part in job.parts),
                job.plan.reason.value,
                type(error).__name__,
                error,
                self._pause_barriers,
            )
        finally:
            self._under_way = False
