"""The drill of a cluster: orders submitted over REST while its servers are killed; none is lost and none doubled."""

from collections.abc import Iterator

import pytest

from kit.config import Settings
from quanwang.cluster.plan import free_ports
from quanwang.drills.failover.run import SCENES, SceneResult, play, run_drill
from quanwang.drills.failover.site import DrillSite
from tests.harness import folder as session_folder

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def site() -> Iterator[DrillSite]:
    settings = Settings(data_dir=session_folder.current() / "drill" / "data", http_port=free_ports(1)[0], shards=2)
    found = DrillSite(settings, with_ray=False, say=print)
    try:
        found.start(profiles=300)
        yield found
    finally:
        found.stop()


def played(site: DrillSite, name: str, *, rounds: int, first_batch: int) -> SceneResult:
    (scene,) = [scene for scene in SCENES if scene.name == name]
    result = play(site, scene, rounds=rounds, orders_per_s=50, first_batch=first_batch, tell=print)
    assert result.to_document()["findings"] == []
    assert result.history.acknowledged
    assert not result.history.unknown
    return result


def test_a_database_failover_and_a_failover_back_lose_no_acknowledged_order(site: DrillSite) -> None:
    """Time to the first write after it is printed, and below the 10 s for which clients wait."""
    before = site.cluster.generation
    result = played(site, "mariadb-killed", rounds=2, first_batch=1)
    assert site.cluster.generation == before + 2
    assert max(result.first_write_s) < 10


@pytest.mark.parametrize(("name", "first_batch"), [("redis-killed", 11), ("redis-wiped", 21)])
def test_losing_redis_loses_no_inbox_entry(site: DrillSite, name: str, first_batch: int) -> None:
    played(site, name, rounds=1, first_batch=first_batch)


@pytest.mark.nightly
def test_the_whole_drill_with_ray_is_clean() -> None:
    report = run_drill(rounds=5, orders_per_s=100, profiles=2_000, scenes=(), with_ray=True, tell=print)
    assert report["clean"], report
    assert {each["scene"] for each in report["scenes"]} == {scene.name for scene in SCENES}
