"""Who stands behind a request, and what that one may do."""

from dataclasses import dataclass
from typing import Final

from kit.errors import Forbidden

ADMIN: Final = "admin"

SCOPES: Final = frozenset(
    {
        "profiles:write",
        "profiles:read",
        "dispatches:write",
        "dispatches:read",
        "inbox:read",
        "acceptances:write",
        "webhooks:write",
        "webhooks:read",
        ADMIN,
    }
)
"""Every scope there is. ``admin`` includes all others."""


class MissingScope(Forbidden):
    """The key is known and lacks the scope that this needs."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The key behind a request. A caller sees what belongs to ``owner``: its own orders, profiles and users."""

    key_id: int
    owner: str
    scopes: frozenset[str]

    @property
    def is_admin(self) -> bool:
        """Whether the key may do everything, for every owner."""
        return ADMIN in self.scopes

    def may(self, scope: str) -> bool:
        """Whether the key carries ``scope``."""
        return scope in self.scopes or self.is_admin


def require(caller: Caller, scope: str) -> None:
    """Raise MissingScope unless ``caller`` may do what ``scope`` allows."""
    if scope not in SCOPES:
        raise ValueError(f"there is no scope {scope!r}")
    if not caller.may(scope):
        raise MissingScope(f"this API key lacks the scope {scope}: use a key that has it, or ask an admin for one")
