"""What the supervisor writes down of the two database servers: who is the primary, and may the other replace it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kit.db.replication import Position
from kit.db.topology import read_topology, write_topology
from kit.errors import Conflict
from quanwang.cluster.plan import MARIADB_NAMES, ClusterPlan


class TopologyDamaged(Conflict):
    """The file that says which server is the primary is gone or cannot be read; nobody guesses."""


@dataclass(frozen=True, slots=True)
class Topology:
    """Who leads. ``fork``: the newest transaction that the primary had when it was promoted.

    ``trusted``: the standby has every acknowledged transaction, because no commit is acknowledged without it.
    """

    generation: int
    primary: str
    trusted: bool
    fork: Position

    @property
    def standby(self) -> str:
        """The name of the other server."""
        return next(name for name in MARIADB_NAMES if name != self.primary)

    def promoted(self, fork: Position) -> "Topology":
        """Return the topology after the standby took over: alone at first."""
        return Topology(self.generation + 1, self.standby, trusted=False, fork=fork)

    def with_trust(self, *, trusted: bool) -> "Topology":
        """Return the same with another trust in the standby."""
        return replace(self, trusted=trusted)


FIRST = Topology(1, MARIADB_NAMES[0], trusted=False, fork=Position())


def read(path: Path) -> Topology | None:
    """Return what is written, None when nothing is. Raises TopologyDamaged."""
    try:
        found = read_topology(path)
        return Topology(
            int(found["generation"]),
            MARIADB_NAMES[MARIADB_NAMES.index(str(found["primary"]))],
            trusted=bool(found["trusted"]),
            fork=Position.parse(str(found["fork"])),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise TopologyDamaged(
            f"the topology file {path} cannot be read, so nobody knows which database server has all orders: restore it"
            " from a copy, or look into both servers and write it anew"
        ) from error


def write(plan: ClusterPlan, topology: Topology) -> None:
    """Write it down, with the address of the primary for every client; durable when this returns."""
    primary = plan.mariadb(topology.primary)
    document: dict[str, Any] = {
        "generation": topology.generation,
        "host": "127.0.0.1",
        "port": primary.port,
        "unix_socket": str(primary.socket),
        "primary": topology.primary,
        "standby": topology.standby,
        "trusted": topology.trusted,
        "fork": str(topology.fork),
    }
    write_topology(plan.topology_file, document)
