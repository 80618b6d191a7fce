"""The dispatcher's internal socket: match, preview, explain, health, for processes that hold no index themselves.

A connection carries any number of calls, one at a time, as messages (engine.wire). Before it begins to work on a
request the server sends an empty message, so that a caller knows within a quarter of a second whether anybody is
there: a frozen process still lets callers connect.
"""

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from engine.wire import (
    EMPTY,
    MAX_ANSWER_BYTES,
    MAX_REQUEST_BYTES,
    RETRY_AFTER_S,
    InPieces,
    MatchingPaused,
    MessageTooLarge,
    error_document,
    open_socket,
    raise_error,
    read_exactly,
    receive,
    receive_pieces,
    send,
    send_pieces,
)
from kit.clock import pause
from kit.errors import InvalidInput, QuanwangError, Unavailable

MAX_CONNECTIONS = 64
CONNECT_TIMEOUT_S = 0.25
TAKEN_TIMEOUT_S = 0.25
"""How long a caller waits for the empty message that says that its request was taken up."""

ANSWER_TIMEOUT_S = 10.0
IDLE_TIMEOUT_S = 120.0
PIECE_TIMEOUT_S = 10.0
"""How long a reader may leave a piece lying: what he was to get is kept for him no longer."""

CallHandler = Callable[[Mapping[str, Any]], Any]
"""Takes the arguments of a call, returns what JSON can carry, or InPieces; expected errors are QuanwangError."""

_log = logging.getLogger(__name__)


class AddressNotUsable(Unavailable):
    """The internal socket cannot be opened at its address."""


