"""A running installation and a browser, each once a session, for the page tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.e2e.pages_visitor import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.e2e.pages_world import World, running_world
from tests.harness.redis import new_server


@pytest.fixture(scope="session")
def world(worker: str) -> Iterator[World]:
    """A small running installation, shared by the page tests: tests submit orders of their own."""
    # The path of a unix socket must be short; pytest's own folders are not.
    with tempfile.TemporaryDirectory(prefix="qw-") as folder, running_world(Path(folder), new_server(worker)) as found:
        yield found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    expect.set_options(timeout=10_000)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield launched
        launched.close()
