"""Operations: what admins see of the work that failed too often, and what they decide about it."""

from marketplace.operations.dead_letters import (
    DeadLetter,
    LetterDecision,
    LetterGone,
    LetterPage,
    count_letters,
    decide_letter,
    decisions,
    list_letters,
)
from marketplace.operations.tables import Action

__all__ = [
    "Action",
    "DeadLetter",
    "LetterDecision",
    "LetterGone",
    "LetterPage",
    "count_letters",
    "decide_letter",
    "decisions",
    "list_letters",
]