def _shut(connection: socket.socket) -> None:
    """Close a socket that another thread may wait on: closing alone would not wake that thread."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _handed_over(connection: socket.socket, answer: InPieces) -> object:
    """Send the pieces; returns what comes after them. Raises TimeoutError for a reader who does not read."""
    try:
        connection.settimeout(PIECE_TIMEOUT_S)
        send_pieces(connection, answer.pieces)
    finally:
        answer.let_go()
        with contextlib.suppress(OSError):  # the server may have stopped meanwhile
            connection.settimeout(IDLE_TIMEOUT_S)
    return answer.answer


class CallServer:
    """Answers calls on one address, a thread a connection, at most ``MAX_CONNECTIONS`` of them."""

    def __init__(self, address: str, handlers: Mapping[str, CallHandler]) -> None:
        self._address = address
        self._handlers = dict(handlers)
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self._listener = self._listen()
        self._thread = threading.Thread(target=self._accept, name="match-socket", daemon=True)

    def _listen(self) -> socket.socket:
        listener, where = open_socket(self._address)
        try:
            if listener.family == socket.AF_UNIX:
                # A socket file outlives a killed owner. Only one dispatcher runs in a data folder, so it is ours.
                Path(where).unlink(missing_ok=True)
                listener.bind(where)
                Path(where).chmod(0o600)
            else:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(where)
            listener.listen(MAX_CONNECTIONS)
        except OSError as error:
            listener.close()
            raise AddressNotUsable(
                f"the internal socket {self._address} cannot be opened ({error.strerror}): free it or choose another"
                " data folder"
            ) from error
        return listener

    def start(self) -> None:
        """Begin to answer, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and close every connection; calls under way end with a closed connection."""
        self._stopping.set()
        _shut(self._listener)
        with self._open_lock:
            for connection in list(self._open):
                _shut(connection)
        parts = urlsplit(self._address)
        if parts.scheme == "unix":
            Path(parts.path).unlink(missing_ok=True)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                if self._stopping.is_set():
                    return
                pause(0.05)
                continue
            if not self._slots.acquire(blocking=False):
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(connection,), name="match-call", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._open_lock:
            self._open.add(connection)
        try:
            connection.settimeout(IDLE_TIMEOUT_S)
            while not self._stopping.is_set():
                request = receive(connection, MAX_REQUEST_BYTES)
                if request is None:
                    return
                connection.sendall(EMPTY)
                self._answer(connection, request)
        except (OSError, orjson.JSONDecodeError, MessageTooLarge) as error:
            _log.debug("a connection of the internal socket ended: %s", error)
        finally:
            with self._open_lock:
                self._open.discard(connection)
            connection.close()
            self._slots.release()

    def _answer(self, connection: socket.socket, request: Mapping[str, Any]) -> None:
        name = request.get("call")
        handler = self._handlers.get(str(name))
        try:
            if handler is None:
                raise InvalidInput("call", name, f"must be one of {', '.join(sorted(self._handlers))}.")
            answer = handler(request.get("arguments") or {})
            if isinstance(answer, InPieces):
                answer = _handed_over(connection, answer)
            send(connection, {"answer": answer}, MAX_ANSWER_BYTES)
        except QuanwangError as error:
            send(connection, {"error": error_document(error)}, MAX_ANSWER_BYTES)
        except OSError:
            raise
        except Exception:  # noqa: BLE001  # a bug in one call must not end the connection of the others
            _log.exception("the call %s failed", name)
            failed = Unavailable(f"the call {name} failed inside the dispatcher; its log says why", RETRY_AFTER_S)
            send(connection, {"error": error_document(failed)}, MAX_ANSWER_BYTES)


class CallClient:
    """Calls the dispatcher; keeps a few connections open and is safe to use from many threads."""

    def __init__(
        self,
        address: str,
        *,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        taken_timeout_s: float = TAKEN_TIMEOUT_S,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
        connections: int = 8,
    ) -> None:
        open_socket(address)[0].close()
        self._address = address
        self._connect_timeout_s = connect_timeout_s
        self._taken_timeout_s = taken_timeout_s
        self._answer_timeout_s = answer_timeout_s
        self._free: list[socket.socket] = []
        self._free_lock = threading.Lock()
        self._keep = connections

    def call(self, name: str, arguments: Mapping[str, Any], *, timeout_s: float | None = None) -> Any:
        """Return the answer. Raises what the handler raised, or MatchingPaused when nobody answers in time.

        A connection that the dispatcher closed meanwhile (it was restarted) is replaced once; every call only reads.
        """
        request = {"call": name, "arguments": dict(arguments)}
        kept = self._take_kept()
        if kept is not None:
            try:
                return self._exchange(kept, request, timeout_s)
            except (BrokenPipeError, ConnectionError):
                pass
        return self._exchange_paused(self._connect(), request, timeout_s)

    def call_for_pieces(self, name: str, arguments: Mapping[str, Any], take: Callable[[bytes], None]) -> Any:
        """Hand every piece of the answer to ``take`` as it comes, then return the answer: only then is it whole.

        Raises what the handler raised, or MatchingPaused when nobody answers in time or goes away in the middle.
        """
        connection = self._connect()
        try:
            with connection:
                document = self._ask(connection, {"call": name, "arguments": dict(arguments)}, None)
                if "pieces" in document:
                    receive_pieces(connection, take)
                    document = _one_message(connection)
        except TimeoutError as error:
            raise MatchingPaused("the dispatcher took too long to answer") from error
        except ConnectionError as error:
            raise MatchingPaused("the dispatcher went away in the middle of an answer") from error
        return _answer_of(document)

    def close(self) -> None:
        """Close the kept connections."""
        with self._free_lock:
            kept, self._free = self._free, []
        for connection in kept:
            connection.close()

    def _take_kept(self) -> socket.socket | None:
        with self._free_lock:
            return self._free.pop() if self._free else None

    def _connect(self) -> socket.socket:
        connection, where = open_socket(self._address)
        connection.settimeout(self._connect_timeout_s)
        try:
            connection.connect(where)
        except OSError as error:
            connection.close()
            raise MatchingPaused from error
        return connection

    def _exchange_paused(self, connection: socket.socket, request: dict[str, Any], timeout_s: float | None) -> Any:
        try:
            return self._exchange(connection, request, timeout_s)
        except OSError as error:
            raise MatchingPaused from error

    def _exchange(self, connection: socket.socket, request: dict[str, Any], timeout_s: float | None) -> Any:
        try:
            document = self._ask(connection, request, timeout_s)
        except BaseException:
            connection.close()
            raise
        with self._free_lock:
            if len(self._free) < self._keep:
                self._free.append(connection)
            else:
                connection.close()
        return _answer_of(document)

    def _ask(self, connection: socket.socket, request: dict[str, Any], timeout_s: float | None) -> Any:
        """Send a request and return the first message of its answer."""
        taken = None
        try:
            connection.settimeout(self._taken_timeout_s)
            send(connection, request, MAX_REQUEST_BYTES)
            taken = read_exactly(connection, len(EMPTY))
            connection.settimeout(self._answer_timeout_s if timeout_s is None else timeout_s)
            if taken is None:
                raise ConnectionError("the dispatcher closed the connection")
            return _one_message(connection)
        except TimeoutError as error:
            if taken is None:
                raise MatchingPaused from error
            raise MatchingPaused("the dispatcher took too long to answer") from error


def _one_message(connection: socket.socket) -> Any:
    document = receive(connection, MAX_ANSWER_BYTES)
    if document is None:
        raise ConnectionError("the dispatcher closed the connection")
    return document


def _answer_of(document: Mapping[str, Any]) -> Any:
    if "error" in document:
        raise_error(document["error"])
    return document["answer"]


class SocketMatchService:
    """The port MatchService over the internal socket."""

    def __init__(self, address: str) -> None:
        self._client = CallClient(address)

    def match(self, order_document: Mapping[str, Any]) -> dict[str, Any]:
        """Return one line of the offline door for the order: counts and ranked users of both tiers."""
        return dict(self._client.call("match", {"order": dict(order_document)}))

    def full_set(self, order_document: Mapping[str, Any], take: Callable[[bytes], None]) -> dict[str, Any]:
        """Hand the ids of the whole full tier to ``take``, packed (int64, little endian, in no order), as they come.

        Returns {"order", "full_count", "certificate"} after the last: an answer that does not come to it raises, and
        what was taken is of no use.
        """
        return dict(self._client.call_for_pieces("full_set", {"order": dict(order_document)}, take))

    def preview(self, order_document: Mapping[str, Any]) -> dict[str, Any]:
        """Return exact users per tier and the gain of dropping each key; rounding is the caller's."""
        return dict(self._client.call("preview", {"order": dict(order_document)}))

    def explain(self, query_json: str, user_id: int) -> dict[str, Any]:
        """Return why the user is or is not in the answer of the frozen query, as the profile stands now."""
        return dict(self._client.call("explain", {"query": query_json, "user_id": user_id}))

    def keywords(self, text: str, most: int, without: list[str]) -> list[str]:
        """Return at most ``most`` known keywords that a profile's text names besides those in ``without``."""
        return list(self._client.call("keywords", {"text": text, "most": most, "without": list(without)}))

    def health(self) -> dict[str, Any]:
        """Return {"ready", "barrier", "population", "shards", ...}; raises MatchingPaused when nobody answers."""
        return dict(self._client.call("health", {}, timeout_s=0.3))

    def close(self) -> None:
        """Close the kept connections."""
        self._client.close()
