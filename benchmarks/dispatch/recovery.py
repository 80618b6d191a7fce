"""How long until all is well again: a killed shard, an emptied Redis."""

import contextlib
import http.client
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import psutil  # type: ignore[import-untyped]  # publishes no types

from benchmarks.dispatch.pool import Pool, for_the_matcher
from benchmarks.dispatch.site import Site
from benchmarks.timing import now_s, wait_s
from engine.socket import SocketMatchService
from kit.errors import QuanwangError, Unavailable
from kit.redis import connect
from marketplace import dispatch
from marketplace.inbox import InboxStore

MOST_WAIT_S: Final = 180.0
PROBES: Final = 5
CHUNKS_A_LOOK: Final = 1_000
READERS: Final = 20


class NotRecovered(Unavailable):
    """Something that was broken did not come back."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A rebuild of Redis: entries written, seconds from the loss to the mark that says complete, reads meanwhile."""

    entries: int
    seconds: float
    reads: int
    failed_reads: int
    slowest_read_ms: float


def measure_shard(site: Site, pool: Pool) -> float:
    """Kill one shard actor; seconds until the answers are those of before. Raises NotRecovered."""
    places = [round(i * (len(pool.sizes) - 1) / (PROBES - 1)) for i in range(PROBES)]
    documents = [for_the_matcher(pool.documents[place]) for place in places]
    before = [_answer(site, document) for document in documents]
    victims = _shards(site)
    if not victims:
        raise NotRecovered("no shard actor was found among the processes of Ray")
    begin_s = now_s()
    os.kill(victims[0].pid, signal.SIGKILL)
    while now_s() - begin_s < MOST_WAIT_S:
        with contextlib.suppress(QuanwangError):
            same = all(_answer(site, document) == found for document, found in zip(documents, before, strict=True))
            # An answer given before anybody noticed the death is told apart by the process that is still listed.
            if same and victims[0].pid not in {each.pid for each in _shards(site)}:
                return now_s() - begin_s
        wait_s(0.02)
    raise NotRecovered(f"{MOST_WAIT_S:g} s after a shard was killed its answers are not those of before")


def _answer(site: Site, document: dict[str, Any]) -> tuple[int, list[list[int]]]:
    service = SocketMatchService(site.settings.match_address)
    try:
        found = service.match(document)
    finally:
        service.close()
    return int(found["full_count"]), list(found["full"])


def _shards(site: Site) -> list[psutil.Process]:
    ray = site.process_ids().get("ray")
    if ray is None:
        return []
    found = []
    for process in psutil.Process(ray).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "Shard" in " ".join(process.cmdline()):
                found.append(process)
    return found


def measure_rebuild(site: Site, readers: Sequence[int]) -> Rebuilt:
    """Empty Redis; inboxes of ``readers`` (user ids by their external names) are read all the while."""
    entries = _entries(site)
    store = InboxStore(connect(site.settings.resolved_redis_url))
    begin_s, reads, failed, slowest_ms = now_s(), 0, 0, 0.0
    site.flush_redis()
    while not store.ready():
        if now_s() - begin_s > MOST_WAIT_S:
            raise NotRecovered(f"{MOST_WAIT_S:g} s after Redis was emptied it is not complete")
        asked_s = now_s()
        failed += not _reads(site, readers[reads % len(readers)])
        slowest_ms = max(slowest_ms, (now_s() - asked_s) * 1_000)
        reads += 1
        wait_s(0.02)
    seconds = now_s() - begin_s
    store.client.close()
    return Rebuilt(entries, seconds, reads, failed, slowest_ms)


def _entries(site: Site) -> int:
    """How many (user, order) pairs all waves hold; inboxes keep the newest 100 of each user."""
    total, after = 0, 0
    with site.database.read() as session:
        while chunks := dispatch.iterate_wave_chunks(session, 0, after, CHUNKS_A_LOOK):
            total += sum(len(chunk.user_ids) for chunk in chunks)
            after = chunks[-1].entry.event_id
    return total


def _reads(site: Site, name: int) -> bool:
    connection = http.client.HTTPConnection(site.settings.http_host, site.settings.http_port, timeout=10)
    try:
        connection.request("GET", f"/v1/users/{name}/inbox", headers={"Authorization": f"Bearer {site.secret}"})
        response = connection.getresponse()
        response.read()
        return response.status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
