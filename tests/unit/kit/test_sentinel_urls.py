"""URLs of a Redis that Sentinels watch, and of a database whose primary a file names."""

import pytest

from kit.db import Database
from kit.errors import InvalidInput
from kit.redis import connect
from kit.redis.client import describe
from kit.redis.sentinel import parse_sentinel_url

URL = "redis+sentinel://:se%20cret@127.0.0.1:1001,[::1]:1002,redis.example/orders/3?sentinel_password=other"


def test_a_url_says_everything() -> None:
    found = parse_sentinel_url(URL)
    assert found.sentinels == (("127.0.0.1", 1001), ("::1", 1002), ("redis.example", 26379))
    assert (found.service, found.database) == ("orders", 3)
    assert (found.username, found.password, found.sentinel_password) == (None, "se cret", "other")


def test_the_database_is_0_and_nobody_needs_a_password() -> None:
    found = parse_sentinel_url("redis+sentinel://a:1/orders")
    assert (found.database, found.password, found.sentinel_password) == (0, None, None)


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://",
        "redis+sentinel://a:1",
        "redis+sentinel:///orders",
        "redis+sentinel://a:x/orders",
        "redis+sentinel://a:99999/orders",
        "redis+sentinel://a:1/orders/first",
        "redis+sentinel://a:1/orders/1/2",
        "redis+sentinel://:hidden@/orders",
    ],
)
def test_a_wrong_url_is_one_sentence_without_the_password(url: str) -> None:
    with pytest.raises(InvalidInput, match="must read redis\\+sentinel://") as caught:
        connect(url)
    assert "hidden" not in str(caught.value)


def test_sentences_name_the_service_and_never_the_password() -> None:
    assert describe(URL) == "orders (by the Sentinels 127.0.0.1:1001, ::1:1002, redis.example:26379)"


def test_a_topology_must_be_one_absolute_path() -> None:
    with pytest.raises(InvalidInput, match="must name its topology file by one absolute path"):
        Database("mysql+pymysql://u:p@/orders?topology=relative.json")
    where = Database("mysql+pymysql://u:hidden@/orders?topology=/run/topology.json").where
    assert where == "orders of the topology /run/topology.json"
