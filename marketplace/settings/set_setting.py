"""Set a setting: a new version with who, why and when; nothing is ever overwritten."""

from typing import Any, Final

from kit.db import Session
from kit.errors import Conflict, InvalidInput
from marketplace.settings import repository
from marketplace.settings.versions import SettingVersion

MAX_HISTORY: Final = 1_000
MAX_REASON_CHARACTERS: Final = 500
MAX_ACTOR_CHARACTERS: Final = 128


class SettingChangedMeanwhile(Conflict):
    """Two people set the same setting at the same moment; the first one stands."""


def append_version(session: Session, *, name: str, value: Any, set_by: str, reason: str, now_ms: int) -> SettingVersion:
    """Add the next version of ``name``.

    Raises InvalidInput for an empty or too long ``set_by`` or ``reason``, SettingChangedMeanwhile after a lost race.
    """
    _check_text("set_by", set_by, MAX_ACTOR_CHARACTERS)
    _check_text("reason", reason, MAX_REASON_CHARACTERS)
    current = repository.newest_of(session, [name]).get(name)
    version = SettingVersion(name, current.version + 1 if current else 1, value, set_by, reason, now_ms)
    # The key (name, version) decides the race, not the read above.
    if not repository.append(session, version):
        raise SettingChangedMeanwhile(
            f"the setting {name} was changed by somebody else at the same moment: read it again, then set it"
        )
    return version


def setting_history(session: Session, name: str, limit: int = 50) -> list[SettingVersion]:
    """Return the newest ``limit`` (1..1,000) versions of a setting, newest first; empty when it was never set."""
    return repository.history_of(session, name, max(1, min(limit, MAX_HISTORY)))


def _check_text(field: str, value: str, longest: int) -> None:
    if not value.strip() or len(value) > longest:
        raise InvalidInput(field, value, f"must be 1 to {longest} characters: say who sets it and why")
