"""What always holds of dispatches, as checks over the tables: tests run them after every test, admins any time."""

from kit.db import Session
from marketplace.dispatch.invariants_repository import INVARIANTS, Check

__all__ = ["INVARIANTS", "Check", "broken_invariants"]


def broken_invariants(session: Session) -> dict[str, list[str]]:
    """Run every check; return, by the sentence that must hold, what breaks it (empty: all hold)."""
    found = {name: check(session) for name, check in INVARIANTS.items()}
    return {name: sentences for name, sentences in found.items() if sentences}
