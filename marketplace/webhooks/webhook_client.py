"""Sends one POST to an address that was checked, within bounds of time and of what is read.

The name is looked up once, its addresses are checked, and the connection goes to the checked address: a name that
changes its mind in between (DNS rebinding) gains nothing. The certificate is still checked for the name. Redirects are
not followed, proxies of the environment are not used, answers are not unpacked.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpcore

from kit.clock import elapsed_s
from marketplace.webhooks.addresses import AddressRules, refused

WHOLE_S: Final = 10.0
"""From the first look at the name to the end of the answer."""
CONNECT_S: Final = 4.0
MAX_ANSWER_BYTES: Final = 4_096
"""So much of an answer is read; what it says beyond its status is for a person who looks for a fault."""
MAX_ADDRESSES: Final = 4
SHOWN_CHARACTERS: Final = 120
USER_AGENT: Final = "Quanwang-Webhooks/1"

Lookup = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an attempt: a ``status`` when the receiver answered; ``error`` is a sentence when it failed."""

    status: int | None
    error: str | None

    @property
    def taken(self) -> bool:
        """Whether the receiver took the delivery."""
        return self.error is None

    @property
    def gone(self) -> bool:
        """Whether the receiver wants nothing any more."""
        return self.status == 410


class AddressRefused(Exception):
    """The name leads where nothing may be sent; its text is the sentence."""


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of a name, each once, in the resolver's order. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class WebhookClient:
    """Sends deliveries; safe for threads, keeps no connection. ``look_up`` and ``tls`` may be the caller's own."""

    def __init__(
        self,
        rules: AddressRules,
        *,
        whole_s: float = WHOLE_S,
        look_up: Lookup = look_up,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._rules = rules
        self._whole_s = whole_s
        self._look_up = look_up
        self._tls = tls or ssl.create_default_context()

    def post(self, url: str, body: str, headers: Mapping[str, str]) -> Answer:
        """Send ``body`` as JSON; returns within about ten seconds, never raises for what a receiver does."""
        backend = _CheckedBackend(self._rules, self._look_up, url.startswith("https:"), elapsed_s() + self._whole_s)
        given: list[tuple[str | bytes, str | bytes]] = [
            ("content-type", "application/json"),
            ("user-agent", USER_AGENT),
            ("connection", "close"),
        ]
        given += headers.items()
        try:
            with httpcore.ConnectionPool(
                ssl_context=self._tls, max_connections=1, max_keepalive_connections=0, network_backend=backend
            ) as pool:
                timeouts = {"connect": CONNECT_S, "read": self._whole_s, "write": self._whole_s, "pool": self._whole_s}
                with pool.stream(
                    "POST", url, headers=given, content=body.encode(), extensions={"timeout": timeouts}
                ) as response:
                    return _judged(response.status, _beginning(response))
        except AddressRefused as error:
            return Answer(None, str(error))
        except httpcore.TimeoutException:
            return Answer(None, f"the receiver gave no complete answer within {self._whole_s:g} seconds")
        except httpcore.ConnectError as error:
            return Answer(None, f"no connection to the receiver: {_shown(str(error))}")
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            return Answer(None, f"the receiver broke the connection off: {_shown(str(error))}")
        except UnicodeError:
            return Answer(None, "the host name of the URL cannot be looked up: correct the URL")


def _judged(status: int, beginning: str) -> Answer:
    if 200 <= status < 300:
        return Answer(status, None)
    if 300 <= status < 400:
        return Answer(status, f"the receiver answered {status}: redirects are not followed, register the last address")
    said = f": {_shown(beginning)}" if beginning.strip() else ""
    return Answer(status, f"the receiver answered {status}{said}")


def _beginning(response: httpcore.Response) -> str:
    """Read a bounded part of the answer; the connection is closed over the rest."""
    read = bytearray()
    # A status was given: a body that comes badly or too late changes nothing about it.
    with contextlib.suppress(httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        for part in response.iter_stream():
            read += part
            if len(read) >= MAX_ANSWER_BYTES:
                break
    return read[:MAX_ANSWER_BYTES].decode("utf-8", "replace")


def _shown(text: str) -> str:
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return plain if len(plain) <= SHOWN_CHARACTERS else f"{plain[: SHOWN_CHARACTERS - 3]}..."


class _CheckedBackend(httpcore.NetworkBackend):
    """Connects to checked addresses only, and lets nothing last beyond the deadline of its one request."""

    def __init__(self, rules: AddressRules, look_up: Lookup, secure: bool, deadline_s: float) -> None:  # noqa: FBT001
        self._rules = rules
        self._look_up = look_up
        self._secure = secure
        self._deadline_s = deadline_s
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        last: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in self._checked(host, port):
            try:
                stream = self._sockets.connect_tcp(
                    address, port, _left(self._deadline_s, timeout), local_address, socket_options
                )
                return _BoundedStream(stream, self._deadline_s)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last or httpcore.ConnectError("the name has no address")

    def _checked(self, host: str, port: int) -> list[str]:
        try:
            addresses = self._look_up(host, port)[:MAX_ADDRESSES]
        except OSError as error:
            raise httpcore.ConnectError(f"the name {host} cannot be looked up") from error
        # One private address among public ones is an attempt, not an accident.
        if not all(self._rules.permits(address, secure=self._secure) for address in addresses):
            raise AddressRefused(refused(host, addresses))
        return addresses


class _BoundedStream(httpcore.NetworkStream):
    """A connection whose every wait ends at the deadline, so that a drop a second does not last for ever."""

    def __init__(self, stream: httpcore.NetworkStream, deadline_s: float) -> None:
        self._stream = stream
        self._deadline_s = deadline_s

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline_s, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline_s, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline_s, timeout))
        return _BoundedStream(stream, self._deadline_s)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline_s: float, timeout: float | None) -> float:
    left = deadline_s - elapsed_s()
    if left <= 0:
        raise httpcore.ReadTimeout("the deadline is over")
    return left if timeout is None else min(left, timeout)
