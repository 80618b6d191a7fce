"""A receiver of webhooks on 127.0.0.1: real sockets, and every bad manner that a receiver can have."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from standardwebhooks import Webhook

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
LOCAL = "127.0.0.0/8"

Answering = Callable[[socket.socket, threading.Event], None]


@dataclass(frozen=True)
class Arrived:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: str

    def verify(self, secret: str) -> object:
        """Check the signature by the library that receivers use; return the document."""
        return Webhook(secret).verify(self.body, self.headers)


class Receiver:
    """Takes connections in threads; ``answer`` writes what it likes onto the socket."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.arrived: list[Arrived] = []
        self.answer: Answering = says(OK)
        self.connections = 0
        self.most_at_once = 0
        self.stopping = threading.Event()
        self._at_once = 0
        self._tls = tls
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, name="receiver")
        self._accepting.start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/hooks"

    def stop(self) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(peer,), name="receiving")
            self._threads.append(thread)
            thread.start()

    def _serve(self, peer: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            peer.settimeout(20)
            with self._tls.wrap_socket(peer, server_side=True) if self._tls else peer as stream:
                self.arrived.append(read_request(stream))
                self.answer(stream, self.stopping)
        except OSError:
            # The sender went away, which is what some tests are about.
            peer.close()
        finally:
            with self._lock:
                self._at_once -= 1


def read_request(stream: socket.socket) -> Arrived:
    raw = b""
    while b"\r\n\r\n" not in raw:
        raw += _some(stream)
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("ascii").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    while len(body) < int(headers.get("content-length", "0")):
        body += _some(stream)
    return Arrived(lines[0].split(" ")[1], headers, body.decode())


def _some(stream: socket.socket) -> bytes:
    part = stream.recv(65_536)
    if not part:
        raise ConnectionResetError("the sender went away")
    return part


def says(answer: bytes) -> Answering:
    """Answers these bytes and closes."""
    return lambda stream, _stopping: stream.sendall(answer)


def status(code: int, *, headers: str = "", body: str = "") -> Answering:
    """Answers with a status."""
    length = len(body.encode())
    return says(f"HTTP/1.1 {code} Whatever\r\ncontent-length: {length}\r\n{headers}\r\n{body}".encode())


def hangs(stream: socket.socket, stopping: threading.Event) -> None:
    """Takes the request and says nothing until the test ends, or the sender leaves."""
    stream.settimeout(0.1)
    while not stopping.is_set():
        with contextlib.suppress(TimeoutError):
            if not stream.recv(1):
                return


def drips(stream: socket.socket, stopping: threading.Event) -> None:
    """Sends a byte of its head now and then, for ever."""
    stream.sendall(b"HTTP/1.1 200 OK\r\nx-slow: ")
    while not stopping.wait(0.05):
        stream.sendall(b"a")


def floods(stream: socket.socket, stopping: threading.Event) -> None:
    """Answers with a body that never ends."""
    stream.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not stopping.is_set():
        stream.sendall(b"x" * 65_536)


@contextlib.contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver for the length of a block."""
    receiver = Receiver(tls)
    try:
        yield receiver
    finally:
        receiver.stop()
