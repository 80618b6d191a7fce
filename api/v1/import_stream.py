"""An import streamed both ways: lines are stored as they arrive, their answers leave as they are committed.

Many clients send everything before they read anything. So answers that nobody reads yet wait in a spool (memory, then a
temporary file); were they written straight into the connection, both sides would wait for each other for ever.
"""

import asyncio
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import orjson
from anyio import from_thread
from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from api.problems import MalformedRequest
from api.services import Services
from api.text_reader import extractor_of
from kit.errors import QuanwangError, TooManyRequests
from kit.logging import logger_of
from marketplace.access import Caller
from marketplace.profiles import LineAnswer, import_profiles

log = logger_of(__name__)

MEDIA_TYPE: Final = "application/jsonl"
MAX_LINE_BYTES: Final = 262_144
SILENCE_S: Final = 60.0
SPOOL_MEMORY_BYTES: Final = 4 * 1024 * 1024
PIECE_BYTES: Final = 64 * 1024


class TooManyImports(TooManyRequests):
    """As many imports are under way as this process takes."""


class ClientSilent(QuanwangError):
    """The client sent nothing for a minute, in the middle of an import."""


class ImportSlots:
    """A bounded number of imports at once: each holds a thread for as long as it lasts."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._lock = threading.Lock()
        self.under_way = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold one slot. Raises TooManyImports."""
        with self._lock:
            if self.under_way >= self._at_once:
                raise TooManyImports(
                    f"{self._at_once} imports are under way; send this one when one of them is done.", 5
                )
            self.under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self.under_way -= 1


class Spool:
    """Bytes that one thread writes and the event loop reads, in order, without either waiting for the other."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(SPOOL_MEMORY_BYTES)  # noqa: SIM115  # closed by close()
        self._lock = threading.Lock()
        self._written = 0
        self._read = 0
        self._ended = False
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.error: QuanwangError | None = None

    def write(self, piece: bytes) -> None:
        """Append; called by the thread."""
        with self._lock:
            self._file.seek(self._written)
            self._file.write(piece)
            self._written += len(piece)
        self._loop.call_soon_threadsafe(self._news.set)

    def end(self, error: QuanwangError | None = None) -> None:
        """Say that nothing more comes; ``error`` when it ended before anything was written."""
        self.error, self._ended = error, True
        self._loop.call_soon_threadsafe(self._news.set)

    async def read(self) -> bytes:
        """Return the next piece, waiting for it; empty at the end."""
        while True:
            with self._lock:
                if self._read < self._written:
                    self._file.seek(self._read)
                    piece = self._file.read(PIECE_BYTES)
                    self._read += len(piece)
                    return piece
                if self._ended:
                    return b""
                self._news.clear()
            await self._news.wait()

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._file.close()


class ImportResponse(Response):
    """Reads the request while it answers. The status is decided by the first lines: 503 when they cannot be stored."""

    def __init__(self, services: Services, caller: Caller) -> None:
        super().__init__(media_type=MEDIA_TYPE)
        del self.headers["content-length"]
        self._services = services
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one import."""
        spool = Spool()
        body = Request(scope, receive).stream()
        worker = asyncio.create_task(run_in_threadpool(self._work, body, spool))
        try:
            piece = await spool.read()
            if not piece and spool.error is not None:
                raise spool.error
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            while piece:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                piece = await spool.read()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            # A thread cannot be interrupted: it ends with the client's connection, or when all lines are stored.
            with suppress(Exception):
                await worker
            spool.close()

    def _work(self, body: AsyncIterator[bytes], spool: Spool) -> None:
        lines = LineReader(body, self._services.limits.import_lines)
        written = 0
        try:
            for answers in self._bursts(lines):
                spool.write(answers)
                written += len(answers)
            if lines.cut is not None:
                spool.write(_last_line(lines.count + 1, lines.cut))
            elif not lines.count:
                raise MalformedRequest("The body is empty; send one profile a line as JSON.")
            spool.end()
        except ClientDisconnect:
            spool.end()
        except QuanwangError as error:
            if written:
                spool.write(_last_line(lines.count, f"stopped here: {error.sentence}"))
            spool.end(None if written else error)
        except BaseException as error:
            log.error("an import failed", exception=error, owner=self._caller.owner)
            if written:
                spool.write(_last_line(lines.count, "stopped here: something went wrong on our side, send them again."))
            spool.end(QuanwangError("an import failed"))
            raise

    def _bursts(self, lines: "LineReader") -> Iterator[bytes]:
        """Yield the answers of each committed chunk in one piece."""
        services = self._services
        buffered: list[bytes] = []
        stored = import_profiles(
            services.database,
            services.ids,
            caller=self._caller,
            lines=lines,
            taxonomy=services.taxonomy,
            extractor=extractor_of(services),
            clock=services.clock,
        )
        for each in stored:
            buffered.append(_line(each))
            # The chunk's last line: what comes next waits for the client, who may wait for these answers.
            if each.line >= lines.count:
                yield b"".join(buffered)
                buffered.clear()
        if buffered:
            yield b"".join(buffered)


class LineReader:
    """Splits a body into lines in a worker thread; a line that is too long is cut, so that its reader refuses it."""

    def __init__(self, body: AsyncIterator[bytes], most: int) -> None:
        self._body = body
        self._most = most
        self.count = 0
        self.cut: str | None = None

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines without their ends."""
        for line in self._split():
            if self.count >= self._most:
                self.cut = f"an import takes at most {self._most:,} lines; send the rest in another one"
                return
            self.count += 1
            yield line

    def _split(self) -> Iterator[bytes]:
        pending = bytearray()
        skipping = False
        while piece := from_thread.run(self._next):
            start = 0
            while (end := piece.find(b"\n", start)) >= 0:
                if not skipping:
                    pending += piece[start:end]
                    yield bytes(pending[: MAX_LINE_BYTES + 1])
                pending.clear()
                skipping = False
                start = end + 1
            if not skipping:
                pending += piece[start:]
                if len(pending) > MAX_LINE_BYTES:
                    yield bytes(pending[: MAX_LINE_BYTES + 1])
                    pending.clear()
                    skipping = True
        if pending:
            yield bytes(pending)

    async def _next(self) -> bytes:
        """Return the next piece that is not empty; empty at the end."""
        try:
            async with asyncio.timeout(SILENCE_S):
                while True:
                    piece = await anext(self._body, None)
                    if piece is None:
                        return b""
                    if piece:
                        return piece
        except TimeoutError as error:
            raise ClientSilent(f"nothing was sent for {SILENCE_S:g} seconds; send the remaining lines again") from error


def _line(each: LineAnswer) -> bytes:
    document = {
        "line": each.line,
        "status": each.status,
        "external_id": each.id,
        "user_id": each.user_id,
        "version": each.version,
        "changed": each.changed,
        "extracted": each.extracted,
        "sentence": each.sentence,
    }
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def _last_line(number: int, sentence: str) -> bytes:
    document = {"line": number, "status": "error", "external_id": None, "sentence": sentence}
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)
