"""Keeps the primary and its standby: looks at both, asks the decisions what is next, and does it."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from kit.db.replication import NotDrained, Position, ServerSilent, copy_content
from kit.errors import Conflict, Unavailable
from quanwang.cluster import topology as topologies
from quanwang.cluster.decisions import PrimarySight, StandbySight, Step, has_diverged, next_step
from quanwang.cluster.nodes import MariaNode
from quanwang.cluster.plan import DATABASE, MARIADB_NAMES, REPLICATION_USER, ClusterPlan
from quanwang.cluster.topology import Topology, TopologyDamaged

Say = Callable[[str], None]
"""Is told in a sentence what happened and what it means."""

DRAIN_WITHIN_S: Final = 120.0
COPY_AGAIN_S: Final = 10.0
FOLLOW_AGAIN_S: Final = 2.0
REMIND_EVERY_S: Final = 30.0


class ContentMissing(Conflict):
    """The folder of a server that held acknowledged orders is gone, and the other one may lack some."""


class DatabasePair:
    """Two database servers. One thread calls start, tick and stop; the servers end with that thread."""

    def __init__(self, plan: ClusterPlan, log_folder: Path, say: Say) -> None:
        self._plan = plan
        self._say = say
        self.nodes = {name: MariaNode(plan.mariadb(name), log_folder / f"{name}.log") for name in MARIADB_NAMES}
        self.topology = topologies.FIRST
        self._wanted: Position | None = None
        self._standby_seen_s = time.monotonic()
        self._reminded_s = time.monotonic()

    @property
    def primary(self) -> MariaNode:
        """The server that clients write to."""
        return self.nodes[self.topology.primary]

    @property
    def standby(self) -> MariaNode:
        """The other one."""
        return self.nodes[self.topology.standby]

    @property
    def writable(self) -> bool:
        """Whether the primary answered the last look and lets clients write."""
        return self.primary.view is not None and not self.primary.view.read_only

    def start(self) -> None:
        """Make what is missing and start both servers. Raises ContentMissing, TopologyDamaged, MariaBinaryMissing."""
        known = topologies.read(self._plan.topology_file)
        if known is None:
            self._begin_anew()
        elif not self.primary_of(known).has_content and not (known.trusted and self.nodes[known.standby].has_content):
            raise ContentMissing(
                f"the folder {self.primary_of(known).plan.data_folder} is gone and {known.standby} may lack"
                " acknowledged orders: bring the folder back, or remove the whole data folder to begin anew"
            )
        self.topology = known or topologies.FIRST
        topologies.write(self._plan, self.topology)
        # Without its folder the primary is as good as dead: the first looks let the standby take over.
        if self.primary.has_content:
            self.primary.start(as_primary=True)
        if self.standby.has_content:
            self.standby.start(as_primary=False)
        self._standby_seen_s = time.monotonic()

    def primary_of(self, topology: Topology) -> MariaNode:
        """The server that a topology names as primary."""
        return self.nodes[topology.primary]

    def _begin_anew(self) -> None:
        for node in self.nodes.values():
            if node.has_content:
                raise TopologyDamaged(
                    f"the topology file {self._plan.topology_file} is gone, so nobody knows which database server has"
                    " all orders: restore it from a copy, or remove the whole data folder to begin anew"
                )
        for node in self.nodes.values():
            node.make_folder(self._plan.template_folder)

    def tick(self) -> Step:
        """Look at both servers and do the next step; returns which one it was."""
        for node in self.nodes.values():
            node.look()
        try:
            if self.primary.view is not None and self.primary.view.read_only:
                self.primary.door.open_writes()
            step = next_step(
                self._sight_of_primary(), self._sight_of_standby(), trusted=self.topology.trusted, wanted=self._wanted
            )
            self._do(step)
        except ServerSilent:
            # It fell silent between the look and the step: the next look sees it, and the step is decided anew.
            return Step.NOTHING
        self._remind()
        return step

    def stop(self) -> None:
        """Stop the primary first: so the standby has received all that it ever will."""
        for node in (self.primary, self.standby):
            node.door.close()
            node.ask_to_stop()
            node.wait_stopped()

    def warnings(self) -> list[str]:
        """Sentences about what would be lost if one more thing broke now."""
        if not self.writable:
            return [f"the database's primary {self.primary.name} does not answer; nothing is accepted until one does"]
        if not self.topology.trusted:
            alone = f"orders are on the disk of {self.primary.name} only, and nobody can take over from it"
            return [f"the standby {self.standby.name} does not confirm commits: {alone}"]
        return []

    def says_of(self, node: MariaNode) -> str:
        """How a server is, in a few words."""
        view = node.view
        if view is None:
            return "starts or does not answer" if node.alive else "ended"
        if node is self.primary:
            mode = "read-only" if view.read_only else "takes writes"
            confirmed = "each commit confirmed by the standby" if view.confirming else "ALONE, no standby confirms"
            return f"{mode} at {view.written}, {confirmed}"
        if node.copying is not None:
            return "is made anew from the primary"
        role = "can take over" if self.topology.trusted else "can NOT take over yet"
        return f"follows at {view.newest}, {role}"

    def _sight_of_primary(self) -> PrimarySight:
        node, view = self.primary, self.primary.view
        return PrimarySight(
            alive=node.alive,
            silent_s=node.silent_s,
            confirming=view is not None and view.confirming,
            confirmed=view is not None and view.confirmed and view.standbys > 0,
            written=view.written if view is not None else Position(),
        )

    def _sight_of_standby(self) -> StandbySight:
        node, view, now_s = self.standby, self.standby.view, time.monotonic()
        replica = view.replica if view is not None else None
        follows = replica is not None and replica.source_port == self.primary.plan.port
        works = follows and replica is not None and replica.receiving and replica.applying
        if works:
            self._standby_seen_s, node.breaks = now_s, 0
        elif node.alive and follows and replica is not None and now_s - node.following_s > FOLLOW_AGAIN_S:
            stopped = not (replica.receiving or replica.connecting) or not replica.applying
            if stopped:
                # Once may be chance, such as a log that was cut short by a crash: follow again before anything else.
                node.breaks += 1
                follows = False
        newest = view.newest if view is not None else Position()
        return StandbySight(
            alive=node.alive,
            silent_s=node.silent_s,
            away_s=0.0 if works else now_s - self._standby_seen_s,
            follows=follows,
            received=max(newest, replica.received) if follows and replica is not None else newest,
            broken=node.breaks > 1,
            diverged=has_diverged(newest, fork=self.topology.fork, primary_number=self.primary.plan.number),
            copying=node.copying is not None and self._still_copies(node),
        )

    def _do(self, step: Step) -> None:
        actions: dict[Step, Callable[[], None]] = {
            Step.FAIL_OVER: self._fail_over,
            Step.RESTART_PRIMARY: lambda: self._restart(self.primary, as_primary=True),
            Step.DISTRUST: self._distrust,
            Step.GO_ALONE: self._go_alone,
            Step.RESTART_STANDBY: lambda: self._restart(self.standby, as_primary=False),
            Step.FOLLOW: self._follow,
            Step.COPY: self._copy,
            Step.CONFIRM: self._confirm,
            Step.TRUST: self._trust,
        }
        if step in actions:
            actions[step]()

    def _fail_over(self) -> None:
        old, new = self.primary, self.standby
        if not old.fence():
            self._say(f"{old.name} cannot be killed, so {new.name} is not promoted: two primaries would be worse")
            return
        old.door.close()
        self._say(f"the primary {old.name} is gone; {new.name} applies what it has received and takes over")
        try:
            fork = new.door.drain(within_s=DRAIN_WITHIN_S)
        except NotDrained as error:
            self._say(f"{error.sentence}; {old.name}, which has them, is started again in its place")
            self._write(self.topology.with_trust(trusted=False))
            return
        new.door.stop_following()
        # First in writing: whatever dies from here on, the old primary is not the primary any more.
        self._write(self.topology.promoted(fork))
        new.door.confirm_commits(on=False)
        new.door.open_writes()
        self._wanted = None
        self._standby_seen_s = time.monotonic()
        self._say(f"{new.name} is the primary now (generation {self.topology.generation}, at {fork})")

    def _restart(self, node: MariaNode, *, as_primary: bool) -> None:
        if not node.fence():
            self._say(f"{node.name} cannot be killed; it is tried again")
            return
        if not node.may_start:
            return
        if not node.has_content:
            node.make_folder(self._plan.template_folder)
            node.copying = lambda: self._begin_copying(node)
        role = "primary" if as_primary else "standby"
        self._say(f"{node.name} starts again as {role}; its log is {node.child.log_file}")
        node.start(as_primary=as_primary)

    def _distrust(self) -> None:
        self._write(self.topology.with_trust(trusted=False))
        self._wanted = None

    def _go_alone(self) -> None:
        self.primary.door.confirm_commits(on=False)
        self._wanted = None
        self._say(
            f"the standby {self.standby.name} is away: {self.primary.name} goes on alone, orders are on one disk only"
            " until it is back, and nobody can take over meanwhile"
        )

    def _follow(self) -> None:
        node = self.standby
        if time.monotonic() - node.following_s < FOLLOW_AGAIN_S:
            return
        node.following_s = time.monotonic()
        node.door.follow(self.primary.plan.port, REPLICATION_USER, self._plan.passwords["replication"])

    def _copy(self) -> None:
        node = self.standby
        if not node.may_start or not node.fence():
            return
        view = node.view
        replica = view.replica if view is not None else None
        why = (
            f"holds transactions up to {view.newest} that nobody was told of and {self.primary.name} does not know"
            if view is not None and node.breaks <= 1
            else f"cannot follow ({(replica.apply_error or replica.receive_error) if replica else 'no reason given'})"
        )
        aside = node.set_aside()
        node.make_folder(self._plan.template_folder)
        node.breaks, node.following_s = 0, 0.0
        node.copying = lambda: self._begin_copying(node)
        self._say(f"{node.name} {why}: it is made anew from {self.primary.name}; what it had is kept in {aside}")
        node.start(as_primary=False)

    def _still_copies(self, node: MariaNode) -> bool:
        """Whether a standby that is made anew is not whole yet; begins the copying once it answers."""
        if node.copying is not None and node.answers and not node.copying():
            node.copying = None
        return node.copying is not None

    def _begin_copying(self, node: MariaNode) -> bool:
        source, target = self.primary.plan.socket, node.plan.socket
        failed: list[str] = []

        def copy() -> None:
            try:
                copy_content(source, target, DATABASE)
            except Unavailable as error:
                failed.append(error.sentence)
                time.sleep(COPY_AGAIN_S)

        thread = threading.Thread(target=copy, name=f"copy to {node.name}", daemon=True)
        thread.start()

        def goes_on() -> bool:
            if thread.is_alive():
                return True
            if not failed:
                self._say(f"{node.name} is a copy of {self.primary.name} again")
                return False
            self._say(f"{failed[0]}; it is tried again")
            node.copying = lambda: self._begin_copying(node)
            return True

        node.copying = goes_on
        return True

    def _confirm(self) -> None:
        self.primary.door.confirm_commits(on=True)
        # Read after commits wait: whatever was committed without the standby is at or before this place.
        self._wanted = self.primary.door.look().written

    def _trust(self) -> None:
        self._write(self.topology.with_trust(trusted=True))
        self._say(f"the standby {self.standby.name} confirms every commit of {self.primary.name} and can take over")

    def _write(self, topology: Topology) -> None:
        topologies.write(self._plan, topology)
        self.topology = topology

    def _remind(self) -> None:
        now_s = time.monotonic()
        if self.topology.trusted:
            self._reminded_s = now_s
        elif now_s - self._reminded_s > REMIND_EVERY_S:
            self._reminded_s = now_s
            for sentence in self.warnings():
                self._say(sentence)
