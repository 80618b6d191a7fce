"""The READMEs' curl example works as it is printed, beside a running ``bin/up``.

Only the port is another one, so that the test runs beside whatever has the printed one.
"""

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
PRINTED_PORT = 8420


def examples(readme: str) -> list[str]:
    """The shell examples of a README that call curl."""
    return [block for block in re.findall(r"```sh\n(.*?)```", readme, re.DOTALL) if block.startswith("curl")]


def on_port(example: str, port: int) -> str:
    """The example with its port, which it names once, replaced."""
    assert example.count(f":{PRINTED_PORT}/") == 1, example
    return example.replace(f":{PRINTED_PORT}/", f":{port}/")


@pytest.fixture(scope="module")
def port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        found: int = probe.getsockname()[1]
    return found


@pytest.fixture(scope="module")
def installation(port: int) -> Iterator[Path]:
    """A folder in which ``quanwang up`` runs as the README says, with few people and on a free port."""
    place = session_folder.current() / "readme"
    place.mkdir()
    log = (place / "up.log").open("wb")
    running = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "quanwang",
            "up",
            "--data-dir",
            ".quanwang",
            "--profiles",
            "300",
            "--orders",
            "20",
            "--port",
            str(port),
        ],
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
def test_the_curl_example_is_accepted_and_dispatched(installation: Path, port: int, name: str) -> None:
    found = examples((ROOT / name).read_text(encoding="utf-8"))
    assert len(found) == 1, f"{name} shows one curl example"
    command = ["bash", "-euo", "pipefail", "-c", on_port(found[0], port)]
    done = subprocess.run(command, cwd=installation, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr.decode()
    answer = json.loads(done.stdout)["answers"][0]
    assert answer["status"] == "created", answer
    key = (installation / ".quanwang" / "keys" / "backend.key").read_text().strip()
    state = ""
    for _ in range(60):
        asked = subprocess.run(
            [
                "curl", "-sS", f"http://127.0.0.1:{port}/v1/dispatches/{answer['dispatch_id']}",
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


def test_status_finds_an_installation_on_another_port_and_says_so_in_a_table(installation: Path, port: int) -> None:
    command = [sys.executable, "-m", "quanwang", "status", "--data-dir", ".quanwang"]
    shown = subprocess.run(command, cwd=installation, capture_output=True, timeout=60, text=True)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert f"http://127.0.0.1:{port}" in shown.stdout
    assert "300 users and" in shown.stdout
    assert "Orders are accepted, matched and delivered." in shown.stdout
    assert "{" not in shown.stdout
    as_json = subprocess.run([*command, "--json"], cwd=installation, capture_output=True, timeout=60)
    found = json.loads(as_json.stdout)
    assert found["ready"] is True
    assert sum(shard["population"] for shard in found["matching"]["shards"]) == 300
