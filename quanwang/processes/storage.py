"""What every process opens first: the database with its tables, Redis, the trees."""

import contextlib
from pathlib import Path

from kit.config import Settings
from kit.db import Database
from kit.errors import Unavailable
from kit.logging import logger_of
from matching.taxonomy import Taxonomy, builtin_taxonomy, load_taxonomy
from quanwang.migrations import migrate

log = logger_of(__name__)


def open_database(settings: Settings) -> Database:
    """Return the database of the settings; nothing is connected yet."""
    return Database(settings.resolved_database_url, settings.database_pool_size)


def warn_of_settings(database: Database) -> None:
    """Log a warning for each server setting under which an acknowledged order could be lost."""
    with contextlib.suppress(Unavailable):
        for sentence in database.durability_warnings():
            log.warning("the database is not as safe as it could be", database=database.where, sentence=sentence)


def migrated_database(settings: Settings) -> Database:
    """Return the database with its tables brought to this version."""
    migrate(settings.resolved_database_url)
    return open_database(settings)


def tree_file(settings: Settings, name: str) -> Path:
    """Return where an imported tree (``regions`` or ``industries``) lies."""
    return settings.data_dir.absolute() / "taxonomy" / f"{name}.csv"


def taxonomy_of(settings: Settings) -> Taxonomy:
    """Return the imported trees of the data folder, the built-in one in place of each that was not imported."""
    paths = {name: path for name in ("regions", "industries") if (path := tree_file(settings, name)).is_file()}
    return load_taxonomy(**paths) if paths else builtin_taxonomy()
