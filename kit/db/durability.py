"""Server settings under which an acknowledged write could be lost, each as a sentence."""

from typing import Final

from sqlalchemy import Connection

OLD_WORDS: Final = {"source": "master"}
"""MySQL 8.0.26 renamed the variables of semi-synchronous replication; the older name is used here."""


NO_STANDBY_CONFIRMS: Final = (
    "semi-synchronous replication is off, no standby confirms a commit: the loss of this disk loses acknowledged orders"
)


def sqlite_durability_warnings(session: Connection) -> list[str]:
    """Sentences about SQLite settings that could lose an acknowledged write."""
    warnings = []
    if session.exec_driver_sql("PRAGMA synchronous").scalar_one() < 2:
        warnings.append("SQLite runs with synchronous below FULL: a power cut can lose acknowledged orders")
    if session.exec_driver_sql("PRAGMA journal_mode").scalar_one() != "wal":
        warnings.append("SQLite does not use its write-ahead log: the folder may be on a network file system")
    return warnings


def mysql_durability_warnings(session: Connection) -> list[str]:
    """Sentences about MySQL or MariaDB settings that could lose an acknowledged write."""
    values = _values(
        session,
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('innodb_flush_log_at_trx_commit', 'sync_binlog', 'log_bin',"
        " 'innodb_doublewrite') OR Variable_name LIKE 'rpl_semi_sync_%%'",
    )
    warnings = []
    if values.get("innodb_flush_log_at_trx_commit") != "1":
        warnings.append("innodb_flush_log_at_trx_commit is not 1: a power cut can lose acknowledged orders")
    if values.get("innodb_doublewrite") == "OFF":
        warnings.append("innodb_doublewrite is off: a power cut can damage pages")
    if values.get("log_bin") != "ON":
        warnings.append("log_bin is off: no standby can follow, so the loss of this disk loses acknowledged orders")
        return warnings
    if values.get("sync_binlog") != "1":
        warnings.append("sync_binlog is not 1: a power cut can lose orders that a standby needs")
    return warnings + _semi_sync_warnings(session, values)


def _semi_sync_warnings(session: Connection, values: dict[str, str]) -> list[str]:
    if values.get("rpl_semi_sync_master_enabled") != "ON":
        return [NO_STANDBY_CONFIRMS]
    warnings = []
    if values.get("rpl_semi_sync_master_wait_point", "").upper() != "AFTER_SYNC":
        warnings.append("rpl_semi_sync_master_wait_point is not AFTER_SYNC: a failover can lose acknowledged orders")
    status = _values(session, "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_%%_status'")
    if status.get("rpl_semi_sync_master_status") == "OFF":
        warnings.append("semi-synchronous replication gave up waiting for a standby: a failover can lose orders")
    return warnings


def _values(session: Connection, statement: str) -> dict[str, str]:
    found = {}
    for name, value in session.exec_driver_sql(statement):
        words = [OLD_WORDS.get(word, word) for word in str(name).lower().split("_")]
        found["_".join(words)] = str(value)
    return found
