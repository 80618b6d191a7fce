"""Settings, read once by an entry point and handed down; nothing below reads the environment."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from kit.errors import InvalidInput
from kit.folders import DataFolderNotWritable, claim, make_writable, private_folder

MAX_SOCKET_PATH_BYTES = 100
"""Linux ends the path of a unix socket at 108 bytes; the rest is room for suffixes."""

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Settings(BaseSettings):
    """All settings of one installation; each is an environment variable ``QUANWANG_<NAME>`` too."""

    model_config = SettingsConfigDict(env_prefix="QUANWANG_", extra="ignore", frozen=True)

    data_dir: Path = Path(".quanwang")
    """Folder of everything that this installation keeps: embedded database, Redis, snapshots, logs, sockets."""
    database_url: str | None = None
    """``mysql+pymysql://user:password@host:port/name`` in production, or ``.../name?topology=/absolute/file`` for the
    primary that a file names; SQLite in the data folder when unset."""
    redis_url: str | None = None
    """``redis://host:port/0``, or ``redis+sentinel://host:port,host:port/service`` for the primary that Sentinels name;
    the embedded server's unix socket in the data folder when unset."""
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8420, ge=0, le=65_535)
    ray_address: str | None = None
    """``host:port`` of an external Ray cluster; a private head on this machine when unset."""
    ray_token_file: Path | None = None
    """File with the authentication token of the external cluster."""
    shards: int = Field(default=2, ge=1, le=64)
    shard_threads: int = Field(default=1, ge=1, le=64)
    """Threads of a shard that work on the segments of one question at once; more than one where cores idle."""
    resort_hour_utc: int = Field(default=19, ge=0, le=23)
    """Hour at which every shard sorts its users anew, once a day; 19 is three at night in China."""
    database_pool_size: int = Field(default=12, ge=1, le=200)
    """Most database connections of one process."""
    encryption_key_file: Path | None = None
    """File with the key under which secrets lie sealed in the database; made in the data folder when unset."""
    webhook_networks: str = ""
    """Networks that are not public and that webhooks may lead to all the same, by http:// too: ``127.0.0.0/8``."""
    channels: str = ""
    """Ways to notify users beside their inboxes: ``log``, ``smtp``, or both with a comma between them."""
    smtp_host: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65_535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_sender: str | None = None
    smtp_user: str | None = None
    smtp_password_file: Path | None = None
    """File with the password of ``smtp_user``."""
    log_level: LogLevel = "INFO"
    log_to_file: bool = False
    """Write logs to ``<data_dir>/logs/<process>.log`` too."""
    planted_bug: str | None = None
    """Name of a bug that every process plants in itself, so that drills show that they find it; never in earnest."""

    @field_validator(
        "database_url",
        "redis_url",
        "ray_address",
        "ray_token_file",
        "encryption_key_file",
        "smtp_host",
        "smtp_sender",
        "smtp_user",
        "smtp_password_file",
        "planted_bug",
        mode="before",
    )
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("data_dir", mode="before")
    @classmethod
    def _names_a_folder(cls, value: object) -> object:
        # The empty path is the current folder to pathlib, and that is nobody's wish.
        if value == "":
            raise ValueError("it must name a folder")
        return value

    @property
    def resolved_database_url(self) -> str:
        """The database to use: the given one, else SQLite in the data folder."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'quanwang.sqlite3'}"

    @property
    def resolved_redis_url(self) -> str:
        """The Redis to use: the given one, else the embedded server of this data folder."""
        return self.redis_url or f"unix://{self.socket_dir / 'redis.sock'}"

    @property
    def run_dir(self) -> Path:
        """Folder of process files (pid files, addresses) of the running installation."""
        return self.data_dir.absolute() / "run"

    @property
    def log_dir(self) -> Path:
        """Folder of log files."""
        return self.data_dir.absolute() / "logs"

    @property
    def socket_dir(self) -> Path:
        """Folder of unix sockets: ``run_dir``, or a short private folder when that path is too long for a socket."""
        if len(os.fsencode(self.run_dir / "redis.sock")) <= MAX_SOCKET_PATH_BYTES:
            return self.run_dir
        digest = hashlib.sha256(os.fsencode(self.run_dir)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"quanwang-{os.getuid()}-{digest}"

    @property
    def resolved_encryption_key_file(self) -> Path:
        """The key of sealed secrets: the given file, else one in the data folder."""
        return self.encryption_key_file or self.data_dir.absolute() / "keys" / "encryption.key"

    @property
    def match_address(self) -> str:
        """Address of the dispatcher's internal socket: ``unix://<path>``."""
        return f"unix://{self.socket_dir / 'match.sock'}"

    def prepare_folders(self) -> None:
        """Make the folders, private to this user, and mark the data folder as ours.

        Raises DataFolderNotWritable or ForeignFolder (it holds somebody else's files) with one sentence.
        """
        claim(self.data_dir.absolute())
        for folder in (self.data_dir.absolute(), self.run_dir, self.log_dir, self.socket_dir):
            make_writable(folder)
        if self.socket_dir != self.run_dir and not private_folder(self.socket_dir):
            raise DataFolderNotWritable(
                f"{self.socket_dir} belongs to somebody else or is open to others: remove it, or choose a data"
                " folder with a shorter path"
            )


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment; ``overrides`` that are not None win.

    Raises InvalidInput that names the environment variable and the rule.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        first = error.errors()[0]
        name = "QUANWANG_" + "_".join(str(part) for part in first["loc"]).upper()
        rule = first["msg"].removeprefix("Value error, ").removeprefix("Input ").replace("should be", "must be")
        raise InvalidInput(name, first.get("input"), rule) from error
