"""One version of one setting."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SettingVersion:
    """``value`` is the decoded JSON value; ``version`` counts from 1 per name."""

    name: str
    version: int
    value: Any
    set_by: str
    reason: str
    set_at_ms: int
