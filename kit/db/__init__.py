"""The database: one door to MySQL / MariaDB and SQLite, and all that differs between them.

Features import from here only. A use case gets a :data:`Session`; whoever opened the transaction commits it.
"""

from kit.db.columns import (
    big_int,
    blob,
    flag,
    id_key,
    id_ref,
    json_text,
    key32,
    metadata,
    small_int,
    text_of,
    time_ms,
)
from kit.db.database import Database, Session
from kit.db.failures import (
    CommitOutcomeUnknown,
    DatabaseAccessRefused,
    DatabaseBusy,
    DatabaseNotWritable,
    DatabaseReadOnly,
    DatabaseUnavailable,
    DiskFull,
    LockConflict,
)
from kit.db.locks import claim_rows, lock_rows, lock_shared
from kit.db.remembered import Remembered
from kit.db.sequences import next_sequence
from kit.db.statements import add_to_counters, bulk_update, insert_if_absent, insert_many, upsert

__all__ = [
    "CommitOutcomeUnknown",
    "Database",
    "DatabaseAccessRefused",
    "DatabaseBusy",
    "DatabaseNotWritable",
    "DatabaseReadOnly",
    "DatabaseUnavailable",
    "DiskFull",
    "LockConflict",
    "Remembered",
    "Session",
    "add_to_counters",
    "big_int",
    "blob",
    "bulk_update",
    "claim_rows",
    "flag",
    "id_key",
    "id_ref",
    "insert_if_absent",
    "insert_many",
    "json_text",
    "key32",
    "lock_rows",
    "lock_shared",
    "metadata",
    "next_sequence",
    "small_int",
    "text_of",
    "time_ms",
    "upsert",
]
