"""Messages of the dispatcher's internal socket: how they are framed, bounded, and how errors travel in them.

One message is a 4-byte big-endian length and that many bytes of JSON. A request is ``{"call": name, "arguments":
{...}}``; an answer is ``{"answer": ...}`` or ``{"error": {"kind", "sentence", ...}}``. An answer may come in pieces:
first ``{"pieces": true}``, then messages of plain bytes, after the last an empty one, and then the answer or the error.
"""

import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlsplit

import orjson

from kit import errors
from kit.errors import InvalidInput, NotFound, QuanwangError, TooLarge, Unavailable

MAX_REQUEST_BYTES = 4 * 1024 * 1024
"""An order of 20,000 characters with 100,000 excluded ids stays below 2 MB."""

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_PIECE_BYTES = 1024 * 1024
EMPTY = bytes(4)
"""An empty message: its length and nothing else."""

RETRY_AFTER_S = 5


class MatchingPaused(Unavailable):
    """No shards answer for now: nothing is lost, matching goes on by itself."""

    def __init__(self, reason: str = "the dispatcher does not answer") -> None:
        super().__init__(
            f"matching is paused: {reason}; submitted orders are kept and go out when it is back, ask again in"
            f" {RETRY_AFTER_S} seconds",
            RETRY_AFTER_S,
        )


class MessageTooLarge(TooLarge):
    """A message above the bound of the internal socket."""


def open_socket(address: str) -> tuple[socket.socket, Any]:
    """Return an unconnected socket and its address for ``unix://<path>`` or ``tcp://host:port``."""
    parts = urlsplit(address)
    if parts.scheme == "unix":
        return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), parts.path
    if parts.scheme == "tcp" and parts.hostname and parts.port:
        family = socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET
        return socket.socket(family, socket.SOCK_STREAM), (parts.hostname, parts.port)
    raise InvalidInput("match_address", address, "must be unix://<path> or tcp://<host>:<port>.")


def send(connection: socket.socket, document: object, limit_bytes: int) -> None:
    """Send one message. Raises MessageTooLarge before anything is sent."""
    body = orjson.dumps(document)
    if len(body) > limit_bytes:
        raise MessageTooLarge(f"a message of {len(body):,} bytes is above the bound of {limit_bytes:,}: ask for less")
    connection.sendall(len(body).to_bytes(4, "big") + body)


def read_exactly(connection: socket.socket, count: int) -> bytes | None:
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


def receive(connection: socket.socket, limit_bytes: int) -> Any | None:
    """Return the next message, or None when the other side closed instead. Raises MessageTooLarge."""
    body = _receive_bytes(connection, limit_bytes)
    return None if body is None else orjson.loads(body)


def _receive_bytes(connection: socket.socket, limit_bytes: int) -> bytes | None:
    head = read_exactly(connection, 4)
    if head is None:
        return None
    length = int.from_bytes(head, "big")
    if length > limit_bytes:
        raise MessageTooLarge(f"a message of {length:,} bytes is above the bound of {limit_bytes:,}")
    body = read_exactly(connection, length)
    if body is None:
        raise ConnectionError("the connection was closed in the middle of a message")
    return body


@dataclass(frozen=True, slots=True)
class InPieces:
    """An answer that is handed over in pieces of 1 to MAX_PIECE_BYTES bytes, then closed by ``answer``.

    ``let_go`` is called once, when everything was handed over, failed, or nobody takes it any more.
    """

    pieces: Iterable[bytes | memoryview]
    answer: object
    let_go: Callable[[], None]


def send_pieces(connection: socket.socket, pieces: Iterable[bytes | memoryview]) -> None:
    """Send an answer's pieces; the answer itself comes after them, or the error that making a piece ended with."""
    send(connection, {"pieces": True}, MAX_PIECE_BYTES)
    try:
        for piece in pieces:
            connection.sendall(len(piece).to_bytes(4, "big"))
            connection.sendall(piece)
    except OSError:
        raise
    except Exception:
        connection.sendall(EMPTY)
        raise
    connection.sendall(EMPTY)


def receive_pieces(connection: socket.socket, take: Callable[[bytes], None]) -> None:
    """Hand every piece to ``take``. Raises ConnectionError when the other side goes away before the last."""
    while piece := _receive_bytes(connection, MAX_PIECE_BYTES):
        take(piece)
    if piece is None:
        raise ConnectionError("the connection was closed in the middle of an answer")


def error_document(error: QuanwangError) -> dict[str, Any]:
    """Return what ``raise_error`` raises again on the other side."""
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


def raise_error(document: Mapping[str, Any]) -> NoReturn:
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
