"""One process of receivers who all want the same order: an acceptance a transaction, several at once.

Reads one JSON document from stdin, writes one to stdout. Run by ``benchmarks.dispatch.acceptances``.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

from kit.clock import now_ms
from kit.db import Database
from kit.ids import IdAllocator
from marketplace import dispatch


def accept(task: dict[str, Any]) -> dict[str, Any]:
    """Let the task's users accept from ``threads`` threads at ``start_at`` (Unix seconds); returns the answers."""
    database = Database(task["database_url"], task["threads"] + 2)
    ids, dispatch_id, users, threads = IdAllocator(database), task["dispatch_id"], task["users"], task["threads"]

    def one_of(part: list[int]) -> list[str]:
        return [
            database.run(
                lambda session, user=user: dispatch.accept_offers(  # type: ignore[misc]
                    session, ids, answers=[(dispatch_id, user)], now_ms=now_ms()
                )
            )[0].status
            for user in part
        ]

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: database.ping(), range(threads)))
        time.sleep(max(0.0, task["start_at"] - time.time()))
        begin = time.time()
        statuses = list(chain.from_iterable(pool.map(one_of, [users[i::threads] for i in range(threads)])))
        end = time.time()
    database.dispose()
    return {"begin": begin, "end": end, "statuses": statuses}


if __name__ == "__main__":
    json.dump(accept(json.load(sys.stdin)), sys.stdout)
