"""Column kinds that mean the same on MySQL, MariaDB and SQLite, and the one MetaData of all tables.

Every column is NOT NULL unless ``nullable=True``. Times are BIGINT milliseconds, ids are given by :mod:`kit.ids`,
text compares byte by byte on both databases.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, SmallInteger, String, Table, Text, event
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

COLLATION = "utf8mb4_bin"
MAX_TEXT_LENGTH = 4_000

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""All tables of all features."""


@event.listens_for(Table, "after_parent_attach")
def _mysql_table_options(table: Table, _parent: object) -> None:
    # A server's own defaults must not decide the engine or the collation of a table.
    table.dialect_options["mysql"]["engine"] = "InnoDB"
    table.dialect_options["mysql"]["charset"] = "utf8mb4"
    table.dialect_options["mysql"]["collate"] = COLLATION


def _big() -> TypeEngine[int]:
    # INTEGER is 64 bits in SQLite, and only under this name a single primary key is the row's own id.
    return BigInteger().with_variant(Integer(), "sqlite")


def id_key(name: str = "id") -> Column[int]:
    """Primary key column BIGINT; the value is always given, never made by the database."""
    return Column(name, _big(), primary_key=True, autoincrement=False, nullable=False)


def id_ref(name: str, *, nullable: bool = False, primary_key: bool = False, unique: bool | None = None) -> Column[Any]:
    """An id of something else, BIGINT. ``primary_key=True`` makes it a part of the key."""
    return Column(name, _big(), nullable=nullable, primary_key=primary_key, unique=unique, autoincrement=False)


def time_ms(name: str, *, nullable: bool = False, primary_key: bool = False) -> Column[Any]:
    """A moment: BIGINT milliseconds since 1970-01-01 UTC."""
    return Column(name, _big(), nullable=nullable, primary_key=primary_key, autoincrement=False)


def big_int(name: str, *, nullable: bool = False, primary_key: bool = False, unique: bool | None = None) -> Column[Any]:
    """A whole number of 64 bits."""
    return Column(name, _big(), nullable=nullable, primary_key=primary_key, unique=unique, autoincrement=False)


def small_int(name: str, *, nullable: bool = False, primary_key: bool = False) -> Column[Any]:
    """A whole number -32768..32767."""
    return Column(name, SmallInteger(), nullable=nullable, primary_key=primary_key, autoincrement=False)


def flag(name: str, *, nullable: bool = False) -> Column[Any]:
    """0 or 1, as an int; a nullable flag in a unique key makes "at most one active X" (1 or NULL)."""
    return Column(name, SmallInteger(), nullable=nullable)


def text_of(
    name: str, length: int, *, nullable: bool = False, primary_key: bool = False, unique: bool | None = None
) -> Column[Any]:
    """Text of at most ``length`` characters, compared byte by byte (but MySQL does not tell ``"a"`` from ``"a "``)."""
    if not 1 <= length <= MAX_TEXT_LENGTH:
        raise ValueError(f"text_of({name!r}): length {length} is outside 1..{MAX_TEXT_LENGTH}; use json_text")
    kind = String(length).with_variant(mysql.VARCHAR(length, charset="utf8mb4", collation=COLLATION), "mysql")
    return Column(name, kind, nullable=nullable, primary_key=primary_key, unique=unique)


def key32(name: str, *, nullable: bool = False, primary_key: bool = False, unique: bool | None = None) -> Column[Any]:
    """Exactly 32 bytes, such as a SHA-256."""
    kind = LargeBinary(32).with_variant(mysql.BINARY(32), "mysql")
    return Column(name, kind, nullable=nullable, primary_key=primary_key, unique=unique)


def json_text(name: str, *, nullable: bool = False) -> Column[Any]:
    """A JSON document kept as text, at most 16 MB; encoding and decoding are the owner's."""
    kind = Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation=COLLATION), "mysql")
    return Column(name, kind, nullable=nullable)


def blob(name: str, *, nullable: bool = False) -> Column[Any]:
    """Bytes, at most 16 MB."""
    kind = LargeBinary(16_777_215).with_variant(mysql.MEDIUMBLOB(), "mysql")
    return Column(name, kind, nullable=nullable)
