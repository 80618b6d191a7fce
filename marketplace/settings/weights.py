"""The impact of each dimension on the score."""

from dataclasses import asdict
from typing import Final

from kit.db import Session
from kit.errors import InvalidInput
from marketplace.settings import repository
from marketplace.settings.set_setting import append_version
from marketplace.settings.versions import SettingVersion
from matching.query import DEFAULT_WEIGHTS, Weights

NAME: Final = "weights"


def read_weights(session: Session) -> Weights:
    """Return the weights in force; the built-in ones until somebody sets others."""
    current = repository.newest_of(session, [NAME]).get(NAME)
    return Weights(**current.value) if current else DEFAULT_WEIGHTS


def set_weights(
    session: Session, *, keywords: int, industry: int, region: int, crowd: int, set_by: str, reason: str, now_ms: int
) -> SettingVersion:
    """Set the weights; each 1..1,000,000, all sums distinct. The dispatcher reads them when it starts.

    From then on they score every wave, and explanations of earlier ones too: a wave keeps the scores that it had.
    Raises InvalidInput or SettingChangedMeanwhile.
    """
    given = {"keywords": keywords, "industry": industry, "region": region, "crowd": crowd}
    try:
        weights = Weights(**given)
    except ValueError as error:
        raise InvalidInput(NAME, given, f"cannot be used: {error}") from None
    return append_version(session, name=NAME, value=asdict(weights), set_by=set_by, reason=reason, now_ms=now_ms)
