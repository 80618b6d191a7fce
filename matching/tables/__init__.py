"""The built-in tables, and reading tables of the same form from CSV files."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from matching.errors import BadTable, UnreadableFile

MAX_TABLE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row; ``place`` is ``FILE:LINE`` for messages."""

    place: str
    values: dict[str, str]

    def get(self, column: str) -> str:
        """Return the stripped value of ``column``, "" when the table has no such column."""
        return self.values.get(column, "")


def table_path(name: str) -> Path:
    """Return the path of a built-in table."""
    return Path(__file__).parent / name


def read_text(path: str | Path) -> str:
    """Return the text of a small UTF-8 file without its byte order mark; raises UnreadableFile."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UnreadableFile(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_TABLE_BYTES:
        raise UnreadableFile(f"{path}: is larger than the {MAX_TABLE_BYTES // 2**20} MiB that a table may have")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{path}: is not UTF-8 at byte {error.start}; save it as UTF-8") from error


def read_table(path: str | Path, required: Sequence[str], one_of: Sequence[str] = ()) -> list[TableRow]:
    """Read a comma CSV with a header, blank lines skipped.

    Raises UnreadableFile, or BadTable when a ``required`` column, or every column of ``one_of``, is missing.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    rows: list[TableRow] = []
    header: list[str] = []
    try:
        for values in reader:
            place = f"{path}:{reader.line_num}"
            if not any(value.strip() for value in values):
                continue
            if not header:
                header = [value.strip().lower() for value in values]
                _check_header(place, header, required, one_of)
                continue
            if len(values) > len(header):
                raise BadTable(place, len(values), f"values are more than the {len(header)} columns of the header")
            rows.append(TableRow(place, {name: value.strip() for name, value in zip(header, values, strict=False)}))
    except csv.Error as error:
        raise BadTable(
            f"{path}:{reader.line_num}", str(error), "is no well-formed CSV; quote values with commas"
        ) from error
    if not header:
        raise BadTable(f"{path}:1", "", f"must be a header with the columns {', '.join(required)}")
    return rows


def _check_header(place: str, header: list[str], required: Sequence[str], one_of: Sequence[str]) -> None:
    missing = [name for name in required if name not in header]
    if one_of and not any(name in header for name in one_of):
        missing.append(one_of[0])
    if missing:
        raise BadTable(place, ",".join(header), f"lacks the column {', '.join(missing)}")
    repeated = next((name for name in header if name and header.count(name) > 1), None)
    if repeated is not None:
        raise BadTable(place, repeated, "is the name of two columns")


@lru_cache(maxsize=1)
def province_populations() -> dict[str, int]:
    """Return persons by province code, seventh national census (2020, communique no. 3); 31 provinces.

    Their sum is 1,409,778,724; the census counts two million servicemen besides, in no province.
    """
    rows = read_table(table_path("census_2020.csv"), required=("code", "name", "population"))
    return {row.get("code"): int(row.get("population")) for row in rows}
