"""The words of a keyword group, and why each is there."""

from dataclasses import dataclass
from typing import Literal

MemberKind = Literal["exact", "synonym", "suffix", "correction"]


@dataclass(frozen=True, slots=True)
class Member:
    """One word that hits a group; ``similarity`` is 0..100 and ``of`` the order's keyword that it stands for."""

    text: str
    kind: MemberKind = "exact"
    similarity: int = 100
    of: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Words of which any one hits; texts are unique within a group; ``weight`` is 1..15."""

    members: tuple[Member, ...]
    weight: int = 1
