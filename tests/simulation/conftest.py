"""Stores for simulations: an embedded database and a private Redis, in memory."""

from collections.abc import Iterator

import pytest

from quanwang.simulation.seed_run import Bench
from quanwang.simulation.servers import prepare_own, private_redis, working_folder


@pytest.fixture(scope="session")
def bench() -> Iterator[Bench]:
    """The stores in which seeds run one after the other."""
    with working_folder(in_memory=True) as folder, private_redis(folder) as redis_url:
        found = Bench(prepare_own(folder), redis_url)
        yield found
        found.close()
