"""Shards on real Ray answer what the same shards in process and the naive reference answer, also after a kill -9."""

import json
import os
import signal
import time
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # publishes no types
import pytest
from hypothesis import HealthCheck, given, settings

from engine.coordinator import Coordinator
from engine.extractors import Extractors
from engine.feeder import Feeder
from engine.in_process import in_process_shards
from engine.match_service import MatchService
from engine.ports import ShardLost, ShardPort, UnknownBarrier
from engine.reach import reach
from engine.socket import CallServer, SocketMatchService
from kit.errors import Unavailable
from matching.profiles import Profile, parse_profile
from matching.query import Query, parse_order, resolve
from matching.reference import match as reference_match
from matching.taxonomy import builtin_taxonomy
from matching.vocabulary import Vocabulary
from quanwang.demonstration.orders import OrderDraw
from quanwang.demonstration.profiles import ProfileDraw
from tests.cluster.conftest import RayCluster
from tests.strategies import SMALL_TAXONOMY, STEADY, cases

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(200)]

TAXONOMY = builtin_taxonomy()
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SHARDS = 2


class Log:
    """The profile log of a database, in memory."""

    def __init__(self, profiles: Sequence[Profile]) -> None:
        self.profiles = {profile.id: profile for profile in profiles}
        self.changed: list[int] = [profile.id for profile in profiles]

    def put(self, profile: Profile) -> None:
        self.profiles[profile.id] = profile
        self.changed.append(profile.id)

    def delete(self, user_id: int) -> None:
        del self.profiles[user_id]
        self.changed.append(user_id)

    def read_all(self, after_id: int, limit: int) -> list[Profile]:
        return [self.profiles[user_id] for user_id in sorted(self.profiles) if user_id > after_id][:limit]

    def read_changes(self, after_seq: int, limit: int) -> tuple[int, list[tuple[int, Profile | None]]]:
        page = self.changed[after_seq : after_seq + limit]
        return after_seq + len(page), [(user_id, self.profiles.get(user_id)) for user_id in dict.fromkeys(page)]

    def last_seq(self) -> int:
        return len(self.changed)


def _profiles(first: int, count: int) -> list[Profile]:
    drawn = ProfileDraw(seed=7).documents(first, count)
    return [parse_profile({"id": int(number), **document}, TAXONOMY) for number, document in drawn]


def _queries(vocabulary: Vocabulary, count: int) -> list[Query]:
    queries = []
    for number, document in enumerate(OrderDraw(7, 1, TAXONOMY).documents(count), 1):
        key_information = {name: document[name] for name in document.keys() - {"id", "title", "policy", "text"}}
        words = [word for word in vocabulary.texts() if word in str(document["text"])][:6]
        if words:
            key_information.update(keywords=words, keyword_rule="any")
        if not key_information.keys() & {"keywords", "regions", "near"}:
            continue
        order = parse_order({"id": number, "limit": 50, **key_information}, TAXONOMY)
        queries.append(resolve(order, vocabulary, TAXONOMY))
    return queries


@pytest.fixture(scope="module")
def ray_shards(ray_cluster: RayCluster) -> Sequence[ShardPort]:
    from engine.runtime.shards import start_shards

    return start_shards(SHARDS, ray_cluster.settings.data_dir / "shards")


def _fed(shards: Sequence[ShardPort], log: Log, vocabulary: Vocabulary) -> tuple[Coordinator, Feeder]:
    coordinator = Coordinator(shards, TAXONOMY, vocabulary, generation=time.time_ns())
    feeder = Feeder(coordinator, log)
    feeder.start()
    return coordinator, feeder


def _shard_processes(cluster: RayCluster) -> list[psutil.Process]:
    found = [process for process in cluster.processes() if process.name().startswith("ray::Shard")]
    return sorted(found, key=lambda process: int(process.pid))


