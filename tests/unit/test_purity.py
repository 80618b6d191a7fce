import socket
import time

import pytest

from kit.clock import now_ms, pause
from tests.harness.purity import ImpureUnitTest


def test_a_unit_test_cannot_open_a_socket() -> None:
    with socket.socket() as unused, pytest.raises(ImpureUnitTest):
        unused.connect(("127.0.0.1", 9))


def test_a_unit_test_cannot_import_ray() -> None:
    with pytest.raises(ImportError):
        import ray  # noqa: F401  # the import is what is tested


def test_a_unit_test_cannot_read_the_clock_or_sleep() -> None:
    for forbidden in (now_ms, time.time, lambda: pause(0), lambda: time.sleep(0)):
        with pytest.raises(ImpureUnitTest):
            forbidden()
