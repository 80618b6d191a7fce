"""A private MariaDB server as a child process: how its folder is made, and the command that runs it.

Settings are those under which nothing acknowledged is lost: every commit and every binary log write is flushed, and a
primary waits AFTER_SYNC until a standby has the transaction. A server always starts read-only; whoever supervises it
opens it for writing when it is the primary.
"""

import getpass
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kit.errors import Unavailable

INSTALL_TIMEOUT_S: Final = 120
NEVER_MS: Final = 4_294_967_295
"""How long a primary waits for its standby before it goes on without by itself: as long as can be said. Going on alone
is decided by the supervisor, which first writes down that the standby may not be promoted."""

KEPT_LOG_S: Final = 3 * 24 * 3600
LARGEST_LOG_BYTES: Final = 256 * 1024 * 1024
PROGRAM_FOLDERS: Final = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"


class MariaBinaryMissing(Unavailable):
    """MariaDB is not installed on this machine."""


class MariaNotInstalled(Unavailable):
    """The folder of a server could not be made."""


@dataclass(frozen=True, slots=True)
class MariaServerPlan:
    """Where one server lives. ``number`` is its server id; ``init_file`` has statements that every start runs first."""

    name: str
    number: int
    folder: Path
    socket: Path
    port: int
    init_file: Path
    buffer_bytes: int = 256 * 1024 * 1024

    @property
    def data_folder(self) -> Path:
        """What the server keeps."""
        return self.folder / "data"


def find_program(name: str) -> str:
    """Return the path of a program of MariaDB. Raises MariaBinaryMissing."""
    found = shutil.which(name) or shutil.which(name, path=PROGRAM_FOLDERS)
    if found is None:
        raise MariaBinaryMissing(
            f"{name} is not installed: install MariaDB (packages mariadb-server and mariadb-client), or give"
            " the address of a database in QUANWANG_DATABASE_URL"
        )
    return found


def install(data_folder: Path, *, authentication: str = "socket") -> None:
    """Make the data folder of a new server, in about two seconds.

    ``socket``: only this user of the machine may administer it, over the unix socket.

    Raises MariaBinaryMissing, MariaNotInstalled.
    """
    data_folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [
        find_program("mariadb-install-db"),
        "--no-defaults",
        f"--datadir={data_folder}",
        f"--user={getpass.getuser()}",
        f"--auth-root-authentication-method={authentication}",
        "--skip-test-db",
    ]
    if authentication == "socket":
        command.append(f"--auth-root-socket-user={getpass.getuser()}")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MariaNotInstalled(f"the database folder {data_folder} could not be made: {error}") from error
    if done.returncode != 0:
        said = (done.stdout + done.stderr).splitlines()
        errors = [line.strip() for line in said if "[ERROR]" in line] or said[-1:]
        raise MariaNotInstalled(f"the database folder {data_folder} could not be made: {'; '.join(errors[:3])}")


def server_command(plan: MariaServerPlan, *, as_primary: bool) -> list[str]:
    """Return the command that runs the server in the foreground, logging to stderr.

    The role matters to crash recovery: a former primary that starts as standby drops transactions that no standby had
    confirmed, in place of keeping what the new primary does not know.
    """
    return [
        find_program("mariadbd"),
        "--no-defaults",
        f"--user={getpass.getuser()}",
        f"--datadir={plan.data_folder}",
        f"--socket={plan.socket}",
        f"--pid-file={plan.folder / 'server.pid'}",
        f"--init-file={plan.init_file}",
        "--bind-address=127.0.0.1",
        f"--port={plan.port}",
        f"--server-id={plan.number}",
        "--skip-name-resolve",
        "--local-infile=OFF",
        "--character-set-server=utf8mb4",
        "--collation-server=utf8mb4_bin",
        "--max-connections=500",
        "--performance-schema=OFF",
        f"--innodb-buffer-pool-size={plan.buffer_bytes}",
        "--innodb-flush-log-at-trx-commit=1",
        "--log-bin=binary",
        "--relay-log=relay",
        "--sync-binlog=1",
        "--binlog-format=ROW",
        f"--binlog-expire-logs-seconds={KEPT_LOG_S}",
        f"--max-binlog-size={LARGEST_LOG_BYTES}",
        "--log-slave-updates=ON",
        "--gtid-strict-mode=ON",
        "--skip-slave-start",
        "--slave-parallel-threads=4",
        "--slave-net-timeout=4",
        "--rpl-semi-sync-slave-enabled=ON",
        f"--rpl-semi-sync-master-enabled={'ON' if as_primary else 'OFF'}",
        "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
        f"--rpl-semi-sync-master-timeout={NEVER_MS}",
        "--rpl-semi-sync-master-wait-no-slave=ON",
        f"--init-rpl-role={'MASTER' if as_primary else 'SLAVE'}",
        "--read-only=ON",
    ]