def _match_for(seconds: float, coordinator: Coordinator, queries: Sequence[Query]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        coordinator.match(queries)
        time.sleep(0.02)


def _feed_until_whole(feeder: Feeder, coordinator: Coordinator, wait_s: float = 20.0) -> float:
    started = time.monotonic()
    while True:
        try:
            feeder.step()
            if not coordinator.lost_shards():
                return time.monotonic() - started
        except (ShardLost, UnknownBarrier):
            pass
        assert time.monotonic() - started < wait_s, "the shards are not whole again"
        time.sleep(0.05)


def _wait_until_back(shards: Sequence[ShardPort], wait_s: float = 20.0) -> None:
    """A killed actor is restarted by Ray, empty; nobody can load it before it answers again."""
    end = time.monotonic() + wait_s
    for shard in shards:
        while True:
            try:
                shard.published()
                break
            except ShardLost:
                assert time.monotonic() < end, "a killed shard is not back"
                time.sleep(0.05)


def test_ray_answers_what_the_reference_answers(ray_shards: Sequence[ShardPort]) -> None:
    profiles = _profiles(1, 1_500)
    vocabulary = Vocabulary()
    on_ray, _ = _fed(ray_shards, Log(profiles), vocabulary)
    in_process, _ = _fed(in_process_shards(3), Log(profiles), Vocabulary())
    queries = _queries(vocabulary, 40)
    assert len(queries) > 30
    for on_ray_result, in_process_result, query in zip(
        on_ray.match(queries), in_process.match(queries), queries, strict=True
    ):
        expected = reference_match(profiles, query, TAXONOMY)
        assert on_ray_result.to_match() == expected
        assert in_process_result.to_match() == expected
        assert on_ray_result.certificate.is_complete()
    assert any(result.full_count for result in on_ray.match(queries))
    assert [reach(on_ray, query, TAXONOMY) for query in queries] == [
        reach(in_process, query, TAXONOMY) for query in queries
    ]


def test_ray_equals_the_reference_in_every_small_case(ray_shards: Sequence[ShardPort]) -> None:
    """The cases that the shards in process are held to, over the wire, before and after some users are deleted."""

    @given(cases())
    @settings(STEADY, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
    def check(case: tuple[list[Profile], list[Query]]) -> None:
        profiles, queries = case
        coordinator = Coordinator(ray_shards, SMALL_TAXONOMY, Vocabulary(), generation=time.time_ns())
        coordinator.load(profiles, barrier=1)
        _check_answers(coordinator, profiles, queries)
        coordinator.apply([(profile.id, None) for profile in profiles[::3]], barrier=2)
        _check_answers(coordinator, [each for i, each in enumerate(profiles) if i % 3], queries)

    check()


def _check_answers(coordinator: Coordinator, profiles: Sequence[Profile], queries: Sequence[Query]) -> None:
    results = coordinator.match(queries)
    assert [each.to_match() for each in results] == [
        reference_match(profiles, query, SMALL_TAXONOMY) for query in queries
    ]
    assert all(each.certificate.is_complete() for each in results)


def test_ray_reproduces_the_worked_examples(ray_shards: Sequence[ShardPort]) -> None:
    def read(name: str) -> list[dict[str, Any]]:
        lines = (EXAMPLES / f"matching_examples_{name}.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line]

    vocabulary = Vocabulary()
    coordinator, _ = _fed(ray_shards, Log([parse_profile(each, TAXONOMY) for each in read("profiles")]), vocabulary)
    queries = [resolve(parse_order(each, TAXONOMY), vocabulary, TAXONOMY) for each in read("orders")]
    expected = read("expected")
    assert len(expected) == len(queries) == 12
    for result, line in zip(coordinator.match(queries), expected, strict=True):
        assert result.order == line["order"]
        assert result.full_count == line["full_count"]
        assert result.full.rows() == [tuple(row) for row in line["full"]]
        assert result.partial.rows() == [tuple(row) for row in line["partial"]]


def test_a_full_set_crosses_ray_and_the_socket_whole_or_not_at_all(
    ray_cluster: RayCluster, ray_shards: Sequence[ShardPort], tmp_path: Path
) -> None:
    """Everybody arrives once; then one shard's process is killed: an error comes, and never a part."""
    profiles = [Profile(number, keywords=("焊接",), rating=number % 101) for number in range(1, 60_001)]
    vocabulary = Vocabulary()
    coordinator = Coordinator(ray_shards, TAXONOMY, vocabulary, generation=time.time_ns())
    coordinator.load(profiles, barrier=1)
    extractors = Extractors(vocabulary, TAXONOMY, coordinator.crowd_tags)
    service = MatchService(coordinator, TAXONOMY, extractors, lambda _user_id: None)
    address = f"unix://{tmp_path / 'match.sock'}"
    server = CallServer(address, service.handlers())
    server.start()
    client = SocketMatchService(address)
    pieces: list[bytes] = []
    answer = client.full_set({"keywords": ["焊接"], "limit": 1}, pieces.append)
    assert answer["full_count"] == answer["certificate"]["population"] == len(profiles)
    assert sorted(array("q", b"".join(pieces))) == list(range(1, 60_001))
    os.kill(_shard_processes(ray_cluster)[0].pid, signal.SIGKILL)
    with pytest.raises(Unavailable):
        for _ in range(100):
            pieces.clear()
            client.full_set({"keywords": ["焊接"]}, pieces.append)
            time.sleep(0.02)
    client.close()
    server.stop()
    _wait_until_back(ray_shards)


def test_a_killed_shard_comes_back_with_every_change(ray_cluster: RayCluster, ray_shards: Sequence[ShardPort]) -> None:
    """Snapshot, more changes, kill -9 of one actor's process, changes while it is away: the answers are exact."""
    profiles = _profiles(1, 1_000)
    log = Log(profiles)
    vocabulary = Vocabulary()
    coordinator, feeder = _fed(ray_shards, log, vocabulary)
    coordinator.snapshot()
    for profile in _profiles(2_001, 150):
        log.put(profile)
    for user_id in range(1, 60):
        log.delete(user_id)
    feeder.step()
    victims = _shard_processes(ray_cluster)
    assert len(victims) == SHARDS
    os.kill(victims[0].pid, signal.SIGKILL)
    queries = _queries(vocabulary, 25)
    with pytest.raises((ShardLost, UnknownBarrier)):
        _match_for(2.0, coordinator, queries)
    for profile in _profiles(3_001, 40):
        log.put(profile)
    took_s = _feed_until_whole(feeder, coordinator)
    assert took_s < 10
    for result, query in zip(coordinator.match(queries), queries, strict=True):
        assert result.to_match() == reference_match(log.profiles.values(), query, TAXONOMY)
        assert result.certificate.population == len(log.profiles)


def test_a_shard_whose_snapshot_is_gone_is_loaded_from_the_log(
    ray_cluster: RayCluster, ray_shards: Sequence[ShardPort]
) -> None:
    log = Log(_profiles(1, 600))
    vocabulary = Vocabulary()
    coordinator, feeder = _fed(ray_shards, log, vocabulary)
    for victim in _shard_processes(ray_cluster):
        os.kill(victim.pid, signal.SIGKILL)
    _feed_until_whole(feeder, coordinator)
    queries = _queries(vocabulary, 20)
    for result, query in zip(coordinator.match(queries), queries, strict=True):
        assert result.to_match() == reference_match(log.profiles.values(), query, TAXONOMY)


def test_a_restarted_driver_finds_the_same_actors(ray_cluster: RayCluster, ray_shards: Sequence[ShardPort]) -> None:
    from engine.runtime.shards import start_shards

    before = {process.pid for process in _shard_processes(ray_cluster)}
    again = start_shards(SHARDS, ray_cluster.settings.data_dir / "shards")
    assert {process.pid for process in _shard_processes(ray_cluster)} == before
    assert [list(shard.published()) for shard in again] == [list(shard.published()) for shard in ray_shards]


def test_ray_is_private_to_those_who_hold_its_secret(ray_cluster: RayCluster, tmp_path: Path) -> None:
    """Ray listens on every network interface: whoever has no token is turned away."""
    import subprocess
    import sys

    stranger = tmp_path / "token"
    stranger.write_text("0" * 64)
    code = f"import ray; ray.init(address={ray_cluster.address!r}, log_to_driver=False); print('in')"
    environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(stranger)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "in" not in done.stdout.split()
    assert (ray_cluster.plan.token_file.stat().st_mode & 0o077) == 0
