"""How a private Ray head of one machine is started: its command, its environment, its folder. Ray is not imported.

Ray's processes hold nothing that is not in the database and in the shards' snapshots, so a private head is ended by
killing its session: the orderly ``ray stop`` takes half a minute when detached actors live.
"""

import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LONGEST_TEMP_DIR_BYTES = 43
"""Ray puts unix sockets 64 characters below its folder; Linux ends such paths at 107."""

OBJECT_STORE_BYTES = 128 * 1024 * 1024
"""Only batches in flight and their answers pass through it."""


@dataclass(frozen=True, slots=True)
class HeadPlan:
    """Where a private head lives. ``temp_dir`` must be at most LONGEST_TEMP_DIR_BYTES long."""

    temp_dir: Path
    token_file: Path
    cpus: int

    @property
    def address_file(self) -> Path:
        """Ray writes ``host:port`` of the running head here."""
        return self.temp_dir / "ray_current_cluster"

    def command(self) -> list[str]:
        """The command that runs the head in the foreground until it is killed."""
        return [
            sys.executable,
            "-m",
            "ray.scripts.scripts",
            "start",
            "--head",
            "--block",
            # Ray's servers listen on all interfaces whatever node address is given; the token keeps strangers out.
            "--port=0",
            "--min-worker-port=0",
            "--max-worker-port=0",
            "--include-dashboard=false",
            "--include-log-monitor=false",
            "--disable-usage-stats",
            f"--temp-dir={self.temp_dir}",
            f"--num-cpus={self.cpus}",
            f"--object-store-memory={OBJECT_STORE_BYTES}",
        ]

    def read_address(self) -> str | None:
        """Return ``host:port`` of the head, or None while it is not there."""
        try:
            return self.address_file.read_text().strip() or None
        except OSError:
            return None


def ray_environment(token_file: Path | None) -> Mapping[str, str]:
    """Environment that every process of a private cluster needs before it imports Ray.

    With a token file only processes that can read it may talk to the cluster: Ray listens on all network interfaces.
    """
    environment = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DISABLE_IMPORT_WARNING": "1",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_enable_metrics_collection": "0",
        "RAY_METRICS_EXPORT_ENABLED": "0",
        "RAY_enable_open_telemetry": "0",
        "RAY_task_events_report_interval_ms": "0",
        "RAY_raylet_report_resources_period_milliseconds": "500",
        # A shard that dies is missed within the time of one query, and its place is taken at once.
        "RAY_health_check_period_ms": "1000",
        "RAY_gcs_rpc_server_reconnect_timeout_s": "5",
    }
    if token_file is not None:
        environment["RAY_AUTH_MODE"] = "token"
        environment["RAY_AUTH_TOKEN_PATH"] = str(token_file)
    return environment


def write_token(token_file: Path) -> None:
    """Write a fresh secret that the processes of the cluster share, readable by this user only."""
    token_file.parent.mkdir(parents=True, exist_ok=True)
    token_file.unlink(missing_ok=True)
    token_file.touch(mode=0o600)
    token_file.write_text(secrets.token_hex(32))
