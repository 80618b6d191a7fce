"""The command as a person runs it: whatever goes wrong is one sentence, and nobody's files are touched."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

PROFILE = '{"id": 1, "keywords": ["电工"]}\n'


def quanwang(*arguments: object, **options: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "quanwang", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False, **options)  # type: ignore[call-overload, no-any-return]


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("QUANWANG_", "NUMBA_"))}
    return {**kept, **changes}


@pytest.mark.parametrize("options", [[], ["--reset"]])
def test_a_folder_of_somebody_is_refused_and_left_alone(tmp_path: Path, options: list[str]) -> None:
    for name in ("keys", "logs", "run"):
        (tmp_path / name).mkdir()
    (tmp_path / "keys" / "id_rsa").write_text("my own key")
    done = quanwang("up", "--data-dir", tmp_path, "--once", "--orders", 0, *options)
    assert done.returncode == 1
    assert done.stderr == (
        f"quanwang: the folder {tmp_path} holds other files and no Quanwang installation, so nothing in it was touched:"
        " choose an empty or a new folder with --data-dir\n"
    )
    assert (tmp_path / "keys" / "id_rsa").read_text() == "my own key"
    assert {path.name for path in tmp_path.rglob("*")} == {"keys", "logs", "run", "id_rsa"}


def test_an_empty_data_folder_option_is_not_the_current_folder(tmp_path: Path) -> None:
    done = quanwang("migrate", "--data-dir", "", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "quanwang: --data-dir: '' names no folder: give its path, or leave the option out\n"
    assert list(tmp_path.iterdir()) == []


def test_an_api_key_is_not_made_for_a_mistyped_folder(tmp_path: Path) -> None:
    typo = tmp_path / "typo"
    done = quanwang("api-key", "create", "--owner", "a", "--data-dir", typo, env=environment())
    assert done.returncode == 1
    assert done.stderr.startswith(f"quanwang: there is no installation in {typo}: name its folder with --data-dir, or")
    assert done.stdout == ""
    assert not typo.exists()
    assert quanwang("migrate", "--data-dir", typo, env=environment()).returncode == 0
    made = quanwang("api-key", "create", "--owner", "a", "--data-dir", typo, env=environment())
    assert made.returncode == 0
    assert made.stdout.startswith("qw_")


def test_a_policy_is_published_listed_and_shown(tmp_path: Path) -> None:
    folder, file = tmp_path / "data", tmp_path / "policy.json"
    assert quanwang("migrate", "--data-dir", folder, env=environment()).returncode == 0
    file.write_text('{"name": "gentle", "wave_size": 7, "offers_a_day": 3}', encoding="utf-8")
    first = quanwang("policy", "publish", file, "--data-dir", folder, env=environment())
    assert (first.returncode, first.stderr) == (0, "Version 1 of policy gentle is published.\n")
    again = quanwang("policy", "publish", file, "--data-dir", folder, env=environment())
    assert again.stderr == "Version 1 of policy gentle is the newest already; nothing was written.\n"
    assert "gentle" in quanwang("policy", "list", "--data-dir", folder, env=environment()).stdout
    shown = quanwang("policy", "show", "gentle", "--data-dir", folder, env=environment())
    assert '"offers_a_day": 3,' in shown.stdout
    file.write_text('{"name": "gentle", "wave_size": 1000000}', encoding="utf-8")
    refused = quanwang("policy", "publish", file, "--data-dir", folder, env=environment())
    assert refused.returncode == 2
    assert refused.stderr == "quanwang: wave_size: 1000000 must be a whole number from 1 to 99,999.\n"
    file.write_text("[", encoding="utf-8")
    assert quanwang("policy", "publish", file, "--data-dir", folder, env=environment()).returncode == 2
    missing = quanwang("policy", "show", "gentle", "--version", "2", "--data-dir", folder, env=environment())
    assert missing.stderr == "quanwang: There is no policy gentle:2; list the policies to see which there are.\n"


@pytest.mark.parametrize("module", ["typer", "kit.config", "numba", "engine.coordinator"])
def test_ctrl_c_while_modules_load_is_silent(tmp_path: Path, module: str) -> None:
    code = (
        "import os, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(name, path, target=None):\n"
        f"        if name == {module!r}:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting)\n"
        "from quanwang.__main__ import main\n"
        f"sys.argv = ['quanwang', 'match', '--profiles', 'p', '--orders', 'o', '--out', {str(tmp_path / 'm')!r}]\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (130, "", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_unfinished_output(tmp_path: Path, number: signal.Signals) -> None:
    """The profiles come from a pipe that nobody ends, so the match is under way when the signal comes."""
    profiles, out = tmp_path / "p.jsonl", tmp_path / "m.jsonl"
    os.mkfifo(profiles)
    files = [f"--profiles={profiles}", f"--orders={profiles}", f"--out={out}"]
    command = [sys.executable, "-m", "quanwang", "match", *files]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process, profiles.open("w") as pipe:
        pipe.write(PROFILE)
        pipe.flush()
        end = time.monotonic() + 60
        while not list(tmp_path.glob(".m.jsonl.*.part")):
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(number)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert told == f"quanwang: stopped; {out} was not written\n"
    assert [path.name for path in tmp_path.iterdir()] == ["p.jsonl"]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user reaches; pytest's own ones are closed."""
    with tempfile.TemporaryDirectory(prefix="qw-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


UNPRIVILEGED = [
    "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
    # It may read everything, wherever this checkout and its interpreter lie, and write nothing.
    "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search",
]  # fmt: skip


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("setpriv") is None, reason="only root can become another user")
@pytest.mark.parametrize("temporary", ["tmp", "missing"])
def test_a_service_user_who_can_write_nowhere_matches_all_the_same(open_folder: Path, temporary: str) -> None:
    """A read-only installation and no home: kernels are kept among the temporary files, or nowhere, which is told."""
    (open_folder / "tmp").mkdir()
    (open_folder / "tmp").chmod(0o1777)
    (open_folder / "missing").mkdir(mode=0o755)
    (open_folder / "p.jsonl").write_text(PROFILE, "utf-8")
    (open_folder / "o.jsonl").write_text('{"id": 7, "keywords": ["电工"], "fuzzy": "maybe"}\n', "utf-8")
    files = [f"--{name}={open_folder / name[0]}.jsonl" for name in ("profiles", "orders")]
    # Given a folder of no use as TMPDIR, Python would go on to the next one.
    code = (
        "import tempfile\n"
        f"tempfile.tempdir = {str(open_folder / temporary)!r}\n"
        "from quanwang.__main__ import main\n"
        "main()\n"
    )
    command = [*UNPRIVILEGED, sys.executable, "-c", code, "match", *files, f"--out={open_folder / 'm.jsonl'}"]
    settings = environment(HOME="/nonexistent", PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False, cwd="/", env=settings)
    assert done.returncode == 3, done.stderr
    told = done.stderr.splitlines()
    assert "fuzzy: 'maybe' must be true or false" in told[-1]
    assert len(told) == (1 if temporary == "tmp" else 2)
    assert (open_folder / "tmp" / "quanwang-65534-kernels").is_dir() is (temporary == "tmp")
    if temporary == "missing":
        assert "no folder for compiled kernels can be written, so every run compiles them anew" in told[0]
    assert (open_folder / "m.jsonl").read_text() == ""
