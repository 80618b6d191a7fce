"""How many acceptances a second one hot order takes: by transactions of one user each, and by REST in batches."""

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.dispatch.load import LoadFailed
from benchmarks.dispatch.site import Site
from benchmarks.timing import now_s
from marketplace import dispatch
from marketplace.users import identities_of

PROCESSES: Final = 2
THREADS: Final = 6
HEAD_START_S: Final = 3.0
BATCH: Final = 100
TIMEOUT_S: Final = 120.0
CHUNKS_A_LOOK: Final = 1_000


@dataclass(frozen=True, slots=True)
class HotOrder:
    """An order that many were told of: half of them answer one by one, half in batches."""

    dispatch_id: int
    users: Sequence[int]


@dataclass(frozen=True, slots=True)
class Accepted:
    """Acceptances a second, and how many of ``asked`` are queued in the end, each once and in order."""

    one_by_one_per_s: float
    in_batches_per_s: float
    asked: int
    queued: int


def hottest(site: Site, dispatch_ids: Sequence[int], since_ms: int) -> HotOrder:
    """The order of the run that most users were told of."""
    wanted = set(dispatch_ids)
    largest: tuple[int, list[int]] = (0, [])
    after = 0
    with site.database.read() as session:
        while chunks := dispatch.iterate_wave_chunks(session, since_ms, after, CHUNKS_A_LOOK):
            for chunk in chunks:
                if chunk.entry.dispatch_id in wanted and len(chunk.user_ids) > len(largest[1]):
                    largest = chunk.entry.dispatch_id, list(chunk.user_ids)
            after = chunks[-1].entry.event_id
    return HotOrder(*largest)


def measure_acceptances(site: Site, order: HotOrder) -> Accepted:
    """Let everybody who was told accept; raises LoadFailed."""
    half = len(order.users) // 2
    one_by_one = _one_by_one(site, order.dispatch_id, list(order.users[:half]))
    in_batches = _in_batches(site, order.dispatch_id, list(order.users[half:]))
    with site.database.read() as session:
        queued = dispatch.get_dispatch(session, dispatch_id=order.dispatch_id).summary.accepted_count
    return Accepted(one_by_one, in_batches, len(order.users), queued)


def _one_by_one(site: Site, dispatch_id: int, users: list[int]) -> float:
    start_at = time.time() + HEAD_START_S
    clients = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.dispatch.acceptor"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for i, client in enumerate(clients):
        task = {
            "database_url": site.settings.resolved_database_url,
            "dispatch_id": dispatch_id,
            "users": users[i::PROCESSES],
            "threads": THREADS,
            "start_at": start_at,
        }
        assert client.stdin is not None
        client.stdin.write(json.dumps(task))
        client.stdin.close()
    found: list[dict[str, Any]] = []
    for client in clients:
        assert client.stdout is not None
        assert client.stderr is not None
        text, errors = client.stdout.read(), client.stderr.read()
        if client.wait(TIMEOUT_S) != 0:
            raise LoadFailed(f"the receivers failed: {errors.strip()[-500:]}")
        found.append(json.loads(text))
    seconds = max(each["end"] for each in found) - min(each["begin"] for each in found)
    accepted = sum(each["statuses"].count("accepted") for each in found)
    return float(accepted / seconds)


def _in_batches(site: Site, dispatch_id: int, users: list[int]) -> float:
    with site.database.read() as session:
        names = {user: identity.external_id for user, identity in identities_of(session, users).items()}
    connection = http.client.HTTPConnection(site.settings.http_host, site.settings.http_port, timeout=TIMEOUT_S)
    accepted, begin_s = 0, now_s()
    for start in range(0, len(users), BATCH):
        body = json.dumps({"external_ids": [names[user] for user in users[start : start + BATCH]]})
        headers = {
            "Authorization": f"Bearer {site.secret}",
            "Idempotency-Key": f"accept-{dispatch_id}-{start}",
            "Content-Type": "application/json",
        }
        connection.request("POST", f"/v1/dispatches/{dispatch_id}/acceptances", body, headers)
        response = connection.getresponse()
        text = response.read()
        if response.status >= http.client.BAD_REQUEST:
            raise LoadFailed(f"acceptances were answered with {response.status}: {text[:300].decode(errors='replace')}")
        accepted += sum(line["status"] == "accepted" for line in json.loads(text)["answers"])
    connection.close()
    return accepted / (now_s() - begin_s)
