"""What planted bugs put in the place of the guards of requests."""

import queue
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from kit.idempotency import Fresh
from quanwang.planted_bugs.planting import Pause

BEFORE_COMMIT_S: Final = 0.3
Replacement = Callable[..., Any]


def always_fresh(_original: Any, _pause: Pause) -> Replacement:
    """Take every request for a new one."""
    return lambda _session, **_request: Fresh()


def not_stored(_original: Any, _pause: Pause) -> Replacement:
    """Keep no answer."""
    return lambda _session, **_answer: None


def answered_in_haste(original: Any, pause: Pause) -> Replacement:
    """Answer when the effect is computed, and commit it a moment later."""

    def once(self: Any, effect: Any) -> Any:
        hasty = _HastyDatabase(self.services.database, pause)
        return original(replace(self, services=replace(self.services, database=hasty)), effect)

    return once


class _HastyDatabase:
    """Returns the result of a transaction before its commit."""

    def __init__(self, database: Any, pause: Pause) -> None:
        self._database = database
        self._pause = pause

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def run(self, function: Callable[[Any], Any]) -> Any:
        """Run ``function`` in another thread, which commits after the caller has gone on."""
        outcomes: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

        def ahead(session: Any) -> None:
            outcomes.put((function(session), None))
            self._pause(BEFORE_COMMIT_S)

        def work() -> None:
            try:
                self._database.run(ahead)
            except BaseException as error:  # noqa: BLE001  # raised by the caller, if it still waits
                outcomes.put((None, error))

        threading.Thread(target=work, name="late-commit", daemon=True).start()
        result, error = outcomes.get()
        if error is not None:
            raise error
        return result

    run_idempotent = run
