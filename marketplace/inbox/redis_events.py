"""Live events of inboxes: one Redis subscription a process, a bounded queue a client.

The database is asked only for what a client missed while Redis cannot tell, and by few at once.

The one asynchronous part, because it serves server-sent events. Redis may go away at any moment; clients stay
connected, and are told to reload when events may have been missed.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import orjson
import redis.asyncio
import redis.exceptions

from kit.errors import TooManyRequests, Unavailable
from kit.logging import logger_of
from kit.redis import connect_async
from marketplace.inbox import redis_scripts as scripts
from marketplace.inbox.catch_up import Missed, sort_out
from marketplace.inbox.entries import OPEN_STATE, unpacked
from marketplace.inbox.streams import InboxStream

log = logger_of(__name__)

MAX_CLIENTS: Final = 10_000
FIRST_PAUSE_S: Final = 0.1
MAX_PAUSE_S: Final = 2.0
ANSWER_TIMEOUT_S: Final = 2.0
ASK_AGAIN_S: Final = 0.5
DATABASE_AT_ONCE: Final = 4
DATABASE_WITHIN_S: Final = 3.0
NOTHING_KNOWN: Final = Missed((), (), (), (), more=True)
SILENCE_S: Final = 15.0
"""After so long without an event the subscription asks the server whether it is still there."""

_AWAY = (redis.exceptions.RedisError, OSError, TimeoutError)


class TooManyStreams(TooManyRequests):
    """The process serves as many live streams as it may."""


FromDatabase = Callable[[int, int], Missed]
"""Returns what a user's stream missed after an event id; blocks, so it runs in a thread."""


