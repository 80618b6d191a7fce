"""What dispatch needs from others: candidates from the engine, inboxes that receive waves."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from kit.db import Session


@dataclass(frozen=True, slots=True)
class Candidates:
    """Ranked users of one tier, best first: parallel arrays.

    ``user_ids``: signed 64 bit (``array('q')``), ``scores`` and ``ties``: signed 32 bit (``array('i')``).
    From NumPy: ``array('q', ids.astype('<i8').tobytes())`` builds one without a loop.
    """

    user_ids: "array[int]"
    scores: "array[int]"
    ties: "array[int]"

    def __post_init__(self) -> None:
        if not len(self.user_ids) == len(self.scores) == len(self.ties):
            raise ValueError("user_ids, scores and ties must have the same length")

    def __len__(self) -> int:
        return len(self.user_ids)

    def take(self, count: int) -> "Candidates":
        """Return the best ``count`` of them."""
        return Candidates(self.user_ids[:count], self.scores[:count], self.ties[:count])

    def pick(self, places: Sequence[int]) -> "Candidates":
        """Return those at these places, in this order."""
        return Candidates(
            array("q", map(self.user_ids.__getitem__, places)),
            array("i", map(self.scores.__getitem__, places)),
            array("i", map(self.ties.__getitem__, places)),
        )

    @staticmethod
    def of(rows: Sequence[tuple[int, int, int]]) -> "Candidates":
        """Build from (user id, score, tie) rows in rank order."""
        return Candidates(
            array("q", [row[0] for row in rows]),
            array("i", [row[1] for row in rows]),
            array("i", [row[2] for row in rows]),
        )


NO_CANDIDATES = Candidates.of([])


@dataclass(frozen=True, slots=True)
class MatchRequest:
    """One wave's question.

    Exactly one of ``order_json`` (validated key information, to be resolved and frozen now) and ``query_json``
    (the frozen query of an earlier wave, ``Query.to_json``) is given. ``exclude`` (ascending) comes in addition to
    the ids that the order itself excludes. ``limit`` cuts each list, never the counts. With ``with_partial`` false
    the partial tier may be left out. ``partial_floor``: lowest partial score of interest (a hint, dispatch cuts too).
    """

    dispatch_id: int
    order_json: str | None
    query_json: str | None
    exclude: "array[int]"
    limit: int
    with_partial: bool
    partial_floor: int


@dataclass(frozen=True, slots=True)
class MatchTiming:
    """How long one batch of ``batch`` questions took, in microseconds.

    ``catch_up_us``: until the profile changes committed before it were published; ``resolve_us``: orders became
    queries; ``match_us``: compiled, asked of the shards and merged; ``shards_us``: (shard, how long it worked).
    """

    batch: int
    catch_up_us: int
    resolve_us: int
    match_us: int
    shards_us: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class MatchAnswer:
    """One complete answer at one barrier. ``partial`` is None when it was neither asked for nor computed.

    ``certificate``: barrier, placement_version, vocabulary_version, evaluated, closed_by_routing, population.
    ``full_count`` and ``partial_count`` count after the exclusions. ``dimension_counts``: users who satisfy each
    dimension; empty when not computed. ``timing``: how long the answer took, None when it was not measured.
    """

    query_json: str
    full_count: int
    full: Candidates
    partial_count: int | None
    partial: Candidates | None
    certificate: Mapping[str, Any]
    dimension_counts: Mapping[str, int] = field(default_factory=dict)
    timing: MatchTiming | None = None


@dataclass(frozen=True, slots=True)
class MatchRefused:
    """One order cannot be matched, now or later; ``sentence`` says why. The rest of the batch goes on."""

    sentence: str


class CandidateSource(Protocol):
    """Finds candidates; implemented by the engine (on Ray, in process, over the socket)."""

    def match(self, requests: Sequence[MatchRequest]) -> Sequence[MatchAnswer | MatchRefused]:
        """Answer every request in order, all at one barrier.

        Raises ``kit.errors.Unavailable`` when matching is paused: nothing is recorded then, and the work comes back.
        """
        ...


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """What every recipient of a wave chunk reads; the score is the recipient's own.

    ``event_id`` increases in commit order over all chunks, so it serves as the position of an event stream.
    """

    event_id: int
    dispatch_id: int
    order_id: int
    title: str
    tier: str
    wave: int
    chunk: int
    notified_at_ms: int
    expires_at_ms: int
    state: str


@dataclass(frozen=True, slots=True)
class WaveChunk:
    """One committed chunk of a wave: who was told what. ``user_ids`` ascending, scores and ties parallel to it."""

    entry: InboxEntry
    user_ids: "array[int]"
    scores: "array[int]"
    ties: "array[int]"


Gate = Callable[[Session], object]
"""Asked in the first transaction of a batch; raises Unavailable while such work is switched off."""


def always_open(_session: Session) -> None:
    """A gate that lets everything pass."""


class InboxDelivery(Protocol):
    """Puts wave chunks into inboxes; idempotent per (dispatch, wave, chunk)."""

    def deliver(self, chunks: Sequence[WaveChunk]) -> object:
        """Deliver all of them or raise (``Unavailable``: try again later); doing it twice changes nothing."""
        ...

    def set_state(self, dispatch_id: int, state: str) -> object:
        """Show ``state`` (open | taken | closed) with the entries of this dispatch from now on."""
        ...

    def set_title(self, dispatch_id: int, title: str) -> object:
        """Show another title with the entries of this dispatch: its order was edited. Nobody is told again."""
        ...
