"""The dispatcher's internal socket: match, preview, explain, health, for processes that hold no index themselves.

One message is a 4-byte big-endian length and that many bytes of JSON. A request is ``{"call": name, "arguments":
{...}}``; an answer is ``{"answer": ...}`` or ``{"error": {"kind", "sentence", ...}}``. A connection carries any number
of calls, one at a time. Before it begins to work on a request the server sends an empty message, so that a caller
knows within a quarter of a second whether anybody is there: a frozen process still lets callers connect.
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

from kit import errors
from kit.clock import pause
from kit.errors import InvalidInput, NotFound, QuanwangError, TooLarge, Unavailable

MAX_REQUEST_BYTES = 4 * 1024 * 1024
"""An order of 20,000 characters with 100,000 excluded ids stays below 2 MB."""

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_CONNECTIONS = 64
CONNECT_TIMEOUT_S = 0.25
TAKEN_TIMEOUT_S = 0.25
"""How long a caller waits for the empty message that says that its request was taken up."""

ANSWER_TIMEOUT_S = 10.0
TAKEN = bytes(4)
"""An empty message: its length and nothing else."""

IDLE_TIMEOUT_S = 120.0
RETRY_AFTER_S = 5

CallHandler = Callable[[Mapping[str, Any]], Any]
"""Takes the arguments of a call, returns what JSON can carry; expected errors are QuanwangError."""

_log = logging.getLogger(__name__)


class MatchingPaused(Unavailable):
    """No shards answer for now: nothing is lost, matching goes on by itself."""

    def __init__(self, reason: str = "the dispatcher does not answer") -> None:
        super().__init__(
            f"matching is paused: {reason}; submitted orders are kept and go out when it is back, ask again in"
            f" {RETRY_AFTER_S} seconds",
            RETRY_AFTER_S,
        )


class AddressNotUsable(Unavailable):
    """The internal socket cannot be opened at its address."""


class MessageTooLarge(TooLarge):
    """A message above the bound of the internal socket."""


def _open(address: str) -> tuple[socket.socket, Any]:
    """Return an unconnected socket and its address for ``unix://<path>`` or ``tcp://host:port``."""
    parts = urlsplit(address)
    if parts.scheme == "unix":
        return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), parts.path
    if parts.scheme == "tcp" and parts.hostname and parts.port:
        family = socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET
        return socket.socket(family, socket.SOCK_STREAM), (parts.hostname, parts.port)
    raise InvalidInput("match_address", address, "must be unix://<path> or tcp://<host>:<port>.")


def _send(connection: socket.socket, document: object, limit_bytes: int) -> None:
    body = orjson.dumps(document)
    if len(body) > limit_bytes:
        raise MessageTooLarge(f"a message of {len(body):,} bytes is above the bound of {limit_bytes:,}: ask for less")
    connection.sendall(len(body).to_bytes(4, "big") + body)


def _read_exactly(connection: socket.socket, count: int) -> bytes | None:
    """Return ``count`` bytes, or None when the other side closed before the first."""
    parts = bytearray()
    while len(parts) < count:
        piece = connection.recv(min(count - len(parts), 1 << 20))
        if not piece:
            if parts:
                raise ConnectionError("the connection was closed in the middle of a message")
            return None
        parts += piece
    return bytes(parts)


def _receive(connection: socket.socket, limit_bytes: int) -> Any | None:
    head = _read_exactly(connection, 4)
    if head is None:
        return None
    length = int.from_bytes(head, "big")
    if length > limit_bytes:
        raise MessageTooLarge(f"a message of {length:,} bytes is above the bound of {limit_bytes:,}")
    body = _read_exactly(connection, length)
    if body is None:
        raise ConnectionError("the connection was closed in the middle of a message")
    return orjson.loads(body)


def _error_document(error: QuanwangError) -> dict[str, Any]:
    for kind in (errors.InvalidInput, errors.NotFound, errors.Conflict, errors.TooLarge, errors.Unavailable):
        if isinstance(error, kind):
            break
    else:
        kind = errors.QuanwangError  # type: ignore[assignment]
    document: dict[str, Any] = {"kind": kind.__name__, "sentence": error.sentence}
    if isinstance(error, InvalidInput):
        value = error.value if isinstance(error.value, (str, int, float, bool, type(None))) else repr(error.value)[:200]
        document.update(field=error.field, value=value, rule=error.rule, show_value=error.show_value)
    if isinstance(error, Unavailable):
        document["retry_after_s"] = error.retry_after_s
        document["paused"] = isinstance(error, MatchingPaused)
    return document


def _raise(document: Mapping[str, Any]) -> None:
    """Raise the error that the other side met, as the same kind."""
    kind, sentence = document.get("kind"), str(document.get("sentence"))
    if kind == "InvalidInput":
        shown = bool(document["show_value"])
        raise InvalidInput(str(document["field"]), document["value"], str(document["rule"]), show_value=shown)
    if kind == "Unavailable":
        raised = Unavailable(sentence, int(document["retry_after_s"]))
        if document.get("paused"):
            paused = MatchingPaused()
            paused.args, paused.sentence = (sentence,), sentence
            raise paused
        raise raised
    raise {"NotFound": NotFound, "Conflict": errors.Conflict, "TooLarge": TooLarge}.get(str(kind), QuanwangError)(
        sentence
    )


def _shut(connection: socket.socket) -> None:
    """Close a socket that another thread may wait on: closing alone would not wake that thread."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


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
        listener, where = _open(self._address)
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
                request = _receive(connection, MAX_REQUEST_BYTES)
                if request is None:
                    return
                connection.sendall(TAKEN)
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
            document = {"answer": handler(request.get("arguments") or {})}
            _send(connection, document, MAX_ANSWER_BYTES)
        except QuanwangError as error:
            _send(connection, {"error": _error_document(error)}, MAX_ANSWER_BYTES)
        except OSError:
            raise
        except Exception:  # noqa: BLE001  # a bug in one call must not end the connection of the others
            _log.exception("the call %s failed", name)
            failed = Unavailable(f"the call {name} failed inside the dispatcher; its log says why", RETRY_AFTER_S)
            _send(connection, {"error": _error_document(failed)}, MAX_ANSWER_BYTES)


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
        _open(address)[0].close()
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
        connection, where = _open(self._address)
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
        taken = None
        try:
            connection.settimeout(self._taken_timeout_s)
            _send(connection, request, MAX_REQUEST_BYTES)
            taken = _read_exactly(connection, len(TAKEN))
            connection.settimeout(self._answer_timeout_s if timeout_s is None else timeout_s)
            document = _receive(connection, MAX_ANSWER_BYTES) if taken else None
            if document is None:
                raise ConnectionError("the dispatcher closed the connection")
        except TimeoutError as error:
            connection.close()
            if taken is None:
                raise MatchingPaused from error
            raise MatchingPaused("the dispatcher took too long to answer") from error
        except BaseException:
            connection.close()
            raise
        with self._free_lock:
            if len(self._free) < self._keep:
                self._free.append(connection)
            else:
                connection.close()
        if "error" in document:
            _raise(document["error"])
        return document["answer"]


class SocketMatchService:
    """The port MatchService over the internal socket."""

    def __init__(self, address: str) -> None:
        self._client = CallClient(address)

    def match(self, order_document: Mapping[str, Any]) -> dict[str, Any]:
        """Return one line of the offline door for the order: counts and ranked users of both tiers."""
        return dict(self._client.call("match", {"order": dict(order_document)}))

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
