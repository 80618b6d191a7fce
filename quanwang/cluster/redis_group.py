"""Keeps two Redis servers and three Sentinels: kills what hangs, starts what ended; Sentinels choose the primary."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

from kit.redis.replicated import (
    RedisDoor,
    RedisSilent,
    RedisView,
    replicated_command,
    sentinel_again_command,
    sentinel_command,
)
from quanwang.cluster.nodes import Node
from quanwang.cluster.plan import REDIS_NAMES, REDIS_SERVICE, SENTINEL_NAMES, ClusterPlan

FROZEN_S: Final = 2.0
"""Shorter than the Sentinels wait: a primary that hangs is dead before another one is chosen."""

CHOICE_WITHIN_S: Final = 10.0
"""How long a dead primary is not started again, so that the Sentinels choose the standby, which has the content."""

ASK_AGAIN_S: Final = 0.5


class RedisNode(Node):
    """A Redis server or a Sentinel; ``view`` is what a server said at the last look."""

    def __init__(self, name: str, folder: Path, port: int, password: str, log_file: Path) -> None:
        super().__init__(name, log_file)
        self.folder = folder
        self.port = port
        self.door = RedisDoor(port, password)
        self.view: RedisView | None = None
        self.ended_s: float | None = None

    def look(self) -> None:
        """Ask a server how it replicates."""
        self.view = None
        if self.alive:
            try:
                self.view = self.door.look()
            except RedisSilent:
                self.view = None
        self.note(answered=self.view is not None)


class RedisGroup:
    """Two servers and three Sentinels. One thread calls start, tick and stop; the processes end with that thread."""

    def __init__(self, plan: ClusterPlan, log_folder: Path, say: Callable[[str], None]) -> None:
        self._say = say
        self._password = plan.passwords["redis"]

        def node(name: str) -> RedisNode:
            return RedisNode(name, plan.folder / name, plan.ports[name], self._password, log_folder / f"{name}.log")

        self.servers = {name: node(name) for name in REDIS_NAMES}
        self.sentinels = {name: node(name) for name in SENTINEL_NAMES}
        self.primary_name = REDIS_NAMES[0]
        self._asked_s = 0.0

    @property
    def primary(self) -> RedisNode:
        """The server that most Sentinels name."""
        return self.servers[self.primary_name]

    @property
    def standby(self) -> RedisNode:
        """The other one."""
        return next(node for name, node in self.servers.items() if name != self.primary_name)

    def start(self) -> None:
        """Start all five; the servers are empty."""
        first = self.servers[REDIS_NAMES[0]]
        self._run_server(first, follows=None)
        self._run_server(self.servers[REDIS_NAMES[1]], follows=first)
        for node in self.sentinels.values():
            node.run(sentinel_command(node.folder, node.port, self._password, REDIS_SERVICE, first.port))

    def tick(self) -> None:
        """Look at all five and do what is needed."""
        for node in self.servers.values():
            node.look()
        self._keep_sentinels()
        self._follow_the_choice()
        for node in self.servers.values():
            self._keep_server(node)

    def stop(self) -> None:
        """Stop all five; the Sentinels first, so that nobody chooses a primary among servers that end."""
        for group in (self.sentinels, self.servers):
            for node in group.values():
                node.door.close()
                node.ask_to_stop()
            for node in group.values():
                node.wait_stopped()

    def warnings(self) -> list[str]:
        """Sentences about what is away now."""
        found = []
        if self.primary.view is None or self.primary.view.role != "master":
            found.append("Redis has no primary: inboxes are read from the database until a standby takes over")
        elif self.standby.view is None or not self.standby.view.linked:
            found.append(f"the Redis standby {self.standby.name} does not follow: a loss is rebuilt from the database")
        away = [name for name, node in self.sentinels.items() if not node.answers]
        if away:
            found.append(f"of the Sentinels {', '.join(away)} do not answer; two of three are needed to choose")
        return found

    def says_of(self, node: RedisNode) -> str:
        """How a server is, in a few words."""
        view = node.view
        if view is None:
            return "starts or does not answer" if node.alive else "ended"
        if view.role == "master":
            return f"serves, {view.standbys} standby follows" if view.standbys else "serves, no standby follows"
        return "follows" if view.linked else "catches up"

    def _keep_sentinels(self) -> None:
        for node in self.sentinels.values():
            try:
                node.door.ping()
            except RedisSilent:
                node.note(answered=False)
            else:
                node.note(answered=True)
            if node.alive and node.silent_s > FROZEN_S:
                self._say(f"{node.name} hangs and is killed")
                node.fence()
            if not node.alive and node.may_start:
                node.run(sentinel_again_command(node.folder))

    def _follow_the_choice(self) -> None:
        votes: Counter[int] = Counter()
        for node in self.sentinels.values():
            if node.answers:
                try:
                    votes[node.door.primary_port(REDIS_SERVICE)] += 1
                except RedisSilent:
                    node.note(answered=False)
        names = {node.port: name for name, node in self.servers.items()}
        port, count = votes.most_common(1)[0] if votes else (0, 0)
        if count >= len(self.sentinels) // 2 + 1 and port in names and names[port] != self.primary_name:
            self._say(f"{names[port]} is the primary of Redis now; inboxes are checked against the database")
            self.primary_name = names[port]

    def _keep_server(self, node: RedisNode) -> None:
        now_s = time.monotonic()
        if node.alive and node.silent_s > FROZEN_S:
            self._say(f"{node.name} hangs and is killed")
            node.fence()
        if node.alive:
            node.ended_s = None
            return
        if node.ended_s is None:
            node.ended_s = now_s
            self._say(f"{node.name} ended; its log is {node.child.log_file}")
        other = self.standby if node is self.primary else self.primary
        if node is self.primary and other.view is not None and now_s - node.ended_s < CHOICE_WITHIN_S:
            self._ask_for_choice()
            return
        if node.may_start:
            node.ended_s = None
            self._run_server(node, follows=other if node is not self.primary else None)

    def _ask_for_choice(self) -> None:
        """Have the standby promoted now: the Sentinels would find out by themselves, a few seconds later."""
        if time.monotonic() - self._asked_s < ASK_AGAIN_S:
            return
        self._asked_s = time.monotonic()
        for node in self.sentinels.values():
            try:
                if node.answers and node.door.fail_over(REDIS_SERVICE):
                    return
            except RedisSilent:
                node.note(answered=False)

    def _run_server(self, node: RedisNode, *, follows: RedisNode | None) -> None:
        port = follows.port if follows is not None else None
        node.run(replicated_command(node.folder, node.port, self._password, follows_port=port))
