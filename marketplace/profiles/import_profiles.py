"""Import profiles in bulk: an answer per line, and a bad line stops no other."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal

from kit.clock import Clock
from kit.db import Database, Session
from kit.errors import TooLarge
from kit.ids import IdAllocator
from marketplace.access import Caller
from marketplace.profiles.check_profile import CheckedProfile, RefusedLine, check_lines
from marketplace.profiles.store_profiles import ProfileReceipt, store_profiles
from matching.taxonomy import Taxonomy

if TYPE_CHECKING:
    from matching.extraction import Extractor

MAX_CHUNK_LINES: Final = 1_000

Line = bytes | str | Mapping[str, Any]
"""JSON text of one profile, or the document itself; it names its user in ``id``."""


class ImportChunkTooLarge(TooLarge):
    """More lines in one transaction than allowed."""


@dataclass(frozen=True, slots=True)
class LineAnswer:
    """What became of one line (numbered from 1, blank lines counted and not answered); ``id`` is the external id."""

    line: int
    status: Literal["ok", "error"]
    id: str | None
    user_id: int | None = None
    version: int | None = None
    changed: bool | None = None
    extracted: tuple[str, ...] | None = None
    sentence: str | None = None


def import_profiles(
    database: Database,
    ids: IdAllocator,
    *,
    caller: Caller,
    lines: Iterable[Line],
    taxonomy: Taxonomy,
    extractor: "Extractor | None" = None,
    clock: Clock,
    chunk_lines: int = MAX_CHUNK_LINES,
) -> Iterator[LineAnswer]:
    """Store any number of lines, ``chunk_lines`` (1..1,000) a transaction; yield the answers as chunks are committed.

    Checking happens before each transaction is opened. An answer "ok" is given after the commit; when the database
    fails in between, its error is raised and the answers tell how far it came: importing again changes nothing twice.
    """
    if not 1 <= chunk_lines <= MAX_CHUNK_LINES:
        raise ImportChunkTooLarge(f"chunk_lines {chunk_lines} is outside 1..{MAX_CHUNK_LINES}")
    remaining = iter(lines)
    first_line = 1
    while chunk := list(islice(remaining, chunk_lines)):
        yield from _import_chunk(
            database, ids, caller.owner, check_lines(chunk, first_line, taxonomy, extractor), clock()
        )
        first_line += len(chunk)


def load_profiles(
    database: Database,
    ids: IdAllocator,
    *,
    source: str,
    profiles: Iterable[tuple[str, Mapping[str, Any]]],
    taxonomy: Taxonomy,
    extractor: "Extractor | None" = None,
    clock: Clock,
) -> Iterator[LineAnswer]:
    """As import_profiles, for pairs of (external id, document without one) that come from our own code."""
    caller = Caller(0, source, frozenset())
    lines = ({**document, "id": external_id} for external_id, document in profiles)
    return import_profiles(
        database, ids, caller=caller, lines=lines, taxonomy=taxonomy, extractor=extractor, clock=clock
    )


def _import_chunk(
    database: Database, ids: IdAllocator, source: str, checked: Sequence[CheckedProfile | RefusedLine], now_ms: int
) -> list[LineAnswer]:
    return database.run_idempotent(lambda session: _store(session, ids, source, checked, now_ms))


def _store(
    session: Session, ids: IdAllocator, source: str, checked: Sequence[CheckedProfile | RefusedLine], now_ms: int
) -> list[LineAnswer]:
    good = [item for item in checked if isinstance(item, CheckedProfile)]
    receipts = iter(store_profiles(session, ids, source=source, checked=good, now_ms=now_ms))
    return [_refused(item) if isinstance(item, RefusedLine) else _stored(item.line, next(receipts)) for item in checked]


def _refused(item: RefusedLine) -> LineAnswer:
    return LineAnswer(item.line, "error", item.external_id, sentence=f"line {item.line}: {item.sentence}")


def _stored(line: int, receipt: ProfileReceipt) -> LineAnswer:
    return LineAnswer(
        line, "ok", receipt.external_id, receipt.user_id, receipt.version, receipt.changed, receipt.extracted
    )
