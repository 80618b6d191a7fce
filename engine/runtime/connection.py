"""The connection of this process (the Ray driver) to a cluster, and the notice that the cluster is gone."""

import logging
import socket
import threading
from collections.abc import Callable

import ray

from kit.errors import Unavailable

WATCH_PERIOD_S = 0.5
WATCH_TIMEOUT_S = 1.0
MISSES_UNTIL_LOST = 3

_log = logging.getLogger(__name__)


class RayNotReachable(Unavailable):
    """No Ray cluster answers at the address."""


def connect(address: str, *, namespace: str) -> None:
    """Make this process a driver of the cluster at ``host:port``. Raises RayNotReachable."""
    try:
        ray.init(
            address=address,
            namespace=namespace,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=False,
        )
    except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
        raise RayNotReachable(f"no Ray cluster answers at {address}: start it, or correct --ray-address") from error


def disconnect() -> None:
    """Leave the cluster; detached shards stay."""
    if ray.is_initialized():
        ray.shutdown()


class HeadWatch:
    """Calls ``lost`` once when the head's address takes no connections any more.

    A driver whose head was killed is ended by Ray after a minute, from C++, past every ``except``. Noticing it first
    lets the process leave with a status of its own, so that its supervisor restarts it at once.
    """

    def __init__(self, address: str, lost: Callable[[], None]) -> None:
        host, _, port = address.rpartition(":")
        self._where = (host, int(port))
        self._lost = lost
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ray-head-watch", daemon=True)

    def start(self) -> None:
        """Begin to watch, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopping.set()

    def _watch(self) -> None:
        misses = 0
        while not self._stopping.wait(WATCH_PERIOD_S):
            try:
                socket.create_connection(self._where, timeout=WATCH_TIMEOUT_S).close()
                misses = 0
            except OSError as error:
                misses += 1
                _log.warning("the Ray head does not answer (%s), miss %d of %d", error, misses, MISSES_UNTIL_LOST)
            if misses >= MISSES_UNTIL_LOST:
                self._lost()
                return
