"""What is known about a key."""

from dataclasses import dataclass

from marketplace.access.caller import Caller


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is listed; the secret is not in it and nowhere else."""

    id: int
    name: str
    owner: str
    scopes: frozenset[str]
    created_at_ms: int
    expires_at_ms: int | None
    revoked_at_ms: int | None
    last_used_at_ms: int | None


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key; ``secret`` is shown this one time."""

    id: int
    secret: str

    def __repr__(self) -> str:
        # Logs and error pages print objects; a secret must not leave that way.
        return f"IssuedKey(id={self.id}, secret=...)"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What authentication needs to know about a key."""

    caller: Caller
    secret_hash: bytes
    expires_at_ms: int | None
    revoked_at_ms: int | None

    def in_force(self, now_ms: int) -> bool:
        """Whether the key was neither revoked nor has expired."""
        return self.revoked_at_ms is None and (self.expires_at_ms is None or self.expires_at_ms > now_ms)
