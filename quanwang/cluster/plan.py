"""Where everything of a cluster lives in its data folder: folders, sockets, ports, passwords."""

import json
import os
import random
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from kit.config import Settings
from kit.db.mariadb_server import MariaServerPlan
from kit.errors import Conflict, Unavailable

DATABASE: Final = "quanwang"
DATABASE_USER: Final = "quanwang"
REPLICATION_USER: Final = "replication"
REDIS_SERVICE: Final = "quanwang"
MARIADB_NAMES: Final = ("mariadb-1", "mariadb-2")
REDIS_NAMES: Final = ("redis-1", "redis-2")
SENTINEL_NAMES: Final = ("sentinel-1", "sentinel-2", "sentinel-3")

LOWEST_PORT, HIGHEST_PORT = 20_000, 32_000
"""Below the range from which the kernel takes ports for outgoing connections: nobody takes ours by accident."""


class ClusterFolder(Conflict):
    """The data folder belongs to a cluster."""


class NoFreePorts(Unavailable):
    """Every port that was tried is taken."""


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """The layout of one cluster. Passwords stay in files that only this user may read."""

    folder: Path
    socket_folder: Path
    ports: dict[str, int]
    passwords: dict[str, str]

    @property
    def topology_file(self) -> Path:
        """Where clients read the address of the database's primary."""
        return self.folder / "topology.json"

    @property
    def state_file(self) -> Path:
        """Where the supervisor writes what runs, for ``quanwang cluster status``."""
        return self.folder / "state.json"

    @property
    def addresses_file(self) -> Path:
        """Where the other commands of this data folder find the URLs of the database and of Redis."""
        return self.folder / "addresses.json"

    @property
    def init_file(self) -> Path:
        """Statements that every database server runs at its start."""
        return self.folder / "accounts.sql"

    @property
    def template_folder(self) -> Path:
        """An empty database server, from which the folders of both are copied."""
        return self.folder / "template"

    @property
    def database_url(self) -> str:
        """URL of the database for every process: follows the primary."""
        password = quote(self.passwords["database"])
        return f"mysql+pymysql://{DATABASE_USER}:{password}@/{DATABASE}?topology={self.topology_file}"

    @property
    def redis_url(self) -> str:
        """URL of Redis for every process: follows the primary that the Sentinels name."""
        sentinels = ",".join(f"127.0.0.1:{self.ports[name]}" for name in SENTINEL_NAMES)
        password = quote(self.passwords["redis"])
        return f"redis+sentinel://:{password}@{sentinels}/{REDIS_SERVICE}/0?sentinel_password={password}"

    def mariadb(self, name: str) -> MariaServerPlan:
        """Return where one database server lives."""
        return MariaServerPlan(
            name=name,
            number=MARIADB_NAMES.index(name) + 1,
            folder=self.folder / name,
            socket=self.socket_folder / f"{name}.sock",
            port=self.ports[name],
            init_file=self.init_file,
        )

    def write_files(self) -> None:
        """Write the accounts of the database servers and the addresses for other commands."""
        replication = f"'{REPLICATION_USER}'@'127.0.0.1'"
        accounts = [
            "SET sql_log_bin = 0",
            f"CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            f"CREATE USER IF NOT EXISTS '{DATABASE_USER}'@'localhost' IDENTIFIED BY '{self.passwords['database']}'",
            # No right to write on a read-only server: a standby must refuse the application.
            f"GRANT ALL ON {DATABASE}.* TO '{DATABASE_USER}'@'localhost'",
            f"CREATE USER IF NOT EXISTS {replication} IDENTIFIED BY '{self.passwords['replication']}'",
            f"GRANT REPLICATION SLAVE ON *.* TO {replication}",
        ]
        write_private(self.init_file, "".join(f"{line};\n" for line in accounts))
        addresses = {"database_url": self.database_url, "redis_url": self.redis_url}
        write_private(self.addresses_file, json.dumps(addresses, indent=1) + "\n")


def plan_cluster(settings: Settings) -> ClusterPlan:
    """Return the layout of the cluster in a data folder, with ports that are free now and passwords that stay."""
    folder = cluster_folder(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = (*MARIADB_NAMES, *REDIS_NAMES, *SENTINEL_NAMES)
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    plan = ClusterPlan(folder, settings.socket_dir, ports, _passwords(folder / "passwords.json"))
    plan.write_files()
    return plan


def cluster_folder(settings: Settings) -> Path:
    """Return the folder of the cluster in a data folder."""
    return settings.data_dir.absolute() / "cluster"


def with_cluster_addresses(settings: Settings) -> Settings:
    """Return the settings with the addresses of the data folder's cluster, if there is one and no others are given."""
    try:
        found: dict[str, Any] = json.loads((cluster_folder(settings) / "addresses.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return settings
    unset = {name: found[name] for name in ("database_url", "redis_url") if getattr(settings, name) is None}
    return settings.model_copy(update=unset)


def refuse_cluster_folder(settings: Settings) -> None:
    """Raise ClusterFolder when the data folder's orders are in a cluster's database."""
    if settings.database_url is None and (cluster_folder(settings) / "addresses.json").is_file():
        raise ClusterFolder(
            f"the orders of {settings.data_dir} are in the database of a cluster: start it with"
            f" `quanwang cluster up --data-dir {settings.data_dir}`, or choose another folder with --data-dir"
        )


def free_ports(count: int) -> list[int]:
    """Return different ports of this machine that nobody listens on now."""
    found: list[int] = []
    for port in random.sample(range(LOWEST_PORT, HIGHEST_PORT), 500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise NoFreePorts(f"there are no {count} free ports between {LOWEST_PORT} and {HIGHEST_PORT}: stop what takes them")


def write_private(path: Path, text: str) -> None:
    """Replace a file that only this user may read."""
    staging = path.with_name(f"{path.name}.new")
    staging.unlink(missing_ok=True)
    with os.fdopen(os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    staging.replace(path)


def _passwords(path: Path) -> dict[str, str]:
    try:
        known: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = {}
    missing = {name for name in ("database", "replication", "redis") if name not in known}
    if missing:
        known |= {name: secrets.token_hex(20) for name in missing}
        write_private(path, json.dumps(known))
    return known
