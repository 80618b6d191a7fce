"""The README's curl example works as it is printed, beside a running ``bin/up``."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import folder as session_folder

ROOT = Path(__file__).resolve().parents[2]
STARTED_WITHIN_S = 110
PORT = 8420


def examples(readme: str) -> list[str]:
    """The shell examples of a README that call curl."""
    return [block for block in re.findall(r"```sh\n(.*?)```", readme, re.DOTALL) if block.startswith("curl")]


@pytest.fixture(scope="module")
def installation() -> Iterator[Path]:
    """A folder in which ``quanwang up`` runs as the README says, with few people and the README's port."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", PORT)) == 0:
            pytest.skip(f"port {PORT} of the README is in use: stop the running bin/up to run this test")
    place = session_folder.current() / "readme"
    place.mkdir()
    log = (place / "up.log").open("wb")
    running = subprocess.Popen(
        [sys.executable, "-m", "quanwang", "up", "--data-dir", ".quanwang", "--profiles", "300", "--orders", "20"],
        cwd=place,
        stdout=log,
        stderr=log,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        _wait_until_running(running, place / "up.log")
        yield place
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(40)
        log.close()


def _wait_until_running(running: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(STARTED_WITHIN_S * 10):
        if "Ctrl-C" in log.read_text():
            return
        try:
            running.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"quanwang up ended: {log.read_text()}")
    pytest.fail(f"quanwang up did not come up in {STARTED_WITHIN_S} s: {log.read_text()}")


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_curl_example_is_accepted_and_dispatched(installation: Path, name: str) -> None:
    found = examples((ROOT / name).read_text(encoding="utf-8"))
    assert len(found) == 1, f"{name} shows one curl example"
    command = ["bash", "-euo", "pipefail", "-c", found[0]]
    done = subprocess.run(command, cwd=installation, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr.decode()
    answer = json.loads(done.stdout)["answers"][0]
    assert answer["status"] == "created", answer
    key = (installation / ".quanwang" / "keys" / "backend.key").read_text().strip()
    state = ""
    for _ in range(60):
        asked = subprocess.run(
            [
                "curl", "-sS", f"http://127.0.0.1:{PORT}/v1/dispatches/{answer['dispatch_id']}",
                "-H", f"Authorization: Bearer {key}",
            ],
            capture_output=True,
            timeout=30,
        )  # fmt: skip
        view = json.loads(asked.stdout)
        state = view["state"]
        if view["waves"] or state in ("exhausted", "assigned"):
            return
        subprocess.run(["sleep", "0.25"], check=True)
    pytest.fail(f"the order was not dispatched within 15 s: {state}")
