"""What the supervisor of a cluster last wrote about it, for whoever asks from another process."""

import json
from typing import Any, Final

from kit.clock import now_ms
from kit.config import Settings
from kit.errors import NotFound
from quanwang.cluster.plan import cluster_folder
from quanwang.processes.lifeline import is_alive

STALE_MS: Final = 15_000


class NoClusterRuns(NotFound):
    """No cluster runs in the data folder."""


def read_state(settings: Settings) -> dict[str, Any]:
    """Return ``supervisor``, ``generation``, ``processes``, ``warnings``, ``written_at_ms``. Raises NoClusterRuns."""
    try:
        found: dict[str, Any] = json.loads((cluster_folder(settings) / "state.json").read_text(encoding="utf-8"))
        alive = is_alive(int(found["supervisor"]))
    except (OSError, ValueError, KeyError):
        alive = False
    if not alive:
        raise NoClusterRuns(
            f"no cluster runs in {settings.data_dir}: start one with `quanwang cluster up`, or name its folder with"
            " --data-dir"
        )
    late_ms = now_ms() - int(found["written_at_ms"])
    if late_ms > STALE_MS:
        found["warnings"].append(f"the supervisor wrote this {late_ms // 1000} s ago: look whether it hangs")
    return found
