"""What the document promises holds for requests that nobody thought of: schemathesis against the running server."""

import os
import subprocess
import sys
from pathlib import Path

from tests.e2e.rest.installation import ALPHA, BACKEND_SCOPES, Installation

SECONDS = 30
ROOT = Path(__file__).resolve().parents[3]


def test_generated_requests_find_no_answer_outside_the_document(installation: Installation, tmp_path: Path) -> None:
    """No 500, no undocumented status or media type, no answer that breaks its own schema; bounded in time."""
    backend = installation.backend(ALPHA, *BACKEND_SCOPES)
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "run",
        f"{installation.url}/openapi.json",
        "--header",
        f"Authorization: Bearer {backend.secret}",
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        # Live streams do not end, and there is no generator of JSON lines: both have tests of their own.
        "--exclude-path-regex",
        "(/inbox/stream|:import)$",
        "--max-time",
        str(SECONDS),
        "--continue-on-failure",
        "--max-examples",
        "15",
        "--phases",
        "examples,coverage,fuzzing",
        "--generation-deterministic",
        "--request-timeout",
        "10",
        "--workers",
        "1",
        "--no-color",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
