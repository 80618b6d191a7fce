"""The policy of the benchmark's orders: everybody of the full tier in one wave, and nothing after it within the run."""

from benchmarks.dispatch.pool import POLICY
from benchmarks.dispatch.settings import LARGEST_WAVE_USERS
from kit.clock import now_ms
from kit.db import Database
from kit.ids import IdAllocator
from marketplace import dispatch


def publish_benchmark_policy(database: Database, ids: IdAllocator) -> None:
    """Publish it, unless the newest version is the same."""
    policy = dispatch.Policy(POLICY, wave_size=2 * LARGEST_WAVE_USERS, acceptors_wanted=10_000)
    database.run(lambda session: dispatch.publish_policy(session, ids, policy=policy, now_ms=now_ms()))
