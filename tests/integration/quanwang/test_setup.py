"""bin/_setup never takes away an environment that it finds: somebody may be running it."""

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of a checkout as the beginning of bin/_setup looks at."""
    (tmp_path / "bin").mkdir()
    shutil.copy(ROOT / "bin" / "_setup", tmp_path / "bin" / "_setup")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "precious").write_text("in use")
    return tmp_path


def set_up(checkout: Path) -> "subprocess.CompletedProcess[str]":
    command = [str(checkout / "bin" / "_setup")]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.parametrize("kind", ["not executable", "elsewhere"])
def test_an_environment_whose_interpreter_cannot_be_run_is_left_alone(checkout: Path, kind: str) -> None:
    interpreter = checkout / ".venv" / "bin" / "python"
    if kind == "elsewhere":
        interpreter.symlink_to("/nowhere/python3")
    else:
        interpreter.write_text("#!/bin/sh\n")
    done = set_up(checkout)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("setup: user ")
    assert f"cannot run {interpreter}, so nothing was changed; run this as the owner of .venv" in done.stderr
    assert done.stderr.count("\n") == 1
    assert (checkout / ".venv" / "precious").read_text() == "in use"
    assert interpreter.is_symlink() or interpreter.read_text() == "#!/bin/sh\n"


def test_an_environment_that_was_left_half_made_is_completed(checkout: Path) -> None:
    """It goes on to the requirements, which this checkout does not have."""
    done = set_up(checkout)
    assert done.stderr.startswith("setup: making .venv with Python 3.")
    assert (checkout / ".venv" / "bin" / "python").exists()
    assert (checkout / ".venv" / "precious").read_text() == "in use"
