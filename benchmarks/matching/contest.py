"""What every contestant, the engine and its peers alike, is asked and must answer."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from matching.query import Query

Int64Array = npt.NDArray[np.int64]


class Operation(StrEnum):
    """What is timed. The keyword rules of the full set are apart: they cost very different work."""

    FULL_ANY = "full_any"
    """Everybody in the full tier of orders whose keyword rule is "any", as rows (uint32) of the index."""
    FULL_ALL = "full_all"
    """The same with rule "all"."""
    FULL_RANKED = "full_ranked"
    """The best of the full tier up to the order's limit, with score and tie, in the order of results."""
    PARTIAL = "partial"
    """The best of the partial tier, likewise."""

    @property
    def is_set(self) -> bool:
        """Whether ids in no order are answered, not a ranked list."""
        return self in (Operation.FULL_ANY, Operation.FULL_ALL)


class Ranked(NamedTuple):
    """Users best first, with what they are ranked by; three int64 arrays of one length."""

    ids: Int64Array
    scores: Int64Array
    ties: Int64Array


Answered = npt.NDArray[np.integer] | Ranked
"""Ids in no order, or a ranked list; contestants in the process hand sets out as rows, and ``unpack`` gives the ids."""


class Contestant(Protocol):
    """One program under test. ``answer`` is timed, compilation included; ``unpack`` is not."""

    name: str
    batch_orders: int
    """Orders that one call of ``answer`` takes."""

    def answer(self, operation: Operation, queries: Sequence[Query]) -> Any:
        """Answer up to ``batch_orders`` orders, in the contestant's own form."""

    def unpack(self, operation: Operation, raw: Any) -> list[Answered]:
        """Turn what ``answer`` gave into one answer an order."""

    def describe(self) -> dict[str, object]:
        """Say the version, the size in bytes where it is known, the build time in s, and what is special."""

    def close(self) -> None:
        """Let go of files and children."""
