"""The drill: scene by scene, a load of orders, a harm in the middle of it, and what became of every order."""

import os
import platform
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kit.config import Settings
from quanwang.cluster.plan import free_ports
from quanwang.drills.failover.checks import Verdict, check
from quanwang.drills.failover.load import History, Load
from quanwang.drills.failover.site import DrillSite

BEFORE_S: Final = 1.5
AFTER_S: Final = 2.0
ANSWERED_WITHIN_S: Final = 60.0
ENOUGH_ANSWERS: Final = 5


@dataclass(frozen=True, slots=True)
class Scene:
    """One way to harm an installation."""

    name: str
    says: str
    harm: Callable[[DrillSite], object]
    needs_ray: bool = False


SCENES: Final = (
    Scene(
        "mariadb-killed",
        "MariaDB primary killed (kill -9), the standby takes over",
        lambda site: site.cluster.signal("mariadb-primary", signal.SIGKILL),
    ),
    Scene(
        "mariadb-frozen",
        "MariaDB primary frozen (SIGSTOP), fenced, the standby takes over",
        lambda site: site.cluster.signal("mariadb-primary", signal.SIGSTOP),
    ),
    Scene(
        "standby-killed",
        "MariaDB standby killed (kill -9), commits wait for it",
        lambda site: site.cluster.signal("mariadb-standby", signal.SIGKILL),
    ),
    Scene(
        "redis-killed",
        "Redis primary killed (kill -9), the standby takes over",
        lambda site: site.cluster.signal("redis-primary", signal.SIGKILL),
    ),
    Scene("redis-wiped", "all of Redis wiped (FLUSHALL)", lambda site: site.flush_redis()),
    Scene("ray-killed", "all of Ray killed (kill -9)", lambda site: site.kill_ray(), needs_ray=True),
)


@dataclass
class SceneResult:
    """What became of the orders of one scene. ``paused_s``: the longest time without an acknowledgement, per round;
    ``first_write_s``: from the harm until orders were acknowledged again.
    """

    scene: Scene
    history: History = field(default_factory=History)
    verdict: Verdict = field(default_factory=Verdict)
    paused_s: list[float] = field(default_factory=list)
    first_write_s: list[float] = field(default_factory=list)
    whole_s: list[float] = field(default_factory=list)

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object of this scene."""
        return {
            "scene": self.scene.name,
            "says": self.scene.says,
            "rounds": len(self.first_write_s),
            "acknowledged": len(self.history.acknowledged),
            "unknown": len(self.history.unknown),
            "lost": len(self.verdict.lost),
            "doubled": len(self.verdict.doubled),
            "first_write_s": _spread(self.first_write_s),
            "longest_pause_s": _spread(self.paused_s),
            "whole_again_s": _spread(self.whole_s),
            "findings": [*self.verdict.lost, *self.verdict.doubled, *self.verdict.other][:20],
        }


def chosen_scenes(names: Sequence[str], *, with_ray: bool) -> list[Scene]:
    """Return the scenes of these names, all that can be played where none is named."""
    return [scene for scene in SCENES if (with_ray or not scene.needs_ray) and (not names or scene.name in names)]


def play(
    site: DrillSite, scene: Scene, *, rounds: int, orders_per_s: float, first_batch: int, tell: Callable[[str], None]
) -> SceneResult:
    """Play one scene: every round under a load of its own, then the check of all its orders."""
    result = SceneResult(scene)
    for number in range(rounds):
        load = Load(site.url, site.secret, result.history, orders_per_s=orders_per_s, batch=first_batch + number)
        load.start()
        try:
            time.sleep(BEFORE_S)
            harmed_s = time.monotonic()
            scene.harm(site)
            _wait_answers(result.history, harmed_s)
        finally:
            load.stop()
        paused_s, first_write_s = result.history.pause_around(harmed_s)
        site.wait_whole()
        result.paused_s.append(paused_s)
        result.first_write_s.append(first_write_s)
        result.whole_s.append(time.monotonic() - harmed_s)
        tell(
            f"{scene.says}: round {number + 1} of {rounds}, orders acknowledged again after {first_write_s:.2f} s,"
            f" {len(result.history.acknowledged):,} acknowledged so far"
        )
    result.verdict = check(site, result.history)
    return result


def run_drill(
    *,
    rounds: int,
    orders_per_s: float,
    profiles: int,
    scenes: Sequence[str],
    with_ray: bool,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Run the drill on an installation of its own and return the report as a JSON object."""
    with tempfile.TemporaryDirectory(prefix="quanwang-drill-") as folder:
        settings = Settings(data_dir=Path(folder) / "data", http_port=free_ports(1)[0], shards=2)
        site = DrillSite(settings, with_ray=with_ray, say=lambda sentence: tell(f"  {sentence}"))
        results = []
        try:
            tell("starting a cluster and an installation on it")
            site.start(profiles=profiles)
            for place, scene in enumerate(chosen_scenes(scenes, with_ray=with_ray)):
                batch = 1 + place * rounds
                results.append(
                    play(site, scene, rounds=rounds, orders_per_s=orders_per_s, first_batch=batch, tell=tell)
                )
        finally:
            site.stop()
    documents = [result.to_document() for result in results]
    return {
        "scenes": documents,
        "acknowledged": sum(each["acknowledged"] for each in documents),
        "lost": sum(each["lost"] for each in documents),
        "doubled": sum(each["doubled"] for each in documents),
        "clean": all(result.verdict.clean for result in results),
        "orders_per_s": orders_per_s,
        "profiles": profiles,
        "environment": {"machine": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()},
    }


def _wait_answers(history: History, harmed_s: float) -> None:
    """Let the load go on until orders are acknowledged again and a while longer."""
    end_s = harmed_s + ANSWERED_WITHIN_S
    time.sleep(AFTER_S)
    while time.monotonic() < end_s and history.answers_since(time.monotonic() - AFTER_S / 2) < ENOUGH_ANSWERS:
        time.sleep(0.05)


def _spread(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    return {"p50": round(statistics.median(values), 2), "max": round(max(values), 2)}
