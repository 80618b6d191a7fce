"""Which faults there are, and the order in which a seed lets them happen. Pure."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from kit.errors import InvalidInput


class Action(StrEnum):
    """What is done to a process."""

    KILL = "kill"
    """SIGKILL; the supervisor starts it again."""
    FREEZE = "freeze"
    """SIGSTOP, and SIGCONT seconds later: leases run out meanwhile, and the process does not know."""
    HANG = "hang"
    """SIGSTOP, and SIGKILL seconds later: whatever was asked of it meanwhile is under way when it dies."""
    RESTART = "restart"
    """SIGTERM; the supervisor starts it again."""
    FLUSH = "flush"
    """Redis forgets everything and goes on, the standby with it."""
    FILL = "fill"
    """The processes that write the database find no room for a while."""


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One thing that can be done to one role; ``rest_s`` is how long others wait for its recovery, about."""

    role: str
    action: Action
    rest_s: float = 5.0

    @property
    def name(self) -> str:
        """Such as ``api-kill``."""
        return f"{self.role}-{self.action.value}"


KINDS: Final = tuple(
    FaultKind(role, action, rest_s)
    for role, actions, rest_s in (
        ("api", (Action.KILL, Action.FREEZE, Action.HANG, Action.RESTART), 4.0),
        ("dispatcher", (Action.KILL, Action.FREEZE, Action.RESTART), 8.0),
        ("worker", (Action.KILL, Action.FREEZE, Action.HANG, Action.RESTART), 4.0),
        ("shard", (Action.KILL, Action.FREEZE, Action.HANG), 6.0),
        ("ray", (Action.KILL, Action.FREEZE, Action.RESTART), 14.0),
        ("redis", (Action.KILL, Action.FREEZE, Action.FLUSH), 6.0),
        ("redis-all", (Action.KILL,), 8.0),
        ("database", (Action.KILL, Action.FREEZE, Action.RESTART), 12.0),
        ("database-standby", (Action.KILL, Action.FREEZE), 6.0),
        ("disk", (Action.FILL,), 6.0),
    )
    for action in actions
)
LASTING: Final = (Action.FREEZE, Action.HANG, Action.FILL)

FIRST_S: Final = 4.0
"""The load runs undisturbed for so long."""
CALM_S: Final = 5.0
"""No fault begins so shortly before the end."""
SHORT_S: Final = (1.0, 4.0)
LONG_S: Final = (6.5, 10.0)
"""Above the leases of dispatcher and worker, so that they come back to find their work taken over; every other one."""
PAIR_SHARE: Final = 0.2
"""How often, after every kind had its turn, two faults strike in the same moment."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A planned fault. ``lasts_s`` is 0 for those that are over at once; ``victim`` draws one of several processes."""

    at_s: float
    kind: FaultKind
    lasts_s: float
    victim: int


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that was done: when, in milliseconds of the wall clock."""

    name: str
    at_ms: int
    over_ms: int
    processes: int


def kinds_named(names: Sequence[str], roles: Collection[str]) -> list[FaultKind]:
    """Return the kinds of these names (``worker-kill``, or ``worker`` for all of them); all of ``roles`` for none.

    Raises InvalidInput for a name that there is not, or not in an installation with these roles.
    """
    possible = [kind for kind in KINDS if kind.role in roles]
    if not names:
        return possible
    chosen: dict[str, FaultKind] = {}
    for name in names:
        found = {kind.name: kind for kind in possible if name in (kind.name, kind.role)}
        if not found:
            known = ", ".join([*dict.fromkeys(kind.role for kind in possible), *(kind.name for kind in possible)])
            raise InvalidInput("--faults", name, f"is no fault of this installation; known are {known}")
        chosen |= found
    return list(chosen.values())


def schedule(kinds: Sequence[FaultKind], *, seed: int, lasts_s: float) -> list[Fault]:
    """Return the faults of a run of ``lasts_s`` seconds by time: every kind once in a drawn order, then at random.

    The same seed gives the same faults; a longer run begins with those of a shorter one.
    """
    if not kinds:
        return []
    randomness = random.Random(f"{seed} faults")
    turns = list(kinds)
    randomness.shuffle(turns)
    faults: list[Fault] = []
    at_s = FIRST_S
    while True:
        in_turn = len(faults) < len(kinds)
        struck = [turns[len(faults)]] if in_turn else [randomness.choice(kinds)]
        if not in_turn and randomness.random() < PAIR_SHARE:
            struck.append(randomness.choice(kinds))
        new = [_fault(at_s, kind, randomness) for kind in struck]
        if max(fault.at_s + fault.lasts_s for fault in new) > lasts_s - CALM_S:
            return faults
        faults += new
        at_s += max(fault.lasts_s + fault.kind.rest_s * randomness.uniform(0.4, 1.2) for fault in new)


def _fault(at_s: float, kind: FaultKind, randomness: random.Random) -> Fault:
    lasts_s = randomness.uniform(*randomness.choice((SHORT_S, LONG_S))) if kind.action in LASTING else 0.0
    return Fault(round(at_s, 2), kind, round(lasts_s, 2), randomness.randrange(1_000))