class InboxEvents:
    """The subscription of this process and its clients. Start it in the event loop that serves the clients.

    ``missed`` finds out what a client missed while Redis is away; without it such a client is told to reload its list.
    """

    def __init__(self, redis_url: str, missed: FromDatabase | None = None) -> None:
        self._url = redis_url
        self._missed = missed
        self._asking = asyncio.Semaphore(DATABASE_AT_ONCE)
        self._streams: dict[int, set[InboxStream]] = {}
        self._count = 0
        self._task: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self._redis: redis.asyncio.Redis | None = None

    async def start(self) -> None:
        """Begin to listen; returns at once, also when Redis is away."""
        if self._task is None:
            self._redis = connect_async(self._url, max_connections=16, timeout_s=ANSWER_TIMEOUT_S)
            self._task = asyncio.create_task(self._listen_forever(), name="inbox events")

    async def stop(self) -> None:
        """End all streams and the subscription."""
        for stream in self._all():
            stream.close()
        if self._task is not None:
            # A library in the middle of a time-out may take the cancellation for its own: ask until it is heard.
            while not self._task.done():
                self._task.cancel()
                await asyncio.wait({self._task}, timeout=ASK_AGAIN_S)
            self._task = None
        if self._redis is not None:
            await self._redis.aclose()
            self._redis = None

    async def listening(self, timeout_s: float = 5.0) -> bool:
        """Wait until the subscription stands; False when it does not within ``timeout_s``."""
        try:
            await asyncio.wait_for(self._listening.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    @property
    def client_count(self) -> int:
        """Streams that are open now."""
        return self._count

    @contextlib.asynccontextmanager
    async def subscribe(self, user_id: int, last_event_id: int | None = None) -> AsyncIterator[InboxStream]:
        """Open a stream of one user's events, beginning with what came after ``last_event_id``.

        Without a ``last_event_id`` only what arrives from now on comes. When nobody can tell what was missed, or more
        than an inbox holds, the stream begins with a "reset". Raises TooManyStreams.
        """
        if self._count >= MAX_CLIENTS:
            raise TooManyStreams("too many live streams are open on this server: the inbox list still works", 10)
        stream = InboxStream(user_id, last_event_id or 0)
        # First registered, then caught up: what is published in between is held back until then.
        self._streams.setdefault(user_id, set()).add(stream)
        self._count += 1
        try:
            await self._catch_up(stream, last_event_id)
            yield stream
        finally:
            stream.close()
            self._count -= 1
            streams = self._streams.get(user_id, set())
            streams.discard(stream)
            if not streams:
                self._streams.pop(user_id, None)

    async def _catch_up(self, stream: InboxStream, last_event_id: int | None) -> None:
        try:
            answer = await self._run(scripts.READ, scripts.user_key(stream.user_id), stream.user_id)
            late = set() if last_event_id is None else await self._run(scripts.LATE_ARRIVALS, last_event_id)
        except _AWAY:
            answer = scripts.NOT_READY
        if answer == scripts.NOT_READY:
            await self._catch_up_from_database(stream, last_event_id)
            return
        floor, rest = int(answer[0]), answer[1:]
        found = {int(rest[i]): unpacked(int(rest[i]), rest[i + 1].decode()) for i in range(0, len(rest), 2)}
        entries = [found[event_id] for event_id in sorted(found)]
        stream.know_newest(entries[-1].event_id if entries else 0)
        if last_event_id is None:
            stream.begin([], [], [entry.dispatch_id for entry in entries])
            return
        labels = await self._labels([entry.dispatch_id for entry in entries])
        labelled = [(entry, *label) for entry, label in zip(entries, labels, strict=True)]
        missed = sort_out(labelled, last_event_id, frozenset(int(each) for each in late))
        _begin(stream, missed, reload=missed.more or last_event_id < floor)

    async def _catch_up_from_database(self, stream: InboxStream, last_event_id: int | None) -> None:
        missed: Missed | None = None
        if last_event_id is not None and self._missed is not None:
            # A crowd that comes back at once must not take the database with it: who waits too long reloads.
            with contextlib.suppress(TimeoutError, Unavailable):
                async with asyncio.timeout(DATABASE_WITHIN_S), self._asking:
                    missed = await asyncio.to_thread(self._missed, stream.user_id, last_event_id)
        _begin(stream, missed or NOTHING_KNOWN, reload=missed is None or missed.more)

    async def _labels(self, dispatch_ids: Sequence[int]) -> list[tuple[str, str]]:
        if not dispatch_ids:
            return []
        try:
            pipe = self._client().pipeline(transaction=False)
            for dispatch_id in dispatch_ids:
                pipe.execute_command("HMGET", scripts.label_key(dispatch_id), "title", "state")
            answers = await pipe.execute()
        except _AWAY:
            answers = [(None, None)] * len(dispatch_ids)
        return [(title.decode() if title else "", state.decode() if state else OPEN_STATE) for title, state in answers]

    async def _listen_forever(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self._listen()
                pause_s = FIRST_PAUSE_S
            except _AWAY as error:
                if self._listening.is_set():
                    log.warning("the subscription to inbox events broke and is opened again", error=str(error))
                    pause_s = FIRST_PAUSE_S
            self._listening.clear()
            await asyncio.sleep(pause_s)
            pause_s = min(MAX_PAUSE_S, 2 * pause_s)

    async def _listen(self) -> None:
        client = self._client()
        async with client.pubsub() as subscription:
            await subscription.subscribe(scripts.EVENTS_CHANNEL)
            # What was published while nobody listened is lost: whoever was connected reloads.
            self._reset_all()
            while True:
                message = await subscription.get_message(timeout=SILENCE_S)
                if message is None:
                    await client.execute_command("PING")
                elif message["type"] == "subscribe":
                    self._listening.set()
                elif message["type"] == "message" and self._streams:
                    await self._dispatch(orjson.loads(message["data"]))

    async def _dispatch(self, message: dict[str, Any]) -> None:
        kind = message.pop("kind")
        if kind == "offer":
            self._offer(message)
        elif kind == "broadcast":
            await self._broadcast(message)
        elif kind == "state":
            for stream in self._all():
                stream.receive_state(message)
        elif kind == "title":
            for stream in self._all():
                stream.receive_title(message)
        else:
            self._reset_all()

    def _offer(self, message: dict[str, Any]) -> None:
        users, scores = message.pop("users"), message.pop("scores")
        # The smaller side is looked through: a few clients, or the 500 users of a chunk.
        if len(self._streams) < len(users):
            position = {user: place for place, user in enumerate(users)}
            chosen = [(user, scores[position[user]]) for user in self._streams if user in position]
        else:
            chosen = [(user, score) for user, score in zip(users, scores, strict=True) if user in self._streams]
        for user, score in chosen:
            self._tell(user, message, score)

    async def _broadcast(self, message: dict[str, Any]) -> None:
        first, last, count = message.pop("first"), message.pop("last"), message.pop("count")
        watching = [user for user in self._streams if first <= user <= last]
        for start in range(0, len(watching), 500):
            part = watching[start : start + 500]
            scores = await self._run(scripts.FIND_IN_BROADCAST, message["event_id"], count, orjson.dumps(part))
            for user, score in zip(part, scores, strict=False):
                if score != b"":
                    self._tell(user, message, int(score))

    def _tell(self, user_id: int, message: dict[str, Any], score: int) -> None:
        document = {name: value for name, value in message.items() if name != "event_id"}
        document = {"id": message["event_id"], **document, "score": score}
        for stream in self._streams.get(user_id, ()):
            stream.receive_offer(document)

    def _reset_all(self) -> None:
        for stream in self._all():
            stream.reset()

    def _all(self) -> list[InboxStream]:
        return [stream for streams in self._streams.values() for stream in streams]

    async def _run(self, script: str, *arguments: object) -> Any:
        return await self._client().execute_command("EVAL", script, 0, *arguments)

    def _client(self) -> Any:
        if self._redis is None:
            raise redis.exceptions.ConnectionError("the live events are not started")
        # The library leaves raw commands untyped.
        return self._redis


def _begin(stream: InboxStream, missed: Missed, *, reload: bool) -> None:
    if reload:
        stream.reset()
    stream.begin(missed.offers, missed.seen, missed.dispatch_ids, missed.states)
