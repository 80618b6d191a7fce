"""Keeps a private Ray head: leads its session, ends with the supervisor, and leaves nothing of Ray behind.

Ray's own processes notice the death of their parent only after a while, its agents sometimes never. This small process
stands between: whatever ends it or Ray, everything of the session is killed.
"""

import os
import signal
import subprocess
import sys
import threading
from types import FrameType

from engine.runtime.head import HeadPlan, ray_environment
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
    head = subprocess.Popen(
        plan.command(),
        env={**os.environ, **ray_environment(plan.token_file)},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
    )
    head.wait()
    kill_session(os.getpid())
    plan.address_file.unlink(missing_ok=True)
    return 0 if asked.is_set() else HEAD_ENDED
