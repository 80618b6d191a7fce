"""Keeps a private Ray head: leads its session, ends with the supervisor, and leaves nothing of Ray behind.

Ray's own processes notice the death of their parent only after a while, its agents sometimes never. This small process
stands between: whatever ends it or Ray, everything of the session is killed.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from engine.runtime.head import LONGEST_TEMP_DIR_BYTES, HeadPlan, ray_environment, write_token
from kit.config import Settings
from kit.folders import DataFolderNotWritable
from quanwang.processes.lifeline import end_with_parent, kill_session

HEAD_ENDED = 1


def keep_head(plan: HeadPlan, *, parent_id: int | None) -> int:
    """Run the head until a signal comes (0) or it ends by itself (HEAD_ENDED)."""
    end_with_parent(parent_id)
    if os.getsid(0) != os.getpid():
        os.setsid()
    asked = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        asked.set()
        kill_session(os.getpid())

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    plan.address_file.unlink(missing_ok=True)
    head = subprocess.Popen(  # noqa: S603  # our own command
        plan.command(),
        env={**os.environ, **ray_environment(plan.token_file)},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
    )
    head.wait()
    kill_session(os.getpid())
    plan.address_file.unlink(missing_ok=True)
    return 0 if asked.is_set() else HEAD_ENDED


def plan_for(settings: Settings) -> HeadPlan:
    """Return where the private head of a data folder lives; its logs lie below the data folder in every case.

    Ray puts unix sockets deep below its folder. When the data folder's path is too long for that, Ray is given a short
    link to it.
    """
    folder = settings.data_dir.absolute() / "ray"
    temp_dir = folder
    if len(os.fsencode(folder)) > LONGEST_TEMP_DIR_BYTES:
        temp_dir = short_folder(settings) / "ray"
    return HeadPlan(temp_dir, settings.run_dir / "ray.token", os.cpu_count() or 1)


def short_folder(settings: Settings) -> Path:
    """Return a short folder of this user that belongs to this data folder."""
    digest = hashlib.sha256(os.fsencode(settings.data_dir.absolute())).hexdigest()[:12]
    # The point is a short path, which TMPDIR does not promise; the folder is private and its owner is checked.
    return Path("/tmp") / f"quanwang-{os.getuid()}-{digest}"  # noqa: S108


def prepare_head_folder(settings: Settings, plan: HeadPlan) -> None:
    """Make Ray's folder, with a fresh secret, and remove what earlier heads left; the newest logs stay."""
    folder = settings.data_dir.absolute() / "ray"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if plan.temp_dir != folder:
        plan.temp_dir.parent.mkdir(mode=0o700, exist_ok=True)
        status = plan.temp_dir.parent.lstat()
        if status.st_uid != os.getuid() or not plan.temp_dir.parent.is_dir() or plan.temp_dir.parent.is_symlink():
            raise DataFolderNotWritable(
                f"{plan.temp_dir.parent} belongs to somebody else: choose a data folder with a shorter path"
            )
        plan.temp_dir.unlink(missing_ok=True)
        plan.temp_dir.symlink_to(folder, target_is_directory=True)
    plan.address_file.unlink(missing_ok=True)
    sessions = sorted(path for path in folder.glob("session_20*") if path.is_dir() and not path.is_symlink())
    for old in sessions[:-1]:
        shutil.rmtree(old, ignore_errors=True)
    write_token(plan.token_file)


def wait_for_address(plan: HeadPlan, *, wait_s: float) -> str | None:
    """Return ``host:port`` as soon as the head has written it, or None when it does not within ``wait_s``."""
    end = time.monotonic() + wait_s
    while (address := plan.read_address()) is None and time.monotonic() < end:
        time.sleep(0.05)
    return address
