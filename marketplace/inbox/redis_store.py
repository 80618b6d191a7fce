"""Inboxes in Redis: waves are delivered into them and users read from them."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from kit.redis import GENERATION_KEY, RedisClient
from marketplace.inbox import redis_scripts as scripts
from marketplace.inbox.entries import ENTRIES_PER_USER, InboxNotReady, Notice, StoredEntry, packed_prefix, unpacked
from marketplace.inbox.ports import NoticeChunk

USERS_PER_CALL: Final = 500
"""A call blocks the server for about 2 ms; 7,000 users at once would block it for 40."""
BROADCAST_ABOVE_USERS: Final = 10_000
MAX_BROADCASTS: Final = 64
PIPELINE_USERS: Final = 8_000
PIPELINE_CALLS: Final = 64
MAX_TITLE_CHARACTERS: Final = 200

Call = tuple[Sequence[str | bytes], Sequence[str | bytes | int]]


class InboxStore:
    """The fast side of the inbox; everything in it can be rebuilt from the waves.

    Methods raise ``InboxNotReady`` while Redis is empty or being rebuilt and ``RedisUnavailable`` while it is away
    (both ``Unavailable``): readers then ask the database, deliveries come back later. Safe for threads.
    """

    def __init__(self, client: RedisClient) -> None:
        self.client = client
        self._deliver = client.script(scripts.DELIVER)
        self._broadcast = client.script(scripts.BROADCAST)
        self._forget = client.script(scripts.FORGET_BROADCAST)
        self._set_state = client.script(scripts.SET_STATE)
        self._set_title = client.script(scripts.SET_TITLE)
        self._read = client.script(scripts.READ)

    def deliver(self, chunks: Sequence[NoticeChunk]) -> int:
        """Put committed wave chunks into the inboxes of their users; return how many users were not told before.

        Doing it again changes nothing and publishes nothing. When it raises, a part may have been told: deliver the
        same chunks again. A broadcast counts 1. Chunks above 10,000 users are written once and found by their readers.
        """
        told = 0
        small = [chunk for chunk in chunks if len(chunk.user_ids) <= BROADCAST_ABOVE_USERS]
        for calls in _batches(small):
            told += _sum_of(self._deliver.run_many(calls))
        for chunk in chunks:
            if len(chunk.user_ids) > BROADCAST_ABOVE_USERS:
                told += self._deliver_broadcast(chunk)
        return told

    def set_state(self, dispatch_id: int, state: str) -> None:
        """Show ``state`` (open | taken | closed) with every entry of this dispatch from now on; tell who watches."""
        _check_ready(self._set_state.run([scripts.label_key(dispatch_id)], [dispatch_id, state]))

    def set_title(self, dispatch_id: int, title: str) -> None:
        """Show another title with every entry of this dispatch: its order was edited. Nobody is told again."""
        shown = title[:MAX_TITLE_CHARACTERS]
        _check_ready(self._set_title.run([scripts.label_key(dispatch_id)], [dispatch_id, shown]))

    def read_all(self, user_id: int) -> "UserEntries":
        """Return the newest entries of a user (100 at most), newest first."""
        answer = self._read.run([], [scripts.user_key(user_id), user_id])
        if answer == scripts.NOT_READY:
            raise InboxNotReady
        floor, *rest = answer
        found = {
            int(rest[i]): unpacked(int(rest[i]), rest[i + 1].decode()) for i in range(0, len(rest), 2)
        }  # a folded broadcast may be there twice
        newest = sorted(found.values(), key=lambda entry: -entry.event_id)
        complete = len(newest) < ENTRIES_PER_USER and int(floor) == 0
        return UserEntries(newest[:ENTRIES_PER_USER], complete)

    def labels(self, dispatch_ids: Sequence[int]) -> dict[int, tuple[str, str]]:
        """Return (title, state) of the dispatches that Redis knows."""
        if not dispatch_ids:
            return {}
        answers = self.client.pipeline([("HMGET", scripts.label_key(each), "title", "state") for each in dispatch_ids])
        return {
            dispatch_id: (answer[0].decode(), answer[1].decode())
            for dispatch_id, answer in zip(dispatch_ids, answers, strict=True)
            if answer[0] is not None and answer[1] is not None
        }

    def ready(self) -> bool:
        """Whether Redis holds everything, so that reads are answered from it."""
        return bool(self.client.execute("EXISTS", GENERATION_KEY))

    def _deliver_broadcast(self, chunk: NoticeChunk) -> int:
        added = _check_ready(self._broadcast.run(*broadcast_call(chunk)))
        self.fold_old_broadcasts()
        return added

    def fold_old_broadcasts(self) -> None:
        """Turn the oldest broadcasts above the bound into ordinary entries, so that every read stays short.

        Entry first, then the list: a reader in between sees it twice and shows it once. Nothing is published again.
        """
        surplus = int(self.client.execute("ZCARD", scripts.BROADCASTS_KEY)) - MAX_BROADCASTS
        if surplus <= 0:
            return
        for raw in self.client.execute("ZRANGE", scripts.BROADCASTS_KEY, 0, surplus - 1):
            description = raw.decode()
            event_id, _first, _last, _count, prefix = description.split("|")
            key = scripts.broadcast_key(int(event_id))
            user_ids, scores = array("q"), array("i")
            user_ids.frombytes(self.client.execute("GET", key) or b"")
            scores.frombytes(self.client.execute("GET", f"{key}:scores") or b"")
            for start in range(0, len(user_ids), USERS_PER_CALL):
                part = slice(start, start + USERS_PER_CALL)
                self._fold_part(int(event_id), prefix, user_ids[part], scores[part])
            self._forget.run([key, f"{key}:scores"], [description])

    def _fold_part(self, event_id: int, prefix: str, user_ids: "array[int]", scores: "array[int]") -> None:
        commands: list[tuple[str | bytes | int, ...]] = []
        for user_id, score in zip(user_ids, scores, strict=True):
            key = scripts.user_key(user_id)
            commands.append(("ZADD", key, event_id, f"{prefix}{score}"))
            commands.append(("ZREMRANGEBYRANK", key, 0, -ENTRIES_PER_USER - 1))
        for start in range(0, len(commands), PIPELINE_CALLS):
            self.client.pipeline(commands[start : start + PIPELINE_CALLS])


@dataclass(frozen=True, slots=True)
class UserEntries:
    """What Redis knows of one user, newest first; ``complete``: there is nothing older than these."""

    entries: list[StoredEntry]
    complete: bool


def parts_of(chunk: NoticeChunk) -> Iterator[tuple[str, str, int]]:
    """Cut a chunk: yield (users as JSON, scores as JSON, how many) of at most 500 users."""
    for start in range(0, len(chunk.user_ids), USERS_PER_CALL):
        users = list(chunk.user_ids[start : start + USERS_PER_CALL])
        scores = list(chunk.scores[start : start + USERS_PER_CALL])
        if len(users) != len(scores):
            raise ValueError("a wave chunk has another number of scores than of users")
        yield orjson.dumps(users).decode(), orjson.dumps(scores).decode(), len(users)


def broadcast_call(chunk: NoticeChunk) -> Call:
    """Return keys and arguments of the script BROADCAST for a big chunk."""
    entry, count = chunk.entry, len(chunk.user_ids)
    first, last = chunk.user_ids[0], chunk.user_ids[-1]
    description = f"{entry.event_id}|{first}|{last}|{count}|{packed_prefix(entry)}"
    published = {"kind": "broadcast", "first": first, "last": last, "count": count, **published_fields(entry)}
    ids, scores = array("q", chunk.user_ids).tobytes(), array("i", chunk.scores).tobytes()
    key = scripts.broadcast_key(entry.event_id)
    return (
        [scripts.label_key(entry.dispatch_id), key, f"{key}:scores"],
        [entry.event_id, description, ids, scores, title_of(entry), entry.state, orjson.dumps(published)],
    )


def published_fields(entry: Notice) -> dict[str, Any]:
    """Return what a live event tells about an entry, beside users and scores."""
    return {
        "event_id": entry.event_id,
        "dispatch_id": entry.dispatch_id,
        "title": title_of(entry),
        "tier": entry.tier,
        "wave": entry.wave,
        "notified_at_ms": entry.notified_at_ms,
        "expires_at_ms": entry.expires_at_ms,
        "state": entry.state,
    }


def title_of(entry: Notice) -> str:
    """Return the title as inboxes show it, cut to 200 characters."""
    return entry.title[:MAX_TITLE_CHARACTERS]


def _batches(chunks: Sequence[NoticeChunk]) -> Iterator[list[Call]]:
    """Group the calls of all chunks so that one round trip carries a bounded number of calls and users."""
    calls: list[Call] = []
    users_waiting = 0
    for chunk in chunks:
        entry = chunk.entry
        keys = [scripts.label_key(entry.dispatch_id)]
        rest = orjson.dumps({"kind": "offer", **published_fields(entry)})[1:]
        for users, scores, count in parts_of(chunk):
            calls.append(
                (
                    keys,
                    [
                        entry.event_id,
                        packed_prefix(entry),
                        users,
                        scores,
                        ENTRIES_PER_USER,
                        title_of(entry),
                        entry.state,
                        rest,
                    ],
                )
            )
            users_waiting += count
            if users_waiting >= PIPELINE_USERS or len(calls) >= PIPELINE_CALLS:
                yield calls
                calls, users_waiting = [], 0
    if calls:
        yield calls


def _sum_of(answers: Sequence[int]) -> int:
    return sum(_check_ready(answer) for answer in answers)


def _check_ready(answer: int) -> int:
    if answer == scripts.NOT_READY:
        raise InboxNotReady
    return answer
