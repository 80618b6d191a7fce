"""A private Redis server of one test worker."""

import itertools

from kit.redis import EmbeddedRedis
from tests.harness import folder as session_folder

_numbers = itertools.count(1)


class WatchedRedis(EmbeddedRedis):
    """An embedded server that ends with the test session, even when the session is killed."""

    def start(self) -> None:
        super().start()
        assert self.pid is not None
        session_folder.register(self.pid)

    def kill(self) -> None:
        self._forget()
        super().kill()

    def stop(self) -> None:
        self._forget()
        super().stop()

    def _forget(self) -> None:
        if self.pid is not None:
            session_folder.unregister(self.pid)


def new_server(worker: str) -> WatchedRedis:
    """A server that is not started yet, in a folder of its own."""
    return WatchedRedis(session_folder.current() / f"redis-{worker}-{next(_numbers)}")
