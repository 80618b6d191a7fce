"""Every table of every feature follows the rules under which one set of statements serves two databases."""

import pytest
from sqlalchemy import BigInteger, LargeBinary, SmallInteger, String, Table, Text

from quanwang.migrations.tables import metadata

MAX_KEY_BYTES = 3_072
"""InnoDB's limit of one index."""
TABLES = [table for table in metadata.sorted_tables if not table.name.startswith("test_")]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_uses_only_kinds_that_mean_the_same_everywhere(table: Table) -> None:
    assert table.primary_key.columns, "a table has a primary key"
    for column in table.columns:
        assert type(column.type) in (BigInteger, SmallInteger, String, Text, LargeBinary), column
        if isinstance(column.type, String) and not isinstance(column.type, Text):
            assert column.type.length, column
        if isinstance(column.type, LargeBinary):
            assert column.type.length, column
        assert column.autoincrement is not True, column
        assert column.server_default is None, column
        if column.name.endswith("_at") or column.name.endswith("_time"):
            pytest.fail(f"{column}: a time is milliseconds and says so: {column.name}_ms")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_keys_fit_into_an_index(table: Table) -> None:
    keys = [list(table.primary_key.columns), *(list(index.columns) for index in table.indexes)]
    for key in keys:
        size = sum(4 * (column.type.length or 0) if isinstance(column.type, String) else 8 for column in key)
        assert size <= MAX_KEY_BYTES, key
        assert not any(isinstance(column.type, Text) for column in key), key


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_server_defaults_decide_nothing(table: Table) -> None:
    options = table.dialect_options["mysql"]
    assert (options["engine"], options["charset"], options["collate"]) == ("InnoDB", "utf8mb4", "utf8mb4_bin")
