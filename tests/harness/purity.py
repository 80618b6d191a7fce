"""What unit tests may not do: open sockets, import ray, sleep, read the clock."""

import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

CLOCK_READERS = ("sleep", "time", "time_ns", "monotonic", "monotonic_ns")


class ImpureUnitTest(AssertionError):
    """A unit test reached for the world; it belongs to tests/integration, or the code takes ``now_ms``."""


def forbid_impurity(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Make sockets, ray and the clock raise for the length of a test; libraries may still read the clock."""
    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, _refuse_socket)
    # None makes every import of it fail.
    monkeypatch.setitem(sys.modules, "ray", None)
    ours = str(root)
    libraries = str(root / ".venv")
    for name in CLOCK_READERS:
        monkeypatch.setattr(time, name, _for_libraries_only(name, getattr(time, name), ours, libraries))


def _refuse_socket(*_arguments: object, **_options: object) -> NoReturn:
    raise ImpureUnitTest("a unit test opens no socket")


def _for_libraries_only(name: str, real: Callable[..., Any], ours: str, libraries: str) -> Callable[..., Any]:
    def guarded(*arguments: Any) -> Any:
        caller = sys._getframe(1).f_code.co_filename
        if caller.startswith(ours) and not caller.startswith(libraries):
            raise ImpureUnitTest(f"a unit test does not call time.{name}: now_ms is an argument")
        return real(*arguments)

    return guarded
